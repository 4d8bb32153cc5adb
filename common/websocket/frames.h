/* The frames of WebSocket (RFC 6455 5 to 8), sans-I/O: bytes in, whole messages and control frames out; and
 * back. For an end of a connection: who lies between knows boundary.h. Extensions are not
 * spoken (all reserved bits are refused). What is refused has a unit test each. Not thread safe; a reader is
 * caller storage. */
#ifndef SEVENSTEP_FRAMES_H
#define SEVENSTEP_FRAMES_H

#include "buf.h"
#include "utf8.h"

enum websocket_opcode {
  WEBSOCKET_CONTINUATION = 0,
  WEBSOCKET_TEXT = 1,
  WEBSOCKET_BINARY = 2,
  WEBSOCKET_CLOSE = 8,
  WEBSOCKET_PING = 9,
  WEBSOCKET_PONG = 10,
};

/* Close codes (7.4.1). */
enum {
  WEBSOCKET_NORMAL = 1000,
  WEBSOCKET_GOING_AWAY = 1001,
  WEBSOCKET_PROTOCOL_ERROR = 1002,
  WEBSOCKET_NO_CODE = 1005, /* never sent: the peer's close had none */
  WEBSOCKET_NOT_UTF8 = 1007,
  WEBSOCKET_POLICY = 1008,
  WEBSOCKET_TOO_BIG = 1009,
};

enum websocket_role { WEBSOCKET_SERVER, WEBSOCKET_CLIENT };

#define WEBSOCKET_CONTROL_MAX 125

enum websocket_event {
  WEBSOCKET_NEED_MORE, /* all input was consumed */
  WEBSOCKET_MESSAGE,   /* r->message is a whole message, text or binary as r->opcode says */
  WEBSOCKET_CONTROL,   /* r->opcode is PING, PONG or CLOSE, with r->control; of CLOSE also r->close_code */
  WEBSOCKET_FAILED,    /* the peer broke the protocol: close with r->close_code, for r->why. Comes again */
};

struct websocket_reader {
  enum websocket_opcode opcode;
  struct buf message;
  uint8_t control[WEBSOCKET_CONTROL_MAX];
  size_t control_len;
  int close_code;
  const char *why; /* static text */
  /* private */
  enum websocket_role role;
  enum websocket_opcode message_opcode; /* of the message that is being read; CONTINUATION: none is */
  struct utf8 utf8;
  uint8_t head[14], mask[4];
  size_t head_len;
  bool in_payload, told, failed;
  uint64_t left;
  unsigned phase; /* of the mask */
};

/* role: of this end; a server is sent masked frames only, a client none (5.1). max_message: bytes of a
 * message, in however many frames; beyond: 1009. */
void websocket_reader_init(struct websocket_reader *r, enum websocket_role role, size_t max_message);
void websocket_reader_clear(struct websocket_reader *r);

/* Consumes some of data[0..n): *ret_used bytes. Call again with the rest, also when none is left, until
 * WEBSOCKET_NEED_MORE. What an event showed is valid until the next call. */
enum websocket_event websocket_read(struct websocket_reader *r, const uint8_t *data, size_t n,
                                    size_t *ret_used);

/* Appends one whole frame. mask NULL: a server's. */
enum err websocket_write(struct buf *out, enum websocket_opcode opcode, const void *data, size_t n,
                         const uint8_t mask[4]) MUST_CHECK;
/* Appends a close frame; code WEBSOCKET_NO_CODE: an empty one. why is cut where it does not fit. */
enum err websocket_write_close(struct buf *out, int code, const char *why, const uint8_t mask[4]) MUST_CHECK;

#endif

/* HTTP/1.1 messages (RFC 9112, RFC 9110), strict and sans-I/O: bytes in, events out. One codec for requests
 * and responses, parse and serialise, used by both ends of the data path. What it refuses is listed in
 * docs/http.md; each refusal has a unit test. Not thread safe; a parser is caller storage. */
#ifndef SEVENSTEP_HTTP1_H
#define SEVENSTEP_HTTP1_H

#include "fields.h"

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

struct http1_limits {
  size_t target;    /* bytes of the request target; beyond: ERR_HTTP_URI_TOO_LONG */
  size_t head;      /* bytes of start line and header block; beyond: ERR_HTTP_HEADERS_TOO_LARGE */
  size_t fields;    /* number of fields; beyond: ERR_HTTP_HEADERS_TOO_LARGE */
  size_t chunk_ext; /* bytes of chunk extensions and of the trailer section, per message */
};
extern const struct http1_limits http1_default_limits; /* 8 KiB target, 64 KiB head, 128 fields, 8 KiB */

enum http1_body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

struct http1_head {
  int minor; /* 0 or 1: HTTP/1.minor */
  /* requests */
  char method[32];
  struct buf target; /* raw bytes of the request target in origin-form ("/a?b") or "*"; an absolute-form has
                        been split */
  struct buf authority; /* host[:port] from absolute-form if present, else the Host field; lower case; "" in a
                           Host-less 1.0 request */
  bool absolute_https, absolute_http; /* the target was absolute-form with that scheme */
  bool expect_continue;               /* Expect: 100-continue on a 1.1 request with a body */
  /* responses */
  int status; /* 100..599 */
  struct buf reason;
  /* both */
  struct fields fields; /* as received, in order */
  enum http1_body body;
  uint64_t content_length; /* when body is BODY_LENGTH */
  bool keep_alive;         /* RFC 9112 9.3: may another message follow on this connection? */
  bool upgrade;            /* Connection: upgrade with an Upgrade field (request), or 101 (response) */
  bool websocket;          /* HTTP/2: an extended CONNECT asks for one (RFC 8441); method is GET */
};

enum http1_event {
  HTTP1_NEED_MORE, /* all input was consumed; give more */
  HTTP1_HEAD, /* p->head is complete; for responses also each 1xx but 101: the next head follows. Behind 101
                 comes HTTP1_END, and what is unconsumed is no longer HTTP */
  HTTP1_DATA, /* *ret_data..: a piece of the body, inside the input (zero copy) */
  HTTP1_END,  /* the message is complete; p->trailers holds its trailers. The rest of the input is unconsumed.
                 May come without input; comes again until http1_parser_next() */
  HTTP1_ERROR, /* p->failure tells: ERR_HTTP_* for requests, ERR_BACKEND_PROTOCOL for responses. Close the
                  connection */
};

struct http1_parser {
  struct http1_head head;
  struct fields trailers; /* framing, routing, authentication and cookie fields in them are an error */
  struct failure failure;
  /* private */
  enum http1_kind kind;
  struct http1_limits limits;
  int state;
  bool head_only;    /* the response answers HEAD */
  struct buf line;   /* what is collected of a head or trailer that came in pieces */
  size_t scan;       /* of the head: how far line ends were looked for */
  size_t line_start; /* of the head: where the last line begins */
  uint64_t left;     /* of the body or chunk */
  unsigned digits;   /* of the chunk size */
  size_t ext_used;
  unsigned skipped; /* empty lines before a request, 1xx before a response */
};

void http1_parser_init(struct http1_parser *p, enum http1_kind kind, const struct http1_limits *limits);
void http1_parser_clear(struct http1_parser *p);
/* Ready for the next message on the same connection (after HTTP1_END). */
void http1_parser_next(struct http1_parser *p);
/* Responses: the request was HEAD, so no body follows whatever the fields say. Call before the head is
 * parsed. */
void http1_parser_expect_head_response(struct http1_parser *p);

/* Consumes some of data[0..n): *ret_used bytes (always set). Call again with the rest, also when none is
 * left, until HTTP1_NEED_MORE or HTTP1_END. However the input is cut, the same events come (but for where
 * DATA is cut). */
enum http1_event http1_parse(struct http1_parser *p, const uint8_t *data, size_t n, size_t *ret_used,
                             const uint8_t **ret_data, size_t *ret_n);
/* The peer closed. HTTP1_END when the message ends by that (BODY_UNTIL_CLOSE), HTTP1_NEED_MORE when nothing
 * of a message had arrived, else HTTP1_ERROR (truncated). */
enum http1_event http1_parse_eof(struct http1_parser *p);
/* Has any byte of the current message been seen? */
bool http1_parser_started(const struct http1_parser *p);

/* Serialising. Appends to out. The caller decides framing by the fields it gives: these write what they are
 * given, and refuse (ERR_INTERNAL) a method, name or value that could not be parsed again. */
enum err http1_write_request(struct buf *out, const char *method, const char *target, size_t target_len,
                             const struct fields *f) MUST_CHECK;
/* reason NULL: the standard phrase. */
enum err http1_write_response(struct buf *out, int minor, int status, const char *reason,
                              const struct fields *f) MUST_CHECK;
/* Appends "SIZE\r\n" only, or the CRLF behind the data; and the last chunk with trailers (may be NULL). */
enum err http1_write_chunk_head(struct buf *out, size_t n) MUST_CHECK;
enum err http1_write_chunk_tail(struct buf *out) MUST_CHECK;
enum err http1_write_last_chunk(struct buf *out, const struct fields *trailers) MUST_CHECK;

const char *http_reason_phrase(int status);

#endif

/* WebSockets at the cloud: who may open one, and when one that is open must end. The bytes go through a
 * dispatch like bodies; what is looked at is where frames end, so that both ends can be told the reason by a
 * close frame (RFC 6455 5.5.1) that falls into no other. Loop's thread. */
#ifndef SEVENSTEP_WEBSOCKET_H
#define SEVENSTEP_WEBSOCKET_H

#include "boundary.h"
#include "dispatch.h"

enum websocket_end { WEBSOCKET_USER, WEBSOCKET_APPLICATION };

/* One direction. */
struct websocket_way {
  struct websocket_boundary at;
  bool told; /* our close frame has gone: nothing more goes */
};

/* Of a dispatch whose request became a WebSocket. */
struct websocket {
  struct dispatch *d;
  uint64_t from_user; /* bytes */
  int64_t moved_ns;   /* monotonic: when bytes came from either side, or went to the application */
  size_t queued;      /* for the application, at the last sweep */
  bool user_ended;    /* the user's side has sent its last */
  struct websocket_way to[2];
  const char *ending; /* why both are told to close, which they have until cut_ns for; NULL: they are not */
  int64_t cut_ns;
  struct websocket *prev, *next;
};

/* May this request for a WebSocket go on? session: what is wrong with the user's, or ERR_OK (also when a
 * token is still to decide). A good handshake (RFC 6455 4.2.1), a session unless the application is passed
 * through, and with a session no Origin but the application's own (10.2); who sends none is no browser, and
 * no page of another site can make it do so. */
enum err websocket_admit(const struct exchange *x, enum err session, struct failure *f) MUST_CHECK;

/* The application has switched: d->websocket is there, and counted. */
enum err websocket_open(struct dispatch *d) MUST_CHECK;
/* Bytes for one end from the other; *n: how many of them are to be passed on. False: the dispatch is over. */
bool websocket_pass(struct dispatch *d, enum websocket_end to, const uint8_t *data, size_t *n) MUST_CHECK;
/* Its connector has told the application to close, and said its last: so is the user told. */
void websocket_connector_leaves(struct dispatch *d);
/* It is over: step 7's span ends, and tells the bytes and by whom: "user", "application", "connector",
 * "logout", "session", "removal", "idle" or "proxy". Nothing when there is none (any more). */
void websocket_close(struct dispatch *d, const char *by);
/* Once a second: ends those whose session has ended, or where nothing has moved for too long; all when the
 * cloud stops. Both ends get a close frame at the next boundary, and are cut off when both have answered it,
 * or did not in a second. */
void websockets_sweep(struct cloud *c, int64_t now_ns);

#endif

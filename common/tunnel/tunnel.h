/* The tunnel between cloud and connector: HTTP/2 (RFC 9113) with the roles reversed. The connector dials out
 * and then serves: the cloud, which accepted the connection, is the HTTP/2 client. Sans-I/O over nghttp2:
 * bytes in, bytes and events out; the owner moves them over its TLS stream. The same session serves users at
 * the cloud's front (TUNNEL_FRONT), where nothing is taken on trust: narrower windows, a head that is too
 * large is told, what no field may hold resets its stream, and a peer that makes work without asking for
 * anything (resets, pings, settings, empty frames) is sent away with ENHANCE_YOUR_CALM (CVE-2023-44487).
 *
 * Windows: a stream's is opened again only by tunnel_stream_consume(), so that a slow reader at one end stops
 * the writer at the other, and nobody else: the connection's is opened at once. A stream whose owner gives
 * back what comes gets a wider window, so that a long line can be filled; all that were widened take
 * TUNNEL_WIDENED_MAX more at most. Each stream's own write queue is bounded (TUNNEL_WRITE_MAX).
 *
 * Law of life: a stream belongs to the tunnel. Its owner hears on_close() exactly once, and must not use it
 * afterwards, unless it let go before by tunnel_stream_detach() or tunnel_stream_reset(). Callbacks may call
 * any function here but tunnel_receive, tunnel_send and tunnel_free. Belongs to one thread. */
#ifndef SEVENSTEP_TUNNEL_H
#define SEVENSTEP_TUNNEL_H

#include "fields.h"

#define TUNNEL_STREAM_WINDOW     (256 * 1024)      /* at first */
#define TUNNEL_STREAM_WINDOW_MAX (8 * 1024 * 1024) /* for who keeps up: half of it at once is 200 MB/s at 20 ms */
#define TUNNEL_WIDENED_MAX       (32 * 1024 * 1024)
#define TUNNEL_CONNECTION_WINDOW (16 * 1024 * 1024)
#define TUNNEL_MAX_STREAMS       200         /* unless tunnel_allow_streams() says otherwise */
#define TUNNEL_RESETS            100000      /* by the other end of the tunnel, at once */
#define TUNNEL_RESETS_A_SECOND   10000       /* and from then on */
#define TUNNEL_FRONT_WINDOW      (64 * 1024) /* at first */
#define TUNNEL_FRONT_STREAMS     100         /* no fewer, says RFC 9113 6.5.2 */
#define TUNNEL_FRONT_FIELDS      512 /* before the crumbs of Cookie are joined (RFC 9113 8.2.3) */
#define TUNNEL_MAX_HEAD          (64 * 1024)
#define TUNNEL_OWNERS_ROOM       (64 * 1024) /* what a receiver may add to a head's fields */
#define TUNNEL_MAX_FIELDS        160
#define TUNNEL_WRITE_HIGH        (256 * 1024) /* writers should stop here */
#define TUNNEL_WRITE_LOW         (64 * 1024)  /* and are told on_writable() here */
#define TUNNEL_WRITE_MAX         (16 * 1024 * 1024) /* what a widened window still lets come, passed on, fits */

enum tunnel_role {
  TUNNEL_CLOUD,     /* opens streams: sends requests */
  TUNNEL_CONNECTOR, /* answers them */
  TUNNEL_FRONT,     /* answers those of users */
};

struct tunnel;
struct tunnel_stream;

/* A request's or response's head as it came through. Strings live as long as the stream. */
struct tunnel_head {
  int status;                            /* responses */
  const char *method, *authority, *path; /* requests; "" in responses */
  const char *protocol;                  /* of an extended CONNECT (RFC 8441 4), else "" */
  const char *scheme;
  size_t path_len;
  bool too_large;        /* TUNNEL_FRONT: something of it was not kept */
  struct fields *fields; /* regular fields, names in lower case; the owner may change them */
};

struct tunnel_events {
  /* Connector, front: a request began. Set its owner with tunnel_stream_set_owner(), or reset it. */
  void (*on_request)(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h);
  /* Cloud: an answer began; a 1xx head may come before it. */
  void (*on_response)(struct tunnel_stream *s, void *owner, const struct tunnel_head *h);
  /* A piece of the body. Give the n bytes of window back by tunnel_stream_consume(), now or later. */
  void (*on_data)(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n);
  /* The peer's side is complete. trailers may be empty. */
  void (*on_end)(struct tunnel_stream *s, void *owner, const struct fields *trailers);
  /* The stream's write queue has fallen below TUNNEL_WRITE_LOW after it was over TUNNEL_WRITE_HIGH. */
  void (*on_writable)(struct tunnel_stream *s, void *owner);
  /* The last call for this stream. f->err is ERR_OK when both sides were complete; ERR_AGAIN when the peer
   * surely did not process the request (REFUSED_STREAM, or beyond its GOAWAY), so that it may be sent
   * elsewhere; ERR_CLOSED when it broke off by TUNNEL_CANCEL. */
  void (*on_close)(struct tunnel_stream *s, void *owner, const struct failure *f);
  /* The peer sent GOAWAY: no new streams on this tunnel. */
  void (*on_goaway)(struct tunnel *t, void *arg);
};

enum err tunnel_new(enum tunnel_role role, const struct tunnel_events *ev, void *arg,
                    struct tunnel **ret) MUST_CHECK;
/* Every stream still open gets its on_close with f (may be NULL: ERR_CLOSED). Accepts NULL. */
void tunnel_free(struct tunnel *t, const struct failure *f);

/* Bytes from the peer. ERR_TUNNEL_PROTOCOL: send what tunnel_send() still has (GOAWAY), then close. */
enum err tunnel_receive(struct tunnel *t, const uint8_t *data, size_t n, struct failure *f) MUST_CHECK;
/* Appends bytes for the peer to out while out->len < limit. */
enum err tunnel_send(struct tunnel *t, struct buf *out, size_t limit) MUST_CHECK;
/* Would tunnel_send() have more now, without the peer's having said anything? */
bool tunnel_has_more(const struct tunnel *t);
/* Nothing is left to send or to receive: close the connection. */
bool tunnel_done(const struct tunnel *t);
/* Did either end give the tunnel up for an error (GOAWAY with a code)? Then f tells. */
bool tunnel_broken(const struct tunnel *t, struct failure *f);

/* How many streams the peer may have open at once, from when it has heard of it; it is told with what is sent
 * next. What it opens beyond that is refused. */
enum err tunnel_allow_streams(struct tunnel *t, uint32_t n) MUST_CHECK;
size_t tunnel_streams(const struct tunnel *t);
/* How many more streams the peer allows now; 0 after GOAWAY, and when a connection's ids are used up. */
size_t tunnel_room(const struct tunnel *t);
/* Half of these have been used: it is time for another connection. */
bool tunnel_worn(const struct tunnel *t);
enum err tunnel_ping(struct tunnel *t) MUST_CHECK;
/* Tells the peer to open no more streams; those open go on. At the front tunnel_done() follows, when they
 * have ended and what was on its way has come. */
enum err tunnel_shutdown(struct tunnel *t) MUST_CHECK;

/* Cloud: sends a request. end: it has no body. */
enum err tunnel_request(struct tunnel *t, const char *method, const char *authority, const char *path,
                        size_t path_len, const struct fields *f, bool end, void *owner,
                        struct tunnel_stream **ret) MUST_CHECK;
/* Cloud: asks for a stream that carries another protocol (extended CONNECT, RFC 8441): once it is answered
 * 200, what both ends write is that protocol's bytes. tunnel_stream_end() is then an orderly end of one
 * direction, and TUNNEL_CANCEL what a reset of the TCP connection is (RFC 8441 5). ERR_TUNNEL_PROTOCOL when
 * the connector does not take such requests. */
enum err tunnel_connect(struct tunnel *t, const char *protocol, const char *authority, const char *path,
                        size_t path_len, const struct fields *f, void *owner,
                        struct tunnel_stream **ret) MUST_CHECK;
/* Connector, front: sends the answer's head; status 1xx: an interim one. end: no body follows. */
enum err tunnel_respond(struct tunnel_stream *s, int status, const struct fields *f, bool end) MUST_CHECK;

/* Queues body bytes. ERR_TOO_LARGE beyond TUNNEL_WRITE_MAX. */
enum err tunnel_stream_write(struct tunnel_stream *s, const void *data, size_t n) MUST_CHECK;
/* The body is complete; trailers may be NULL. */
enum err tunnel_stream_end(struct tunnel_stream *s, const struct fields *trailers) MUST_CHECK;
/* Has the peer's side ended with its head, or since? A request without a body says so at once. */
bool tunnel_stream_remote_ended(const struct tunnel_stream *s);
size_t tunnel_stream_queued(const struct tunnel_stream *s);
/* Is it the peer's window of this stream that keeps what is queued, not what it shares with others? */
bool tunnel_stream_shut(const struct tunnel_stream *s);
/* How many bytes of bodies have left so far, of all streams. */
uint64_t tunnel_sent(const struct tunnel *t);
/* More than TUNNEL_WRITE_HIGH is queued: stop writing until on_writable(). */
bool tunnel_stream_congested(const struct tunnel_stream *s);
/* Gives window back for n of the bytes that on_data() brought. What is left at the stream's end, or when its
 * owner lets go, is given back then. */
void tunnel_stream_consume(struct tunnel_stream *s, size_t n);
void tunnel_stream_set_owner(struct tunnel_stream *s, void *owner);

/* Once the answer has left, what the peer still sends is not wanted (RFC 9113 8.1: NO_ERROR). */
void tunnel_stream_refuse_rest(struct tunnel_stream *s);
/* In the cloud, once a second: what the peer made of needless work is forgotten by and by. */
void tunnel_tick(struct tunnel *t);
/* Has a head begun that is not complete? */
bool tunnel_head_open(const struct tunnel *t);

enum tunnel_reset { TUNNEL_CANCEL, TUNNEL_REFUSED, TUNNEL_FAILED };
/* Ends the stream at once. No callback follows. */
void tunnel_stream_reset(struct tunnel_stream *s, enum tunnel_reset why);
/* The same, but on_close() follows, from tunnel_send(). */
void tunnel_stream_break(struct tunnel_stream *s, enum tunnel_reset why);
/* The owner is done with a stream that it has ended: what is queued is still sent, what the peer still sends
 * is thrown away. No callback follows. One that it has not ended would stay open: tunnel_stream_reset(). */
void tunnel_stream_detach(struct tunnel_stream *s);

#endif

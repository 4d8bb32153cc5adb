/* A small server over libmicrohttpd: the identity provider, the backend and every actor's admin endpoint. It
 * hides libmicrohttpd (only this folder includes its header), refuses what is malformed in the first callback
 * (one Host, one Content-Length, no CL with TE, TE exactly chunked, token names, no controls in values,
 * origin-form target), bounds everything, and serves TLS in poll mode (libmicrohttpd's epoll mode spins on
 * stalled handshakes). Handlers run on the server's threads. */
#ifndef SEVENSTEP_HTTPD_H
#define SEVENSTEP_HTTPD_H

#include "fields.h"
#include "lab.h"

#include <sys/types.h>

struct httpd;

/* Valid until the handler returns. */
struct httpd_request {
  const char *method;
  int http_minor;     /* HTTP/1.minor: 0 or 1 */
  const char *target; /* raw, as received: "/path?query" */
  const char *path;   /* raw path, without the query */
  const char *query;  /* raw, "" if none */
  const struct fields *fields;
  const uint8_t *body; /* complete; at most the route's limit */
  size_t body_len;
  const char *peer_ip;
  bool tls;  /* it came over TLS */
  void *arg; /* httpd_config.arg */
};

/* What a connection speaks behind a 101 (RFC 9110 7.8). All such connections of a server are served by one
 * thread of its own, so nothing here may block. */
struct httpd_protocol {
  /* n > 0 bytes came; appends what is to be sent to out, which has room for HTTPD_PROTOCOL_ROOM bytes. False:
   * this side ends, once that is sent. */
  bool (*on_data)(void *arg, const uint8_t *data, size_t n, struct buf *out);
  void (*free)(void *arg); /* the last call, also when the 101 could not be sent */
  void *arg;
};
#define HTTPD_PROTOCOL_ROOM (4 * 1024 * 1024)

/* What a handler answers with. Zeroed by the server before the call; the server frees. */
struct httpd_response {
  int status;           /* default 200 */
  struct fields fields; /* no Content-Length, Transfer-Encoding or Date: the server's own; fields with an
                           empty value are left out */
  struct buf body;
  unsigned delay_ms; /* answer this much later, without holding a thread */
  /* Instead of body: called for the next piece until it returns 0 (end), -1 (abort the connection), or
   * HTTPD_LATER(ms): nothing yet, ask again then. It should not block: other connections share the thread.
   * Not called for HEAD. */
  ssize_t (*produce)(void *arg, uint64_t offset, uint8_t *out, size_t max);
  void *produce_arg;
  void (*produce_free)(void *arg);
  int64_t produce_length; /* -1 (set by default): unknown, chunked */
  /* With status 101, to an HTTP/1.1 request without a body: from here on the connection is the protocol's.
   * fields has Upgrade; Connection is the server's own. Only where httpd_config.upgrades says so. */
  struct httpd_protocol protocol;
};

/* For produce: 1 to 3600000 ms. */
#define HTTPD_LATER(ms) (-1 - (ssize_t)(ms))

/* The first route whose path and method match is taken. */
struct httpd_route {
  const char *method; /* "GET" (also answers HEAD), "POST", or "*" */
  const char *path;   /* exact, or with a trailing '*': a prefix */
  size_t max_body;    /* beyond: 413 */
  void (*handle)(const struct httpd_request *q, struct httpd_response *r);
  /* Optional, for bodies too large to hold: stream() is called for each piece in order, then stream_handle()
   * in the place of handle(). *state starts NULL; stream_free(state) comes at the end, also when the client
   * goes away. An error of stream() ends the upload and is answered with its HTTP status. max_body holds too.
   */
  enum err (*stream)(const struct httpd_request *q, void **state, const uint8_t *data, size_t n);
  void (*stream_handle)(const struct httpd_request *q, void *state, struct httpd_response *r);
  void (*stream_free)(void *state);
};

struct httpd_config {
  struct lab_addr listen;           /* or */
  const char *unix_path;            /* a unix socket (mode 0600; a stale one is replaced) */
  const char *cert_path, *key_path; /* both or neither: TLS 1.2+ */
  bool strict_transport;            /* with TLS: each answer says so (rules.h: HTTP_STRICT_TRANSPORT) */
  const struct httpd_route
      *routes; /* ends with a zeroed route; no match: 404, other method: 405 with Allow */
  void *arg;
  /* Optional: what a request is given as its arg in the place of arg, from its beginning until its answer has
   * left; so that it sees one configuration, however long it takes, while arg's changes. On the server's
   * threads. */
  void *(*hold)(void *arg);
  void (*release)(void *held);
  unsigned threads; /* 0: 2 */
  bool upgrades;    /* handlers may answer 101 */
  /* 0: 128 KiB. Bounds a request's head. libmicrohttpd clears all of it behind every request, so room costs
   * time: 128 KiB was a sixth of the backend's. */
  size_t connection_memory;
  unsigned max_connections; /* 0: 2048 */
  unsigned
      head_timeout_ms; /* 0: 20000. A header block that takes longer is cut off, however steadily it drips */
  /* Optional: fills the answer for the server's own refusals (404, 405, 413, 400); default: a plain line of
   * text. */
  void (*refuse)(int status, const char *why, struct httpd_response *r);
};

/* ERR_PORT_TAKEN with the address in f->why. */
enum err httpd_start(const struct httpd_config *c, struct httpd **ret, struct failure *f) MUST_CHECK;
/* Waits for handlers, not for clients; delayed answers come at once, producers that wait and connections that
 * were upgraded are cut off. Accepts NULL. */
void httpd_stop(struct httpd *h);
/* The port it listens on, also when the configuration said 0; 0 for a unix socket. */
uint16_t httpd_port(const struct httpd *h);

/* Helpers for handlers. */
enum err httpd_redirect(struct httpd_response *r, int status, const char *location) MUST_CHECK;
enum err httpd_text(struct httpd_response *r, int status, const char *content_type,
                    const char *text) MUST_CHECK;

/* Answers what was asked of an actor: 200 and text when e is ERR_OK, else the error's status and a line
 * "NAME: why". */
void httpd_outcome(struct httpd_response *r, enum err e, const struct failure *f, const char *text);

/* The admin endpoint every actor has: /healthz (200 as long as it lives), /readyz (200 or 503 with reasons,
 * JSON), /metrics (Prometheus text). On RUN/INSTANCE.sock. */
struct httpd_admin {
  const char *unix_path;
  bool (*ready)(void *arg, struct buf *reason); /* thread safe */
  void (*metrics)(void *arg, struct buf *out);  /* thread safe */
  const struct tracer *tracer;                  /* whose counters /metrics has besides; or NULL */
  const struct httpd_route *more;               /* further routes, or NULL */
  void *arg;
  void *(*hold)(void *arg); /* as of httpd_config, for all of these */
  void (*release)(void *held);
};
enum err httpd_admin_start(const struct httpd_admin *c, struct httpd **ret, struct failure *f) MUST_CHECK;

#endif

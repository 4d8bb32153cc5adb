/* The user's side of the cloud: connections, and on them exchanges (one request and its response each).
 * A transport (transport.h) reads requests and carries responses; exchange.c has what is the same for all of
 * them; route.c decides which step a request takes.
 *
 * A step takes an exchange by setting ops (and data), and answers with exchange_respond(), or
 * exchange_begin(), exchange_write() and exchange_end(). Work that outlives a callback (a worker's job, a
 * tunnel stream) holds the exchange with exchange_hold() and lets it go with exchange_release(); meanwhile
 * the user may have left, on_gone() tells, never from inside a call here, and answering is then harmless. All
 * on the loop's thread. */
#ifndef SEVENSTEP_EXCHANGE_H
#define SEVENSTEP_EXCHANGE_H

#include "cloud.h"
#include "http1.h"
#include "session.h"

struct exchange;
struct exchange_ops {
  void (*on_body)(struct exchange *x, const uint8_t *data, size_t n);
  void (*on_body_end)(struct exchange *x, const struct fields *trailers);
  void (*on_drain)(struct exchange *x);   /* the user takes more again */
  void (*on_gone)(struct exchange *x);    /* the user left, or broke off the request, before the response was
                                             complete; the last call */
  void (*on_timeout)(struct exchange *x); /* deadline_ns has passed */
  bool (*on_second)(struct exchange *x);  /* once a second; may be NULL. False: it has ended the exchange */
};

struct transport;
struct exchange {
  struct cloud *cloud;
  uint64_t number; /* no other of this process has it: who answers, and goes on, may find the next request of
                      the connection here */
  const struct transport *transport;
  void *carrier;                 /* the transport's: what carries this exchange */
  const struct http1_head *head; /* the request */
  const struct lab *lab;         /* as it was when the request began; a reference */
  unsigned version;              /* its number */
  const struct lab_app *app;
  struct lab_concrete concrete;   /* app, where it is published by a wildcard */
  const char *host;               /* that cookies are for: the application's, or home */
  size_t rest;                    /* of the target: where what is behind the published path begins */
  const struct exchange_ops *ops; /* NULL: nobody has taken it, or it is answered */
  void *data;
  struct session session; /* upn "" when there is none */
  bool by_token;          /* its user came with an access token, not with a session */
  struct trace_ctx ctx;   /* the parent of this request's spans */
  struct span step;       /* the step in progress */
  struct span respond;    /* step 7 */
  int64_t deadline_ns;    /* monotonic; 0: none */
  bool clear_trace_cookie;
  bool wants_websocket; /* and may have one */
  bool at_home;         /* asked of the cloud's own host */
  bool preflight;       /* cors.c has answered */
  /* private to exchange.c and the transports */
  bool active, request_done, paused, begun, ended, no_body, switched;
  bool rest_unwanted;  /* it is answered, whatever is still to come of the request */
  int64_t progress_ns; /* when body or response last moved */
  uint64_t sent;
  int status;
};

/* A new user's connection for listener_new(). */
void *conn_accept(void *cloud, struct stream *s);
extern const struct stream_events conn_events;
/* Once a second: deadlines of all connections. */
void conn_sweep(struct cloud *c, int64_t now_ns);
/* The cloud stops: HTTP/2 is told so (GOAWAY), HTTP/1.1 with its next answer (Connection: close), who asks
 * for nothing is closed. drained() is called when the last connection has gone, at once where there is none.
 */
void conn_shutdown(struct cloud *c, void (*drained)(struct cloud *c));
/* What was kept for further requests: when there will be none. */
void conn_free_spare(struct cloud *c);

/* Method and URL into the step's span. */
void exchange_trace_request(struct exchange *x);

void exchange_hold(struct exchange *x);
void exchange_release(struct exchange *x);

const char *exchange_peer_ip(const struct exchange *x);
const char *exchange_sni(const struct exchange *x);
/* Stops and starts reading the request's body. */
void exchange_pause(struct exchange *x, bool pause);
/* Tells an Expect: 100-continue client to send the body. */
void exchange_continue(struct exchange *x);

/* Begins the response. f holds no framing and no hop-by-hop fields. length -1: not known. */
void exchange_begin(struct exchange *x, int status, const struct fields *f, int64_t length);
/* An interim response (1xx), to clients that know them (not HTTP/1.0). */
void exchange_interim(struct exchange *x, int status, const struct fields *f);
/* Begins a response that is a WebSocket (101): from here on bytes pass as they are, the user's to on_body(),
 * the end of them to on_body_end(), until exchange_end() or exchange_abort(). */
void exchange_switch(struct exchange *x, const struct fields *f);
void exchange_write(struct exchange *x, const void *data, size_t n);
bool exchange_congested(const struct exchange *x);
void exchange_end(struct exchange *x, const struct fields *trailers);
/* The response cannot be completed: ends it so that the user sees it is incomplete (RFC 9112 8). */
void exchange_abort(struct exchange *x);
/* Begins and ends. f may be NULL. */
void exchange_respond(struct exchange *x, int status, const struct fields *f, const char *content_type,
                      const void *body, size_t n);
/* The page for a failure, by its HTTP status; ends the step's span with it. */
void exchange_fail(struct exchange *x, const struct failure *f);
/* 303 (302 for GET) to a URL, with further fields. */
void exchange_redirect(struct exchange *x, int status, const char *location, struct fields *f);

/* route.c: called once the head is complete. */
void route_request(struct exchange *x);
/* Of a request that is under way, why its user may have no more of it: "session", for that or the access
 * token has come to its end, or the user's account or assignment; "logout", or a revocation. NULL: he may, or
 * the request has none. The lab in force decides, and of an application that it has not, its own. */
const char *route_user_lost(const struct exchange *x, int64_t wall_s);
/* The steps. */
void step1_redirect(struct exchange *x);
/* The cookie of a logon that begins here. */
enum err logon_cookie_set(struct exchange *x, struct fields *f, const struct logon *l,
                          const char *same_site) MUST_CHECK;
void step3_token(struct exchange *x);
void step3_dispatch(struct exchange *x);
/* What a verified token said, into the step's span. */
struct token_claims;
void step3_trace_token(struct exchange *x, const char *token, const struct token_claims *c);
/* step3_bearer.c: for applications with bearer_access. Does an access token decide about this request:
 * because it has one, or because it has no session, and its sender could not use the logon page? */
bool bearer_decides(const struct exchange *x);
void step3_bearer(struct exchange *x);
/* Adds the challenge of RFC 6750 3 when this failure is one of an access token. */
enum err bearer_challenge(const struct exchange *x, const struct failure *f,
                          struct fields *fields) MUST_CHECK;
/* logout.c */
void logout(struct exchange *x);
/* options.c: OPTIONS that is to be forwarded no further. */
#define METHODS_ALLOWED "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
bool options_ends_here(const struct exchange *x);
void options(struct exchange *x);
/* robots.c */
void robots(struct exchange *x);
/* home.c */
void home(struct exchange *x);
/* handover.c */
#define HANDOVER_CALLBACK "/.sevenstep/callback/" /* at home, + the application's name */
#define HANDOVER_ENTER    "/.sevenstep/enter/"
/* The application that a target at home is about; NULL: none. */
const struct lab_app *handover_app(const struct lab *lab, const char *target);
void handover_ask(struct exchange *x);
void handover_at_home(struct exchange *x);
void handover_take(struct exchange *x);
struct tunnel_head;
struct tunnel_stream;
void step7_respond(struct exchange *x, const struct tunnel_head *h);
/* pages.c: the page for a failure, and the frame of others. */
enum err page_failure(const struct exchange *x, const struct failure *f, struct buf *out) MUST_CHECK;
enum err page_begin(struct buf *out, const char *title) MUST_CHECK; /* title is one of ours, not escaped */
enum err page_end(struct buf *out) MUST_CHECK;

#endif

/* What is below an exchange: how one request and its response travel between the user and the cloud. conn.c
 * and conn_response.c are HTTP/1.1, h2.c is HTTP/2. What is the same for every transport (trace, failures,
 * deadlines, counters, the fields that all responses have) is exchange.c's, above it; framing, flow control
 * and connections are the transport's.
 */
#ifndef SEVENSTEP_TRANSPORT_H
#define SEVENSTEP_TRANSPORT_H

#include "exchange.h"

/* How exchange.c speaks to a transport. An error given back makes it abort(). No call here tells that the
 * user has gone: exchange_gone() comes from the loop. */
struct transport {
  void (*hold)(struct exchange *x);
  void (*release)(struct exchange *x);
  struct stream *(*stream)(const struct exchange *x); /* the user's connection, NULL once it is gone */
  void (*pause)(struct exchange *x, bool pause);
  /* f is complete but for framing, which the transport adds (to f). length -1: not known. No body follows
   * when x->no_body. Called once. */
  enum err (*head)(struct exchange *x, int status, struct fields *f, int64_t length);
  enum err (*interim)(struct exchange *x, int status, const struct fields *f); /* f may be NULL */
  enum err (*body)(struct exchange *x, const void *data, size_t n);
  enum err (*end)(struct exchange *x, const struct fields *trailers); /* of a body; trailers may be NULL */
  /* Behind a head of status 101 (200 in HTTP/2): from here on the user's bytes, as they are, are told by
   * exchange_body(), and their end by exchange_body_end(). */
  void (*switched)(struct exchange *x);
  bool (*congested)(const struct exchange *x);
  void (*ended)(struct exchange *x); /* the response is complete; the last call */
  void (*abort)(struct exchange *x); /* the user must see that it is not; the last call */
};

/* How a transport tells of an exchange, which is caller storage. */

/* What an exchange keeps besides, goes: before its memory does. Accepts a zeroed one, as exchange_start()
 * does. */
void exchange_clear(struct exchange *x);
/* A head is there: routes it. body: more of the request follows. */
void exchange_start(struct exchange *x, struct cloud *c, const struct transport *t, void *carrier,
                    const struct http1_head *head, bool body);
/* The request cannot be understood (any more): answers with the page of f, or breaks off what has begun. */
void exchange_refuse(struct exchange *x, const struct failure *f);
/* The same where there is no exchange yet. */
void exchange_start_refused(struct exchange *x, struct cloud *c, const struct transport *t, void *carrier,
                            const struct http1_head *head, const struct failure *f);
void exchange_body(struct exchange *x, const uint8_t *data, size_t n);
void exchange_body_end(struct exchange *x, const struct fields *trailers);
void exchange_drained(struct exchange *x);
/* The user left, or broke off the request. */
void exchange_gone(struct exchange *x);
/* Once a second: its own deadline, and whether it stalls (nothing moves, and it is the user's turn), which
 * aborts it. A transport writes x->progress_ns when bytes of its leave. */
void exchange_check(struct exchange *x, int64_t now_ns);

#endif

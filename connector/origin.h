/* The application's side: HTTP/1.1 connections to the origin servers, pooled by application and user, because
 * an application may bind authentication to the connection (SP-06, RFC 4559 6); where the user is not known,
 * who may do so has a connection of his own, for one request. The parser is the strict
 * codec; a response that breaks it is refused. With an https internal_url they are TLS, and an application
 * whose certificate is not valid gets nothing. Loop's thread. */
#ifndef SEVENSTEP_ORIGIN_H
#define SEVENSTEP_ORIGIN_H

#include "connector.h"
#include "http1.h"

struct origin;
struct origin_events {
  void (*on_head)(void *owner, struct http1_head *h); /* also 1xx */
  void (*on_data)(void *owner, const uint8_t *data, size_t n);
  void (*on_end)(
      void *owner,
      const struct fields *trailers); /* the last call; the connection is not the owner's any more */
  void (*on_drain)(void *owner);      /* takes more of the request's body */
  /* The head is about to be written on this connection, to which a TLS handshake has been done already: what
   * depends on it goes into the head's fields now. An error ends the request like on_fail. */
  enum err (*on_connection)(void *owner, struct origin *o, struct failure *f);
  /* The last call instead. ERR_AGAIN: a pooled connection turned out to be stale before anything of a
   * response came; ERR_BACKEND_*. */
  void (*on_fail)(void *owner, const struct failure *f);
};

/* Reads the authorities of the applications of c's group, once. */
enum err origin_pool_new(struct connector *c, struct origin_pool **ret, struct failure *f) MUST_CHECK;
/* Reads the authorities of this lab's applications again; idle connections are closed. Those that cannot be
 * read stay as they were: the first failure is told. */
enum err origin_pool_reload(struct origin_pool *p, const struct lab *lab, struct failure *f) MUST_CHECK;
/* Closes idle connections that are too old. Once a second. */
void origin_pool_sweep(struct origin_pool *p, int64_t now_ns);
void origin_pool_stop(struct origin_pool *p); /* closes the idle ones */
void origin_pool_free(struct origin_pool *p); /* after the loop has ended; accepts NULL */

/* A connection for this application and user, idle or new, with the request's head queued. chunked: the body
 * follows in pieces of unknown total length. target and fields must live until the head is written: on a new
 * TLS connection that is when it is open. */
enum err origin_send(struct origin_pool *p, const struct lab_app *app, const char *upn, const char *method,
                     const char *target, size_t target_len, const struct fields *fields, bool chunked,
                     bool fresh, const struct origin_events *ev, void *owner, struct origin **ret,
                     struct failure *f) MUST_CHECK;
struct tls *origin_tls(struct origin *o); /* NULL: plain */
enum err origin_write(struct origin *o, const void *data, size_t n) MUST_CHECK;
enum err origin_write_end(struct origin *o) MUST_CHECK; /* the request is complete */
uint64_t origin_sent(const struct origin *o); /* bytes that have left on this connection: does it take any? */
bool origin_congested(const struct origin *o);
void origin_pause(struct origin *o, bool pause); /* stops reading the response */
/* In on_head() of a 101: from here on the connection carries another protocol (RFC 9110 7.8). What comes
 * behind the head is told by on_data(), the application's end by on_end(), origin_write_end() ends the other
 * direction; and the connection is never used again. */
void origin_switch(struct origin *o);
/* The owner lets go: the connection is closed; one that was switched is reset, so that the application does
 * not take it for an orderly end. No call follows. */
void origin_cancel(struct origin *o);
/* The owner lets go: what is queued is sent, then the connection ends. No call follows. */
void origin_finish(struct origin *o);

#endif

/* The internal web application: what its parts share. One program plays every application of the lab; the
 * Host field tells which. Handlers run on the server's threads. */
#ifndef SEVENSTEP_BACKEND_H
#define SEVENSTEP_BACKEND_H

#include "httpd.h"
#include "krb_accept.h"
#include "lab_slot.h"
#include "trace.h"

#include <stdatomic.h>

struct backend {
  struct lab_slot lab;
  struct tracer *tracer;
  struct krb_acceptor *_Atomic acceptor; /* NULL when no application needs tickets */
  bool look_at_bindings;
  struct krb_channel plain, tls; /* by which tokens come */
  atomic_ullong requests, unauthenticated, websockets, open_websockets;
};

/* The application's routes; their argument is a struct backend. */
extern const struct httpd_route backend_routes[];
/* What the server itself refuses, in the application's words. */
void backend_refuse(int status, const char *why, struct httpd_response *r);

bool backend_is_ready(void *backend, struct buf *reason);
void backend_metrics(void *backend, struct buf *out);

#endif

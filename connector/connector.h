/* The connector (steps 4 to 6, from the inside): what its parts share. It dials out, and listens nowhere. One
 * loop thread; the KDC is asked on workers; the admin endpoint's thread reads the atomic counters, and asks
 * the KDC whether the connector is ready. */
#ifndef SEVENSTEP_CONNECTOR_H
#define SEVENSTEP_CONNECTOR_H

#include "actor.h"
#include "krb.h"
#include "link.h"
#include "net.h"

#include <stdatomic.h>

struct dialer;
struct identity;
struct origin_pool;
struct delegation; /* step4_delegate.c: tickets being obtained */
struct request;

/* Who owns a stream of a tunnel: every owner given to tunnel_stream_set_owner() begins with this. The calls
 * are those of tunnel.h. */
struct stream_owner {
  const struct stream_owner_ops {
    void (*on_data)(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n);
    void (*on_end)(struct tunnel_stream *s, void *owner, const struct fields *trailers);
    void (*on_writable)(struct tunnel_stream *s, void *owner);
    void (*on_close)(struct tunnel_stream *s, void *owner, const struct failure *f);
  } * ops;
};

struct counters {
  _Atomic uint64_t requests, cache_hits, cache_misses, tickets, renewals, ticket_failures, failures,
      origin_connects, origin_reuses, websockets, refused_requests;
  _Atomic uint64_t in_flight, links, open_websockets, cached;
  /* The error with which the cloud refused it when it was asked last, and when that was (monotonic); ERR_OK: it
   * could not be asked then, or has taken it. */
  _Atomic int refused;
  _Atomic int64_t refused_ns;
};

struct connector {
  struct actor *actor;
  const struct lab *lab; /* where it is and who: what it serves the cloud says (configure.h) */
  const struct lab_connector *me;
  struct net *net;
  struct identity *identity;
  struct dialer *dialer;
  struct origin_pool *origins;
  struct krb_delegator *delegator;
  struct krb_cache *tickets;
  struct delegation *pending; /* singly linked */
  struct request *requests;   /* all in progress */
  uv_timer_t second;
  uv_signal_t sigterm, sigint, sighup;
  struct failure failure; /* what it could not begin for */
  bool draining;
  int64_t drain_until_ns; /* monotonic */
  struct counters counters;
};

#endif

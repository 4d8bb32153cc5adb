/* The connector (steps 4 to 6, from the inside): what its parts share. It dials out, and listens nowhere. One
 * loop thread; the KDC is asked on workers; the admin endpoint's thread reads the atomic counters only. */
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

struct counters {
  _Atomic uint64_t requests, cache_hits, cache_misses, tickets, ticket_failures, failures, origin_connects,
      origin_reuses, websockets;
  _Atomic uint64_t in_flight, links, open_websockets;
  _Atomic int refused; /* the error that the cloud refused it with; ERR_OK: it did not, or took it since */
};

struct connector {
  struct actor *actor;
  const struct lab *lab;
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

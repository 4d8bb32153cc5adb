/* The cloud proxy (steps 1, 3 and 7): what its parts share. One loop thread; the admin endpoint's thread
 * reads the atomic counters only. */
#ifndef SEVENSTEP_CLOUD_H
#define SEVENSTEP_CLOUD_H

#include "actor.h"
#include "net.h"

#include <stdatomic.h>

#define CLOUD_WORKERS "16" /* UV_THREADPOOL_SIZE, whatever the environment says (oidc.h) */

struct conn;
struct oidc;
struct registry;
struct roster;
struct once;
struct seal;
struct throttle;

struct counters {
  _Atomic uint64_t connections, requests, redirects, tokens_accepted, tokens_refused, dispatched, retried,
      throttled, full, failures;
  _Atomic uint64_t status[6]; /* responses by hundreds; [0] unused */
  _Atomic uint64_t websockets, open_websockets;
  _Atomic uint64_t open_connections, ready_connectors, ready_connections;
  _Atomic bool keys_loaded;
};

struct cloud {
  struct actor *actor;
  const struct lab *lab; /* in force, a reference; requests keep the one they began with */
  unsigned version;      /* of it, counted since the start */
  struct net *net;
  struct tls_ctx *front_tls, *tunnel_tls;
  struct listener *front;
  struct seal *seal;
  bool rotating; /* its keys are being stored */
  struct oidc *oidc;
  struct registry *registry;
  struct roster *roster;
  struct once *once;
  struct conn *conns;     /* all of them */
  struct exchange *spare; /* for the next requests by HTTP/1.1 */
  size_t n_spare;
  struct websocket *websockets; /* those that are open */
  struct throttle *throttle;
  uv_timer_t second;
  uv_signal_t sigterm, sigint, sighup;
  bool stopping;
  int64_t drain_until_ns;           /* monotonic */
  void (*drained)(struct cloud *c); /* of conn_shutdown() */
  struct counters counters;
};

#endif

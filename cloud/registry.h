/* The connectors that are connected, each by one connection or several, and the listener where they dial in
 * (mutual TLS; the certificate's common name must be a connector of the lab). Loop's thread. */
#ifndef SEVENSTEP_REGISTRY_H
#define SEVENSTEP_REGISTRY_H

#include "cloud.h"
#include "link.h"

/* Who owns a stream of a tunnel: every owner given to tunnel_request() begins with this. */
struct up;
struct up_ops {
  void (*on_response)(struct up *u, struct tunnel_stream *s, const struct tunnel_head *h);
  void (*on_data)(struct up *u, struct tunnel_stream *s, const uint8_t *data, size_t n);
  void (*on_end)(struct up *u, const struct fields *trailers);
  void (*on_writable)(struct up *u);                       /* may be NULL */
  void (*on_close)(struct up *u, const struct failure *f); /* the last call, as of tunnel.h */
};
struct up {
  const struct up_ops *ops;
};

struct registry;
struct connector;

enum err registry_new(struct cloud *c, struct registry **ret, struct failure *f) MUST_CHECK;
/* Takes no more connectors. */
void registry_stop(struct registry *r);
void registry_free(struct registry *r); /* after the loop has ended; accepts NULL */

/* The ready connection of this group with the least outstanding work, or NULL. not: one to leave out (may be
 * NULL), and with it the other connections of its connector, unless no other connector is ready: what ended
 * one connection will often end them all. */
struct connector *registry_pick(struct registry *r, const char *group, const struct connector * not );
const char *connector_name(const struct connector *c);
struct link *connector_link(struct connector *c);

#endif

/* The connectors that are connected, each by one connection or several, and the listener where they dial in.
 * With a certificate that the roster admits, and once they have acknowledged their configuration, they are
 * sent requests; without one they may register, and nothing else. Loop's thread. */
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

/* *ret is there on failure, too (ERR_NOMEM excepted): stop and free it. */
enum err registry_new(struct cloud *c, struct registry **ret, struct failure *f) MUST_CHECK;
/* Once a second: refuses whose certificate is good no more, renews the old ones, gives up who does not
 * answer. */
void registry_sweep(struct registry *r, int64_t now_ns);
/* The same soon, from any thread: after a revocation. */
void registry_wake(struct registry *r);
/* Tells all connectors of another lab, a reference of which it takes over. When those that serve users, and
 * for whose group it changes an application, have acknowledged it, it is in force (cloud->lab,
 * cloud->version) and done() is called with ERR_OK; or with the first refusal of one of these, and nothing
 * has changed. firm: it is in force in any case. Connectors that are lost meanwhile are not waited for: they
 * are told when they come back. Who refuses and cannot prevent it, or does not answer in seconds, is cut
 * off. */
void registry_configure(struct registry *r, const struct lab *lab, bool firm,
                        void (*done)(void *arg, const struct failure *f), void *arg);

/* All connectors are to forget this user's tickets. Those that are not connected now are not told: their
 * trust in a ticket ends by itself. Returns how many were told. */
size_t registry_purge(struct registry *r, const char *upn);

/* A connector as it is connected now. */
struct connector_state {
  unsigned connections; /* ready ones */
  unsigned requests;    /* that it works on */
  unsigned version;     /* of the configuration, that all of these have acknowledged; 0 without any */
};
void registry_look(const struct registry *r, const struct lab_connector *connector,
                   struct connector_state *ret);
/* Takes no more connectors. */
void registry_stop(struct registry *r);
void registry_free(struct registry *r); /* after the loop has ended; accepts NULL */

/* How much more a group takes now. */
struct group_state {
  size_t connectors; /* ready ones */
  size_t room;       /* requests that these take besides those that they work on */
};
void registry_group(const struct registry *r, const char *group, struct group_state *ret);
/* What a connector is picked for. */
struct errand {
  const char *group;
  bool kerberos; /* it takes a ticket */
  bool once;     /* it has a body, and cannot be sent again */
};
/* The ready connection of this group with the least outstanding work, of a connector that works on less than
 * cloud.limits.connector_at_once requests; or NULL. not: one to leave out (may be
 * NULL), and with it the other connections of its connector, unless no other connector is ready: what ended
 * one connection will often end them all. */
struct connector *registry_pick(struct registry *r, const struct errand *e, const struct connector * not );
/* The same, but never of c's connector. */
struct connector *registry_pick_other(struct registry *r, const struct errand *e, const struct connector *c);
/* Its connector said that it has no credential of its own, so that it gets no tickets, or has got one. Where
 * others of the group do, requests for a ticket leave it out, but for one now and then that can be sent
 * again. */
void connector_has_credential(struct connector *c, bool has);
/* It has said that it takes no more requests on this connection. */
bool connector_leaves(const struct connector *c);
const char *connector_name(const struct connector *c);
struct link *connector_link(struct connector *c);
/* It works on one request more, and on one less. */
void connector_begins(struct connector *c);
void connector_ends(struct connector *c);

#endif

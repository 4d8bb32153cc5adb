/* A link: one TLS stream that carries one tunnel, with its liveness. The adapter between net and tunnel, the
 * same at both ends. The owner creates it for a stream it accepts or dials, submits to link_tunnel() and
 * calls link_flush() afterwards (inside the tunnel's callbacks that is not necessary). Nothing is sent from
 * inside a call, but once in a turn of the loop: so no stream's end is told from inside one, either.
 *
 * A link whose peer is silent for LINK_DEAD_MS is cut, and not later, though no reset came: a PING goes out
 * every LINK_PING_MS of silence. A peer that acknowledges bytes of which more are on their way is not silent:
 * the line is slow; but as the kernel does not tell when it did, it may be cut LINK_PING_MS sooner. Belongs
 * to the loop's thread. */
#ifndef SEVENSTEP_LINK_H
#define SEVENSTEP_LINK_H

#include "net.h"
#include "tunnel.h"

#define LINK_PING_MS 2500
#define LINK_DEAD_MS 10000

struct link;
struct link_events {
  /* TLS is done; stream_tls() tells who the peer is. Return false to refuse it. */
  bool (*on_open)(struct link *l, void *arg, struct failure *f);
  /* The last call; all its tunnel's streams had their on_close before. */
  void (*on_close)(struct link *l, void *arg, const struct failure *f);
};

extern const struct stream_events
    link_stream_events; /* for listener_new and stream_connect, with the link as arg */

enum err link_new(struct net *n, enum tunnel_role role, const struct link_events *ev,
                  const struct tunnel_events *tunnel_ev, void *arg, struct link **ret) MUST_CHECK;
/* Of a link that no stream was made for: frees it without on_close. */
void link_discard(struct link *l);
struct tunnel *link_tunnel(struct link *l); /* NULL before on_open */
struct stream *link_stream(struct link *l); /* NULL before on_open */
void link_flush(struct link *l);
void link_close(struct link *l, const struct failure *why);
/* What the tunnel has to send, into the stream's queue, as far as there is room; on_drain() follows where
 * there is not. For an on_fill(), as what nghttp2 ends is told from here. */
enum err link_fill(struct tunnel *t, struct stream *s) MUST_CHECK;
/* The same when what was submitted so far has been sent, for which the peer has LINK_DEAD_MS; nothing more is
 * read. */
void link_finish(struct link *l, const struct failure *why);

#endif

/* What the files of the tunnel share. Private to this folder, the only one that sees nghttp2. */
#ifndef SEVENSTEP_TUNNEL_PRIVATE_H
#define SEVENSTEP_TUNNEL_PRIVATE_H

#include "tunnel.h"

#include <nghttp2/nghttp2.h>

#define NUISANCE_RESET 2 /* what a reset counts for, in tunnel_nuisance() */

struct tunnel_stream {
  struct tunnel *t;
  int32_t id;
  void *owner;
  bool detached;
  int status;
  struct buf method, protocol, scheme, authority, path;
  struct fields fields, trailers;
  bool head_seen; /* the final head; what follows are trailers */
  bool local_end; /* tunnel_stream_end() was called */
  bool remote_end;
  bool local_sent;   /* the peer has been sent the end of this side */
  bool rest_refused; /* tunnel_stream_refuse_rest() was called */
  unsigned dropped;  /* fields that there was no room for */
  bool deferred;     /* the data source waits for bytes */
  bool congested;
  struct buf out;
  size_t out_off;
  size_t unconsumed; /* bytes given to the owner whose window it has not given back */
  size_t window;
  size_t kept_up; /* bytes given back since the window was made what it is */
  struct fields out_trailers;
  struct tunnel_stream *prev, *next;
};

struct tunnel {
  nghttp2_session *h2;
  enum tunnel_role role;
  const struct tunnel_events *ev;
  void *arg;
  struct tunnel_stream *streams, *pool;
  size_t n_streams, n_pool;
  unsigned nuisance; /* frames that ask for nothing */
  int32_t head_open; /* the stream whose head has begun */
  uint64_t sent;     /* bytes of bodies */
  size_t widened;    /* what the windows of all streams are wider than at first */
  bool goaway_seen, shutting_down, failed;
  uint32_t broken; /* the code of a GOAWAY that was sent or came, unless it was NO_ERROR */
  bool broken_by_peer;
  struct buf *sink; /* where send callbacks write, inside tunnel_send() only */
  size_t sink_limit;
  struct buf lower; /* names in lower case, for one submission */
};

static inline bool tunnel_is_server(const struct tunnel *t)
{
  return t->role != TUNNEL_CLOUD;
}

static inline size_t tunnel_first_window(const struct tunnel *t)
{
  return t->role == TUNNEL_FRONT ? TUNNEL_FRONT_WINDOW : TUNNEL_STREAM_WINDOW;
}

/* Counts what the peer made the cloud do for nothing; who does it too often is sent away. */
void tunnel_nuisance(struct tunnel *t, unsigned weight);

/* A stream out of the pool, among the tunnel's; NULL without memory. */
struct tunnel_stream *tunnel_stream_get(struct tunnel *t);
/* Back to the pool, with its memory if that is small. */
void tunnel_stream_put(struct tunnel_stream *s);
void tunnel_stream_free(struct tunnel_stream *s);
/* What an owner took and never gave back is given back when it goes: the peer may still have to send. */
void tunnel_stream_give_back(struct tunnel_stream *s);

/* The callbacks by which nghttp2 tells what came, and by which it sends. */
void tunnel_receiving(nghttp2_session_callbacks *c);
void tunnel_sending(nghttp2_session_callbacks *c);
/* Where nghttp2 gets the body from that s sends, and its trailers: 0, or nghttp2's code. */
nghttp2_data_provider tunnel_source(struct tunnel_stream *s);
int tunnel_submit_trailers(struct tunnel_stream *s);

#endif

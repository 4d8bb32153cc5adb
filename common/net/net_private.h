/* What the files of this library share. */
#ifndef SEVENSTEP_NET_PRIVATE_H
#define SEVENSTEP_NET_PRIVATE_H

#include "net.h"
#include "vigil.h"

#define READ_CHUNK    (64 * 1024)
#define READ_PER_TURN (4 * READ_CHUNK)
#define READ_PER_FILL (READ_CHUNK / 2) /* what was made of more is cold when the turn ends */

struct net {
  uv_loop_t loop;
  uv_prepare_t before_poll;
  uv_idle_t busy; /* runs while `eager` is not empty or the vigil goes on, so that the loop does not block */
  struct vigil vigil;
  bool happened; /* in this turn, to a stream */
  size_t read;   /* bytes, since streams were filled last */
  uv_async_t stop, called;
  uv_mutex_t call_lock; /* over calls, their done, and refuses_calls */
  uv_cond_t call_ended;
  struct net_call *calls; /* singly linked, the first first */
  bool refuses_calls;
  struct stream *dirty; /* singly linked by next_dirty: have something to send this turn */
  struct stream *eager; /* singly linked by next_eager: have bytes to read that no poll reports */
  struct stream *all;   /* doubly linked */
  struct listener *listeners;
  uint8_t chunk[READ_CHUNK];
};

#define STREAM_UNSENT_MAX (256 * 1024) /* what the kernel holds of a stream that has not been sent */
#define FINISH_STALL_MS   30000 /* of stream_finish(), while the peer takes nothing of what is queued */

enum stream_state { STREAM_RESOLVING, STREAM_CONNECTING, STREAM_HANDSHAKE, STREAM_OPEN, STREAM_CLOSING };

struct stream {
  struct net *net;
  uv_poll_t poll;
  uv_timer_t timer; /* connecting and handshake; later stream_finish() */
  uv_getaddrinfo_t resolve;
  int fd;
  enum stream_state state;
  int handles; /* uv handles whose close callbacks are still to come */
  bool poll_ready, timer_ready, resolving;
  bool refused; /* the peer takes no more: what is queued is thrown away */
  bool keeps_unread;
  bool wants_fill; /* on_fill() is still to come */
  bool paused, ending, finishing, lingering, congested, is_dirty, is_eager, wants_write, read_wants_write,
      abortive;
  int polled; /* events asked for */
  struct tls_ctx *tls_ctx;
  struct tls *tls;
  char *server_name;
  struct buf out;
  size_t out_off; /* sent already */
  uint64_t sent;  /* in all */
  const struct stream_events *events;
  void *arg;
  struct failure failure;
  int unread_max; /* bytes, or 0 */
  uint16_t port;
  char peer_ip[46];
  struct stream *next_dirty, *next_eager, *prev, *next;
};

enum err stream_new(struct net *n, struct tls_ctx *tls, const struct stream_events *events, void *arg,
                    struct stream **ret) MUST_CHECK;
/* Takes fd over, also on failure. */
enum err stream_adopt(struct stream *s, int fd, enum stream_state state, unsigned timeout_ms) MUST_CHECK;
/* Polls for what its state waits for now. */
void stream_poll_for(struct stream *s);
/* Bounds what it is in: connecting, the handshake, or stream_finish(); in the place of the bound before. */
void stream_set_timer(struct stream *s, unsigned timeout_ms);
/* The steps from a socket to an open stream, each when poll says so. */
void stream_connected(struct stream *s);
void stream_shake(struct stream *s);
void stream_opened(struct stream *s);
void stream_read_ready(struct stream *s);
void stream_send_queued(struct stream *s);
/* stream_fill() of all streams. */
void net_fill(struct net *n);
/* No more will be sent, which the peer is told. */
void stream_end_output(struct stream *s);
/* The same; what still comes is thrown away by stream_discard(), until the peer has ended, too. */
void stream_linger(struct stream *s);
void stream_discard(struct stream *s);
/* Closes for what a call of the system's has told by this code. */
void stream_fail(struct stream *s, enum err e, const char *what, int code);
/* One of s->handles has gone: with the last, the stream goes. */
void stream_handle_closed(uv_handle_t *handle);
void net_mark_dirty(struct stream *s);
void net_mark_eager(struct stream *s);

#endif

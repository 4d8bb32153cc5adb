/* A stream's handles: the socket that is polled for what its state waits for, and the timer. */
#include "net_private.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

static void on_poll(uv_poll_t *handle, int status, int events);

enum err stream_new(struct net *n, struct tls_ctx *tls, const struct stream_events *events, void *arg,
                    struct stream **ret)
{
  struct stream *s = calloc(1, sizeof *s);
  if (!s) return ERR_NOMEM;
  *s = (struct stream){.net = n, .fd = -1, .tls_ctx = tls, .events = events, .arg = arg};
  buf_init(&s->out, STREAM_WRITE_MAX);
  uv_timer_init(&n->loop, &s->timer);
  s->timer.data = s->poll.data = s->resolve.data = s;
  s->timer_ready = true;
  s->handles = 1;
  s->next = n->all;
  if (n->all) n->all->prev = s;
  n->all = s;
  *ret = s;
  return ERR_OK;
}

enum err stream_adopt(struct stream *s, int fd, enum stream_state state, unsigned timeout_ms)
{
  s->fd = fd;
  s->state = state;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  /* Else a peer that does not read gets megabytes of the kernel's memory, and some hundreds of them all of
   * it, which slows every connection of the machine down. */
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){STREAM_UNSENT_MAX}, sizeof(int));
  if (s->tls_ctx) {
    enum err e = tls_new(s->tls_ctx, fd, s->server_name, &s->tls);
    if (e) return e;
  }
  if (uv_poll_init(&s->net->loop, &s->poll, fd) != 0) return ERR_IO;
  s->poll_ready = true;
  s->handles++;
  if (timeout_ms) stream_set_timer(s, timeout_ms);
  if (state == STREAM_OPEN)
    stream_opened(s);
  else
    stream_poll_for(s);
  return ERR_OK;
}

void stream_poll_for(struct stream *s)
{
  if (s->state == STREAM_CLOSING || !s->poll_ready) return;
  int events = 0;
  if (s->state != STREAM_OPEN || !s->paused || s->lingering) events |= UV_READABLE;
  if (s->wants_write || s->read_wants_write) events |= UV_WRITABLE;
  if (s->state == STREAM_CONNECTING) events = UV_WRITABLE;
  if (events == s->polled) return;
  s->polled = events;
  if (events)
    uv_poll_start(&s->poll, events, on_poll);
  else
    uv_poll_stop(&s->poll);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
  struct stream *s = handle->data;
  s->net->happened = true;
  if (s->state == STREAM_CLOSING) return;
  if (status < 0) { /* EPOLLERR, for which libuv has stopped the handle: let the calls tell the reason, also
                       while nothing is read */
    s->polled = 0;
    events = UV_READABLE | UV_WRITABLE;
  }
  if (s->lingering) {
    stream_discard(s);
    return;
  }
  if (s->state == STREAM_CONNECTING) {
    stream_connected(s);
    return;
  }
  if (s->state == STREAM_HANDSHAKE) {
    stream_shake(s);
    return;
  }
  if (events & UV_WRITABLE) {
    s->wants_write = false;
    if (s->read_wants_write) {
      s->read_wants_write = false;
      events |= UV_READABLE;
    }
    stream_send_queued(s);
  }
  if (s->state == STREAM_OPEN && (events & UV_READABLE)) stream_read_ready(s);
  stream_poll_for(s);
  if (s->net->read >= READ_PER_FILL) net_fill(s->net);
}

static void timed_out(uv_timer_t *timer)
{
  struct stream *s = timer->data;
  if (s->state == STREAM_OPEN) { /* in stream_finish() */
    if (s->lingering)
      stream_close(s, NULL);
    else
      stream_abort(s); /* a clean end would make what was sent look whole */
    return;
  }
  struct failure f;
  failure_set(&f, ERR_TIMEOUT, "%s",
              s->state == STREAM_HANDSHAKE ? "the TLS handshake did not end in time"
                                           : "no connection in time");
  stream_close(s, &f);
}

void stream_set_timer(struct stream *s, unsigned timeout_ms)
{
  uv_timer_start(&s->timer, timed_out, timeout_ms, 0);
}

const char *stream_peer_ip(const struct stream *s)
{
  return s->peer_ip;
}

struct tls *stream_tls(struct stream *s)
{
  return s->tls;
}

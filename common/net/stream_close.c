/* The ends of a stream: at once, by a reset, or when all has been sent and the peer has seen that. */
#include "net_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS 5000 /* after stream_finish(), for the peer's own end */

static void unlink_from(struct stream **list, struct stream *s, bool dirty)
{
  for (struct stream **at = list; *at; at = dirty ? &(*at)->next_dirty : &(*at)->next_eager)
    if (*at == s) {
      *at = dirty ? s->next_dirty : s->next_eager;
      return;
    }
}

static void destroy(struct stream *s)
{
  struct net *n = s->net;
  if (s->events->on_close) s->events->on_close(s, s->arg, &s->failure);
  if (s->is_dirty) unlink_from(&n->dirty, s, true);
  if (s->is_eager) unlink_from(&n->eager, s, false);
  if (s->prev)
    s->prev->next = s->next;
  else
    n->all = s->next;
  if (s->next) s->next->prev = s->prev;
  buf_wipe(&s->out);
  free(s->server_name);
  free(s);
}

void stream_handle_closed(uv_handle_t *handle)
{
  struct stream *s = handle->data;
  if (--s->handles > 0) return;
  tls_free(s->tls);
  if (s->fd >= 0) {
    if (s->abortive) {
      struct linger hard = {.l_onoff = 1, .l_linger = 0};
      setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    close(s->fd);
  }
  destroy(s);
}

void stream_close(struct stream *s, const struct failure *why)
{
  if (s->state == STREAM_CLOSING) return;
  if (why) s->failure = *why;
  if (s->tls && s->state == STREAM_OPEN && !s->lingering && !s->abortive && s->failure.err != ERR_TLS)
    tls_close_notify(s->tls);
  s->state = STREAM_CLOSING;
  if (s->poll_ready) uv_close((uv_handle_t *)&s->poll, stream_handle_closed);
  uv_close((uv_handle_t *)&s->timer, stream_handle_closed);
  if (s->resolving) uv_cancel((uv_req_t *)&s->resolve); /* its callback counts as a handle */
}

void stream_abort(struct stream *s)
{
  if (s->state == STREAM_CLOSING) return;
  s->abortive = true;
  stream_close(s, NULL);
}

void stream_fail(struct stream *s, enum err e, const char *what, int code)
{
  struct failure f;
  failure_set(&f, e, "%s: %s", what, strerror(code));
  stream_close(s, &f);
}

void stream_end_output(struct stream *s)
{
  if (s->tls) tls_close_notify(s->tls);
  shutdown(s->fd, SHUT_WR);
}

void stream_end(struct stream *s)
{
  if (s->state == STREAM_CLOSING || s->finishing || s->ending) return;
  s->ending = true;
  net_mark_dirty(s);
}

void stream_finish(struct stream *s)
{
  if (s->state == STREAM_CLOSING || s->finishing) return;
  if (s->state != STREAM_OPEN) {
    stream_close(s, NULL);
    return;
  }
  s->finishing = true;
  stream_pause(s, true);
  stream_set_timer(s, FINISH_STALL_MS);
  net_mark_dirty(s);
}

/* Everything was sent and our side is shut; what the peer still sends is read and thrown away until it has
 * seen the end. Closing at once with unread bytes would reset the connection and could destroy our answer on
 * its way (RFC 9112 9.6). */
void stream_discard(struct stream *s)
{
  ssize_t n = 1;
  for (size_t read = 0; read < READ_PER_TURN && n > 0; read += READ_CHUNK)
    n = recv(s->fd, s->net->chunk, READ_CHUNK, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) stream_close(s, NULL);
  stream_poll_for(s);
}

void stream_linger(struct stream *s)
{
  stream_end_output(s);
  s->lingering = true;
  s->wants_write = false;
  stream_set_timer(s, LINGER_MS);
  stream_discard(s);
}

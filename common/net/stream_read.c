/* Bytes in, some at a turn, so that nobody who sends much holds the loop. */
#include "net_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static enum tls_want read_some(struct stream *s, size_t *ret_n, struct failure *f)
{
  if (s->tls) return tls_read(s->tls, s->net->chunk, READ_CHUNK, ret_n, f);
  ssize_t n = recv(s->fd, s->net->chunk, READ_CHUNK, 0);
  if (n > 0) {
    *ret_n = (size_t)n;
    return TLS_DONE;
  }
  if (n == 0) return TLS_CLOSED;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return TLS_WANT_READ;
  failure_set(f, ERR_CLOSED, "read: %s", strerror(errno));
  return TLS_FAILED;
}

static void end_of_input(struct stream *s)
{
  if (s->events->on_eof) {
    stream_pause(s, true);
    s->events->on_eof(s, s->arg);
  } else {
    struct failure f;
    failure_set(&f, ERR_CLOSED, "the peer closed the connection");
    stream_close(s, &f);
  }
}

void stream_read_ready(struct stream *s)
{
  for (size_t read = 0, n = 0; read < READ_PER_TURN && s->state == STREAM_OPEN && !s->paused; read += n) {
    struct failure f = {0};
    n = 0;
    switch (read_some(s, &n, &f)) {
    case TLS_DONE:
      s->events->on_data(s, s->arg, s->net->chunk, n);
      s->net->read += n;
      /* A short read means that the socket is empty: save the call that would say so. What comes later, poll
       * tells. */
      if (n < READ_CHUNK && !(s->state == STREAM_OPEN && s->tls && tls_pending(s->tls))) return;
      break;
    case TLS_WANT_READ:
      return;
    case TLS_WANT_WRITE:
      s->read_wants_write = true;
      stream_poll_for(s);
      return;
    case TLS_CLOSED:
      end_of_input(s);
      return;
    case TLS_FAILED:
      stream_close(s, &f);
      return;
    }
  }
  if (s->state == STREAM_OPEN && !s->paused && s->tls && tls_pending(s->tls)) net_mark_eager(s);
}

void stream_pause(struct stream *s, bool pause)
{
  if (s->paused == pause) return;
  s->paused = pause;
  if (s->state != STREAM_OPEN) return;
  stream_poll_for(s);
  if (!pause && s->tls && tls_pending(s->tls)) net_mark_eager(s);
}

void stream_keep_unread(struct stream *s)
{
  s->keeps_unread = true;
}

bool stream_quiet(struct stream *s)
{
  uint8_t byte;
  if (s->state != STREAM_OPEN || s->finishing || (s->tls && tls_pending(s->tls))) return false;
  return recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

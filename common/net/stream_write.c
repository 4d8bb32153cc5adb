/* Bytes out: the queue, and how it leaves once a turn. */
#include "acknowledged.h"
#include "net_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static enum tls_want write_some(struct stream *s, const uint8_t *data, size_t n, size_t *ret_n,
                                struct failure *f)
{
  if (s->tls) return tls_write(s->tls, data, n, ret_n, f);
  ssize_t sent = send(s->fd, data, n, MSG_NOSIGNAL);
  if (sent > 0) {
    *ret_n = (size_t)sent;
    return TLS_DONE;
  }
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return TLS_WANT_WRITE;
  failure_set(f, ERR_CLOSED, "write: %s", strerror(errno));
  return TLS_FAILED;
}

static void all_sent(struct stream *s)
{
  buf_reset(&s->out);
  s->out_off = 0;
  /* An idle connection should not keep the memory of its largest answer. */
  if (s->out.cap > 64 * 1024) buf_clear(&s->out);
  s->wants_write = false;
  if (s->finishing && !s->lingering)
    stream_linger(s);
  else if (s->ending)
    stream_end_output(s);
}

/* TLS_DONE: all that was queued has left. */
static enum tls_want write_all(struct stream *s, struct failure *f)
{
  while (s->out_off < s->out.len) {
    size_t n = 0;
    enum tls_want want = write_some(s, s->out.data + s->out_off, s->out.len - s->out_off, &n, f);
    if (want != TLS_DONE) return want;
    s->out_off += n;
    s->sent += n;
    if (s->finishing) stream_set_timer(s, FINISH_STALL_MS);
  }
  return s->tls ? tls_flush(s->tls, f) : TLS_DONE;
}

/* The peer takes no more. What it said before, an early answer perhaps (RFC 9112 9.5), is still to be read,
 * and reading tells the end. */
static void refused(struct stream *s, const struct failure *f)
{
  if (s->finishing || (s->paused && !s->keeps_unread) || f->err != ERR_CLOSED) {
    stream_close(s, f);
    return;
  }
  s->refused = true;
  s->wants_write = false;
  buf_clear(&s->out);
  s->out_off = 0;
  stream_read_ready(s);
  stream_poll_for(s);
}

void stream_fill(struct stream *s)
{
  if (!s->wants_fill) return;
  s->wants_fill = false;
  if (!stream_out(s)) return;
  s->events->on_fill(s, s->arg);
  if (stream_queued(s) > STREAM_HIGH) s->congested = true;
}

void stream_send_queued(struct stream *s)
{
  struct failure f = {0};
  if (s->state != STREAM_OPEN || s->lingering) return;
  stream_fill(s);
  if (s->state != STREAM_OPEN || s->wants_write) return;
  enum tls_want want = write_all(s, &f);
  if (want == TLS_CLOSED || want == TLS_FAILED) {
    if (!f.err) failure_set(&f, ERR_CLOSED, "write: the peer closed the connection");
    refused(s, &f);
    return;
  }
  /* Never TLS_WANT_READ, without renegotiation, which tls.c refuses. */
  s->wants_write = want == TLS_WANT_WRITE;
  if (want == TLS_DONE) {
    all_sent(s);
  } else if (s->out_off > 256 * 1024) {
    buf_consume(&s->out, s->out_off);
    s->out_off = 0;
  }
  if (s->state != STREAM_OPEN) return;
  stream_poll_for(s);
  if (s->congested && stream_queued(s) < STREAM_LOW) {
    s->congested = false;
    if (s->events->on_drain) s->events->on_drain(s, s->arg);
  }
}

enum err stream_write(struct stream *s, const void *data, size_t n)
{
  struct buf *out = stream_out(s);
  if (!out) return ERR_CLOSED;
  enum err e = buf_append(out, data, n);
  stream_flush(s);
  return e;
}

struct buf *stream_out(struct stream *s)
{
  return s->state == STREAM_CLOSING || s->finishing || s->ending ? NULL : &s->out;
}

void stream_flush(struct stream *s)
{
  if (s->state == STREAM_CLOSING) return;
  if (s->refused) {
    buf_reset(&s->out);
    return;
  }
  if (stream_queued(s) > STREAM_HIGH) s->congested = true;
  if (!s->wants_write) net_mark_dirty(s);
}

void stream_ask_fill(struct stream *s)
{
  if (s->state == STREAM_CLOSING || s->refused) return;
  s->wants_fill = true;
  net_mark_dirty(s);
}

size_t stream_queued(const struct stream *s)
{
  return s->out.len - s->out_off;
}

bool stream_congested(const struct stream *s)
{
  return s->congested;
}

uint64_t stream_sent(const struct stream *s)
{
  return s->sent;
}

uint64_t stream_acknowledged(const struct stream *s, bool *ret_all)
{
  uint64_t n = acknowledged_by_peer(s->fd, ret_all);
  *ret_all = *ret_all && stream_queued(s) == 0;
  return n;
}

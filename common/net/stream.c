#include "net_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FINISH_STALL_MS 30000 /* of stream_finish(), while the peer takes nothing of what is queued */
#define LINGER_MS       5000  /* then, for the peer's own end */

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

/* -- closing
 * --------------------------------------------------------------------------------------------------- */

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

static void handle_closed(uv_handle_t *handle)
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
  if (s->poll_ready) uv_close((uv_handle_t *)&s->poll, handle_closed);
  uv_close((uv_handle_t *)&s->timer, handle_closed);
  if (s->resolving) uv_cancel((uv_req_t *)&s->resolve); /* its callback counts as a handle */
}

void stream_abort(struct stream *s)
{
  if (s->state == STREAM_CLOSING) return;
  s->abortive = true;
  stream_close(s, NULL);
}

static void fail(struct stream *s, enum err e, const char *what, int code)
{
  struct failure f;
  failure_set(&f, e, "%s: %s", what, strerror(code));
  stream_close(s, &f);
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

/* -- polling
 * ----------------------------------------------------------------------------------------------------- */

static void poll_for(struct stream *s)
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

static void opened(struct stream *s)
{
  s->state = STREAM_OPEN;
  uv_timer_stop(&s->timer);
  s->wants_write = false;
  if (s->events->on_open) s->events->on_open(s, s->arg);
  if (s->state != STREAM_OPEN) return;
  if (s->out.len) net_mark_dirty(s); /* written before there was anywhere to send it */
  poll_for(s);
  /* The peer's first bytes may have come in the same records as the end of the handshake. */
  if (s->tls && !s->paused && tls_pending(s->tls)) net_mark_eager(s);
}

static void shake(struct stream *s)
{
  struct failure f = {0};
  switch (tls_handshake(s->tls, &f)) {
  case TLS_DONE:
    opened(s);
    return;
  case TLS_WANT_READ:
    s->wants_write = false;
    break;
  case TLS_WANT_WRITE:
    s->wants_write = true;
    break;
  default:
    if (!f.err) failure_set(&f, ERR_CLOSED, "the peer closed the connection during the TLS handshake");
    stream_close(s, &f);
    return;
  }
  poll_for(s);
}

static void connected(struct stream *s)
{
  int code = 0;
  socklen_t n = sizeof code;
  getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &code, &n);
  if (code) {
    fail(s, ERR_CLOSED, "connect", code);
    return;
  }
  if (!s->tls_ctx) {
    opened(s);
    return;
  }
  s->state = STREAM_HANDSHAKE;
  shake(s);
}

/* Everything was sent and our side is shut; what the peer still sends is read and thrown away until it has
 * seen the end. Closing at once with unread bytes would reset the connection and could destroy our answer on
 * its way (RFC 9112 9.6). */
static void discard(struct stream *s)
{
  ssize_t n = 1;
  for (size_t read = 0; read < READ_PER_TURN && n > 0; read += READ_CHUNK)
    n = recv(s->fd, s->net->chunk, READ_CHUNK, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) stream_close(s, NULL);
  poll_for(s);
}

static void end_output(struct stream *s)
{
  if (s->tls) tls_close_notify(s->tls);
  shutdown(s->fd, SHUT_WR);
}

static void begin_linger(struct stream *s)
{
  end_output(s);
  s->lingering = true;
  s->wants_write = false;
  uv_timer_start(&s->timer, timed_out, LINGER_MS, 0);
  discard(s);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
  struct stream *s = handle->data;
  if (s->state == STREAM_CLOSING) return;
  if (status < 0) { /* EPOLLERR, for which libuv has stopped the handle: let the calls tell the reason, also
                       while nothing is read */
    s->polled = 0;
    events = UV_READABLE | UV_WRITABLE;
  }
  if (s->lingering) {
    discard(s);
    return;
  }
  if (s->state == STREAM_CONNECTING) {
    connected(s);
    return;
  }
  if (s->state == STREAM_HANDSHAKE) {
    shake(s);
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
  poll_for(s);
}

/* -- reading
 * ------------------------------------------------------------------------------------------------------ */

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
      /* A short read means that the socket is empty: save the call that would say so. What comes later, poll
       * tells. */
      if (n < READ_CHUNK && !(s->state == STREAM_OPEN && s->tls && tls_pending(s->tls))) return;
      break;
    case TLS_WANT_READ:
      return;
    case TLS_WANT_WRITE:
      s->read_wants_write = true;
      poll_for(s);
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
  poll_for(s);
  if (!pause && s->tls && tls_pending(s->tls)) net_mark_eager(s);
}

/* -- writing
 * ------------------------------------------------------------------------------------------------------ */

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
    begin_linger(s);
  else if (s->ending)
    end_output(s);
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
    if (s->finishing) uv_timer_start(&s->timer, timed_out, FINISH_STALL_MS, 0);
  }
  return s->tls ? tls_flush(s->tls, f) : TLS_DONE;
}

/* The peer takes no more. What it said before, an early answer perhaps (RFC 9112 9.5), is still to be read,
 * and reading tells the end. */
static void refused(struct stream *s, const struct failure *f)
{
  if (s->finishing || s->paused || f->err != ERR_CLOSED) {
    stream_close(s, f);
    return;
  }
  s->refused = true;
  s->wants_write = false;
  buf_clear(&s->out);
  s->out_off = 0;
  stream_read_ready(s);
  poll_for(s);
}

void stream_send_queued(struct stream *s)
{
  struct failure f = {0};
  if (s->state != STREAM_OPEN || s->lingering) return;
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
  poll_for(s);
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

bool stream_quiet(struct stream *s)
{
  uint8_t byte;
  if (s->state != STREAM_OPEN || s->finishing || (s->tls && tls_pending(s->tls))) return false;
  return recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
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
  uv_timer_start(&s->timer, timed_out, FINISH_STALL_MS, 0);
  net_mark_dirty(s);
}

/* -- beginning
 * ---------------------------------------------------------------------------------------------------- */

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
  if (timeout_ms) uv_timer_start(&s->timer, timed_out, timeout_ms, 0);
  if (state == STREAM_OPEN)
    opened(s);
  else
    poll_for(s);
  return ERR_OK;
}

static void dial(struct stream *s, const struct sockaddr *sa, socklen_t len)
{
  int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    fail(s, ERR_IO, "socket", errno);
    return;
  }
  const void *ip = sa->sa_family == AF_INET6
                       ? (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr
                       : (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
  inet_ntop(sa->sa_family, ip, s->peer_ip, sizeof s->peer_ip);
  if (connect(fd, sa, len) != 0 && errno != EINPROGRESS) {
    int code = errno;
    close(fd);
    fail(s, ERR_CLOSED, "connect", code);
    return;
  }
  struct failure f;
  enum err e = stream_adopt(s, fd, STREAM_CONNECTING, 0);
  if (e) {
    failure_set(&f, e, "no memory for a connection");
    stream_close(s, &f);
  }
}

static void set_port(struct sockaddr *sa, uint16_t port)
{
  if (sa->sa_family == AF_INET6)
    ((struct sockaddr_in6 *)(void *)sa)->sin6_port = htons(port);
  else
    ((struct sockaddr_in *)(void *)sa)->sin_port = htons(port);
}

static void resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
  struct stream *s = req->data;
  s->resolving = false;
  if (s->state == STREAM_CLOSING) {
    uv_freeaddrinfo(list);
    handle_closed((uv_handle_t *)&s->timer); /* the request's own share in s->handles */
    return;
  }
  s->handles--;
  if (status != 0) {
    struct failure f;
    failure_set(&f, ERR_NOT_FOUND, "the host name cannot be resolved: %s", uv_strerror(status));
    stream_close(s, &f);
  } else {
    set_port(list->ai_addr, s->port);
    dial(s, list->ai_addr, list->ai_addrlen);
  }
  uv_freeaddrinfo(list);
}

/* Numeric addresses need no worker. */
static bool numeric(const char *host, uint16_t port, struct sockaddr_storage *sa, socklen_t *len)
{
  if (uv_ip4_addr(host, port, (struct sockaddr_in *)sa) == 0) {
    *len = sizeof(struct sockaddr_in);
    return true;
  }
  *len = sizeof(struct sockaddr_in6);
  return uv_ip6_addr(host, port, (struct sockaddr_in6 *)sa) == 0;
}

enum err stream_connect(struct net *n, const struct lab_addr *addr, struct tls_ctx *tls,
                        const char *server_name, unsigned timeout_ms, const struct stream_events *events,
                        void *arg, struct stream **ret)
{
  struct stream *s;
  enum err e = stream_new(n, tls, events, arg, &s);
  if (e) return e;
  s->port = addr->port;
  if (server_name) s->server_name = strdup(server_name);
  s->state = STREAM_RESOLVING;
  uv_timer_start(&s->timer, timed_out, timeout_ms, 0);
  struct sockaddr_storage sa;
  socklen_t len;
  *ret = s;
  if (server_name && !s->server_name) {
    fail(s, ERR_NOMEM, "connect", ENOMEM);
  } else if (numeric(addr->host, addr->port, &sa, &len)) {
    dial(s, (struct sockaddr *)&sa, len);
  } else {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (uv_getaddrinfo(&n->loop, &s->resolve, resolved, addr->host, NULL, &hints) != 0) {
      fail(s, ERR_NOMEM, "resolve", ENOMEM);
    } else {
      s->resolving = true;
      s->handles++;
    }
  }
  return ERR_OK;
}

const char *stream_peer_ip(const struct stream *s)
{
  return s->peer_ip;
}

struct tls *stream_tls(struct stream *s)
{
  return s->tls;
}

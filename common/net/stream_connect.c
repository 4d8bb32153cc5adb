/* Until a stream is open: the name is resolved, the address dialled, the TLS handshake done. Accepted streams
 * come to the last of these at once. */
#include "net_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void stream_opened(struct stream *s)
{
  s->state = STREAM_OPEN;
  uv_timer_stop(&s->timer);
  s->wants_write = false;
  if (s->events->on_open) s->events->on_open(s, s->arg);
  if (s->state != STREAM_OPEN) return;
  if (s->out.len || s->wants_fill) net_mark_dirty(s); /* written before there was anywhere to send it */
  stream_poll_for(s);
  /* The peer's first bytes may have come in the same records as the end of the handshake. */
  if (s->tls && !s->paused && tls_pending(s->tls)) net_mark_eager(s);
}

void stream_shake(struct stream *s)
{
  struct failure f = {0};
  switch (tls_handshake(s->tls, &f)) {
  case TLS_DONE:
    stream_opened(s);
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
  stream_poll_for(s);
}

void stream_connected(struct stream *s)
{
  int code = 0;
  socklen_t n = sizeof code;
  getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &code, &n);
  if (code) {
    stream_fail(s, ERR_CLOSED, "connect", code);
    return;
  }
  if (!s->tls_ctx) {
    stream_opened(s);
    return;
  }
  s->state = STREAM_HANDSHAKE;
  stream_shake(s);
}

static void limit_unread(int fd, int bytes)
{
  if (fd >= 0 && bytes) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

void stream_limit_unread(struct stream *s, int bytes)
{
  s->unread_max = bytes;
  limit_unread(s->fd, bytes);
}

static void dial(struct stream *s, const struct sockaddr *sa, socklen_t len)
{
  int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    stream_fail(s, ERR_IO, "socket", errno);
    return;
  }
  const void *ip = sa->sa_family == AF_INET6
                       ? (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr
                       : (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
  inet_ntop(sa->sa_family, ip, s->peer_ip, sizeof s->peer_ip);
  limit_unread(fd, s->unread_max);
  if (connect(fd, sa, len) != 0 && errno != EINPROGRESS) {
    int code = errno;
    close(fd);
    stream_fail(s, ERR_CLOSED, "connect", code);
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
    stream_handle_closed((uv_handle_t *)&s->timer); /* the request's own share in s->handles */
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
  stream_set_timer(s, timeout_ms);
  struct sockaddr_storage sa;
  socklen_t len;
  *ret = s;
  if (server_name && !s->server_name) {
    stream_fail(s, ERR_NOMEM, "connect", ENOMEM);
  } else if (numeric(addr->host, addr->port, &sa, &len)) {
    dial(s, (struct sockaddr *)&sa, len);
  } else {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (uv_getaddrinfo(&n->loop, &s->resolve, resolved, addr->host, NULL, &hints) != 0) {
      stream_fail(s, ERR_NOMEM, "resolve", ENOMEM);
    } else {
      s->resolving = true;
      s->handles++;
    }
  }
  return ERR_OK;
}

#include "net_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 64
#define BREATHER_MS      100 /* out of descriptors: give others time to end */

struct listener {
  struct net *net;
  uv_poll_t poll;
  uv_timer_t breather;
  int handles;
  int fd;
  bool closing;
  struct tls_ctx *tls;
  unsigned handshake_ms;
  void *(*on_accept)(void *arg, struct stream *s);
  void *arg;
  const struct stream_events *events;
  struct listener **at, *next;
};

static void on_poll(uv_poll_t *handle, int status, int events);

static void poll_for(struct listener *l)
{
  if (!l->closing) uv_poll_start(&l->poll, UV_READABLE, on_poll);
}

static void breathed(uv_timer_t *timer)
{
  poll_for(timer->data);
}

static void refuse(struct stream *s, const char *why)
{
  struct failure f;
  failure_set(&f, ERR_TOO_LARGE, "%s", why);
  stream_close(s, &f);
}

static const struct stream_events no_events = {0};

static void take(struct listener *l, int fd, const struct sockaddr_storage *sa)
{
  struct stream *s;
  if (stream_new(l->net, l->tls, &no_events, NULL, &s)) {
    close(fd);
    return;
  }
  const void *ip = sa->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr
                                             : (const void *)&((const struct sockaddr_in *)sa)->sin_addr;
  inet_ntop(sa->ss_family, ip, s->peer_ip, sizeof s->peer_ip);
  void *arg = l->on_accept(l->arg, s);
  if (arg) {
    s->arg = arg;
    s->events = l->events;
  }
  if (stream_adopt(s, fd, l->tls ? STREAM_HANDSHAKE : STREAM_OPEN, l->tls ? l->handshake_ms : 0))
    refuse(s, "no memory for a connection");
  else if (!arg)
    refuse(s, "too many connections");
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
  (void)status;
  (void)events;
  struct listener *l = handle->data;
  for (int i = 0; i < ACCEPTS_PER_TURN && !l->closing; i++) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    int fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      take(l, fd, &sa);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      uv_poll_stop(&l->poll);
      uv_timer_start(&l->breather, breathed, BREATHER_MS, 0);
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

static int bind_socket(const struct lab_addr *addr, struct failure *f, enum err *ret_e)
{
  struct sockaddr_storage sa = {0};
  socklen_t len = sizeof(struct sockaddr_in);
  if (uv_ip4_addr(addr->host, addr->port, (struct sockaddr_in *)&sa) != 0) {
    len = sizeof(struct sockaddr_in6);
    if (uv_ip6_addr(addr->host, addr->port, (struct sockaddr_in6 *)&sa) != 0) {
      *ret_e = failure_set(f, ERR_CONFIG, "listen: %s is not a numeric address", addr->host);
      return -1;
    }
  }
  int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0 && listen(fd, 1024) == 0) return fd;
  int code = errno;
  if (fd >= 0) close(fd);
  *ret_e = failure_set(f, code == EADDRINUSE ? ERR_PORT_TAKEN : ERR_IO, "%s port %u: %s", addr->host,
                       addr->port, strerror(code));
  return -1;
}

enum err listener_new(struct net *n, const struct lab_addr *addr, struct tls_ctx *tls, unsigned handshake_ms,
                      void *(*on_accept)(void *arg, struct stream *s), void *arg,
                      const struct stream_events *events, struct listener **ret, struct failure *f)
{
  enum err e = ERR_OK;
  int fd = bind_socket(addr, f, &e);
  if (fd < 0) return e;
  struct listener *l = calloc(1, sizeof *l);
  if (!l || uv_poll_init(&n->loop, &l->poll, fd) != 0) {
    free(l);
    close(fd);
    return ERR_NOMEM;
  }
  uv_timer_init(&n->loop, &l->breather);
  l->net = n;
  l->fd = fd;
  l->tls = tls;
  l->handshake_ms = handshake_ms;
  l->on_accept = on_accept;
  l->arg = arg;
  l->events = events;
  l->handles = 2;
  l->poll.data = l->breather.data = l;
  l->next = n->listeners;
  if (l->next) l->next->at = &l->next;
  l->at = &n->listeners;
  n->listeners = l;
  poll_for(l);
  *ret = l;
  return ERR_OK;
}

static void handle_closed(uv_handle_t *handle)
{
  struct listener *l = handle->data;
  if (--l->handles > 0) return;
  close(l->fd);
  free(l);
}

void listener_close(struct listener *l)
{
  if (!l || l->closing) return;
  l->closing = true;
  *l->at = l->next;
  if (l->next) l->next->at = l->at;
  uv_close((uv_handle_t *)&l->poll, handle_closed);
  uv_close((uv_handle_t *)&l->breather, handle_closed);
}

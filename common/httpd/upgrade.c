/* Connections that speak another protocol behind a 101: libmicrohttpd lets go of their sockets, and one
 * thread serves them all by epoll. What a peer does not read is held in a bounded queue, and meanwhile
 * nothing more is read from it. */
#include "httpd_private.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  READ_CHUNK = 64 << 10,
  QUEUE_HIGH = 256 << 10, /* beyond: nothing is read */
  EVENTS = 64,
  LINGER_S = 5, /* for the peer's own end, behind ours */
};

struct socket {
  struct upgraded *u;
  int fd;
  struct MHD_UpgradeResponseHandle *mhd;
  struct httpd_protocol protocol;
  struct buf out; /* out.data[sent..] is still to be sent */
  size_t sent;
  struct buf early; /* what came behind the request's head */
  bool ending;      /* the protocol has said its last */
  int64_t until_ns; /* our side has ended, and the peer has so long for its own end; 0: not yet */
  uint32_t events;
  struct socket *prev, *next;
};

struct upgraded {
  pthread_mutex_t lock; /* of the list and of stopping; a socket itself is the thread's alone */
  struct socket *sockets;
  bool stopping;
  size_t lingering; /* sockets with until_ns; the thread's alone */
  int epoll, wake;
  pthread_t thread;
};

/* -- a socket's life ------------------------------------------------------------------------------------- */

static void socket_free(struct socket *s)
{
  if (s->protocol.free) s->protocol.free(s->protocol.arg);
  buf_clear(&s->out);
  buf_clear(&s->early);
  free(s);
}

/* Closes. The descriptor is libmicrohttpd's to close. */
static void finish(struct socket *s)
{
  struct upgraded *u = s->u;
  pthread_mutex_lock(&u->lock);
  if (s->prev)
    s->prev->next = s->next;
  else
    u->sockets = s->next;
  if (s->next) s->next->prev = s->prev;
  pthread_mutex_unlock(&u->lock);
  if (s->until_ns) u->lingering--;
  epoll_ctl(u->epoll, EPOLL_CTL_DEL, s->fd, NULL);
  MHD_upgrade_action(s->mhd, MHD_UPGRADE_ACTION_CLOSE);
  socket_free(s);
}

static size_t queued(const struct socket *s)
{
  return s->out.len - s->sent;
}

static uint32_t wanted(const struct socket *s)
{
  uint32_t events = 0;
  if (queued(s)) events |= EPOLLOUT;
  if (s->until_ns || (!s->ending && queued(s) < QUEUE_HIGH)) events |= EPOLLIN;
  return events;
}

static void wait_for(struct socket *s)
{
  struct epoll_event e = {.events = wanted(s), .data.ptr = s};
  if (e.events == s->events) return;
  s->events = e.events;
  epoll_ctl(s->u->epoll, EPOLL_CTL_MOD, s->fd, &e);
}

/* -- bytes ----------------------------------------------------------------------------------------------- */

static bool again(void)
{
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void hand_over(struct socket *s, const uint8_t *data, size_t n)
{
  buf_consume(&s->out, s->sent);
  s->sent = 0;
  s->ending = !s->protocol.on_data(s->protocol.arg, data, n, &s->out);
}

/* False: it is over. */
static bool send_some(struct socket *s)
{
  while (queued(s)) {
    ssize_t n = send(s->fd, s->out.data + s->sent, queued(s), MSG_NOSIGNAL);
    if (n < 0) return again();
    s->sent += (size_t)n;
  }
  if (s->out.cap > QUEUE_HIGH)
    buf_clear(&s->out);
  else
    buf_reset(&s->out);
  s->sent = 0;
  if (s->ending && !s->until_ns) {
    shutdown(s->fd, SHUT_WR);
    s->until_ns = clock_mono_ns() + LINGER_S * 1000000000LL;
    s->u->lingering++;
  }
  return true;
}

/* The peer's end is ours too, once what is queued is sent. */
static bool read_some(struct socket *s)
{
  uint8_t data[READ_CHUNK];
  ssize_t n = recv(s->fd, data, sizeof data, 0);
  if (n < 0) return again();
  if (n == 0 && s->until_ns) return false;
  if (n == 0)
    s->ending = true;
  else if (!s->until_ns)
    hand_over(s, data, (size_t)n);
  return true;
}

static bool serve(struct socket *s, uint32_t events)
{
  if (s->early.len) {
    hand_over(s, s->early.data, s->early.len);
    buf_clear(&s->early);
  }
  if (events & EPOLLERR) return false;
  bool reads = wanted(s) & EPOLLIN;
  if (reads && (events & (EPOLLIN | EPOLLHUP)) && !read_some(s)) return false;
  if (!reads && (events & EPOLLHUP)) return false;
  return send_some(s);
}

/* -- the thread ------------------------------------------------------------------------------------------ */

/* One whose peer does not end, or any when all must go. */
static struct socket *overdue(struct upgraded *u, int64_t now_ns, bool all)
{
  pthread_mutex_lock(&u->lock);
  struct socket *s = u->sockets;
  while (s && !all && !(s->until_ns && now_ns > s->until_ns))
    s = s->next;
  pthread_mutex_unlock(&u->lock);
  return s;
}

static void cut(struct upgraded *u, bool all)
{
  struct socket *s;
  while ((s = overdue(u, clock_mono_ns(), all)))
    finish(s);
}

static bool is_stopping(struct upgraded *u)
{
  pthread_mutex_lock(&u->lock);
  bool stopping = u->stopping;
  pthread_mutex_unlock(&u->lock);
  return stopping;
}

static void *serve_all(void *arg)
{
  struct upgraded *u = arg;
  struct epoll_event events[EVENTS];
  while (!is_stopping(u)) {
    int n = epoll_wait(u->epoll, events, EVENTS, u->lingering ? 1000 : -1);
    for (int i = 0; i < n; i++) {
      struct socket *s = events[i].data.ptr;
      if (!s) continue; /* the wake-up */
      if (serve(s, events[i].events))
        wait_for(s);
      else
        finish(s);
    }
    if (u->lingering) cut(u, false);
  }
  cut(u, true);
  return NULL;
}

static bool open_descriptors(struct upgraded *u)
{
  struct epoll_event e = {.events = EPOLLIN};
  u->epoll = epoll_create1(EPOLL_CLOEXEC);
  u->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return u->epoll >= 0 && u->wake >= 0 && epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->wake, &e) == 0;
}

static void upgraded_free(struct upgraded *u)
{
  if (u->epoll >= 0) close(u->epoll);
  if (u->wake >= 0) close(u->wake);
  pthread_mutex_destroy(&u->lock);
  free(u);
}

enum err httpd_upgrade_start(struct httpd *h)
{
  struct upgraded *u = calloc(1, sizeof *u);
  if (!u) return ERR_NOMEM;
  pthread_mutex_init(&u->lock, NULL);
  if (!open_descriptors(u) || pthread_create(&u->thread, NULL, serve_all, u)) {
    upgraded_free(u);
    return ERR_NOMEM;
  }
  h->upgraded = u;
  return ERR_OK;
}

void httpd_upgrade_stop(struct httpd *h)
{
  struct upgraded *u = h->upgraded;
  const uint64_t one = 1;
  if (!u) return;
  pthread_mutex_lock(&u->lock);
  u->stopping = true;
  pthread_mutex_unlock(&u->lock);
  if (write(u->wake, &one, sizeof one) != sizeof one) abort(); /* its counter cannot be full */
  pthread_join(u->thread, NULL);
}

void httpd_upgrade_free(struct httpd *h)
{
  if (h->upgraded) upgraded_free(h->upgraded);
  h->upgraded = NULL;
}

/* -- from libmicrohttpd ---------------------------------------------------------------------------------- */

/* False: the server is stopping. The first event is that it can be written to, which comes at once. */
static bool add(struct socket *s)
{
  struct upgraded *u = s->u;
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = s};
  s->events = e.events;
  pthread_mutex_lock(&u->lock);
  bool ok = !u->stopping && epoll_ctl(u->epoll, EPOLL_CTL_ADD, s->fd, &e) == 0;
  if (ok) {
    s->next = u->sockets;
    if (s->next) s->next->prev = s;
    u->sockets = s;
  }
  pthread_mutex_unlock(&u->lock);
  return ok;
}

/* On libmicrohttpd's thread, when the 101 is sent. extra is what came behind the request's head. */
static void on_upgrade(void *cls, struct MHD_Connection *mhd, void *req_cls, const char *extra, size_t n,
                       MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
  struct connection *c = cls;
  struct socket *s = c->upgrade;
  (void)mhd;
  (void)req_cls;
  c->upgrade = NULL;
  s->fd = fd;
  s->mhd = handle;
  int flags = fcntl(fd, F_GETFL);
  bool ok = flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
  if (ok && n) ok = buf_append(&s->early, extra, n) == ERR_OK;
  if (ok && add(s)) return;
  MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
  socket_free(s);
}

struct MHD_Response *httpd_upgrade_response(struct connection *c)
{
  struct socket *s = calloc(1, sizeof *s);
  struct MHD_Response *m = s ? MHD_create_response_for_upgrade(on_upgrade, c) : NULL;
  if (!m) {
    free(s);
    return NULL;
  }
  s->u = c->server->upgraded;
  s->protocol = c->r.protocol;
  c->r.protocol = (struct httpd_protocol){0};
  buf_init(&s->out, HTTPD_PROTOCOL_ROOM + QUEUE_HIGH);
  buf_init(&s->early, HTTPD_HEAD_MAX * 2);
  c->upgrade = s;
  return m;
}

void httpd_upgrade_forget(struct connection *c)
{
  if (c->upgrade) socket_free(c->upgrade);
  c->upgrade = NULL;
}

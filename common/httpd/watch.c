/* libmicrohttpd's timeout is for inactivity only, and ends while a connection is suspended; so the deadlines
 * and the delays are kept here, by one thread. */
#include "httpd_private.h"

#include "clock.h"

#include <sys/socket.h>
#include <time.h>

#define SECOND_NS 1000000000LL

/* How long each phase may last. An upload may be long; libmicrohttpd ends one that stands still. */
static int64_t deadline_ns(const struct connection *c)
{
  int64_t since = atomic_load(&c->since_ns);
  switch (atomic_load(&c->phase)) {
  case PHASE_IDLE:
    return since + 120 * SECOND_NS;
  case PHASE_HEAD:
    return since + (int64_t)c->server->config.head_timeout_ms * 1000000;
  default:
    return INT64_MAX;
  }
}

void httpd_watch_phase(struct connection *c, enum phase phase)
{
  atomic_store(&c->since_ns, clock_mono_ns());
  atomic_store(&c->phase, phase);
}

void httpd_watch_add(struct connection *c)
{
  struct httpd *h = c->server;
  httpd_watch_phase(c, PHASE_IDLE);
  pthread_mutex_lock(&h->lock);
  c->next = h->connections;
  if (c->next) c->next->prev = c;
  h->connections = c;
  if (!c->next) pthread_cond_signal(&h->wake);
  pthread_mutex_unlock(&h->lock);
}

/* libmicrohttpd calls for this before it closes the socket, so the watcher never touches another's
 * descriptor. */
void httpd_watch_remove(struct connection *c)
{
  struct httpd *h = c->server;
  pthread_mutex_lock(&h->lock);
  if (c->prev)
    c->prev->next = c->next;
  else
    h->connections = c->next;
  if (c->next) c->next->prev = c->prev;
  pthread_mutex_unlock(&h->lock);
}

bool httpd_watch_suspend(struct connection *c, unsigned ms)
{
  struct httpd *h = c->server;
  pthread_mutex_lock(&h->lock);
  bool ok = !h->stopping;
  if (ok) {
    MHD_suspend_connection(c->mhd);
    c->resume_ns = clock_mono_ns() + (int64_t)ms * 1000000;
    c->suspended = true;
    pthread_cond_signal(&h->wake);
  }
  pthread_mutex_unlock(&h->lock);
  return ok;
}

static void wake_up(struct connection *c)
{
  c->suspended = false;
  MHD_resume_connection(c->mhd);
}

/* Looks at every connection; returns when to look again. Phases begin without telling the watcher, so that is
 * soon. */
static int64_t look(struct httpd *h, int64_t now)
{
  int64_t next = h->connections ? now + SECOND_NS : INT64_MAX;
  for (struct connection *c = h->connections; c; c = c->next) {
    int64_t due = c->suspended ? c->resume_ns : deadline_ns(c);
    if (c->suspended && (h->stopping || due <= now))
      wake_up(c);
    else if (!c->suspended && due <= now)
      shutdown(c->fd, SHUT_RDWR); /* its own thread sees the end and closes */
    else if (due < next)
      next = due;
  }
  return next;
}

static void wait_until(struct httpd *h, int64_t when)
{
  if (when == INT64_MAX) {
    pthread_cond_wait(&h->wake, &h->lock);
    return;
  }
  struct timespec t = {when / SECOND_NS, when % SECOND_NS};
  pthread_cond_timedwait(&h->wake, &h->lock, &t);
}

static void *watch(void *arg)
{
  struct httpd *h = arg;
  pthread_mutex_lock(&h->lock);
  for (;;) {
    int64_t next = look(h, clock_mono_ns());
    if (h->stopping) break;
    wait_until(h, next);
  }
  pthread_mutex_unlock(&h->lock);
  return NULL;
}

enum err httpd_watch_start(struct httpd *h)
{
  if (pthread_create(&h->watcher, NULL, watch, h)) return ERR_NOMEM;
  h->watching = true;
  return ERR_OK;
}

void httpd_watch_stop(struct httpd *h)
{
  if (!h->watching) return;
  pthread_mutex_lock(&h->lock);
  h->stopping = true;
  pthread_cond_signal(&h->wake);
  pthread_mutex_unlock(&h->lock);
  pthread_join(h->watcher, NULL);
  h->watching = false;
}

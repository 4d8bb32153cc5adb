#include "clock.h"
#include "net_private.h"

#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void stay_awake(uv_idle_t *handle)
{
  (void)handle;
}

static bool keeps_vigil(struct net *n)
{
  if (n->happened) {
    n->happened = false;
    if (n->vigil.since_ns) vigil_end(&n->vigil, clock_mono_ns());
    return true;
  }
  if (!vigil_goes_on(&n->vigil, clock_mono_ns())) return false;
  sched_yield();
  return true;
}

/* Sends what this turn's callbacks queued, once, before the loop waits; and serves the eager streams, whose
 * bytes (decrypted already, or left by the cap on reads) no poll would report. */
static void before_poll(uv_prepare_t *handle)
{
  struct net *n = handle->data;
  struct stream *eager = n->eager;
  n->eager = NULL;
  while (eager) {
    struct stream *s = eager;
    eager = s->next_eager;
    s->is_eager = false;
    if (s->state == STREAM_OPEN && !s->paused) stream_read_ready(s);
  }
  while (n->dirty) {
    struct stream *s = n->dirty;
    n->dirty = s->next_dirty;
    s->is_dirty = false;
    if (s->state == STREAM_OPEN) stream_send_queued(s);
  }
  if (n->eager || keeps_vigil(n))
    uv_idle_start(&n->busy, stay_awake);
  else
    uv_idle_stop(&n->busy);
}

void net_fill(struct net *n)
{
  n->read = 0;
  for (struct stream *s = n->dirty; s; s = s->next_dirty)
    if (s->state == STREAM_OPEN) stream_fill(s);
}

void net_mark_dirty(struct stream *s)
{
  if (s->is_dirty) return;
  s->is_dirty = true;
  s->next_dirty = s->net->dirty;
  s->net->dirty = s;
}

void net_mark_eager(struct stream *s)
{
  if (s->is_eager) return;
  s->is_eager = true;
  s->next_eager = s->net->eager;
  s->net->eager = s;
  uv_idle_start(&s->net->busy, stay_awake);
}

static void stop_now(uv_async_t *handle)
{
  struct net *n = handle->data;
  uv_stop(&n->loop);
}

/* -- calls from other threads ---------------------------------------------------------------------------- */

/* The caller's, who waits; of what has begun also the loop's, which may be left alone with it. */
struct net_call {
  void (*run)(void *copy, struct net_call *call);
  bool begun, ended, left;
  struct net_call *next;
  max_align_t copy[];
};

static struct net_call *take_call(struct net *n)
{
  uv_mutex_lock(&n->call_lock);
  struct net_call *call = n->calls;
  while (call && (call->begun || call->ended))
    call = call->next;
  if (call) call->begun = true;
  uv_mutex_unlock(&n->call_lock);
  return call;
}

static void run_calls(uv_async_t *handle)
{
  struct net *n = handle->data;
  struct net_call *call;
  while ((call = take_call(n)))
    call->run(call->copy, call);
}

static void forget_call(struct net *n, struct net_call *call)
{
  struct net_call **at = &n->calls;
  while (*at != call)
    at = &(*at)->next;
  *at = call->next;
  free(call);
}

/* Behind the others. */
static void add_call(struct net *n, struct net_call *call)
{
  struct net_call **last = &n->calls;
  while (*last)
    last = &(*last)->next;
  *last = call;
}

bool net_call_copied(struct net *n, void (*run)(void *copy, struct net_call *call), void *arg, size_t size)
{
  struct net_call *call = malloc(sizeof *call + size);
  bool ended = false;
  if (!call) return false;
  *call = (struct net_call){.run = run};
  memcpy(call->copy, arg, size);
  uv_mutex_lock(&n->call_lock);
  if (!n->refuses_calls) uv_async_send(&n->called);
  add_call(n, call);
  while (!call->ended && !n->refuses_calls)
    uv_cond_wait(&n->call_ended, &n->call_lock);
  memcpy(arg, call->copy, size);
  ended = call->ended;
  call->left = true;
  if (ended || !call->begun) forget_call(n, call);
  uv_mutex_unlock(&n->call_lock);
  return ended;
}

void net_call_end(struct net *n, struct net_call *call)
{
  uv_mutex_lock(&n->call_lock);
  call->ended = true;
  if (call->left) forget_call(n, call);
  uv_cond_broadcast(&n->call_ended);
  uv_mutex_unlock(&n->call_lock);
}

void net_refuse_calls(struct net *n)
{
  uv_mutex_lock(&n->call_lock);
  n->refuses_calls = true;
  uv_cond_broadcast(&n->call_ended);
  uv_mutex_unlock(&n->call_lock);
}

enum err net_new(struct net **ret)
{
  struct net *n = calloc(1, sizeof *n);
  if (!n) return ERR_NOMEM;
  if (uv_loop_init(&n->loop) != 0) {
    free(n);
    return ERR_NOMEM;
  }
  uv_prepare_init(&n->loop, &n->before_poll);
  uv_idle_init(&n->loop, &n->busy);
  uv_async_init(&n->loop, &n->stop, stop_now);
  uv_async_init(&n->loop, &n->called, run_calls);
  if (uv_mutex_init(&n->call_lock) != 0 || uv_cond_init(&n->call_ended) != 0) abort();
  n->before_poll.data = n->busy.data = n->stop.data = n->called.data = n;
  uv_prepare_start(&n->before_poll, before_poll);
  *ret = n;
  return ERR_OK;
}

uv_loop_t *net_loop(struct net *n)
{
  return &n->loop;
}

void net_run(struct net *n)
{
  uv_run(&n->loop, UV_RUN_DEFAULT);
}

void net_stop(struct net *n)
{
  uv_async_send(&n->stop);
}

void net_free(struct net *n)
{
  if (!n) return;
  while (n->listeners)
    listener_close(n->listeners);
  for (struct stream *s = n->all; s; s = s->next)
    stream_close(s, NULL);
  uv_close((uv_handle_t *)&n->before_poll, NULL);
  uv_close((uv_handle_t *)&n->busy, NULL);
  uv_close((uv_handle_t *)&n->stop, NULL);
  uv_close((uv_handle_t *)&n->called, NULL);
  uv_run(&n->loop, UV_RUN_DEFAULT);
  /* A handle that its owner left open is a leak to be seen, not hidden. */
  if (uv_loop_close(&n->loop) != 0) abort();
  while (n->calls) /* that began, and came to no end */
    forget_call(n, n->calls);
  uv_cond_destroy(&n->call_ended);
  uv_mutex_destroy(&n->call_lock);
  free(n);
}

struct job {
  uv_work_t work;
  void (*run)(void *arg);
  void (*done)(void *arg);
  void *arg;
};

static void job_run(uv_work_t *work)
{
  struct job *j = work->data;
  j->run(j->arg);
}

static void job_done(uv_work_t *work, int status)
{
  (void)status; /* jobs are never cancelled */
  struct job *j = work->data;
  j->done(j->arg);
  free(j);
}

enum err net_work(struct net *n, void (*run)(void *arg), void (*done)(void *arg), void *arg)
{
  struct job *j = calloc(1, sizeof *j);
  if (!j) return ERR_NOMEM;
  *j = (struct job){.run = run, .done = done, .arg = arg};
  j->work.data = j;
  if (uv_queue_work(&n->loop, &j->work, job_run, job_done) != 0) {
    free(j);
    return ERR_NOMEM;
  }
  return ERR_OK;
}

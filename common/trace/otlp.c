/* The exporter's thread and its queue; otlp_body.c makes the bodies. */
#include "otlp.h"

#include "clock.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINGER_NS      100000000LL  /* a batch waits this long for company */
#define FAREWELL_NS    1000000000LL /* what otlp_free grants */
#define RETRY_FIRST_NS 200000000LL
#define RETRY_MAX      5
#define CONNECT_MS     1000L
#define POST_MS        5000L

struct otlp {
  char *url;
  pthread_t thread;
  pthread_mutex_t lock; /* of the queue and stopping */
  pthread_cond_t wake;
  char *queue[OTLP_QUEUE_MAX]; /* a ring */
  size_t head, count;
  bool stopping;
  _Atomic int64_t deadline_ns; /* 0, or when to give up (monotonic) */
  _Atomic uint64_t exported, dropped;
  CURL *curl;
  struct curl_slist *headers;
};

static bool out_of_time(const struct otlp *o)
{
  int64_t deadline = atomic_load(&o->deadline_ns);
  return deadline && clock_mono_ns() >= deadline;
}

/* With the lock held: waits for a change, at most ns (-1: for ever). */
static void wait_ns(struct otlp *o, int64_t ns)
{
  if (ns < 0) {
    pthread_cond_wait(&o->wake, &o->lock);
    return;
  }
  int64_t until = clock_mono_ns() + ns;
  struct timespec t = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
  pthread_cond_timedwait(&o->wake, &o->lock, &t);
}

void otlp_push(struct otlp *o, const char *line, size_t n)
{
  char *copy = malloc(n + 1);
  char *oldest = NULL;
  if (!copy) {
    atomic_fetch_add(&o->dropped, 1);
    return;
  }
  memcpy(copy, line, n);
  copy[n] = 0;
  pthread_mutex_lock(&o->lock);
  if (o->count == OTLP_QUEUE_MAX) {
    oldest = o->queue[o->head];
    o->head = (o->head + 1) % OTLP_QUEUE_MAX;
    o->count--;
    atomic_fetch_add(&o->dropped, 1);
  }
  o->queue[(o->head + o->count++) % OTLP_QUEUE_MAX] = copy;
  if (o->count == 1 || o->count == OTLP_BATCH_MAX) pthread_cond_signal(&o->wake);
  pthread_mutex_unlock(&o->lock);
  free(oldest);
}

/* Waits for spans, lets them gather, and takes up to a batch; 0 when it is time to stop. */
static size_t take_batch(struct otlp *o, char *batch[OTLP_BATCH_MAX])
{
  size_t n = 0;
  pthread_mutex_lock(&o->lock);
  while (!o->count && !o->stopping)
    wait_ns(o, -1);
  int64_t until = clock_mono_ns() + LINGER_NS;
  while (o->count < OTLP_BATCH_MAX && !o->stopping && clock_mono_ns() < until)
    wait_ns(o, until - clock_mono_ns());
  while (o->count && n < OTLP_BATCH_MAX) {
    batch[n++] = o->queue[o->head];
    o->head = (o->head + 1) % OTLP_QUEUE_MAX;
    o->count--;
  }
  pthread_mutex_unlock(&o->lock);
  return n;
}

static size_t ignore_body(char *data, size_t size, size_t n, void *arg)
{
  (void)data, (void)arg;
  return size * n;
}

static int abort_when_late(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
  (void)a, (void)b, (void)c, (void)d;
  return out_of_time(arg);
}

enum outcome { TAKEN, REFUSED, TRY_AGAIN };

/* OTLP 1.x, "OTLP/HTTP response": 429, 502, 503 and 504 may be retried, as may a failed connection. */
static enum outcome post(struct otlp *o, const char *body, size_t n)
{
  long status = 0;
  curl_easy_setopt(o->curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(o->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
  if (curl_easy_perform(o->curl) != CURLE_OK) return TRY_AGAIN;
  curl_easy_getinfo(o->curl, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return TAKEN;
  return status == 429 || (status >= 502 && status <= 504) ? TRY_AGAIN : REFUSED;
}

/* Waits before a retry; false when stopping: the receiver had its chance. */
static bool pause_before_retry(struct otlp *o, int64_t ns)
{
  int64_t until = clock_mono_ns() + ns;
  pthread_mutex_lock(&o->lock);
  while (!o->stopping && clock_mono_ns() < until)
    wait_ns(o, until - clock_mono_ns());
  bool go_on = !o->stopping;
  pthread_mutex_unlock(&o->lock);
  return go_on;
}

static void send_batch(struct otlp *o, char *const *batch, size_t n)
{
  char *body;
  size_t len;
  enum outcome got = REFUSED;
  if (!otlp_body(batch, n, &body, &len)) {
    int64_t pause = RETRY_FIRST_NS;
    got = post(o, body, len);
    for (int i = 1; got == TRY_AGAIN && i < RETRY_MAX && pause_before_retry(o, pause); i++, pause *= 2)
      got = post(o, body, len);
    free(body);
  }
  atomic_fetch_add(got == TAKEN ? &o->exported : &o->dropped, n);
}

static void *run(void *arg)
{
  struct otlp *o = arg;
  char *batch[OTLP_BATCH_MAX];
  size_t n;
  while ((n = take_batch(o, batch))) {
    if (out_of_time(o))
      atomic_fetch_add(&o->dropped, n);
    else
      send_batch(o, batch, n);
    for (size_t i = 0; i < n; i++)
      free(batch[i]);
  }
  return NULL;
}

static enum err set_up_curl(struct otlp *o)
{
  if (curl_global_init(CURL_GLOBAL_DEFAULT)) return ERR_INTERNAL;
  o->curl = curl_easy_init();
  o->headers = curl_slist_append(NULL, "Content-Type: application/json");
  if (!o->curl || !o->headers) return ERR_NOMEM;
  bool ok = curl_easy_setopt(o->curl, CURLOPT_URL, o->url) == CURLE_OK;
  ok = ok && curl_easy_setopt(o->curl, CURLOPT_HTTPHEADER, o->headers) == CURLE_OK;
  curl_easy_setopt(o->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(o->curl, CURLOPT_PROXY,
                   ""); /* a lab's receiver is near; a proxy for the internet is not for it */
  curl_easy_setopt(o->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
  curl_easy_setopt(o->curl, CURLOPT_TIMEOUT_MS, POST_MS);
  curl_easy_setopt(o->curl, CURLOPT_WRITEFUNCTION, ignore_body);
  curl_easy_setopt(o->curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(o->curl, CURLOPT_XFERINFOFUNCTION, abort_when_late);
  curl_easy_setopt(o->curl, CURLOPT_XFERINFODATA, o);
  return ok ? ERR_OK : ERR_NOMEM;
}

static void dispose(struct otlp *o)
{
  curl_easy_cleanup(o->curl);
  curl_slist_free_all(o->headers);
  pthread_cond_destroy(&o->wake);
  pthread_mutex_destroy(&o->lock);
  free(o->url);
  free(o);
}

static void init_locks(struct otlp *o)
{
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&o->wake, &attr);
  pthread_condattr_destroy(&attr);
  pthread_mutex_init(&o->lock, NULL);
}

enum err otlp_new(const char *url, struct otlp **ret, struct failure *f)
{
  if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
    return failure_set(f, ERR_USAGE, "the OTLP endpoint is not an http or https URL: %s", url);
  struct otlp *o = calloc(1, sizeof *o);
  if (!o) return failure_set(f, ERR_NOMEM, "the exporter");
  init_locks(o);
  o->url = strdup(url);
  enum err e = o->url ? set_up_curl(o) : ERR_NOMEM;
  if (!e && pthread_create(&o->thread, NULL, run, o)) e = ERR_IO;
  if (e) {
    dispose(o);
    return failure_set(f, e, "the exporter to %s could not start", url);
  }
  *ret = o;
  return ERR_OK;
}

void otlp_free(struct otlp *o)
{
  if (!o) return;
  atomic_store(&o->deadline_ns, clock_mono_ns() + FAREWELL_NS);
  pthread_mutex_lock(&o->lock);
  o->stopping = true;
  pthread_cond_broadcast(&o->wake);
  pthread_mutex_unlock(&o->lock);
  pthread_join(o->thread, NULL);
  dispose(o);
}

void otlp_counts(const struct otlp *o, uint64_t *ret_exported, uint64_t *ret_dropped)
{
  *ret_exported = atomic_load(&o->exported);
  *ret_dropped = atomic_load(&o->dropped);
}

/* The tracer of one process: its file, its share of unasked-for traces, its exporter. */
#include "tracer.h"

#include "clock.h"
#include "otlp.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_DEFAULT (64LL * 1024 * 1024)
#define FILE_BYTES_LEAST   4096LL
#define PATH_BYTES         4352

struct tracer {
  char actor[32];
  char instance[64];
  char path[PATH_BYTES];
  pthread_mutex_t lock; /* of fd and size: rotation must not meet a write */
  int fd;               /* -1: no file */
  long long size, size_max;
  struct otlp *otlp;             /* NULL: no receiver was named */
  _Atomic int64_t sample_window; /* second << 16 | traces begun in it */
  _Atomic uint64_t written, write_errors;
};

static bool name_ok(const char *name, size_t size)
{
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  size_t n = strlen(name);
  return n > 0 && n < size && strspn(name, allowed) == n && name[0] != '.';
}

static long long file_bytes(void)
{
  const char *text = getenv("SEVENSTEP_TRACE_FILE_BYTES");
  long long v = text ? strtoll(text, NULL, 10) : 0;
  if (v <= 0) return FILE_BYTES_DEFAULT;
  return v < FILE_BYTES_LEAST ? FILE_BYTES_LEAST : v;
}

/* Opens t->path for appending and learns its size. */
static int open_file(struct tracer *t)
{
  struct stat st;
  int fd = open(t->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) t->size = fstat(fd, &st) == 0 ? (long long)st.st_size : 0;
  return fd;
}

static enum err start_file(struct tracer *t, const char *run, struct failure *f)
{
  char folder[PATH_BYTES - 128];
  int n = snprintf(folder, sizeof folder, "%s/trace", run);
  if (n < 0 || (size_t)n >= sizeof folder)
    return failure_set(f, ERR_USAGE, "the run folder's path is too long");
  if (mkdir(folder, 0700) < 0 && errno != EEXIST)
    return failure_set(f, ERR_IO, "%s: %s", folder, strerror(errno));
  snprintf(t->path, sizeof t->path, "%s/%s.jsonl", folder, t->instance);
  t->size_max = file_bytes();
  t->fd = open_file(t);
  if (t->fd < 0) return failure_set(f, ERR_IO, "%s: %s", t->path, strerror(errno));
  return ERR_OK;
}

/* The variables are OpenTelemetry's own: the general endpoint is a base, the traces' endpoint is used as it
 * is. */
static enum err start_exporter(struct tracer *t, struct failure *f)
{
  char url[2048];
  const char *whole = getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const char *base = getenv("OTEL_EXPORTER_OTLP_ENDPOINT");
  int n;
  if (whole && *whole) {
    n = snprintf(url, sizeof url, "%s", whole);
  } else if (base && *base) {
    size_t len = strlen(base);
    n = snprintf(url, sizeof url, "%s%sv1/traces", base, base[len - 1] == '/' ? "" : "/");
  } else {
    return ERR_OK;
  }
  if (n < 0 || (size_t)n >= sizeof url)
    return failure_set(f, ERR_USAGE, "OTEL_EXPORTER_OTLP_ENDPOINT is too long");
  return otlp_new(url, &t->otlp, f);
}

enum err tracer_new(const char *run, const char *actor, const char *instance, struct tracer **ret,
                    struct failure *f)
{
  struct tracer *t = calloc(1, sizeof *t);
  if (!t) return failure_set(f, ERR_NOMEM, "the tracer");
  t->fd = -1;
  pthread_mutex_init(&t->lock, NULL);
  enum err e = ERR_OK;
  if (!name_ok(actor, sizeof t->actor) || !name_ok(instance, sizeof t->instance)) {
    e = failure_set(f, ERR_USAGE, "not a name of an actor and instance: %s, %s", actor, instance);
    goto out;
  }
  snprintf(t->actor, sizeof t->actor, "%s", actor);
  snprintf(t->instance, sizeof t->instance, "%s", instance);
  if (run) e = start_file(t, run, f);
  if (!e) e = start_exporter(t, f);
out:
  if (e)
    tracer_free(t);
  else
    *ret = t;
  return e;
}

void tracer_free(struct tracer *t)
{
  if (!t) return;
  otlp_free(t->otlp);
  if (t->fd >= 0) close(t->fd);
  pthread_mutex_destroy(&t->lock);
  free(t);
}

const char *tracer_actor(const struct tracer *t)
{
  return t->actor;
}

const char *tracer_instance(const struct tracer *t)
{
  return t->instance;
}

bool tracer_sample(struct tracer *t)
{
  int64_t second = clock_mono_ns() / 1000000000;
  int64_t seen = atomic_load_explicit(&t->sample_window, memory_order_relaxed);
  for (;;) {
    int64_t begun = seen >> 16 == second ? seen & 0xffff : 0;
    if (begun >= TRACE_OTHERS_PER_SECOND) return false;
    int64_t next = second << 16 | (begun + 1);
    if (atomic_compare_exchange_weak_explicit(&t->sample_window, &seen, next, memory_order_relaxed,
                                              memory_order_relaxed))
      return true;
  }
}

/* With the lock held. When the new file cannot be opened the old one is kept: better too large than lost. */
static void rotate(struct tracer *t)
{
  char older[PATH_BYTES + 2];
  snprintf(older, sizeof older, "%s.1", t->path);
  if (rename(t->path, older) < 0) return;
  int fd = open_file(t);
  if (fd < 0) return;
  close(t->fd);
  t->fd = fd;
}

void tracer_write(struct tracer *t, const char *line, size_t n)
{
  if (t->fd >= 0) {
    pthread_mutex_lock(&t->lock);
    if (t->size > 0 && t->size + (long long)n > t->size_max) rotate(t);
    ssize_t done = write(t->fd, line, n);
    if (done > 0) t->size += done;
    pthread_mutex_unlock(&t->lock);
    atomic_fetch_add_explicit(done == (ssize_t)n ? &t->written : &t->write_errors, 1, memory_order_relaxed);
  }
  if (t->otlp) otlp_push(t->otlp, line, n);
}

void tracer_stats(const struct tracer *t, struct tracer_stats *ret)
{
  *ret = (struct tracer_stats){.written = atomic_load(&t->written),
                               .write_errors = atomic_load(&t->write_errors)};
  if (t->otlp) otlp_counts(t->otlp, &ret->exported, &ret->export_drops);
}

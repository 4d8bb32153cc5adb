/* The tracer of one process: its file, its share of unasked-for traces, its exporter. */
#include "tracer.h"

#include "clock.h"
#include "line_file.h"
#include "otlp.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tracer {
  char actor[32];
  char instance[64];
  struct line_file *spans, *wire; /* NULL: no run folder */
  struct otlp *otlp;              /* NULL: no receiver was named */
  _Atomic int64_t sample_window;  /* second << 16 | traces begun in it */
  _Atomic uint64_t written, write_errors;
};

static bool name_ok(const char *name, size_t size)
{
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  size_t n = strlen(name);
  return n > 0 && n < size && strspn(name, allowed) == n && name[0] != '.';
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

static enum err open_files(struct tracer *t, const char *run, struct failure *f)
{
  enum err e = line_file_new(run, "trace", t->instance, &t->spans, f);
  if (!e) e = line_file_make(t->spans, f);
  return e ? e : line_file_new(run, "wire", t->instance, &t->wire, f);
}

enum err tracer_new(const char *run, const char *actor, const char *instance, struct tracer **ret,
                    struct failure *f)
{
  struct tracer *t = calloc(1, sizeof *t);
  if (!t) return failure_set(f, ERR_NOMEM, "the tracer");
  enum err e = ERR_OK;
  if (!name_ok(actor, sizeof t->actor) || !name_ok(instance, sizeof t->instance)) {
    e = failure_set(f, ERR_USAGE, "not a name of an actor and instance: %s, %s", actor, instance);
    goto out;
  }
  snprintf(t->actor, sizeof t->actor, "%s", actor);
  snprintf(t->instance, sizeof t->instance, "%s", instance);
  if (run) e = open_files(t, run, f);
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
  line_file_free(t->spans);
  line_file_free(t->wire);
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

static void count(struct tracer *t, bool written)
{
  atomic_fetch_add_explicit(written ? &t->written : &t->write_errors, 1, memory_order_relaxed);
}

void tracer_write(struct tracer *t, const char *line, size_t n)
{
  if (t->spans) count(t, line_file_write(t->spans, line, n));
  if (t->otlp) otlp_push(t->otlp, line, n);
}

void tracer_write_wire(struct tracer *t, const char *line, size_t n)
{
  if (t->wire && !line_file_write(t->wire, line, n)) count(t, false);
}

void tracer_stats(const struct tracer *t, struct tracer_stats *ret)
{
  *ret = (struct tracer_stats){.written = atomic_load(&t->written),
                               .write_errors = atomic_load(&t->write_errors)};
  if (t->otlp) otlp_counts(t->otlp, &ret->exported, &ret->export_drops);
}

enum err tracer_metrics(const struct tracer *t, struct buf *out)
{
  struct tracer_stats now;
  tracer_stats(t, &now);
  return buf_printf(
      out,
      "# HELP sevenstep_trace_spans_total Spans written to the trace.\n"
      "# TYPE sevenstep_trace_spans_total counter\n"
      "sevenstep_trace_spans_total %" PRIu64 "\n"
      "# HELP sevenstep_trace_write_errors_total Spans and exchanges that could not be written.\n"
      "# TYPE sevenstep_trace_write_errors_total counter\n"
      "sevenstep_trace_write_errors_total %" PRIu64 "\n"
      "# HELP sevenstep_trace_exported_total Spans that the OTLP receiver took.\n"
      "# TYPE sevenstep_trace_exported_total counter\n"
      "sevenstep_trace_exported_total %" PRIu64 "\n"
      "# HELP sevenstep_trace_export_drops_total Spans dropped on the way to the OTLP receiver.\n"
      "# TYPE sevenstep_trace_export_drops_total counter\n"
      "sevenstep_trace_export_drops_total %" PRIu64 "\n",
      now.written, now.write_errors, now.exported, now.export_drops);
}

/* The trace: every actor reports each step it takes as an OpenTelemetry span. One trace covers a logon and the
 * request it was for; W3C traceparent carries it across every hop, and OAuth's state across the logon redirect.
 *
 * A span that ends is written as one JSON line to RUN/trace/ACTOR.jsonl and, when OTEL_EXPORTER_OTLP_ENDPOINT is set,
 * queued (bounded; the oldest are dropped and counted) for POST to ENDPOINT/v1/traces as OTLP/HTTP JSON by a thread
 * of the tracer's own. Spans of unsampled traces cost a branch and are written only when they failed.
 *
 * What is recorded: every logon, every failure, every request that brings its own traceparent with the sampled flag,
 * and of the other requests at most TRACE_OTHERS_PER_SECOND a second (the head of the trace, the cloud, decides;
 * docs/limits.md says so to users).
 *
 * A struct span is caller storage, used by one thread at a time; the tracer itself is thread safe.
 * Attribute keys follow the OpenTelemetry semantic conventions where there is one, else "sevenstep.*".
 * Never put tokens, tickets, cookies, passwords or keys into attributes. */
#ifndef SEVENSTEP_TRACE_H
#define SEVENSTEP_TRACE_H

#include "buf.h"

#define TRACE_OTHERS_PER_SECOND 50
#define TRACEPARENT_LEN         55 /* 00-<32 hex>-<16 hex>-<2 hex> */

/* The place in a trace (W3C Trace Context): all-zero trace_id means none. */
struct trace_ctx {
  uint8_t trace_id[16];
  uint8_t span_id[8];
  bool sampled;
};

bool trace_ctx_valid(const struct trace_ctx *c);
/* text: exactly the 55 characters of a version-00 traceparent, lower case, ids not all zero; else ERR_SYNTAX. */
enum err trace_ctx_parse(struct trace_ctx *ret, const char *text, size_t n) MUST_CHECK;
void trace_ctx_format(const struct trace_ctx *c, char out[TRACEPARENT_LEN + 1]);
/* 32 hex digits: the activity id that pages, logs and ./sevenstep trace use. */
void trace_id_format(const struct trace_ctx *c, char out[33]);

/* One of the seven steps, from steps.def. number 1..7; NULL otherwise. */
struct step {
  int number;
  const char *actor, *verb, *sentence;
};
const struct step *step_by_number(int number);

struct tracer;
/* instance is e.g. "cloud" or "connector-1"; actor "cloud", "connector". run: the run folder, or NULL for no file. Creates
 * RUN/trace/ (0700). The file is opened for appending; a line is one write(2). */
enum err tracer_new(const char *run, const char *actor, const char *instance, struct tracer **ret, struct failure *f) MUST_CHECK;
/* Flushes the file and what the exporter can send within a second, stops the thread. Accepts NULL. */
void tracer_free(struct tracer *t);
/* Decides for a new trace without a parent: rate-limited as above. */
bool tracer_sample(struct tracer *t);

enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 };

struct span {
  struct tracer *tracer; /* NULL: not started or ended */
  struct trace_ctx ctx;  /* own span_id; hand this on to children */
  uint8_t parent_id[8];
  int step;
  enum span_kind kind;
  const char *name;      /* static: the step's verb, or what the caller gave */
  int64_t start_ns;      /* wall */
  int64_t start_mono_ns;
  struct buf attrs;      /* JSON members, ready to print: "\"k\":v,..." */
  struct buf events;     /* JSON objects, comma separated */
  struct failure failure;
};

/* Starts a span of step (0: a span of no step). parent NULL or invalid: a new trace, sampled as `sampled` says;
 * otherwise the parent's flag is inherited. name NULL: the step's verb. */
void span_start(struct span *s, struct tracer *t, int step, enum span_kind kind, const char *name,
                const struct trace_ctx *parent, bool sampled);
/* Attributes; ignored (a branch) when the span is not sampled, except that they are kept once it failed.
 * Values are cut at 1 KiB; a span holds at most 16 KiB of attributes and events, further ones are dropped. */
void span_str(struct span *s, const char *key, const char *value);
void span_strn(struct span *s, const char *key, const char *value, size_t n);
void span_int(struct span *s, const char *key, int64_t value);
void span_bool(struct span *s, const char *key, bool value);
/* Something that happened at a moment inside the span, e.g. the KDC's own log line. wall_ns 0: now. */
void span_event(struct span *s, int64_t wall_ns, const char *name, const char *text);
/* Marks the span failed; it will be written even if unsampled. The first failure is kept. */
void span_fail(struct span *s, const struct failure *f);
/* Ends and writes. A span that was never started or has ended: nothing happens. */
void span_end(struct span *s);
/* Forgets a span without writing it. */
void span_drop(struct span *s);

#endif

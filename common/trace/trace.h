/* The trace: every actor reports each step it takes as an OpenTelemetry span. One trace covers a logon and
 * the request it was for; W3C traceparent carries it across every hop, and OAuth's state across the logon
 * redirect.
 *
 * A span that ends is written as one JSON line to RUN/trace/INSTANCE.jsonl and, when
 * OTEL_EXPORTER_OTLP_ENDPOINT is set, queued (bounded; the oldest are dropped and counted) for POST to
 * ENDPOINT/v1/traces as OTLP/HTTP JSON by a thread of the tracer's own. Spans of unsampled traces cost a
 * branch and are written only when they failed.
 *
 * What is recorded: every logon, every failure, every request that brings its own traceparent with the
 * sampled flag, and of the other requests at most TRACE_OTHERS_PER_SECOND a second (the head of the trace,
 * the cloud, decides; docs/limits.md says so to users).
 *
 * A struct span is caller storage, used by one thread at a time; the tracer itself is thread safe.
 * Attribute keys follow the OpenTelemetry semantic conventions where there is one, else "sevenstep.*".
 * Never put tokens, tickets, cookies, passwords or keys into attributes. Text that is not UTF-8 is written
 * with U+FFFD in place of the bad bytes. */
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
/* text: exactly the 55 characters of a version-00 traceparent, lower case, ids not all zero; else ERR_SYNTAX.
 */
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
/* instance is e.g. "cloud" or "connector-1"; actor "cloud", "connector"; both of letters, digits and . _ -
 * only, else ERR_USAGE. run: the run folder, or NULL for no file. Creates RUN/trace/ (0700). The file is
 * opened for appending; a line is one write(2). A file that reaches SEVENSTEP_TRACE_FILE_BYTES (default 64
 * MiB) is renamed to INSTANCE.jsonl.1, in place of the one before, and begun anew: an instance never holds
 * more than twice that. One process an instance. */
enum err tracer_new(const char *run, const char *actor, const char *instance, struct tracer **ret,
                    struct failure *f) MUST_CHECK;
/* Flushes the file and what the exporter can send within a second, stops the thread. Accepts NULL. */
void tracer_free(struct tracer *t);
/* Decides for a new trace without a parent: rate-limited as above. */
bool tracer_sample(struct tracer *t);

/* Since the start, for /metrics. */
struct tracer_stats {
  uint64_t written;      /* spans in the file */
  uint64_t write_errors; /* spans and exchanges that could not be written, e.g. on a full disk */
  uint64_t exported;     /* spans the OTLP receiver took */
  uint64_t export_drops; /* spans dropped: queue full, or the receiver refused them or did not answer */
};
void tracer_stats(const struct tracer *t, struct tracer_stats *ret);
/* Appends them in Prometheus's text format: docs/metrics.md, "Every actor that writes spans". */
enum err tracer_metrics(const struct tracer *t, struct buf *out) MUST_CHECK;

enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 };

struct span {
  bool open;             /* started and not ended; a zeroed span is not */
  struct tracer *tracer; /* NULL: nothing is written */
  struct trace_ctx ctx;  /* own span_id; hand this on to children */
  uint8_t parent_id[8];
  int step;
  enum span_kind kind;
  const char *name; /* static: the step's verb, or what the caller gave (kept, not copied) */
  int64_t start_ns; /* wall; 0: to be reckoned at its end, as most spans are never written */
  int64_t start_mono_ns;
  int64_t duration_ns; /* -1: until span_end */
  const char *peer;    /* NULL, or whom the span was reported for; see span_report_for */
  struct buf attrs;    /* JSON members, ready to print: "\"k\":v,..." */
  struct buf events;   /* JSON objects, comma separated */
  struct failure failure;
};

/* Starts a span of step (0: a span of no step). parent NULL or invalid: a new trace, sampled as `sampled`
 * says; otherwise the parent's flag is inherited. name NULL: the step's verb. tracer NULL: the context is
 * made and handed on all the same, nothing is written. */
void span_start(struct span *s, struct tracer *t, int step, enum span_kind kind, const char *name,
                const struct trace_ctx *parent, bool sampled);
/* For a peer that cannot report itself: the connector reports step 5 for the KDC. The span's actor and
 * instance become `peer` (static text), its times those measured: wall-clock start and duration. */
void span_report_for(struct span *s, const char *peer, int64_t start_ns, int64_t duration_ns);
/* Attributes; ignored (a branch) when the span is not sampled, except that they are kept once it failed.
 * Values are cut at 1 KiB; a span holds at most 16 KiB of attributes and events, further ones are dropped. */
void span_str(struct span *s, const char *key, const char *value);
void span_strn(struct span *s, const char *key, const char *value, size_t n);
void span_int(struct span *s, const char *key, int64_t value);
void span_bool(struct span *s, const char *key, bool value);
/* A duration as milliseconds with three decimals, for keys that end in _ms. */
void span_ms(struct span *s, const char *key, int64_t duration_ns);
/* Something that happened at a moment inside the span, e.g. the KDC's own log line. wall_ns 0: now. */
void span_event(struct span *s, int64_t wall_ns, const char *name, const char *text);
/* What was sent to a peer in the course of this span and what came back, byte for byte, e.g. a message to the
 * KDC: for the wire view of docs/trace.md. Written at once to RUN/wire/INSTANCE.jsonl (0600; as bounded as
 * the trace file), which no exporter gets. Ignored (a branch) when the span is not sampled. */
struct span_exchange {
  const char *peer;             /* "127.0.0.1:8448", an URL */
  const char *transport;        /* "udp", "tcp", "http" */
  int64_t sent_ns, received_ns; /* wall */
  const void *sent, *received;  /* at most SPAN_MESSAGE_MAX bytes each; received NULL: nothing came */
  size_t sent_len, received_len;
};
#define SPAN_MESSAGE_MAX 65536u
void span_wire(struct span *s, const struct span_exchange *x);
/* Marks the span failed; it will be written even if unsampled. The first failure is kept. */
void span_fail(struct span *s, const struct failure *f);
/* Ends and writes. A zeroed span, or one that has ended: nothing happens; ctx stays readable. */
void span_end(struct span *s);
/* Forgets a span without writing it. */
void span_drop(struct span *s);

#endif

/* The exporter: a thread that posts finished spans as OTLP/HTTP JSON (OpenTelemetry Protocol 1.x). It takes
 * the lines of the trace file, because turning them into OTLP is work for its thread and not for the one that
 * serves requests. A receiver that is slow or away costs spans, never requests: the queue is bounded and
 * drops its oldest. Private to the tracer. */
#ifndef SEVENSTEP_OTLP_H
#define SEVENSTEP_OTLP_H

#include "buf.h"

#define OTLP_QUEUE_MAX 4096 /* spans */
#define OTLP_BATCH_MAX 256  /* spans a POST */

struct otlp;
/* url: the whole URL of the receiver's traces path. */
enum err otlp_new(const char *url, struct otlp **ret, struct failure *f) MUST_CHECK;
/* Sends what can be sent within a second, then stops. Accepts NULL. */
void otlp_free(struct otlp *o);
/* Queues a copy of one trace line. Thread safe. */
void otlp_push(struct otlp *o, const char *line, size_t n);
void otlp_counts(const struct otlp *o, uint64_t *ret_exported, uint64_t *ret_dropped);

/* lines[0..n) of the trace file as the body of one POST; lines that are not spans are left out. Pure. */
enum err otlp_body(char *const *lines, size_t n, char **ret_body, size_t *ret_len) MUST_CHECK;

#endif

/* The spans of a run: the files NAME.jsonl and NAME.jsonl.1 of RUN/trace, read in place and indexed by trace.
 * Only the lines of the trace asked for are parsed. Lines that are not whole, or not spans, are left out.
 * RUN/wire has files of the same form, whose lines are exchanges. Not thread safe. */
#ifndef SEVENSTEP_TRACE_SPANS_H
#define SEVENSTEP_TRACE_SPANS_H

#include "err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct spans;

struct trace_entry {
  char id[33];
  int64_t start_ns; /* of its first span */
  size_t n;         /* spans */
};

/* folder: "trace" or "wire". ERR_NOT_FOUND when there is no RUN/FOLDER. */
enum err spans_open(const char *run, const char *folder, struct spans **ret, struct failure *f) MUST_CHECK;
void spans_close(struct spans *s); /* accepts NULL */

/* Every trace, the earliest first. Owned by s. */
const struct trace_entry *spans_traces(const struct spans *s, size_t *ret_n);

/* The trace whose id begins with prefix (lower-case hex), or "last": the one that began last. ERR_SYNTAX when
 * it is neither, ERR_NOT_FOUND, or ERR_EXISTS when several begin so: f->why names some. */
enum err spans_find(const struct spans *s, const char *prefix, const struct trace_entry **ret,
                    struct failure *f) MUST_CHECK;

/* Its spans as a new array of objects, ordered by time, then by step. */
json_t *spans_load(const struct spans *s, const struct trace_entry *trace);
/* The same of all traces' lines with this text in them; of more than max, the latest. */
json_t *spans_with(const struct spans *s, const char *text, size_t max);

#endif

/* One trace told in order: what it was about, how it ended, and its steps. Made from the spans, knows nothing
 * of terminals. */
#ifndef SEVENSTEP_TRACE_STORY_H
#define SEVENSTEP_TRACE_STORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct story {
  char id[33];
  json_t *spans; /* owned; ordered */
  int64_t start_ns, end_ns;
  bool failed;
  json_t *failed_span;     /* of those that failed the nearest to the cause, in spans; NULL if none */
  const char *application; /* these point into spans; NULL if unknown */
  const char *user;
  const char *url;
  json_int_t status; /* of the last answer to the user; 0 if unknown */
  json_t *wire;      /* owned; the summary of exchanges.h, NULL unless they were added */
  char steps[16];    /* the digits of the steps taken, each once, in order: "1234567" */
};

/* Takes over spans. */
void story_tell(struct story *ret, const char *id, json_t *spans);
void story_clear(struct story *s);

/* Nothing is missing: it ended with step 7 or a failure, and every span's parent is there, but for the
 * first's, which may be the client's own. */
bool story_complete(const struct story *s);

/* The document of docs/trace.md, "JSON". */
json_t *story_json(const struct story *s);

/* Members of spans, with a default. */
const char *span_text(json_t *span, const char *key);  /* "" */
json_int_t span_number(json_t *span, const char *key); /* 0 */
json_t *span_attribute(json_t *span, const char *key); /* NULL */

/* UTC with milliseconds, RFC 3339: "2023-11-14T22:13:20.123Z". */
void story_time(int64_t ns, char out[32]);

#endif

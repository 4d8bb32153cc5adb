/* What was found: printed line by line as it comes, or as one JSON document at the end. */
#ifndef SEVENSTEP_DOCTOR_REPORT_H
#define SEVENSTEP_DOCTOR_REPORT_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum outcome { OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_SKIP };

struct finding {
  const char *check;
  enum outcome outcome;
  char what[600]; /* what was seen, or why it was skipped */
  /* For OUTCOME_FAIL: */
  const char *error; /* name in err.def */
  int event;         /* Microsoft's number, or 0 */
  char cause[400], mit[400], ad[400];
};

struct report {
  FILE *out;
  bool json;
  json_t *findings;
  unsigned passed, failed, skipped;
  struct finding first; /* the first failure, which the others follow from */
};

enum err report_init(struct report *r, FILE *out, bool json) MUST_CHECK;
void report_add(struct report *r, const struct finding *f);
void report_pass(struct report *r, const char *check, const char *what, ...) PRINTF_LIKE(3, 4);
void report_skip(struct report *r, const char *check, const char *what, ...) PRINTF_LIKE(3, 4);
/* The summary, or the whole JSON document. */
void report_end(struct report *r);
void report_clear(struct report *r);

#endif

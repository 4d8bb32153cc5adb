/* One request to a handler of step 2: the request, the answer, and the span that tells of it. */
#ifndef SEVENSTEP_VISIT_H
#define SEVENSTEP_VISIT_H

#include "idp.h"

struct visit {
  struct idp *idp;
  const struct httpd_request *q;
  struct httpd_response *r;
  struct span span;
};

/* Begins; parent NULL or invalid: the request's traceparent field, else a trace of its own. step 0: name is
 * the span's. */
void visit_begin(struct visit *v, const struct httpd_request *q, struct httpd_response *r, int step,
                 const char *name, const struct trace_ctx *parent);
/* Adds Sevenstep-Trace and Sevenstep-Actor to the answer, ends the span. */
void visit_end(struct visit *v);
/* Marks the span failed, logs, and adds Sevenstep-Error. The caller answers. */
void visit_fail(struct visit *v, const struct failure *f);

/* The answer could not be made: a plain line instead. Nothing happens when e is ERR_OK. */
void visit_failed(struct visit *v, enum err e);

/* The request's form: the query of a GET; of a POST the body, which must be
 * application/x-www-form-urlencoded. */
enum err visit_form(const struct httpd_request *q, const char **ret_text, size_t *ret_n,
                    struct failure *f) MUST_CHECK;

/* Answers JSON that nobody may store. */
enum err visit_json(struct httpd_response *r, int status, const char *json) MUST_CHECK;

#endif

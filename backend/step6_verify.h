/* Step 6: the ticket is verified before anything else is done for a request. */
#ifndef SEVENSTEP_STEP6_VERIFY_H
#define SEVENSTEP_STEP6_VERIFY_H

#include "backend.h"

/* One request, from the verification of its ticket to the end of its span. */
struct visit {
  struct backend *backend;
  const struct httpd_request *request;
  struct httpd_response *response;
  const struct lab *lab;        /* as it was when the request began; a reference */
  const struct lab_app *app;    /* by Host; NULL: none of the lab's */
  struct lab_concrete concrete; /* app, where it is published by a wildcard */
  bool authenticated;           /* who is filled in */
  struct krb_accepted who;
  struct buf reply;       /* the value of WWW-Authenticate: the proof of mutual authentication */
  struct failure failure; /* of the verification */
  struct span span;
};

/* Begins the span (a child of the request's traceparent), finds the application, verifies the ticket if it
 * needs one. On failure visit_end answers for itself: 401 with a bare Negotiate, or 404. */
enum err visit_begin(struct visit *v, struct backend *b, const struct httpd_request *request) MUST_CHECK;
/* Adds what every answer carries, or makes the answer if the verification failed; ends the span and frees. */
void visit_end(struct visit *v, struct httpd_response *r);
/* Ends the span of a request whose client went away. */
void visit_abandon(struct visit *v);

#endif

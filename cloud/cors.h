/* Scripts in the user's browser: which other origins' may read an application's answers (cors: in lab.yaml,
 * the Fetch standard 3.2), and how a script learns that its user has to sign in. */
#ifndef SEVENSTEP_CORS_H
#define SEVENSTEP_CORS_H

#include "exchange.h"

/* A preflight (Fetch 3.2.2) of an application that has rules is answered here, without a session: 204 with
 * what the matching rule allows, or 403 cors_refused. false: it is none, or there are no rules. */
bool cors_preflight(struct exchange *x);
/* The fields of any response of an application that has rules: its own Access-Control-* give way to what the
 * rule for the request's origin says, and Vary tells caches. Without rules f stays as it is. */
enum err cors_response(const struct exchange *x, struct fields *f) MUST_CHECK;

/* Was this request made by a script, which cannot show a logon page? */
bool asks_as_script(const struct exchange *x);
/* 401 with JSON: error, why, step, trace, and where a window is to be opened for the logon. */
void refuse_script(struct exchange *x, enum err e);

#endif

/* What the application shows: who you are, how your ticket came, and the request as it arrived. */
#ifndef SEVENSTEP_BACKEND_PAGES_H
#define SEVENSTEP_BACKEND_PAGES_H

#include "step6_verify.h"

/* As a page for people. */
enum err page_whoami(const struct visit *v, struct httpd_response *r) MUST_CHECK;
/* As JSON: {"application":..,"user":..,"ticket":{..},"request":{..},"trace_id":".."}; user and ticket are
 * null without one, ticket's logon without logon info in the PAC. */
enum err json_whoami(const struct visit *v, struct httpd_response *r) MUST_CHECK;
/* An error page with the failure's status; trace_id may be NULL. */
enum err page_failure(struct httpd_response *r, const struct failure *f, const char *trace_id) MUST_CHECK;
/* Does the client want JSON rather than HTML? */
bool wants_json(const struct httpd_request *q);

#endif

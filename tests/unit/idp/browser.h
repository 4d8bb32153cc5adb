/* A provider of its own for each test, over the checkout's lab.yaml, and a browser that calls its handlers as
 * the server would: finds the route, keeps cookies, reads forms. Aborts the test when something is not as it
 * must be. */
#ifndef SEVENSTEP_TEST_BROWSER_H
#define SEVENSTEP_TEST_BROWSER_H

#include "idp.h"

#include <check.h>

/* Once, in main(), before Check forks: keys and hashes are made here and used by all tests. */
void provider_prepare(void);
void provider_finish(void);
/* Fixture of each test. */
void provider_setup(void);
void provider_teardown(void);
extern struct idp provider;
extern char provider_folder[64];
const struct lab *provider_lab(void);
/* lab.yaml with these changes in the folder's changes.yaml, until the test ends; the caller's. */
const struct lab *provider_lab_changed(const char *changes);

/* The last answer. */
extern struct httpd_response answer;
const char *answer_body(void);
const char *answer_field(const char *name); /* "" when absent */
bool answer_has(const char *text);          /* in the body */
const char *answer_error(void);             /* Sevenstep-Error, "" if none */
/* A parameter of the answer's Location, decoded; NULL when absent. Static storage. */
const char *location_param(const char *name);

/* Requests. target: path and query; headers: pairs of name and value, ending with NULL. */
void browse(const char *method, const char *target, const char *body, ...);
void browser_get(const char *target);
void browser_post(const char *target, const char *form);
/* Forgets all cookies. */
void browser_new(void);
const char *browser_cookie(const char *name); /* "" when absent */

/* The value of an input of the page, HTML-unescaped; aborts when absent. Static storage, one per call of up
 * to four. */
const char *page_field(const char *name);
bool page_has_field(const char *name);

/* The request of hello (id_token, form_post) or of the further client (code, PKCE), with changes: pairs of
 * name and value ending with NULL; value NULL: removed. Returns the query; static storage. */
const char *hello_request(const char *name, ...);
const char *code_request(const char *name, ...);
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" /* RFC 7636 appendix B */

/* GET /authorize?request. */
void authorize_with(const char *request);
/* Fills the logon form of the page at hand. */
void logon(const char *user, const char *password);
/* The whole way of the further client: a code. Static storage. */
const char *get_code(const char *user, const char *password);
/* POST /token with the further client's credentials and this form (NULL: the good one for this code). */
void redeem_code(const char *code, const char *form);
/* A string member of the answer's JSON body, "" if absent. Static storage. */
const char *json_text(const char *member);

#endif

/* The pages people see: plain HTML, usable without script, from this provider alone (a strict
 * Content-Security-Policy), never stored and never framed. All text that came from outside is escaped. Thread
 * safe; no I/O.
 *
 * Programs read them too: every <input> stands on a line of its own with its attributes in the order type,
 * name, value; an error is <code data-error="NAME">. */
#ifndef SEVENSTEP_PAGES_H
#define SEVENSTEP_PAGES_H

#include "authorize.h"
#include "httpd.h"

/* The logon form. failure (may be NULL): why the last attempt failed; the status is its own, else 200.
 * request and proof come back as hidden fields. */
enum err page_logon(struct httpd_response *r, const char *title, const char *user, const char *request,
                    const char *proof, const struct failure *failure) MUST_CHECK;

/* A refusal or failure, with its status. again (may be NULL): a URL behind "Sign in as somebody else".
 * trace_id may be NULL. */
enum err page_failure(struct httpd_response *r, const struct failure *f, const char *trace_id,
                      const char *again) MUST_CHECK;

/* The form that carries an answer to the client (OAuth 2.0 Form Post Response Mode): a button, and a script
 * that presses it. Params are the hidden fields, in order. */
enum err page_form_post(struct httpd_response *r, const char *action, const char *title,
                        const struct fields *params) MUST_CHECK;

/* Do you want to sign out? request and proof come back; action is where. */
enum err page_sign_out(struct httpd_response *r, const char *user, const char *request,
                       const char *proof) MUST_CHECK;
enum err page_signed_out(struct httpd_response *r) MUST_CHECK;

#endif

/* Answers to an authorization request: to the client, by redirect or form (RFC 6749 4.1.2, OAuth 2.0 Form
 * Post Response Mode, RFC 9207), or to the person in front of it, as a page. */
#ifndef SEVENSTEP_REPLY_H
#define SEVENSTEP_REPLY_H

#include "authorize.h"
#include "visit.h"

/* Sends name=value (an id_token or a code), state and iss to the redirect URI. */
enum err reply_success(struct visit *v, const struct authorize *a, const char *name,
                       const char *value) MUST_CHECK;
/* Tells the client, when it may be told, else shows a page. Marks the visit failed. */
enum err reply_error(struct visit *v, const struct authorize *a, const struct failure *f) MUST_CHECK;
/* Shows the page in any case: what concerns the person. again (may be NULL) as in page_failure. */
enum err reply_page(struct visit *v, const struct failure *f, const char *again) MUST_CHECK;

/* The error code of RFC 6749 4.1.2.1, 5.2 or OpenID Connect Core 3.1.2.6 for one of ours. */
const char *oauth_error_code(enum err e);
/* f as error_description: its words, with what RFC 6749 4.1.2.1 does not allow replaced. */
void oauth_error_description(const struct failure *f, char *out, size_t size);

#endif

/* Our own forms (logon, logout) are bound to the browser they were shown to, and to what they were shown for,
 * for half an hour: the page sets a SameSite=Lax cookie with a random value and carries a MAC over cookie,
 * content and time. So nobody else's page can post them, neither in the user's name nor to sign the user in
 * as somebody else (RFC 9700 4.7, login forgery). Thread safe. */
#ifndef SEVENSTEP_FORMS_H
#define SEVENSTEP_FORMS_H

#include "fields.h"
#include "idp.h"

#define FORM_COOKIE     "__Host-sevenstep-idp-form"
#define FORM_LIFETIME_S 1800
#define FORM_PROOF_MAX  80

/* The proof to put into a form with this content. Uses the request's form cookie, or adds a new one to the
 * response. */
enum err form_prove(struct idp *i, const struct fields *request, struct fields *response, const char *content,
                    char ret_proof[static FORM_PROOF_MAX]) MUST_CHECK;
/* ERR_LOGON_FORGED unless proof was made for this browser and content, not longer ago than it lives. */
enum err form_check(struct idp *i, const struct fields *request, const char *content, const char *proof,
                    struct failure *f) MUST_CHECK;

#endif

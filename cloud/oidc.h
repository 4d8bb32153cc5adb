/* The cloud as a relying party: the provider's metadata and keys (OpenID Connect Discovery 4), fetched on
 * workers, and the exchange of authorization codes. Fetched at start (again, with growing pauses, until the
 * provider answers), and the keys again when a token names an unknown one, at most every 5 s (OIDC
 * Core 10.1.1). Loop's thread. */
#ifndef SEVENSTEP_OIDC_H
#define SEVENSTEP_OIDC_H

#include "buf.h"
#include "cloud.h"
#include "fields.h"
#include "token.h"

struct oidc;
/* on_ready is called once, when metadata and keys are there for the first time. */
enum err oidc_new(struct cloud *c, void (*on_ready)(struct cloud *c), struct oidc **ret,
                  struct failure *f) MUST_CHECK;
void oidc_free(struct oidc *o); /* after the loop has ended; accepts NULL */
void oidc_stop(struct oidc *o); /* closes its timer; who waits is told that it is over */
/* Once a second: whose turn does not come is told. */
void oidc_sweep(struct oidc *o, int64_t now_ns);

/* NULL until the metadata are there. */
const char *oidc_authorization_endpoint(const struct oidc *o);
bool oidc_iss_parameter_supported(const struct oidc *o); /* RFC 9207 3 */
const struct jwks *oidc_keys(const struct oidc *o);
/* What a token for the application has to say of the user's name for the KDC, into *x. */
void oidc_expect_login(const struct lab *lab, const struct lab_app *app, struct token_expect *x);
/* Fetches the keys again; done(arg, true) when they were fetched, false when that failed or was too soon. */
void oidc_refresh(struct oidc *o, void (*done)(void *arg, bool fetched), void *arg);

/* Exchanges a code (RFC 6749 4.1.3, RFC 7636 4.5) on a worker, in seconds at most. done() gets the ID token,
 * or NULL and the failure; not before the function returns. All strings are copied. An identity provider that
 * is slow holds OIDC_CODES_AT_ONCE workers and not all of them, for the store needs some; further codes wait
 * their turn, a bounded number of them and for a bounded time: ERR_CODES_WAITING. */
#define OIDC_CODES_AT_ONCE 8 /* of CLOUD_WORKERS */
#define OIDC_CODES_WAITING 256
enum err oidc_exchange(struct oidc *o, const struct lab_app *app, const char *code, const char *verifier,
                       const char *redirect_uri, const struct trace_ctx *ctx,
                       void (*done)(void *arg, const char *id_token, const struct failure *f),
                       void *arg) MUST_CHECK;

#endif

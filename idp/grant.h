/* What a user's logon gives a client: an ID token at once, or an authorization code to fetch tokens with.
 * Codes are records of the store: single use, bound to client, redirect URI and PKCE challenge, short-lived
 * (RFC 6749 4.1.2). */
#ifndef SEVENSTEP_GRANT_H
#define SEVENSTEP_GRANT_H

#include "authorize.h"
#include "sessions.h"

/* What was granted. Strings belong to params, or to the authorization request. */
struct grant {
  struct client client;
  const struct lab_user *user;
  int64_t auth_time_s;
  const char *mark; /* the logon's (revocation.h) */
  const char *redirect_uri, *nonce, *code_challenge;
  bool profile;
  const struct lab_app *resource; /* the access token is for this application; NULL: for UserInfo */
  struct trace_ctx trace;         /* the logon's, for the token endpoint's span */
  struct fields params;
};

/* An ID token for the grant. access_token (may be NULL) gives at_hash. */
enum err grant_id_token(struct idp *i, const struct grant *g, const char *access_token, struct buf *out,
                        struct failure *f) MUST_CHECK;
/* An access token under this id: for the application that was asked for, in place of a session there; else
 * for UserInfo here and for the client's own API. */
enum err grant_access_token(struct idp *i, const struct grant *g, const char *jti, struct buf *out,
                            struct failure *f) MUST_CHECK;

/* Stores the grant under a new code. */
enum err grant_put_code(struct idp *i, const struct grant *g,
                        char ret_code[static IDP_SECRET_TEXT + 1]) MUST_CHECK;
/* Takes it, once. jti: the id of the access token to be issued for it. A code that was taken before: its
 * access token is revoked (RFC 6749 4.1.2). ERR_OIDC_INVALID_GRANT. *ret is freed with grant_clear. */
enum err grant_take_code(struct idp *i, const char *code, const char *jti, struct grant *ret,
                         struct failure *f) MUST_CHECK;
void grant_clear(struct grant *g);

/* Has the access token with this id been revoked? An error counts as yes. */
bool grant_revoked(struct idp *i, const char *jti);

#endif

/* Issuing tokens (step 2): ID tokens (OpenID Connect Core 2) and access tokens (RFC 9068), signed RS256
 * with the ring's current key. Of the actors only the identity provider links this; verification is another library
 * (token.h), which shares nothing with it, so that each checks the other.
 *
 * All strings are UTF-8 without control characters, checked by the caller; a NULL string leaves its claim
 * out. Thread safe. */
#ifndef SEVENSTEP_TOKEN_ISSUE_H
#define SEVENSTEP_TOKEN_ISSUE_H

#include "token_keys.h"

struct token_issue {
  const char *issuer;
  const char *subject;                            /* never reassigned; at most 255 ASCII characters */
  const char *client_id;                          /* the ID token's audience; an access token's client_id */
  const char *audiences[2];                       /* an access token's; the second may be NULL */
  const char *jti;                                /* required in access tokens */
  const char *nonce;                              /* ID tokens: as in the request */
  const char *upn, *spn;                          /* what step 3 reads */
  const char *on_premises_upn, *sam_account_name; /* the same, for applications that ask for them */
  const char *name;
  const char *preferred_username; /* ID tokens: scope profile */
  const char *const *groups;      /* left out when n_groups is 0 */
  size_t n_groups;
  const char *scope;                        /* access tokens */
  const char *access_token;                 /* ID tokens: gives at_hash (OpenID Connect Core 3.1.3.6) */
  int64_t issued_s, expires_s, auth_time_s; /* auth_time 0: left out */
};

/* Append the compact JWT to out. */
enum err token_issue_id(struct token_keys *k, const struct token_issue *t, struct buf *out,
                        struct failure *f) MUST_CHECK;
enum err token_issue_access(struct token_keys *k, const struct token_issue *t, struct buf *out,
                            struct failure *f) MUST_CHECK;

#endif

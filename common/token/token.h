/* Verification of ID tokens and access tokens (step 3): strict, over OpenSSL and jansson with cached keys.
 * It refuses before it trusts: three parts of strict base64url, a JSON object header without crit, jku, x5u,
 * jwk or x5c use, kid looked up, the one algorithm pinned to that key, signature; then claims. Sources: RFC
 * 7515 5.2, RFC 7519 7.2, RFC 8725 3, OpenID Connect Core 3.1.3.7, RFC 9068 4. Issuing is another library,
 * which only the identity provider links. */
#ifndef SEVENSTEP_TOKEN_H
#define SEVENSTEP_TOKEN_H

#include "buf.h"

#define TOKEN_MAX        16384 /* bytes of a compact JWT */
#define TOKEN_SKEW_S     60    /* tolerated difference of clocks */
#define TOKEN_UPN_MAX    255
#define TOKEN_SPN_MAX    255
#define TOKEN_GROUPS_MAX 1023

struct jwks; /* an immutable set of public keys; read by many threads */

/* json: a JWK Set document (RFC 7517). Keys that are no RS256 signature keys of >= 2048 bit are skipped; none
 * left, or two with the same kid: ERR_TOKEN_UNKNOWN_KEY. */
enum err jwks_parse(const char *json, size_t n, struct jwks **ret, struct failure *f) MUST_CHECK;
void jwks_free(struct jwks *k); /* accepts NULL */
bool jwks_has_kid(const struct jwks *k, const char *kid);

/* ID tokens and access tokens are told apart by typ, so that neither serves as the other (RFC 8725 3.11, RFC
 * 9068 2.1). */
enum token_kind {
  TOKEN_ID = 0,     /* typ absent or JWT; audience: the client alone; azp, when present, the same */
  TOKEN_ACCESS = 1, /* typ at+jwt; audience: the resource among others; client_id and jti are required */
};

/* The scope of an access token that lets an API client use an application as its user, as Azure AD calls it.
 */
#define TOKEN_SCOPE_USER "user_impersonation"

/* Where the name stands for which the connector asks a ticket. */
enum token_login {
  TOKEN_LOGIN_UPN = 0,          /* upn itself */
  TOKEN_LOGIN_ON_PREMISES_UPN,  /* onpremisesuserprincipalname */
  TOKEN_LOGIN_SAM_ACCOUNT_NAME, /* onpremisessamaccountname */
};

struct token_expect {
  enum token_kind kind; /* zero: an ID token */
  const char *issuer;
  const char *audience;         /* our client_id; for access tokens the resource */
  const char *nonce;            /* compared in constant time; NULL: not checked (bearer tokens) */
  const char *spn;              /* the published one; NULL: no spn is required */
  const char *upn_suffix;       /* NULL: no upn is required, and none is returned */
  const char *scope;            /* access tokens: a word that their scope has to have; NULL: any scope */
  const char *other_upn_suffix; /* one more that a upn may end in; NULL: none */
  bool any_upn_suffix; /* it is not compared: only what stands before the @ will be used, or another claim */
  enum token_login login; /* required, too, when a upn is */
  int64_t now_s;
};

struct token_claims {
  char subject[256];
  char upn[TOKEN_UPN_MAX + 1]; /* validated: token_upn_valid */
  char login[TOKEN_UPN_MAX +
             1]; /* "" with TOKEN_LOGIN_UPN; else as well-formed as a upn or an account's name */
  char spn[TOKEN_SPN_MAX + 1];       /* "" when none was required and none present */
  char name[256];                    /* display name, may be "" */
  char groups[TOKEN_GROUPS_MAX + 1]; /* joined by commas; "" when there are none, or more than fit */
  char kid[128];
  int64_t issued_s, expires_s, auth_time_s; /* auth_time 0 when absent */
  char jti[64];                             /* may be "" */
  char client_id[256];                      /* access tokens only, else "" */
  char scope[256];                          /* access tokens only; may be "" */
};

/* Verifies signature and all claims. ERR_TOKEN_* tells the first thing wrong, in this order: form, algorithm,
 * key, signature, type, claims' types, issuer, audience, times, nonce, UPN, SPN, scope. ERR_TOKEN_UNKNOWN_KEY
 * lets the caller refetch the key set (rate-limited) and try once more. */
enum err token_verify(const struct jwks *keys, const char *jwt, size_t n, const struct token_expect *expect,
                      struct token_claims *ret, struct failure *f) MUST_CHECK;

/* local-part@suffix where suffix equals upn_suffix (any case) and the local part is 1..64 of A-Z a-z 0-9 . _
 * - ' and does not begin or end with a dot: what can never steer a principal (RFC 4120 6.1, no / \ @ NUL).
 * upn_suffix NULL: any domain name. */
bool token_upn_valid(const char *upn, const char *upn_suffix);
/* The same for a name without suffix. */
bool token_account_valid(const char *name);

/* For the demonstration and the trace: the payload's JSON, decoded but NOT verified. */
enum err token_peek_payload(const char *jwt, size_t n, struct buf *out) MUST_CHECK;

#endif

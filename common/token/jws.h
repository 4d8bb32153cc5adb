/* JSON Web Signatures in compact form (RFC 7515) under a set of RS256 keys (RFC 7517, RFC 7518 3.3): the
 * layer below token.h, which adds the claims. It refuses before it trusts: the text is split and decoded
 * strictly, the header is read, the algorithm and the key are settled, and only then is the signature
 * computed.
 *
 * A caller that needs the claims of a token whose life is over (OpenID Connect RP-Initiated Logout 2:
 * id_token_hint) uses this layer alone. Thread safe: nothing is shared but the immutable key set. */
#ifndef SEVENSTEP_JWS_H
#define SEVENSTEP_JWS_H

#include "token.h"

#define JWS_KID_MAX 127 /* bytes of a key id */
#define JWS_TYP_MAX 63

struct jws {
  char kid[JWS_KID_MAX + 1];
  char typ[JWS_TYP_MAX + 1]; /* "" when absent */
  struct buf payload;        /* decoded; trustworthy: the signature covers it */
};

/* The signature of text[0..n), at most TOKEN_MAX bytes, and nothing else: no claim is looked at. *ret is
 * filled on success only and is freed with jws_clear. ERR_TOKEN_MALFORMED   not three parts of strict
 * base64url; header not one JSON object with unique members; crit, jku, jwk, x5u or x5c in it; no kid
 *   ERR_TOKEN_ALGORITHM   alg is not RS256
 *   ERR_TOKEN_UNKNOWN_KEY no key of that kid
 *   ERR_TOKEN_SIGNATURE   the signature is not this key's over these bytes */
enum err jws_verify(const struct jwks *keys, const char *text, size_t n, struct jws *ret,
                    struct failure *f) MUST_CHECK;
void jws_clear(struct jws *j);

/* The second of exactly three parts, decoded, appended to out; ERR_TOKEN_MALFORMED. Not verified. */
enum err jws_peek_payload(const char *text, size_t n, struct buf *out) MUST_CHECK;

/* One key of the set, or NULL; and RSASSA-PKCS1-v1_5 with SHA-256 under it. */
struct jwks_key;
const struct jwks_key *jwks_find(const struct jwks *keys, const char *kid);
bool jwks_key_verify(const struct jwks *set, const struct jwks_key *k, const void *data, size_t n,
                     const void *sig, size_t sig_len);

#endif

/* Makes tokens for tests, good and bad ones, by OpenSSL alone: any header, any payload, any bytes as
 * signature. Not thread safe; everything belongs to the test program and lives until it ends. Aborts when
 * something fails. */
#ifndef SEVENSTEP_TEST_MINT_H
#define SEVENSTEP_TEST_MINT_H

#include "token.h"

#include <jansson.h>
#include <openssl/evp.h>

#define MINT_NOW    1700000000
#define MINT_ISSUER "https://login.localhost:9204"
#define MINT_APP    "hello"
#define MINT_SPN    "HTTP/hello.corp.sevenstep.test"
#define MINT_SUFFIX "sevenstep.test"

/* Generates the keys; call it in main(), before Check forks. */
void mint_init(void);
void mint_free(void);
EVP_PKEY *mint_key(void);       /* published as kid "k1" */
EVP_PKEY *mint_other_key(void); /* not published */
struct jwks *mint_jwks(void);   /* a set of k1 alone */

/* A public JWK of pkey. The caller owns it. */
json_t *mint_jwk(EVP_PKEY *pkey, const char *kid);
/* The key set {"keys":[jwk...]} as text; steals the keys; the list ends with NULL. */
char *mint_set(json_t *jwk, ...);

/* base64url(header).base64url(payload).signature by pkey, RS256. */
char *mint_sign(EVP_PKEY *pkey, const char *header, const char *payload);
/* The first two parts with this as the third. */
char *mint_join(const char *header, const char *payload, const char *signature_text);

/* Good claims for MINT_* at MINT_NOW, changed by pairs of member and JSON text (NULL text: removed), ending
 * with a NULL member. */
char *mint_claims(const char *member, ...);
/* A whole ID token with those changes. */
char *mint_token(const char *member, ...);

#define MINT_HEADER "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"

#endif

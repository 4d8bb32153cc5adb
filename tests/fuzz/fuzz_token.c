/* Everything token.h is given by strangers. The first byte says what the rest is:
 *   t  a compact JWT, as posted to the proxy
 *   s  a header, a line feed and a payload: signed here by the published key, so that the claims are reached
 *   k  a JWK Set, as an issuer might publish
 *   u  a user principal name */
#include "../unit/token/mint.h"

#include <stdlib.h>
#include <string.h>

static const struct token_expect expect = {
    .issuer = MINT_ISSUER,
    .audience = MINT_APP,
    .nonce = "n-0S6_WzA2Mj",
    .spn = MINT_SPN,
    .upn_suffix = MINT_SUFFIX,
    .now_s = MINT_NOW,
};

static void verify(const char *token, size_t n)
{
  struct token_claims claims;
  struct token_expect access = expect;
  struct failure f;
  struct buf payload;
  access.kind = TOKEN_ACCESS;
  buf_init(&payload, TOKEN_MAX);
  enum err as_id = token_verify(mint_jwks(), token, n, &expect, &claims, &f);
  /* What is accepted names a user that cannot steer the mapping, and is no access token as well. */
  if (!as_id && (!token_upn_valid(claims.upn, MINT_SUFFIX) || strcmp(claims.spn, MINT_SPN) != 0)) abort();
  if (!token_verify(mint_jwks(), token, n, &access, &claims, &f) && !as_id) abort();
  if (token_peek_payload(token, n, &payload) && !as_id) abort();
  buf_clear(&payload);
}

static void sign_and_verify(char *text)
{
  char *payload = strchr(text, '\n');
  if (!payload) return;
  *payload++ = 0;
  char *token = mint_sign(mint_key(), text, payload);
  verify(token, strlen(token));
  free(token);
}

static void parse_keys(const char *text, size_t n)
{
  struct jwks *keys;
  struct failure f;
  if (jwks_parse(text, n, &keys, &f)) return;
  (void)jwks_has_kid(keys, "k1");
  jwks_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  if (!mint_key()) mint_init();
  if (!n || n > 20000) return 0;
  char *text = malloc(n);
  if (!text) abort();
  memcpy(text, data + 1, n - 1);
  text[n - 1] = 0;
  switch (data[0]) {
  case 't': verify(text, n - 1); break;
  case 's': sign_and_verify(text); break;
  case 'k': parse_keys(text, n - 1); break;
  case 'u': (void)token_upn_valid(text, MINT_SUFFIX); break;
  default: break;
  }
  free(text);
  return 0;
}

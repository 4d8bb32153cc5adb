#include "mint.h"

#include "encode.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *key, *other_key;
static struct jwks *set;

static void need(bool ok)
{
  if (!ok) abort();
}

EVP_PKEY *mint_key(void)
{
  return key;
}

EVP_PKEY *mint_other_key(void)
{
  return other_key;
}

struct jwks *mint_jwks(void)
{
  return set;
}

static void put_number(json_t *jwk, const char *member, EVP_PKEY *pkey, const char *param)
{
  BIGNUM *bn = NULL;
  uint8_t raw[1024];
  struct buf text;
  buf_init(&text, 4096);
  need(EVP_PKEY_get_bn_param(pkey, param, &bn));
  need(!base64url_encode(&text, raw, (size_t)BN_bn2bin(bn, raw)));
  json_object_set_new(jwk, member, json_string(buf_str(&text)));
  BN_free(bn);
  buf_clear(&text);
}

json_t *mint_jwk(EVP_PKEY *pkey, const char *kid)
{
  json_t *jwk = json_pack("{s:s,s:s,s:s,s:s}", "kty", "RSA", "use", "sig", "alg", "RS256", "kid", kid);
  put_number(jwk, "n", pkey, OSSL_PKEY_PARAM_RSA_N);
  put_number(jwk, "e", pkey, OSSL_PKEY_PARAM_RSA_E);
  return jwk;
}

char *mint_set(json_t *jwk, ...)
{
  json_t *keys = json_array();
  va_list ap;
  va_start(ap, jwk);
  for (; jwk; jwk = va_arg(ap, json_t *))
    json_array_append_new(keys, jwk);
  va_end(ap);
  json_t *root = json_pack("{s:o}", "keys", keys);
  char *text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  return text;
}

void mint_init(void)
{
  key = EVP_RSA_gen(2048);
  other_key = EVP_RSA_gen(2048);
  need(key && other_key);
  char *text = mint_set(mint_jwk(key, "k1"), NULL);
  need(!jwks_parse(text, strlen(text), &set, NULL));
  free(text);
}

char *mint_join(const char *header, const char *payload, const char *signature_text)
{
  struct buf b;
  buf_init(&b, 1 << 20);
  need(!base64url_encode(&b, header, strlen(header)));
  need(!buf_putc(&b, '.'));
  need(!base64url_encode(&b, payload, strlen(payload)));
  need(!buf_putc(&b, '.') && !buf_puts(&b, signature_text));
  return (char *)b.data;
}

char *mint_sign(EVP_PKEY *pkey, const char *header, const char *payload)
{
  char *input = mint_join(header, payload, "");
  uint8_t sig[1024];
  size_t n = sizeof sig;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  need(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1);
  need(EVP_DigestSign(ctx, sig, &n, (uint8_t *)input, strlen(input) - 1) == 1);
  EVP_MD_CTX_free(ctx);
  struct buf text;
  buf_init(&text, 4096);
  need(!base64url_encode(&text, sig, n));
  free(input);
  char *token = mint_join(header, payload, buf_str(&text));
  buf_clear(&text);
  return token;
}

static char *claims_with(const char *member, va_list ap)
{
  json_t *c = json_pack("{s:s,s:s,s:s,s:i,s:i,s:s,s:s,s:s}", "iss", MINT_ISSUER, "sub", "alice", "aud",
                        MINT_APP, "exp", MINT_NOW + 3600, "iat", MINT_NOW, "nonce", "n-0S6_WzA2Mj", "upn",
                        "alice@sevenstep.test", "spn", MINT_SPN);
  for (; member; member = va_arg(ap, const char *)) {
    const char *text = va_arg(ap, const char *);
    if (!text) {
      json_object_del(c, member);
    } else {
      json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
      need(v != NULL);
      json_object_set_new(c, member, v);
    }
  }
  char *text = json_dumps(c, JSON_COMPACT);
  json_decref(c);
  return text;
}

char *mint_claims(const char *member, ...)
{
  va_list ap;
  va_start(ap, member);
  char *text = claims_with(member, ap);
  va_end(ap);
  return text;
}

char *mint_token(const char *member, ...)
{
  va_list ap;
  va_start(ap, member);
  char *text = claims_with(member, ap);
  va_end(ap);
  char *token = mint_sign(key, MINT_HEADER, text);
  free(text);
  return token;
}

void mint_free(void)
{
  jwks_free(set);
  EVP_PKEY_free(key);
  EVP_PKEY_free(other_key);
}

/* Key sets: what an issuer publishes at its jwks_uri, read once into OpenSSL keys, so that a verification
 * parses no key. A published set may hold keys of other kinds and for other uses: those are skipped, as RFC
 * 7517 section 5 asks. What is refused as a whole is a set that cannot be told apart by kid, or that leaves
 * nothing to verify with. */
#include "jws.h"

#include "encode.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

enum {
  JWKS_MAX_BYTES = 256 * 1024,
  JWKS_MAX_KEYS = 64,
  RSA_MIN_BITS = 2048, /* RFC 7518 3.3 */
  RSA_MAX_BITS = 8192, /* beyond, one verification would cost milliseconds */
  RSA_MAX_E_BYTES = 8,
};

struct jwks_key {
  char kid[JWS_KID_MAX + 1];
  EVP_PKEY *pkey;
};

struct jwks {
  EVP_MD *sha256; /* fetched once: a fetch by name costs more than the hash */
  size_t n;
  struct jwks_key keys[JWKS_MAX_KEYS];
};

static BIGNUM *number(const json_t *jwk, const char *member, size_t max_bytes)
{
  const json_t *v = json_object_get(jwk, member);
  if (!json_is_string(v)) return NULL;
  struct buf raw;
  buf_init(&raw, max_bytes);
  BIGNUM *bn = NULL;
  if (!base64url_decode(&raw, json_string_value(v), json_string_length(v)) && raw.len)
    bn = BN_bin2bn(raw.data, (int)raw.len, NULL);
  buf_clear(&raw);
  return bn;
}

static EVP_PKEY *rsa_from_numbers(const BIGNUM *n, const BIGNUM *e)
{
  EVP_PKEY *pkey = NULL;
  OSSL_PARAM *params = NULL;
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
  if (!ctx || !bld) goto out;
  if (!OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) ||
      !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
    goto out;
  params = OSSL_PARAM_BLD_to_param(bld);
  if (!params || EVP_PKEY_fromdata_init(ctx) <= 0) goto out;
  if (EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0) pkey = NULL;
out:
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(bld);
  EVP_PKEY_CTX_free(ctx);
  return pkey;
}

static EVP_PKEY *rsa_from_jwk(const json_t *jwk)
{
  EVP_PKEY *pkey = NULL;
  BIGNUM *n = number(jwk, "n", RSA_MAX_BITS / 8 + 1);
  BIGNUM *e = number(jwk, "e", RSA_MAX_E_BYTES);
  if (!n || !e) goto out;
  /* An even modulus or an exponent of one makes every signature, or anybody's, fit. */
  if (BN_num_bits(n) < RSA_MIN_BITS || BN_num_bits(n) > RSA_MAX_BITS || !BN_is_odd(n)) goto out;
  if (!BN_is_odd(e) || BN_is_one(e)) goto out;
  pkey = rsa_from_numbers(n, e);
out:
  BN_free(n);
  BN_free(e);
  return pkey;
}

static bool absent_or(const json_t *jwk, const char *member, const char *value)
{
  const json_t *v = json_object_get(jwk, member);
  return !v || (json_is_string(v) && !strcmp(json_string_value(v), value));
}

static bool may_verify(const json_t *jwk)
{
  const json_t *ops = json_object_get(jwk, "key_ops"), *op;
  size_t i;
  if (!ops) return true;
  json_array_foreach(ops, i,
                     op) if (json_is_string(op) && !strcmp(json_string_value(op), "verify")) return true;
  return false;
}

/* Is it an RS256 signature key with a kid that we can hold? A set that shows private parts is no key to
 * trust. */
static bool is_ours(const json_t *jwk)
{
  const json_t *kid = json_object_get(jwk, "kid"), *kty = json_object_get(jwk, "kty");
  if (!json_is_string(kid) || !json_is_string(kty) || strcmp(json_string_value(kty), "RSA") != 0)
    return false;
  if (!json_string_length(kid) || json_string_length(kid) > JWS_KID_MAX) return false;
  if (!absent_or(jwk, "use", "sig") || !absent_or(jwk, "alg", "RS256") || !may_verify(jwk)) return false;
  return !json_object_get(jwk, "d");
}

static enum err add_key(struct jwks *set, const json_t *jwk, struct failure *f)
{
  if (!is_ours(jwk)) return ERR_OK;
  const char *kid = json_string_value(json_object_get(jwk, "kid"));
  if (jwks_find(set, kid))
    return failure_set(f, ERR_TOKEN_UNKNOWN_KEY, "the key set has kid \"%.40s\" twice", kid);
  if (set->n == JWKS_MAX_KEYS)
    return failure_set(f, ERR_TOO_LARGE, "the key set has more than %d keys", JWKS_MAX_KEYS);
  struct jwks_key *k = &set->keys[set->n];
  k->pkey = rsa_from_jwk(jwk);
  ERR_clear_error();
  if (!k->pkey) return ERR_OK;
  memcpy(k->kid, kid, strlen(kid) + 1);
  set->n++;
  return ERR_OK;
}

enum err jwks_parse(const char *json, size_t n, struct jwks **ret, struct failure *f)
{
  if (n > JWKS_MAX_BYTES) return failure_set(f, ERR_TOO_LARGE, "a key set of %zu bytes", n);
  enum err e = ERR_OK;
  const json_t *jwk;
  size_t i;
  json_t *root = json_loadb(json, n, JSON_REJECT_DUPLICATES, NULL);
  struct jwks *set = calloc(1, sizeof *set);
  if (set) set->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  if (!set || !set->sha256) {
    e = failure_set(f, ERR_NOMEM, "a key set");
    goto out;
  }
  const json_t *keys = json_object_get(root, "keys");
  if (!json_is_array(keys)) {
    e = failure_set(f, ERR_SYNTAX,
                    "not a JWK Set: a JSON object with an array \"keys\" (RFC 7517 section 5)");
    goto out;
  }
  json_array_foreach(keys, i, jwk)
  {
    e = add_key(set, jwk, f);
    if (e) goto out;
  }
  if (!set->n) {
    e = failure_set(f, ERR_TOKEN_UNKNOWN_KEY, "no RS256 signature key of %d bits or more in the key set",
                    RSA_MIN_BITS);
    goto out;
  }
  *ret = set;
  set = NULL;
out:
  jwks_free(set);
  json_decref(root);
  return e;
}

void jwks_free(struct jwks *k)
{
  if (!k) return;
  for (size_t i = 0; i < k->n; i++)
    EVP_PKEY_free(k->keys[i].pkey);
  EVP_MD_free(k->sha256);
  free(k);
}

const struct jwks_key *jwks_find(const struct jwks *keys, const char *kid)
{
  for (size_t i = 0; i < keys->n; i++)
    if (!strcmp(keys->keys[i].kid, kid)) return &keys->keys[i];
  return NULL;
}

bool jwks_has_kid(const struct jwks *k, const char *kid)
{
  return jwks_find(k, kid) != NULL;
}

bool jwks_key_verify(const struct jwks *set, const struct jwks_key *k, const void *data, size_t n,
                     const void *sig, size_t sig_len)
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *pctx; /* belongs to ctx; its padding is PKCS#1 v1.5 unless told otherwise */
  bool good = ctx && EVP_DigestVerifyInit(ctx, &pctx, set->sha256, NULL, k->pkey) == 1 &&
              EVP_DigestVerify(ctx, sig, sig_len, data, n) == 1;
  EVP_MD_CTX_free(ctx);
  ERR_clear_error();
  return good;
}

#include "token_issue.h"

#include "encode.h"

#include <jansson.h>
#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_MAX = 16384, JWT_MAX = 16384, HASH_TEXT = 22 };

/* OpenID Connect Core 3.1.3.6: the left half of SHA-256 of the token's ASCII, as base64url. */
static enum err at_hash(const char *access_token, char out[static HASH_TEXT + 1])
{
  uint8_t hash[32];
  struct buf text;
  buf_init(&text, HASH_TEXT + 2);
  if (!EVP_Q_digest(NULL, "SHA256", NULL, access_token, strlen(access_token), hash, NULL))
    return ERR_INTERNAL;
  enum err e = base64url_encode(&text, hash, sizeof hash / 2);
  if (!e) memcpy(out, buf_str(&text), HASH_TEXT + 1);
  buf_clear(&text);
  return e;
}

/* Non-zero on failure, as jansson has it; an absent value is none. */
static int put(json_t *claims, const char *name, const char *value)
{
  return value ? json_object_set_new(claims, name, json_string(value)) : 0;
}

static int put_date(json_t *claims, const char *name, int64_t value)
{
  return value ? json_object_set_new(claims, name, json_integer(value)) : 0;
}

static int put_groups(json_t *claims, const struct token_issue *t)
{
  json_t *list = t->n_groups ? json_array() : NULL;
  if (!t->n_groups) return 0;
  for (size_t i = 0; i < t->n_groups; i++)
    if (json_array_append_new(list, json_string(t->groups[i]))) {
      json_decref(list);
      return -1;
    }
  return json_object_set_new(claims, "groups", list);
}

static json_t *common_claims(const struct token_issue *t)
{
  json_t *c = json_object();
  int bad = !c || put(c, "iss", t->issuer) || put(c, "sub", t->subject) || put(c, "jti", t->jti) ||
            put(c, "upn", t->upn) || put(c, "spn", t->spn) ||
            put(c, "onpremisesuserprincipalname", t->on_premises_upn) ||
            put(c, "onpremisessamaccountname", t->sam_account_name) || put(c, "name", t->name) ||
            put_groups(c, t) || put_date(c, "iat", t->issued_s) || put_date(c, "exp", t->expires_s) ||
            put_date(c, "auth_time", t->auth_time_s);
  if (!bad) return c;
  json_decref(c);
  return NULL;
}

static enum err sign_by_libjwt(const struct buf *pem, const char *kid, const char *claims, struct buf *out,
                               struct failure *f)
{
  jwt_t *jwt = NULL;
  char *text = NULL;
  int bad = jwt_new(&jwt);
  if (!bad) bad = jwt_add_header(jwt, "kid", kid);
  if (!bad) bad = jwt_add_grants_json(jwt, claims);
  if (!bad) bad = jwt_set_alg(jwt, JWT_ALG_RS256, pem->data, (int)pem->len);
  if (!bad) text = jwt_encode_str(jwt);
  enum err e = text ? buf_puts(out, text) : failure_set(f, ERR_INTERNAL, "libjwt could not sign (%d)", bad);
  free(text); /* libjwt's allocator is malloc unless replaced */
  jwt_free(jwt);
  return e;
}

/* Appends "." and the signature of what out holds. */
static enum err append_signature(const struct buf *pem, struct buf *out)
{
  uint8_t sig[1024];
  size_t n = sizeof sig;
  BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
  EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  bool ok = pkey && ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
            EVP_DigestSign(ctx, sig, &n, out->data, out->len) == 1;
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(pkey);
  BIO_free(bio);
  if (!ok) return ERR_INTERNAL;
  enum err e = buf_putc(out, '.');
  return e ? e : base64url_encode(out, sig, n);
}

/* libjwt 1.10.2 writes typ "JWT" whatever it is told, and an access token must say at+jwt: OpenSSL signs
 * these. */
static enum err sign_by_openssl(const struct buf *pem, const char *kid, const char *claims, struct buf *out,
                                struct failure *f)
{
  struct buf header, jws;
  buf_init(&header, 256);
  buf_init(&jws, JWT_MAX);
  enum err e = buf_printf(&header, "{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", kid);
  if (!e) e = base64url_encode(&jws, header.data, header.len);
  if (!e) e = buf_putc(&jws, '.');
  if (!e) e = base64url_encode(&jws, claims, strlen(claims));
  if (!e) e = append_signature(pem, &jws);
  if (!e) e = buf_puts(out, buf_str(&jws));
  buf_clear(&header);
  buf_clear(&jws);
  return e ? failure_set(f, e, "an access token could not be signed") : ERR_OK;
}

typedef enum err signer(const struct buf *pem, const char *kid, const char *claims, struct buf *out,
                        struct failure *f);

/* Takes the claims; bad: they are incomplete. */
static enum err sign_claims(struct token_keys *k, signer *sign, json_t *claims, bool bad, struct buf *out,
                            struct failure *f)
{
  char kid[TOKEN_KID_LEN + 1];
  struct buf pem;
  buf_init(&pem, PEM_MAX);
  char *text = bad ? NULL : json_dumps(claims, JSON_COMPACT);
  enum err e = text ? token_keys_signer(k, &pem, kid) : ERR_INTERNAL;
  if (e)
    failure_set(f, e, "a claim is not UTF-8, or out of memory");
  else
    e = sign(&pem, kid, text, out, f);
  buf_wipe(&pem);
  free(text);
  json_decref(claims);
  return e;
}

enum err token_issue_id(struct token_keys *k, const struct token_issue *t, struct buf *out, struct failure *f)
{
  char hash[HASH_TEXT + 1];
  json_t *c = common_claims(t);
  bool bad = !c || (t->access_token && at_hash(t->access_token, hash));
  bad = bad || put(c, "aud", t->client_id) || put(c, "nonce", t->nonce) ||
        put(c, "preferred_username", t->preferred_username) ||
        put(c, "at_hash", t->access_token ? hash : NULL);
  return sign_claims(k, sign_by_libjwt, c, bad, out, f);
}

enum err token_issue_access(struct token_keys *k, const struct token_issue *t, struct buf *out,
                            struct failure *f)
{
  json_t *c = common_claims(t), *aud = json_array();
  bool bad = !c || !aud || !t->jti;
  for (size_t i = 0; i < 2 && !bad && t->audiences[i]; i++)
    bad = json_array_append_new(aud, json_string(t->audiences[i]));

  bad =
      bad || json_object_set(c, "aud", aud) || put(c, "client_id", t->client_id) || put(c, "scope", t->scope);
  json_decref(aud);
  return sign_claims(k, sign_by_openssl, c, bad, out, f);
}

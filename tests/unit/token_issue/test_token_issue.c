/* What libjwt signs, our verifier judges, and the other way round. */
#include "token_issue.h"

#include "run.h"
#include "token.h"

#include <dirent.h>
#include <jansson.h>
#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOW = 1700000000 };

static char folder[64];
static struct token_keys *keys;
static struct jwks *set;

static const struct token_issue base = {
    .issuer = "https://login.localhost:9204",
    .subject = "alice",
    .client_id = "hello",
    .audiences = {"hello"},
    .jti = "j-1",
    .nonce = "n-1",
    .upn = "alice@sevenstep.test",
    .spn = "HTTP/hello.corp.sevenstep.test",
    .name = "Alice \xc3\x84\"<",
    .preferred_username = "alice",
    .scope = "openid profile",
    .issued_s = NOW,
    .expires_s = NOW + 3600,
    .auth_time_s = NOW - 10,
};

static const struct token_expect expect = {
    .issuer = "https://login.localhost:9204",
    .audience = "hello",
    .nonce = "n-1",
    .spn = "HTTP/hello.corp.sevenstep.test",
    .upn_suffix = "sevenstep.test",
    .now_s = NOW,
};

static char *issue(enum err (*by)(struct token_keys *, const struct token_issue *, struct buf *,
                                  struct failure *),
                   const struct token_issue *t)
{
  struct buf b;
  struct failure f = {0};
  buf_init(&b, 10000);
  ck_assert_msg(!by(keys, t, &b, &f), "%s", f.why);
  return (char *)b.data;
}

static enum err verify(const char *token, enum token_kind kind, struct token_claims *c)
{
  struct token_expect x = expect;
  struct failure f = {0};
  x.kind = kind;
  return token_verify(set, token, strlen(token), &x, c, &f);
}

static json_t *payload(const char *token)
{
  struct buf b;
  buf_init(&b, 10000);
  ck_assert_int_eq(token_peek_payload(token, strlen(token), &b), ERR_OK);
  json_t *claims = json_loads(buf_str(&b), JSON_REJECT_DUPLICATES, NULL);
  ck_assert_ptr_nonnull(claims);
  buf_clear(&b);
  return claims;
}

START_TEST(token_issue_id_verified_by_our_verifier)
{
  struct token_claims c;
  char *token = issue(token_issue_id, &base);
  ck_assert_int_eq(verify(token, TOKEN_ID, &c), ERR_OK);
  ck_assert_str_eq(c.subject, "alice");
  ck_assert_str_eq(c.upn, "alice@sevenstep.test");
  ck_assert_str_eq(c.name, "Alice \xc3\x84\"<");
  ck_assert_str_eq(c.jti, "j-1");
  ck_assert_int_eq(c.auth_time_s, NOW - 10);
  ck_assert_int_eq(c.expires_s, NOW + 3600);
  free(token);
}
END_TEST

START_TEST(token_issue_id_absent_values_leave_no_claim)
{
  struct token_issue t = base;
  t.upn = t.spn = t.name = t.preferred_username = t.nonce = t.jti = NULL;
  t.auth_time_s = 0;
  char *token = issue(token_issue_id, &t);
  json_t *c = payload(token);
  ck_assert_int_eq(json_object_size(c), 5); /* iss sub aud iat exp */
  json_decref(c);
  free(token);
}
END_TEST

/* TK-08; the vector of OpenID Connect Core A.3 */
START_TEST(token_issue_id_with_access_token_has_at_hash)
{
  struct token_issue t = base;
  t.access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
  char *token = issue(token_issue_id, &t);
  json_t *c = payload(token);
  ck_assert_str_eq(json_string_value(json_object_get(c, "at_hash")), "77QmUPtjPfzWtF2AnpK9RQ");
  json_decref(c);
  free(token);
}
END_TEST

START_TEST(token_issue_access_is_at_jwt_and_no_id_token)
{
  struct token_claims c;
  struct token_issue t = base;
  t.audiences[1] = "https://login.localhost:9204";
  char *token = issue(token_issue_access, &t);
  struct token_expect x = expect;
  ck_assert_int_eq(verify(token, TOKEN_ID, &c), ERR_TOKEN_TYPE);
  x.kind = TOKEN_ACCESS;
  x.nonce = NULL;
  ck_assert_int_eq(token_verify(set, token, strlen(token), &x, &c, NULL), ERR_OK);
  ck_assert_str_eq(c.client_id, "hello");
  ck_assert_str_eq(c.scope, "openid profile");
  x.audience = t.audiences[1];
  ck_assert_int_eq(token_verify(set, token, strlen(token), &x, &c, NULL), ERR_OK);
  free(token);
}
END_TEST

START_TEST(token_issue_access_without_jti_refused)
{
  struct token_issue t = base;
  struct buf b;
  struct failure f = {0};
  buf_init(&b, 10000);
  t.jti = NULL;
  ck_assert_int_eq(token_issue_access(keys, &t, &b, &f), ERR_INTERNAL);
  ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(token_issue_id_bytes_not_utf8_refused)
{
  struct token_issue t = base;
  struct buf b;
  struct failure f = {0};
  buf_init(&b, 10000);
  t.name = "\xff";
  ck_assert_int_eq(token_issue_id(keys, &t, &b, &f), ERR_INTERNAL);
  ck_assert_uint_eq(b.len, 0);
}
END_TEST

static char *public_pem(void)
{
  char kid[TOKEN_KID_LEN + 1], *text;
  struct buf pem;
  buf_init(&pem, 16384);
  ck_assert_int_eq(token_keys_signer(keys, &pem, kid), ERR_OK);
  BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len), *out = BIO_new(BIO_s_mem());
  EVP_PKEY *pkey = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
  PEM_write_bio_PUBKEY(out, pkey);
  long n = BIO_get_mem_data(out, &text);
  char *copy = strndup(text, (size_t)n);
  EVP_PKEY_free(pkey);
  BIO_free(in);
  BIO_free(out);
  buf_wipe(&pem);
  return copy;
}

/* libjwt as the second judge of a good token. */
START_TEST(token_issue_id_verified_by_libjwt)
{
  jwt_t *jwt = NULL;
  char *token = issue(token_issue_id, &base), *pem = public_pem();
  ck_assert_int_eq(jwt_decode(&jwt, token, (unsigned char *)pem, (int)strlen(pem)), 0);
  ck_assert_str_eq(jwt_get_grant(jwt, "sub"), "alice");
  jwt_free(jwt);
  free(token);
  free(pem);
}
END_TEST

/* What libjwt makes, and itself accepts, that must not pass ours: the reason why verification is not its. */
START_TEST(token_issue_confusion_made_by_libjwt_refused_by_us)
{
  struct token_claims c;
  jwt_t *jwt = NULL;
  char *pem = public_pem();
  jwt_new(&jwt);
  jwt_add_header(jwt, "kid", "k");
  jwt_set_alg(jwt, JWT_ALG_HS256, (unsigned char *)pem, (int)strlen(pem));
  char *token = jwt_encode_str(jwt);
  ck_assert_int_eq(verify(token, TOKEN_ID, &c), ERR_TOKEN_ALGORITHM);
  free(token);
  jwt_set_alg(jwt, JWT_ALG_NONE, NULL, 0);
  token = jwt_encode_str(jwt);
  ck_assert_int_eq(verify(token, TOKEN_ID, &c), ERR_TOKEN_ALGORITHM);
  free(token);
  jwt_free(jwt);
  free(pem);
}
END_TEST

static void once(void)
{
  struct failure f = {0};
  struct buf b;
  snprintf(folder, sizeof folder, "/tmp/sevenstep-issue-XXXXXX");
  if (!mkdtemp(folder) || token_keys_open(folder, 3600, &keys, &f)) abort();
  buf_init(&b, 100000);
  if (token_keys_jwks(keys, &b) || jwks_parse(buf_str(&b), b.len, &set, &f)) abort();
  buf_clear(&b);
}

static void finally(void)
{
  char path[400];
  jwks_free(set);
  token_keys_free(keys);
  DIR *d = opendir(folder);
  for (struct dirent *e; d && (e = readdir(d));) {
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    if (e->d_name[0] != '.') unlink(path);
  }
  if (d) closedir(d);
  rmdir(folder);
}

int main(void)
{
  once();
  TCase *t = tcase_create("token_issue");
  tcase_add_test(t, token_issue_id_verified_by_our_verifier);
  tcase_add_test(t, token_issue_id_absent_values_leave_no_claim);
  tcase_add_test(t, token_issue_id_with_access_token_has_at_hash);
  tcase_add_test(t, token_issue_access_is_at_jwt_and_no_id_token);
  tcase_add_test(t, token_issue_access_without_jti_refused);
  tcase_add_test(t, token_issue_id_bytes_not_utf8_refused);
  tcase_add_test(t, token_issue_id_verified_by_libjwt);
  tcase_add_test(t, token_issue_confusion_made_by_libjwt_refused_by_us);
  Suite *s = suite_create("token_issue");
  suite_add_tcase(s, t);
  int result = run(s);
  finally();
  return result;
}

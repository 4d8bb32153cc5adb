#include "jws.h"
#include "mint.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

static enum err parse(char *text, struct jwks **ret)
{
  struct failure f = {0};
  enum err e = jwks_parse(text, strlen(text), ret, &f);
  if (e) ck_assert_int_eq(f.err, e);
  free(text);
  return e;
}

/* k1 with one member set (or removed) beside an untouched good key: is k1 taken? */
static bool taken(const char *member, json_t *value)
{
  json_t *jwk = mint_jwk(mint_key(), "k1");
  if (value)
    json_object_set_new(jwk, member, value);
  else
    json_object_del(jwk, member);
  struct jwks *set;
  ck_assert_int_eq(parse(mint_set(jwk, mint_jwk(mint_other_key(), "good"), NULL), &set), ERR_OK);
  bool has = jwks_has_kid(set, "k1");
  ck_assert(jwks_has_kid(set, "good"));
  jwks_free(set);
  return has;
}

START_TEST(jwks_parse_good_key_found_by_kid)
{
  ck_assert(taken("x-unknown", json_true()));
  ck_assert(taken("use", NULL));
  ck_assert(taken("alg", NULL));
  ck_assert(taken("key_ops", json_pack("[s]", "verify")));
}
END_TEST

START_TEST(jwks_parse_other_key_type_skipped)
{
  ck_assert(!taken("kty", json_string("EC")));
  ck_assert(!taken("kty", json_integer(1)));
  ck_assert(!taken("kty", NULL));
}
END_TEST

START_TEST(jwks_parse_other_use_or_algorithm_skipped)
{
  ck_assert(!taken("use", json_string("enc")));
  ck_assert(!taken("alg", json_string("RS384")));
  ck_assert(!taken("alg", json_string("HS256")));
  ck_assert(!taken("key_ops", json_pack("[s]", "encrypt")));
}
END_TEST

START_TEST(jwks_parse_without_kid_skipped)
{
  ck_assert(!taken("kid", NULL));
  ck_assert(!taken("kid", json_string("")));
  ck_assert(!taken("kid", json_integer(7)));
  char *kid = calloc(1, JWS_KID_MAX + 2);
  memset(kid, 'k', JWS_KID_MAX + 1);
  ck_assert(!taken("kid", json_string(kid)));
  free(kid);
}
END_TEST

START_TEST(jwks_parse_private_key_skipped)
{
  ck_assert(!taken("d", json_string("AQAB")));
}
END_TEST

START_TEST(jwks_parse_bad_modulus_skipped)
{
  ck_assert(!taken("n", NULL));
  ck_assert(!taken("n", json_string("")));
  ck_assert(!taken("n", json_string("AQAB")));
  ck_assert(!taken("n", json_string("not base64url!")));
  char *even = calloc(1, 343);
  memset(even, '8', 342);
  memcpy(even + 338, "AAAA", 4);
  ck_assert(!taken("n", json_string(even)));
  free(even);
}
END_TEST

START_TEST(jwks_parse_short_rsa_key_skipped)
{
  EVP_PKEY *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
  json_t *jwk = mint_jwk(small, "k1");
  struct jwks *set;
  ck_assert_int_eq(parse(mint_set(jwk, NULL), &set), ERR_TOKEN_UNKNOWN_KEY);
  EVP_PKEY_free(small);
}
END_TEST

START_TEST(jwks_parse_bad_exponent_skipped)
{
  ck_assert(!taken("e", NULL));
  ck_assert(!taken("e", json_string("AQ")));             /* 1 */
  ck_assert(!taken("e", json_string("Ag")));             /* 2 */
  ck_assert(!taken("e", json_string("AQABAQABAQABAQ"))); /* 10 bytes */
}
END_TEST

START_TEST(jwks_parse_same_kid_twice_refused)
{
  struct jwks *set;
  ck_assert_int_eq(parse(mint_set(mint_jwk(mint_key(), "k1"), mint_jwk(mint_other_key(), "k1"), NULL), &set),
                   ERR_TOKEN_UNKNOWN_KEY);
}
END_TEST

START_TEST(jwks_parse_no_key_left_refused)
{
  struct jwks *set;
  ck_assert_int_eq(parse(strdup("{\"keys\":[]}"), &set), ERR_TOKEN_UNKNOWN_KEY);
}
END_TEST

START_TEST(jwks_parse_not_a_key_set_refused)
{
  static const char *const bad[] = {
      "", "{", "[]", "{}", "{\"keys\":{}}", "null", "{\"keys\":[]} x", "{\"keys\":[],\"keys\":[]}"};
  struct jwks *set;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_int_eq(parse(strdup(bad[i]), &set), ERR_SYNTAX);
}
END_TEST

START_TEST(jwks_parse_huge_refused)
{
  size_t n = 300 * 1024;
  char *text = calloc(1, n + 1);
  memset(text, ' ', n);
  struct jwks *set;
  ck_assert_int_eq(parse(text, &set), ERR_TOO_LARGE);
}
END_TEST

START_TEST(jwks_free_null_accepted)
{
  jwks_free(NULL);
}
END_TEST

int main(void)
{
  mint_init();
  TCase *t = tcase_create("jwks");
  tcase_add_test(t, jwks_parse_good_key_found_by_kid);
  tcase_add_test(t, jwks_parse_other_key_type_skipped);
  tcase_add_test(t, jwks_parse_other_use_or_algorithm_skipped);
  tcase_add_test(t, jwks_parse_without_kid_skipped);
  tcase_add_test(t, jwks_parse_private_key_skipped);
  tcase_add_test(t, jwks_parse_bad_modulus_skipped);
  tcase_add_test(t, jwks_parse_short_rsa_key_skipped);
  tcase_add_test(t, jwks_parse_bad_exponent_skipped);
  tcase_add_test(t, jwks_parse_same_kid_twice_refused);
  tcase_add_test(t, jwks_parse_no_key_left_refused);
  tcase_add_test(t, jwks_parse_not_a_key_set_refused);
  tcase_add_test(t, jwks_parse_huge_refused);
  tcase_add_test(t, jwks_free_null_accepted);
  Suite *s = suite_create("jwks");
  suite_add_tcase(s, t);
  int result = run(s);
  mint_free();
  return result;
}

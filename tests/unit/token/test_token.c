#include "token.h"

#include "mint.h"
#include "run.h"

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

/* Takes the token. */
static enum err verify_as(char *token, const struct token_expect *x, struct token_claims *ret)
{
  struct failure f = {0};
  enum err e = token_verify(mint_jwks(), token, strlen(token), x, ret, &f);
  if (e) {
    ck_assert_int_eq(f.err, e);
    ck_assert_str_ne(f.why, "");
  }
  free(token);
  return e;
}

static void gives(char *token, enum err e)
{
  struct token_claims c;
  ck_assert_str_eq(err_info(verify_as(token, &expect, &c))->name, err_info(e)->name);
}

static void at(int64_t now_s, char *token, enum err e)
{
  struct token_expect x = expect;
  struct token_claims c;
  x.now_s = now_s;
  ck_assert_str_eq(err_info(verify_as(token, &x, &c))->name, err_info(e)->name);
}

START_TEST(token_verify_good_token_claims_returned)
{
  struct token_claims c;
  ck_assert_int_eq(
      verify_as(mint_token("name", "\"Alice\"", "auth_time", "1699999990", "jti", "\"j1\"", NULL), &expect,
                &c),
      ERR_OK);
  ck_assert_str_eq(c.subject, "alice");
  ck_assert_str_eq(c.upn, "alice@sevenstep.test");
  ck_assert_str_eq(c.spn, MINT_SPN);
  ck_assert_str_eq(c.name, "Alice");
  ck_assert_str_eq(c.kid, "k1");
  ck_assert_str_eq(c.jti, "j1");
  ck_assert_int_eq(c.expires_s, MINT_NOW + 3600);
  ck_assert_int_eq(c.issued_s, MINT_NOW);
  ck_assert_int_eq(c.auth_time_s, 1699999990);
}
END_TEST

START_TEST(token_verify_failure_leaves_result_untouched)
{
  struct token_claims c;
  memset(&c, 0x55, sizeof c);
  ck_assert_int_eq(verify_as(mint_token("spn", "\"HTTP/x\"", NULL), &expect, &c), ERR_TOKEN_SPN);
  for (size_t i = 0; i < sizeof c; i++)
    ck_assert_int_eq(((uint8_t *)&c)[i], 0x55);
}
END_TEST

START_TEST(token_verify_bad_signature_refused)
{
  char *claims = mint_claims(NULL);
  gives(mint_sign(mint_other_key(), MINT_HEADER, claims), ERR_TOKEN_SIGNATURE);
  free(claims);
}
END_TEST

START_TEST(token_verify_payload_not_one_object_malformed)
{
  static const char *const bad[] = {"", "[]", "null", "{", "{} {}", "{\"a\":\"\\u0000\"}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    gives(mint_sign(mint_key(), MINT_HEADER, bad[i]), ERR_TOKEN_MALFORMED);
}
END_TEST

/* JW-07 */
START_TEST(token_verify_duplicate_claim_malformed)
{
  gives(mint_sign(mint_key(), MINT_HEADER, "{\"sub\":\"alice\",\"sub\":\"bob\"}"), ERR_TOKEN_MALFORMED);
}
END_TEST

/* JW-08 */
START_TEST(token_verify_access_token_as_id_token_refused)
{
  char *claims = mint_claims("client_id", "\"hello\"", "jti", "\"j\"", NULL);
  gives(mint_sign(mint_key(), "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}", claims),
        ERR_TOKEN_TYPE);
  gives(mint_sign(mint_key(), "{\"alg\":\"RS256\",\"typ\":\"application/at+JWT\",\"kid\":\"k1\"}", claims),
        ERR_TOKEN_TYPE);
  gives(mint_sign(mint_key(), "{\"alg\":\"RS256\",\"typ\":\"logout+jwt\",\"kid\":\"k1\"}", claims),
        ERR_TOKEN_TYPE);
  free(claims);
}
END_TEST

START_TEST(token_verify_typ_absent_or_jwt_accepted)
{
  char *claims = mint_claims(NULL);
  gives(mint_sign(mint_key(), "{\"alg\":\"RS256\",\"kid\":\"k1\"}", claims), ERR_OK);
  gives(mint_sign(mint_key(), "{\"alg\":\"RS256\",\"typ\":\"jwt\",\"kid\":\"k1\"}", claims), ERR_OK);
  gives(mint_sign(mint_key(), "{\"alg\":\"RS256\",\"typ\":\"application/jwt\",\"kid\":\"k1\"}", claims),
        ERR_OK);
  free(claims);
}
END_TEST

START_TEST(token_verify_access_kind_checks_its_own_claims)
{
  const char *header = "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}";
  struct token_expect x = {
      .kind = TOKEN_ACCESS, .issuer = MINT_ISSUER, .audience = MINT_ISSUER, .now_s = MINT_NOW};
  struct token_claims c;
  char *claims = mint_claims("aud", "[\"hello\",\"" MINT_ISSUER "\"]", "client_id", "\"hello\"", "jti",
                             "\"j\"", "scope", "\"openid profile\"", NULL);
  ck_assert_int_eq(verify_as(mint_sign(mint_key(), header, claims), &x, &c), ERR_OK);
  ck_assert_str_eq(c.client_id, "hello");
  ck_assert_str_eq(c.scope, "openid profile");
  ck_assert_str_eq(c.upn, "");
  ck_assert_int_eq(verify_as(mint_sign(mint_key(), MINT_HEADER, claims), &x, &c), ERR_TOKEN_TYPE);
  free(claims);
  claims = mint_claims("aud", "\"" MINT_ISSUER "\"", "jti", "\"j\"", NULL);
  ck_assert_int_eq(verify_as(mint_sign(mint_key(), header, claims), &x, &c), ERR_TOKEN_CLAIMS);
  free(claims);
  claims = mint_claims("aud", "\"" MINT_ISSUER "\"", "client_id", "\"hello\"", NULL);
  ck_assert_int_eq(verify_as(mint_sign(mint_key(), header, claims), &x, &c), ERR_TOKEN_CLAIMS);
  free(claims);
}
END_TEST

/* RFC 6749 3.3 */
START_TEST(token_verify_scope_without_the_word_refused)
{
  static const struct {
    const char *scope;
    enum err e;
  } cases[] = {{"\"user_impersonation\"", ERR_OK},
               {"\"openid user_impersonation profile\"", ERR_OK},
               {"\"openid\"", ERR_TOKEN_SCOPE},
               {"\"user_impersonations xuser_impersonation\"", ERR_TOKEN_SCOPE},
               {"\"User_Impersonation\"", ERR_TOKEN_SCOPE},
               {"\"\"", ERR_TOKEN_SCOPE},
               {NULL, ERR_TOKEN_SCOPE}};
  const char *header = "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}";
  struct token_expect x = {.kind = TOKEN_ACCESS,
                           .issuer = MINT_ISSUER,
                           .audience = MINT_APP,
                           .scope = TOKEN_SCOPE_USER,
                           .now_s = MINT_NOW};
  struct token_claims c;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *claims = mint_claims("client_id", "\"cli\"", "jti", "\"j\"", "scope", cases[i].scope, NULL);
    ck_assert_int_eq(verify_as(mint_sign(mint_key(), header, claims), &x, &c), cases[i].e);
    free(claims);
  }
}
END_TEST

START_TEST(token_verify_groups_joined_or_refused)
{
  char many[8192] = "[", one[24];
  struct token_claims c;
  const struct token_expect x = {.issuer = MINT_ISSUER, .audience = MINT_APP, .now_s = MINT_NOW};
  ck_assert_int_eq(verify_as(mint_token("groups", "[\"staff\",\"all of us\"]", NULL), &x, &c), ERR_OK);
  ck_assert_str_eq(c.groups, "staff,all of us");
  ck_assert_int_eq(verify_as(mint_token("groups", "[]", NULL), &x, &c), ERR_OK);
  ck_assert_str_eq(c.groups, "");
  for (int i = 0; i < 103; i++) { /* 103 * 10 - 1 bytes: more than fit, so none */
    snprintf(one, sizeof one, "%s\"group-%03d\"", i ? "," : "", i);
    strcat(many, one);
  }
  strcat(many, "]");
  ck_assert_int_eq(verify_as(mint_token("groups", many, NULL), &x, &c), ERR_OK);
  ck_assert_str_eq(c.groups, "");
  gives(mint_token("groups", "\"staff\"", NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("groups", "[\"a,b\"]", NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("groups", "[\"a\\nb\"]", NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("groups", "[\"\"]", NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("groups", "[1]", NULL), ERR_TOKEN_CLAIMS);
}
END_TEST

/* RP-01 */
START_TEST(token_verify_other_issuer_refused)
{
  gives(mint_token("iss", "\"" MINT_ISSUER "/\"", NULL), ERR_TOKEN_ISSUER);
  gives(mint_token("iss", "\"HTTPS://login.localhost:9204\"", NULL), ERR_TOKEN_ISSUER);
  gives(mint_token("iss", "\"https://evil.example\"", NULL), ERR_TOKEN_ISSUER);
  gives(mint_token("iss", "[\"" MINT_ISSUER "\"]", NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("iss", NULL, NULL), ERR_TOKEN_CLAIMS);
}
END_TEST

/* RP-02, JW-06 */
START_TEST(token_verify_other_audience_refused)
{
  gives(mint_token("aud", "\"vault\"", NULL), ERR_TOKEN_AUDIENCE);
  gives(mint_token("aud", "\"Hello\"", NULL), ERR_TOKEN_AUDIENCE);
  gives(mint_token("aud", "[]", NULL), ERR_TOKEN_AUDIENCE);
  gives(mint_token("aud", "[\"vault\"]", NULL), ERR_TOKEN_AUDIENCE);
  gives(mint_token("aud", "[\"hello\",\"vault\"]", NULL), ERR_TOKEN_AUDIENCE);
  gives(mint_token("azp", "\"vault\"", NULL), ERR_TOKEN_AUDIENCE);
  gives(mint_token("azp", "7", NULL), ERR_TOKEN_AUDIENCE);
}
END_TEST

START_TEST(token_verify_audience_of_wrong_type_refused)
{
  gives(mint_token("aud", NULL, NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("aud", "7", NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("aud", "{\"hello\":1}", NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("aud", "[\"hello\",7]", NULL), ERR_TOKEN_CLAIMS);
}
END_TEST

START_TEST(token_verify_our_audience_in_array_accepted)
{
  gives(mint_token("aud", "[\"hello\"]", "azp", "\"hello\"", NULL), ERR_OK);
}
END_TEST

/* RP-04 */
START_TEST(token_verify_expired_refused_beyond_skew)
{
  at(MINT_NOW + 3600 + TOKEN_SKEW_S - 1, mint_token(NULL), ERR_OK);
  at(MINT_NOW + 3600 + TOKEN_SKEW_S, mint_token(NULL), ERR_TOKEN_EXPIRED);
  gives(mint_token("exp", "0", NULL), ERR_TOKEN_EXPIRED);
}
END_TEST

START_TEST(token_verify_future_refused_beyond_skew)
{
  at(MINT_NOW - TOKEN_SKEW_S, mint_token(NULL), ERR_OK);
  at(MINT_NOW - TOKEN_SKEW_S - 1, mint_token(NULL), ERR_TOKEN_NOT_YET_VALID);
  gives(mint_token("nbf", "1700000060", NULL), ERR_OK);
  gives(mint_token("nbf", "1700000061", NULL), ERR_TOKEN_NOT_YET_VALID);
}
END_TEST

START_TEST(token_verify_dates_of_wrong_type_refused)
{
  static const char *const bad[] = {"\"1700003600\"", "true",        "null", "[1700003600]", "-1",
                                    "1e300",          "300000000000"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    gives(mint_token("exp", bad[i], NULL), ERR_TOKEN_CLAIMS);
    gives(mint_token("iat", bad[i], NULL), ERR_TOKEN_CLAIMS);
    gives(mint_token("nbf", bad[i], NULL), ERR_TOKEN_CLAIMS);
    gives(mint_token("auth_time", bad[i], NULL), ERR_TOKEN_CLAIMS);
  }
  gives(mint_token("exp", NULL, NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("iat", NULL, NULL), ERR_TOKEN_CLAIMS);
}
END_TEST

START_TEST(token_verify_date_with_fraction_accepted)
{
  gives(mint_token("exp", "1700003600.5", "iat", "1.7e9", NULL), ERR_OK);
}
END_TEST

START_TEST(token_verify_exp_before_iat_refused)
{
  gives(mint_token("exp", "1699999990", NULL), ERR_TOKEN_CLAIMS);
}
END_TEST

START_TEST(token_verify_subject_missing_long_or_foreign_refused)
{
  char text[300];
  gives(mint_token("sub", NULL, NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("sub", "\"\"", NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("sub", "7", NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("sub", "\"\xc3\xa9\"", NULL), ERR_TOKEN_CLAIMS);
  memset(text, 'a', sizeof text);
  memcpy(text + 257, "\"", 2);
  text[0] = '"';
  gives(mint_token("sub", text, NULL), ERR_TOKEN_CLAIMS); /* 256 characters */
}
END_TEST

/* RP-05 */
START_TEST(token_verify_other_nonce_refused)
{
  gives(mint_token("nonce", NULL, NULL), ERR_TOKEN_NONCE);
  gives(mint_token("nonce", "\"\"", NULL), ERR_TOKEN_NONCE);
  gives(mint_token("nonce", "\"n-0S6_WzA2Mk\"", NULL), ERR_TOKEN_NONCE);
  gives(mint_token("nonce", "\"n-0S6_WzA2M\"", NULL), ERR_TOKEN_NONCE);
  gives(mint_token("nonce", "7", NULL), ERR_TOKEN_CLAIMS);
}
END_TEST

START_TEST(token_verify_nonce_not_expected_not_checked)
{
  struct token_expect x = expect;
  struct token_claims c;
  x.nonce = NULL;
  ck_assert_int_eq(verify_as(mint_token("nonce", NULL, NULL), &x, &c), ERR_OK);
}
END_TEST

START_TEST(token_verify_upn_missing_refused)
{
  gives(mint_token("upn", NULL, NULL), ERR_TOKEN_NO_UPN);
}
END_TEST

/* KR-15 */
START_TEST(token_verify_upn_that_steers_refused)
{
  gives(mint_token("upn", "\"\"", NULL), ERR_TOKEN_BAD_UPN);
  gives(mint_token("upn", "\"alice\"", NULL), ERR_TOKEN_BAD_UPN);
  gives(mint_token("upn", "\"alice@corp.sevenstep.test\"", NULL), ERR_TOKEN_BAD_UPN);
  gives(mint_token("upn", "\"admin@CORP.SEVENSTEP.TEST@sevenstep.test\"", NULL), ERR_TOKEN_BAD_UPN);
  gives(mint_token("upn", "\"host/kdc@sevenstep.test\"", NULL), ERR_TOKEN_BAD_UPN);
  gives(mint_token("upn", "\"a\\\\@b@sevenstep.test\"", NULL), ERR_TOKEN_BAD_UPN);
  gives(mint_token("upn", "[\"alice@sevenstep.test\"]", NULL), ERR_TOKEN_CLAIMS);
}
END_TEST

START_TEST(token_verify_other_spn_refused)
{
  gives(mint_token("spn", NULL, NULL), ERR_TOKEN_SPN);
  gives(mint_token("spn", "\"HTTP/vault.corp.sevenstep.test\"", NULL), ERR_TOKEN_SPN);
  gives(mint_token("spn", "\"http/hello.corp.sevenstep.test\"", NULL), ERR_TOKEN_SPN);
  gives(mint_token("spn", "\"" MINT_SPN "@CORP.SEVENSTEP.TEST\"", NULL), ERR_TOKEN_SPN);
  gives(mint_token("spn", "7", NULL), ERR_TOKEN_CLAIMS);
}
END_TEST

START_TEST(token_verify_other_claim_too_long_refused)
{
  char text[400];
  memset(text, 'a', sizeof text);
  text[0] = '"';
  memcpy(text + 300, "\"", 2);
  gives(mint_token("name", text, NULL), ERR_TOKEN_CLAIMS);
  gives(mint_token("jti", text, NULL), ERR_TOKEN_CLAIMS);
}
END_TEST

static const char *login_as(enum token_login login, const char *claim, const char *json,
                            struct token_claims *c)
{
  struct token_expect x = expect;
  x.login = login;
  x.any_upn_suffix = true;
  return err_info(verify_as(mint_token("upn", "\"alice@contoso.example\"", claim, json, NULL), &x, c))->name;
}

START_TEST(token_verify_login_claim_returned)
{
  struct token_claims c;
  ck_assert_str_eq(login_as(TOKEN_LOGIN_UPN, "jti", "\"j\"", &c), "ok");
  ck_assert_str_eq(c.upn, "alice@contoso.example");
  ck_assert_str_eq(c.login, "");
  ck_assert_str_eq(
      login_as(TOKEN_LOGIN_ON_PREMISES_UPN, "onpremisesuserprincipalname", "\"a.b@legacy.example\"", &c),
      "ok");
  ck_assert_str_eq(c.login, "a.b@legacy.example");
  ck_assert_str_eq(login_as(TOKEN_LOGIN_SAM_ACCOUNT_NAME, "onpremisessamaccountname", "\"a-b\"", &c), "ok");
  ck_assert_str_eq(c.login, "a-b");
}
END_TEST

START_TEST(token_verify_login_claim_that_steers_refused)
{
  static const char *const bad[] = {"\"\"",      "\"a/b\"",  "\"a\\\\b\"", "\"a b\"",    "\"a\\nb\"",
                                    "\"a@b@c\"", "\"a@b \"", "\"a@\"",     "\"\\u00e9\""};
  struct token_claims c;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *upn = login_as(TOKEN_LOGIN_ON_PREMISES_UPN, "onpremisesuserprincipalname", bad[i], &c);
    const char *account = login_as(TOKEN_LOGIN_SAM_ACCOUNT_NAME, "onpremisessamaccountname", bad[i], &c);
    ck_assert_msg(strcmp(upn, "ok") != 0 && strcmp(account, "ok") != 0, "%s", bad[i]);
  }
  ck_assert_str_eq(
      login_as(TOKEN_LOGIN_SAM_ACCOUNT_NAME, "onpremisessamaccountname", "\"a@sevenstep.test\"", &c),
      "token_bad_upn");
  ck_assert_str_eq(login_as(TOKEN_LOGIN_SAM_ACCOUNT_NAME, "onpremisessamaccountname", "7", &c),
                   "token_claims");
  ck_assert_str_eq(login_as(TOKEN_LOGIN_SAM_ACCOUNT_NAME, "jti", "\"j\"", &c), "token_no_upn");
  ck_assert_str_eq(login_as(TOKEN_LOGIN_ON_PREMISES_UPN, "jti", "\"j\"", &c), "token_no_upn");
}
END_TEST

START_TEST(token_upn_valid_any_suffix_is_a_domain)
{
  ck_assert(token_upn_valid("alice@contoso.example", NULL));
  ck_assert(!token_upn_valid("alice@", NULL));
  ck_assert(!token_upn_valid("alice@a..b", NULL));
  ck_assert(!token_upn_valid("alice@a.b.", NULL));
  ck_assert(!token_upn_valid("alice@a/b", NULL));
  ck_assert(!token_upn_valid("alice@a@b", NULL));
}
END_TEST

START_TEST(token_upn_valid_ordinary_names_true)
{
  static const char *const good[] = {"alice@sevenstep.test", "a@sevenstep.test", "a.b_c-d@sevenstep.test",
                                     "o'neil@SEVENSTEP.Test", "A1@sevenstep.test"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    ck_assert_msg(token_upn_valid(good[i], MINT_SUFFIX), "%s", good[i]);
}
END_TEST

START_TEST(token_upn_valid_anything_else_false)
{
  static const char *const bad[] = {
      "",
      "@",
      "@sevenstep.test",
      "alice",
      "alice@",
      "alice@sevenstep",
      "alice@sevenstep.test.",
      "alice@sevenstep.test@sevenstep.test",
      "alice@x.sevenstep.test",
      ".alice@sevenstep.test",
      "alice.@sevenstep.test",
      "al ice@sevenstep.test",
      "al/ice@sevenstep.test",
      "al\\ice@sevenstep.test",
      "al\nice@sevenstep.test",
      "al\"ice@sevenstep.test",
      "al\xc3\xa9@sevenstep.test",
      "alice@sevenstep.test\n",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@sevenstep.test", /* 65 */
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(!token_upn_valid(bad[i], MINT_SUFFIX), "%s", bad[i]);
}
END_TEST

int main(void)
{
  mint_init();
  TCase *t = tcase_create("token");
  tcase_add_test(t, token_verify_good_token_claims_returned);
  tcase_add_test(t, token_verify_failure_leaves_result_untouched);
  tcase_add_test(t, token_verify_bad_signature_refused);
  tcase_add_test(t, token_verify_payload_not_one_object_malformed);
  tcase_add_test(t, token_verify_duplicate_claim_malformed);
  tcase_add_test(t, token_verify_access_token_as_id_token_refused);
  tcase_add_test(t, token_verify_typ_absent_or_jwt_accepted);
  tcase_add_test(t, token_verify_access_kind_checks_its_own_claims);
  tcase_add_test(t, token_verify_scope_without_the_word_refused);
  tcase_add_test(t, token_verify_groups_joined_or_refused);
  tcase_add_test(t, token_verify_other_issuer_refused);
  tcase_add_test(t, token_verify_other_audience_refused);
  tcase_add_test(t, token_verify_audience_of_wrong_type_refused);
  tcase_add_test(t, token_verify_our_audience_in_array_accepted);
  tcase_add_test(t, token_verify_expired_refused_beyond_skew);
  tcase_add_test(t, token_verify_future_refused_beyond_skew);
  tcase_add_test(t, token_verify_dates_of_wrong_type_refused);
  tcase_add_test(t, token_verify_date_with_fraction_accepted);
  tcase_add_test(t, token_verify_exp_before_iat_refused);
  tcase_add_test(t, token_verify_subject_missing_long_or_foreign_refused);
  tcase_add_test(t, token_verify_other_nonce_refused);
  tcase_add_test(t, token_verify_nonce_not_expected_not_checked);
  tcase_add_test(t, token_verify_upn_missing_refused);
  tcase_add_test(t, token_verify_upn_that_steers_refused);
  tcase_add_test(t, token_verify_other_spn_refused);
  tcase_add_test(t, token_verify_other_claim_too_long_refused);
  tcase_add_test(t, token_verify_login_claim_returned);
  tcase_add_test(t, token_verify_login_claim_that_steers_refused);
  tcase_add_test(t, token_upn_valid_any_suffix_is_a_domain);
  tcase_add_test(t, token_upn_valid_ordinary_names_true);
  tcase_add_test(t, token_upn_valid_anything_else_false);
  Suite *s = suite_create("token");
  suite_add_tcase(s, t);
  int result = run(s);
  mint_free();
  return result;
}

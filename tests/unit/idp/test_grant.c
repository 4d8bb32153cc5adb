#include "grant.h"

#include "browser.h"
#include "suites.h"
#include "token.h"

#include <stdio.h>
#include <string.h>

static struct grant sample(void)
{
  struct grant g = {
      .user = lab_user_by_name(provider_lab(), "alice"),
      .auth_time_s = 1700000000,
      .mark = "-",
      .redirect_uri = "https://client.localhost/callback?a=1&b=2",
      .nonce = "n & \"1\"",
      .code_challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
      .profile = true,
  };
  ck_assert(client_find(provider_lab(), "sevenstep-cli", &g.client));
  memset(&g.trace, 7, sizeof g.trace);
  g.trace.sampled = true;
  return g;
}

START_TEST(grant_take_code_gives_what_was_put)
{
  char code[IDP_SECRET_TEXT + 1];
  struct grant in = sample(), out;
  struct failure f;
  ck_assert_int_eq(grant_put_code(&provider, &in, code), ERR_OK);
  ck_assert_int_eq(grant_take_code(&provider, code, "jti-1", &out, &f), ERR_OK);
  ck_assert_ptr_eq(out.user, in.user);
  ck_assert_str_eq(out.client.id, in.client.id);
  ck_assert_str_eq(out.redirect_uri, in.redirect_uri);
  ck_assert_str_eq(out.nonce, in.nonce);
  ck_assert_str_eq(out.code_challenge, in.code_challenge);
  ck_assert_int_eq(out.auth_time_s, in.auth_time_s);
  ck_assert(out.profile);
  ck_assert_mem_eq(out.trace.trace_id, in.trace.trace_id, 16);
  grant_clear(&out);
}
END_TEST

/* TK-05 */
START_TEST(grant_take_code_again_revokes_its_access_token)
{
  char code[IDP_SECRET_TEXT + 1];
  struct grant in = sample(), out;
  struct failure f;
  ck_assert_int_eq(grant_put_code(&provider, &in, code), ERR_OK);
  ck_assert_int_eq(grant_take_code(&provider, code, "jti-1", &out, &f), ERR_OK);
  grant_clear(&out);
  ck_assert(!grant_revoked(&provider, "jti-1"));
  ck_assert_int_eq(grant_take_code(&provider, code, "jti-2", &out, &f), ERR_OIDC_INVALID_GRANT);
  ck_assert(grant_revoked(&provider, "jti-1"));
  ck_assert(!grant_revoked(&provider, "jti-2"));
}
END_TEST

START_TEST(grant_take_code_unknown_refused)
{
  struct grant out;
  struct failure f;
  ck_assert_int_eq(grant_take_code(&provider, "unknown", "jti-1", &out, &f), ERR_OIDC_INVALID_GRANT);
  ck_assert_int_eq(grant_take_code(&provider, "", "jti-1", &out, &f), ERR_OIDC_INVALID_GRANT);
}
END_TEST

START_TEST(grant_put_code_without_nonce_none_comes_back)
{
  char code[IDP_SECRET_TEXT + 1];
  struct grant in = sample(), out;
  struct failure f;
  in.nonce = NULL;
  in.profile = false;
  ck_assert_int_eq(grant_put_code(&provider, &in, code), ERR_OK);
  ck_assert_int_eq(grant_take_code(&provider, code, "jti-1", &out, &f), ERR_OK);
  ck_assert_ptr_null(out.nonce);
  ck_assert(!out.profile);
  grant_clear(&out);
}
END_TEST

/* All groups, or of more than 150 none. */
START_TEST(grant_id_token_groups_up_to_150)
{
  static struct lab_header header = {"X-Groups", CLAIM_GROUPS};
  static struct lab_group groups[151];
  static char names[151][16];
  static const char *const alice[] = {"alice"};
  struct lab *lab = (struct lab *)(uintptr_t)provider_lab();
  struct lab_app *app = (struct lab_app *)(uintptr_t)lab_app_by_name(lab, "hello");
  struct grant g = sample();
  struct buf token, claims;
  struct failure f;
  for (size_t i = 0; i < 151; i++) {
    snprintf(names[i], sizeof names[i], "g%zu", i);
    groups[i] = (struct lab_group){names[i], {(const char **)(uintptr_t)alice, 1}};
  }
  ck_assert(client_find(lab, "hello", &g.client));
  lab->groups = groups;
  buf_init(&token, 16384);
  buf_init(&claims, 16384);
  for (size_t i = 0; i < 4; i++) {
    app->headers = &header;
    app->n_headers = i > 0; /* not asked for: not told */
    lab->n_groups = i < 2 ? 150 : 151;
    buf_reset(&token);
    buf_reset(&claims);
    ck_assert_int_eq(grant_id_token(&provider, &g, NULL, &token, &f), ERR_OK);
    ck_assert_int_eq(token_peek_payload(buf_str(&token), token.len, &claims), ERR_OK);
    ck_assert((strstr(buf_str(&claims), "\"groups\":[\"g0\",") != NULL) == (i == 1));
    ck_assert((strstr(buf_str(&claims), "\"g149\"]") != NULL) == (i == 1));
  }
  buf_clear(&token);
  buf_clear(&claims);
}
END_TEST

Suite *grant_suite(void)
{
  Suite *s = suite_create("grant");
  TCase *t = tcase_create("grant");
  tcase_add_checked_fixture(t, provider_setup, provider_teardown);
  tcase_add_test(t, grant_take_code_gives_what_was_put);
  tcase_add_test(t, grant_take_code_again_revokes_its_access_token);
  tcase_add_test(t, grant_take_code_unknown_refused);
  tcase_add_test(t, grant_id_token_groups_up_to_150);
  tcase_add_test(t, grant_put_code_without_nonce_none_comes_back);
  suite_add_tcase(s, t);
  return s;
}

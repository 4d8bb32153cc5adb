#include "browser.h"
#include "clock.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

static char token[8192], id_token[8192], code[64];

static void get_tokens(const char *scope)
{
  authorize_with(code_request("scope", scope, NULL));
  logon("alice", "alice-password");
  snprintf(code, sizeof code, "%s", location_param("code"));
  redeem_code(code, NULL);
  ck_assert_int_eq(answer.status, 200);
  snprintf(token, sizeof token, "Bearer %s", json_text("access_token"));
  snprintf(id_token, sizeof id_token, "Bearer %s", json_text("id_token"));
}

static void ask(const char *authorization)
{
  browse("GET", "/userinfo", NULL, "Authorization", authorization, NULL);
}

static void refused(void)
{
  ck_assert_int_eq(answer.status, 401);
  ck_assert_ptr_nonnull(strstr(answer_field("WWW-Authenticate"), "error=\"invalid_token\""));
  ck_assert_str_eq(answer_error(), "invalid_token");
  ck_assert(!answer_has("alice"));
}

/* TK-11 */
START_TEST(userinfo_good_token_gives_claims)
{
  get_tokens("openid profile");
  ask(token);
  ck_assert_int_eq(answer.status, 200);
  ck_assert_str_eq(json_text("sub"), "alice");
  ck_assert_str_eq(json_text("name"), "Alice");
  ck_assert_str_eq(json_text("upn"), "alice@sevenstep.test");
  browse("POST", "/userinfo", "", "Authorization", token, NULL);
  ck_assert_str_eq(json_text("sub"), "alice");
}
END_TEST

/* TK-14 */
START_TEST(userinfo_scope_openid_alone_no_name)
{
  get_tokens("openid");
  ask(token);
  ck_assert_str_eq(json_text("sub"), "alice");
  ck_assert_str_eq(json_text("name"), "");
}
END_TEST

/* TK-12, TK-13 */
START_TEST(userinfo_without_token_challenge_without_error)
{
  get_tokens("openid");
  browser_get("/userinfo");
  ck_assert_int_eq(answer.status, 401);
  ck_assert_str_eq(answer_field("WWW-Authenticate"), "Bearer realm=\"userinfo\"");
  char target[9000];
  snprintf(target, sizeof target, "/userinfo?access_token=%s", token + 7);
  browser_get(target);
  ck_assert_int_eq(answer.status, 401);
  ask("Basic YTpi");
  ck_assert_int_eq(answer.status, 401);
}
END_TEST

/* JW-08 */
START_TEST(userinfo_id_token_refused)
{
  get_tokens("openid");
  ask(id_token);
  refused();
}
END_TEST

START_TEST(userinfo_changed_token_refused)
{
  get_tokens("openid");
  token[strlen(token) - 10] ^= 1;
  ask(token);
  refused();
  ask("Bearer x");
  refused();
  ask("Bearer ");
  refused();
}
END_TEST

START_TEST(userinfo_expired_token_refused)
{
  get_tokens("openid");
  clock_shift_wall(provider_lab()->idp.token_lifetime_s + 61);
  ask(token);
  refused();
}
END_TEST

/* TK-05 */
START_TEST(userinfo_token_of_a_replayed_code_refused)
{
  get_tokens("openid");
  ask(token);
  ck_assert_int_eq(answer.status, 200);
  redeem_code(code, NULL);
  ask(token);
  refused();
}
END_TEST

Suite *userinfo_suite(void)
{
  Suite *s = suite_create("userinfo");
  TCase *t = tcase_create("userinfo");
  tcase_add_checked_fixture(t, provider_setup, provider_teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, userinfo_good_token_gives_claims);
  tcase_add_test(t, userinfo_scope_openid_alone_no_name);
  tcase_add_test(t, userinfo_without_token_challenge_without_error);
  tcase_add_test(t, userinfo_id_token_refused);
  tcase_add_test(t, userinfo_changed_token_refused);
  tcase_add_test(t, userinfo_expired_token_refused);
  tcase_add_test(t, userinfo_token_of_a_replayed_code_refused);
  suite_add_tcase(s, t);
  return s;
}

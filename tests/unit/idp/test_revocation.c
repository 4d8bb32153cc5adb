#include "revocation.h"

#include "browser.h"
#include "clock.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

/* -- marks ----------------------------------------------------------------------------------------------- */

static void revoke(const char *user)
{
  ck_assert_int_eq(revoke_user(&provider, user), ERR_OK);
}

START_TEST(revocation_mark_is_good_until_the_next_end)
{
  char first[REVOCATION_MARK_LEN + 1], second[REVOCATION_MARK_LEN + 1];
  ck_assert_int_eq(revocation_mark(&provider, "alice", first), ERR_OK);
  ck_assert_int_eq(revocation_check(&provider, "alice", first), ERR_OK);
  revoke("alice");
  ck_assert_int_eq(revocation_check(&provider, "alice", first), ERR_NOT_FOUND);
  ck_assert_int_eq(revocation_mark(&provider, "alice", second), ERR_OK);
  ck_assert_int_eq(revocation_check(&provider, "alice", second), ERR_OK);
  revoke("alice");
  ck_assert_int_eq(revocation_check(&provider, "alice", second), ERR_NOT_FOUND);
  ck_assert_int_eq(revocation_check(&provider, "bob", first), ERR_OK);
}
END_TEST

/* A logon of 8 hours, begun under the mark of an end that is forgotten meanwhile, is still good. */
START_TEST(revocation_check_after_the_end_is_forgotten_good)
{
  char mark[REVOCATION_MARK_LEN + 1];
  revoke("alice");
  ck_assert_int_eq(revocation_mark(&provider, "alice", mark), ERR_OK);
  clock_shift_wall(2 * IDP_SESSION_S + 1);
  ck_assert_int_eq(revocation_check(&provider, "alice", mark), ERR_OK);
  revoke("alice");
  ck_assert_int_eq(revocation_check(&provider, "alice", mark), ERR_NOT_FOUND);
}
END_TEST

START_TEST(revocation_covers_what_was_issued_before)
{
  int64_t now_s = clock_wall_s();
  ck_assert(!revocation_covers(&provider, "alice", now_s));
  revoke("alice");
  ck_assert(revocation_covers(&provider, "alice", now_s));
  ck_assert(!revocation_covers(&provider, "alice", clock_wall_s() + 1));
  ck_assert(!revocation_covers(&provider, "bob", now_s));
}
END_TEST

/* -- what a user has ------------------------------------------------------------------------------------- */

START_TEST(revoke_user_ends_the_logon_and_nobody_elses)
{
  get_code("alice", "alice-password");
  revoke("bob");
  authorize_with(code_request("prompt", "none", NULL));
  ck_assert_ptr_nonnull(location_param("code"));
  revoke("alice");
  authorize_with(code_request("prompt", "none", NULL));
  ck_assert_str_eq(location_param("error"), "login_required");
  authorize_with(code_request(NULL));
  logon("alice", "alice-password");
  authorize_with(code_request("prompt", "none", NULL));
  ck_assert_ptr_nonnull(location_param("code"));
}
END_TEST

START_TEST(revoke_user_ends_a_code_that_is_under_way)
{
  char code[64];
  snprintf(code, sizeof code, "%s", get_code("alice", "alice-password"));
  revoke("alice");
  redeem_code(code, NULL);
  ck_assert_int_eq(answer.status, 400);
  ck_assert_str_eq(json_text("error"), "invalid_grant");
}
END_TEST

START_TEST(revoke_user_ends_access_tokens)
{
  char code[64], token[8192];
  snprintf(code, sizeof code, "%s", get_code("alice", "alice-password"));
  redeem_code(code, NULL);
  snprintf(token, sizeof token, "Bearer %s", json_text("access_token"));
  browse("GET", "/userinfo", NULL, "Authorization", token, NULL);
  ck_assert_int_eq(answer.status, 200);
  revoke("alice");
  browse("GET", "/userinfo", NULL, "Authorization", token, NULL);
  ck_assert_int_eq(answer.status, 401);
}
END_TEST

/* -- what a change takes --------------------------------------------------------------------------------- */

static const struct taking {
  const char *before, *after, *told;
  bool ended;
} takings[] = {
    {"{}", "users: {alice: {password: another-password}}", "password alice@sevenstep.test\n", true},
    {"{}", "users: {alice: {enabled: false}}", "", true},
    {"users: {alice: {enabled: false}}", "{}", "", true},
    {"{}", "users: {alice: {expires: 2020-01-01}}", "", true},
    {"{}", "users: {alice: {upn: alison@sevenstep.test}}", "", true},
    {"users: {alice: {upn: alison@sevenstep.test}}", "users: {alice: {upn: Alison@sevenstep.test}}", "",
     false},
    {"{}", "users: {alice: {display_name: Alicia, sensitive: true}}", "", false},
    {"{}", "users: {alice: {expires: 2100-01-01}}", "", false},
    {"{}", "users: {bob: {password: another-password}}", "password bob@sevenstep.test\n", false},
    {"users: {zoe: {password: zoe-password}}", "users: {zoe: {password: other-password}}", "", false},
    {"users: {zoe: {password: zoe-password}}", "{}", "", false},
};

START_TEST(revoke_by_change_ends_what_is_taken)
{
  const struct taking *t = &takings[_i];
  const struct lab *before = provider_lab_changed(t->before), *now = provider_lab_changed(t->after);
  struct buf told;
  struct failure f;
  char mark[REVOCATION_MARK_LEN + 1];
  buf_init(&told, 1024);
  ck_assert_int_eq(revocation_mark(&provider, "alice", mark), ERR_OK);
  ck_assert_int_eq(revoke_by_change(&provider, before, now, &told, &f), ERR_OK);
  ck_assert_str_eq(buf_str(&told), t->told);
  ck_assert_int_eq(revocation_check(&provider, "alice", mark), t->ended ? ERR_NOT_FOUND : ERR_OK);
  buf_clear(&told);
  lab_free(before);
  lab_free(now);
}
END_TEST

/* -- on demand ------------------------------------------------------------------------------------------- */

static int asked(const char *query)
{
  struct httpd_request q = {.query = query, .arg = &provider};
  struct httpd_response r = {.status = 200};
  buf_init(&r.body, 4096);
  fields_init(&r.fields, 8, 4096);
  revocation_ask(&q, &r);
  buf_clear(&r.body);
  fields_clear(&r.fields);
  return r.status;
}

START_TEST(revocation_ask_upn_in_any_case_or_account_name)
{
  char mark[REVOCATION_MARK_LEN + 1], next[REVOCATION_MARK_LEN + 1];
  ck_assert_int_eq(revocation_mark(&provider, "alice", mark), ERR_OK);
  ck_assert_int_eq(asked("user=Alice%40sevenstep.test"), 200);
  ck_assert_int_eq(revocation_mark(&provider, "alice", next), ERR_OK);
  ck_assert_str_ne(mark, next);
  ck_assert_int_eq(asked("user=alice"), 200);
  ck_assert_int_eq(revocation_check(&provider, "alice", next), ERR_NOT_FOUND);
}
END_TEST

START_TEST(revocation_ask_without_or_with_unknown_user_refused)
{
  ck_assert_int_eq(asked(""), 400);
  ck_assert_int_eq(asked("who=alice"), 400);
  ck_assert_int_eq(asked("user=nobody"), 404);
}
END_TEST

Suite *revocation_suite(void)
{
  Suite *suite = suite_create("revocation");
  TCase *t = tcase_create("revocation");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, provider_setup, provider_teardown);
  tcase_add_test(t, revocation_mark_is_good_until_the_next_end);
  tcase_add_test(t, revocation_check_after_the_end_is_forgotten_good);
  tcase_add_test(t, revocation_covers_what_was_issued_before);
  tcase_add_test(t, revoke_user_ends_the_logon_and_nobody_elses);
  tcase_add_test(t, revoke_user_ends_a_code_that_is_under_way);
  tcase_add_test(t, revoke_user_ends_access_tokens);
  tcase_add_loop_test(t, revoke_by_change_ends_what_is_taken, 0, (int)(sizeof takings / sizeof *takings));
  tcase_add_test(t, revocation_ask_upn_in_any_case_or_account_name);
  tcase_add_test(t, revocation_ask_without_or_with_unknown_user_refused);
  suite_add_tcase(suite, t);
  return suite;
}

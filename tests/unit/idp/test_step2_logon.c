#include "authorize.h"
#include "browser.h"
#include "clock.h"
#include "form.h"
#include "lockout.h"
#include "sessions.h"
#include "suites.h"
#include "token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ID token on the page, judged as the cloud will judge it. */
static enum err verify_token(struct token_claims *c)
{
  struct buf set;
  struct jwks *keys;
  struct failure f = {0};
  const char *token = page_field("id_token");
  const struct token_expect x = {
      .issuer = provider_lab()->idp.issuer.text,
      .audience = "hello",
      .nonce = "n-1",
      .spn = "HTTP/hello.corp.sevenstep.test",
      .upn_suffix = "sevenstep.test",
      .now_s = clock_wall_s(),
  };
  buf_init(&set, 65536);
  ck_assert_int_eq(token_keys_jwks(provider.keys, &set), ERR_OK);
  ck_assert_int_eq(jwks_parse(buf_str(&set), set.len, &keys, &f), ERR_OK);
  enum err e = token_verify(keys, token, strlen(token), &x, c, &f);
  jwks_free(keys);
  buf_clear(&set);
  return e;
}

static void refused_page(int status, const char *name)
{
  char code[100];
  snprintf(code, sizeof code, "data-error=\"%s\"", name);
  ck_assert_int_eq(answer.status, status);
  ck_assert_str_eq(answer_error(), name);
  ck_assert(answer_has(code));
  ck_assert_str_eq(answer_field("Location"), "");
  ck_assert(!page_has_field("id_token"));
}

/* An error told to the further client. */
static void refused_by_redirect(const char *code)
{
  ck_assert_int_eq(answer.status, 303);
  ck_assert_int_eq(strncmp(answer_field("Location"), "https://client.localhost/callback?", 34), 0);
  ck_assert_str_eq(location_param("error"), code);
  ck_assert_ptr_nonnull(location_param("error_description"));
  ck_assert_ptr_null(location_param("code"));
  ck_assert_str_eq(location_param("iss"), provider_lab()->idp.issuer.text);
}

START_TEST(step2_authorize_without_session_shows_logon_page)
{
  authorize_with(hello_request(NULL));
  ck_assert_int_eq(answer.status, 200);
  ck_assert(answer_has("<form method=\"post\" action=\"/logon\">"));
  ck_assert(answer_has("<strong>Hello</strong>"));
  ck_assert_str_eq(answer_field("Sevenstep-Actor"), "idp");
  ck_assert_uint_eq(strlen(answer_field("Sevenstep-Trace")), 32);
  ck_assert_str_eq(answer_error(), "");
}
END_TEST

/* OP-10 */
START_TEST(step2_authorize_by_post_the_same)
{
  browser_post("/authorize", hello_request(NULL));
  ck_assert_int_eq(answer.status, 200);
  logon("alice", "alice-password");
  ck_assert(page_has_field("id_token"));
}
END_TEST

START_TEST(step2_authorize_post_of_json_refused)
{
  browse("POST", "/authorize", "{}", "Content-Type", "application/json", NULL);
  refused_page(400, "invalid_request");
}
END_TEST

START_TEST(step2_logon_right_password_token_posted_to_the_application)
{
  struct token_claims c;
  authorize_with(hello_request(NULL));
  logon("alice@sevenstep.test", "alice-password");
  ck_assert_int_eq(answer.status, 200);
  ck_assert_int_eq(verify_token(&c), ERR_OK);
  ck_assert_str_eq(c.subject, "alice");
  ck_assert_str_eq(c.upn, "alice@sevenstep.test");
  ck_assert_str_eq(c.name, "Alice");
  ck_assert_int_gt(c.auth_time_s, 0);
  ck_assert_str_eq(page_field("state"), "s-1");
  ck_assert_str_eq(page_field("iss"), provider_lab()->idp.issuer.text);
  ck_assert(answer_has("/.sevenstep/callback\">"));
}
END_TEST

START_TEST(step2_logon_by_account_name_or_upn_in_any_case)
{
  struct token_claims c;
  authorize_with(hello_request(NULL));
  logon("ALICE@SevenStep.test", "alice-password");
  ck_assert_int_eq(verify_token(&c), ERR_OK);
  browser_new();
  authorize_with(hello_request(NULL));
  logon("bob", "bob-password");
  ck_assert_int_eq(verify_token(&c), ERR_OK);
  ck_assert_str_eq(c.subject, "bob");
}
END_TEST

START_TEST(step2_logon_user_without_upn_token_without_upn)
{
  struct token_claims c;
  authorize_with(hello_request(NULL));
  logon("erin", "erin-password");
  ck_assert_int_eq(answer.status, 200);
  ck_assert_int_eq(verify_token(&c), ERR_TOKEN_NO_UPN);
}
END_TEST

/* TK-14 */
START_TEST(step2_logon_scope_openid_alone_no_name)
{
  struct token_claims c;
  authorize_with(hello_request("scope", "openid", NULL));
  logon("alice", "alice-password");
  ck_assert_int_eq(verify_token(&c), ERR_OK);
  ck_assert_str_eq(c.name, "");
}
END_TEST

/* OP-21 */
START_TEST(step2_logon_any_state_comes_back)
{
  char all[96] = {0};
  for (int c = 0x20; c < 0x7f; c++)
    all[c - 0x20] = (char)c;
  authorize_with(hello_request("state", all, NULL));
  logon("alice", "alice-password");
  ck_assert_str_eq(page_field("state"), all);
  authorize_with(code_request("state", all, NULL));
  ck_assert_str_eq(location_param("state"), all);
}
END_TEST

START_TEST(step2_logon_wrong_password_page_again_with_error)
{
  authorize_with(hello_request(NULL));
  logon("alice", "wrong");
  refused_page(401, "wrong_password");
  ck_assert_str_eq(page_field("username"), "alice");
  ck_assert_str_eq(page_field("password"), "");
  ck_assert_str_eq(browser_cookie(SESSION_COOKIE), "");
  logon("alice", "alice-password");
  ck_assert(page_has_field("id_token"));
}
END_TEST

START_TEST(step2_logon_unknown_user_same_answer_as_wrong_password)
{
  char *pages[2];
  static const char *const users[] = {"alice", "nobody"};
  for (int i = 0; i < 2; i++) {
    authorize_with(hello_request(NULL));
    logon(users[i], "wrong");
    refused_page(401, "wrong_password");
    pages[i] = strdup(strstr(answer_body(), "data-error"));
    *strstr(pages[i], "<form") = 0;
  }
  ck_assert_str_eq(pages[0], pages[1]);
  free(pages[0]);
  free(pages[1]);
}
END_TEST

START_TEST(step2_logon_empty_user_or_password_refused)
{
  authorize_with(hello_request(NULL));
  logon("", "");
  refused_page(401, "wrong_password");
  logon("alice", "");
  refused_page(401, "wrong_password");
}
END_TEST

START_TEST(step2_logon_many_wrong_passwords_locked_out)
{
  authorize_with(hello_request(NULL));
  for (int i = 0; i < LOCKOUT_FAILURES; i++)
    logon("bob", "wrong");
  refused_page(401, "wrong_password");
  logon("bob", "bob-password");
  refused_page(429, "locked_out");
  ck_assert_int_gt(atoi(answer_field("Retry-After")), 0);
  clock_shift_wall(LOCKOUT_S + 1);
  logon("bob", "bob-password");
  ck_assert(page_has_field("id_token"));
}
END_TEST

START_TEST(step2_logon_disabled_user_refused_only_with_right_password)
{
  authorize_with(hello_request(NULL));
  logon("carol", "wrong");
  refused_page(401, "wrong_password");
  logon("carol", "carol-password");
  refused_page(403, "user_disabled");
  ck_assert_str_eq(browser_cookie(SESSION_COOKIE), "");
}
END_TEST

START_TEST(step2_logon_expired_user_refused_and_a_session_ends_with_the_account)
{
  struct lab_user *alice = &provider.lab->users[0];
  authorize_with(hello_request(NULL));
  logon("alice", "alice-password");
  ck_assert(page_has_field("id_token"));
  alice->expires_s = 1000000000;
  authorize_with(hello_request(NULL));
  refused_page(403, "account_expired");
  alice->expires_s = 4000000000;
  authorize_with(hello_request(NULL));
  ck_assert(page_has_field("id_token"));
}
END_TEST

START_TEST(step2_logon_unassigned_user_refused_with_a_way_out)
{
  authorize_with(hello_request(NULL));
  logon("frank", "frank-password");
  refused_page(403, "user_unassigned");
  ck_assert(answer_has("&amp;prompt=login\""));
  authorize_with(hello_request(NULL));
  refused_page(403, "user_unassigned");
  authorize_with(hello_request("prompt", "login", NULL));
  logon("alice", "alice-password");
  ck_assert(page_has_field("id_token"));
}
END_TEST

START_TEST(step2_authorize_with_session_asks_no_password)
{
  struct token_claims first, second;
  authorize_with(hello_request(NULL));
  logon("alice", "alice-password");
  ck_assert_int_eq(verify_token(&first), ERR_OK);
  authorize_with(hello_request(NULL));
  ck_assert_int_eq(verify_token(&second), ERR_OK);
  ck_assert_int_eq(first.auth_time_s, second.auth_time_s);
  ck_assert_str_ne(first.jti, second.jti);
}
END_TEST

/* OP-12 */
START_TEST(step2_authorize_bad_client_or_uri_page_never_redirect)
{
  authorize_with(code_request("client_id", "nobody", NULL));
  refused_page(400, "client_unknown");
  authorize_with(code_request("redirect_uri", "https://evil.example/", NULL));
  refused_page(400, "bad_redirect_uri");
  authorize_with(code_request("redirect_uri", NULL, NULL));
  refused_page(400, "invalid_request");
}
END_TEST

/* OP-15, OP-22 */
START_TEST(step2_authorize_errors_go_to_the_client_with_state)
{
  static const struct {
    const char *name, *value, *error;
  } cases[] = {{"scope", "profile", "invalid_scope"},
               {"code_challenge", NULL, "invalid_request"},
               {"code_challenge_method", "plain", "invalid_request"},
               {"response_type", "device", "unsupported_response_type"},
               {"request", "x", "request_not_supported"},
               {"request_uri", "x", "request_uri_not_supported"},
               {"prompt", "none login", "invalid_request"},
               {"max_age", "x", "invalid_request"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    authorize_with(code_request(cases[i].name, cases[i].value, NULL));
    refused_by_redirect(cases[i].error);
    ck_assert_str_eq(location_param("state"), "s-1");
  }
}
END_TEST

START_TEST(step2_authorize_error_by_form_post_or_fragment)
{
  authorize_with(hello_request("scope", "profile", NULL));
  ck_assert_int_eq(answer.status, 200);
  ck_assert_str_eq(page_field("error"), "invalid_scope");
  ck_assert_str_eq(page_field("state"), "s-1");
  ck_assert_str_eq(answer_error(), "invalid_scope");
  authorize_with(hello_request("response_mode", NULL, NULL));
  ck_assert_int_eq(answer.status, 303);
  ck_assert_ptr_null(strchr(answer_field("Location"), '?'));
  ck_assert_ptr_nonnull(strstr(answer_field("Location"), "/callback#error=invalid_request&"));
}
END_TEST

/* OP-16 */
START_TEST(step2_authorize_prompt_none_shows_no_page)
{
  authorize_with(code_request("prompt", "none", NULL));
  refused_by_redirect("login_required");
  authorize_with(hello_request(NULL));
  logon("frank", "frank-password");
  authorize_with(code_request("prompt", "none", NULL));
  ck_assert_int_eq(answer.status, 303);
  ck_assert_ptr_nonnull(location_param("code"));
  authorize_with(hello_request("prompt", "none", NULL));
  ck_assert_str_eq(page_field("error"), "access_denied");
}
END_TEST

/* OP-17, OP-18 */
START_TEST(step2_authorize_prompt_login_or_old_logon_asks_again)
{
  authorize_with(hello_request(NULL));
  logon("alice", "alice-password");
  authorize_with(hello_request("prompt", "login", NULL));
  ck_assert(page_has_field("password"));
  authorize_with(hello_request("max_age", "0", NULL));
  ck_assert(page_has_field("password"));
  authorize_with(hello_request("max_age", "600", NULL));
  ck_assert(page_has_field("id_token"));
  clock_shift_wall(700);
  authorize_with(hello_request("max_age", "600", NULL));
  ck_assert(page_has_field("password"));
  logon("alice", "alice-password");
  ck_assert(page_has_field("id_token"));
}
END_TEST

START_TEST(step2_authorize_login_hint_fills_the_form)
{
  authorize_with(hello_request("login_hint", "alice@sevenstep.test", NULL));
  ck_assert_str_eq(page_field("username"), "alice@sevenstep.test");
}
END_TEST

/* OP-24 */
START_TEST(step2_logon_code_goes_by_303)
{
  authorize_with(code_request(NULL));
  logon("alice", "alice-password");
  ck_assert_int_eq(answer.status, 303);
  ck_assert_int_eq(strncmp(answer_field("Location"), "https://client.localhost/callback?code=", 39), 0);
  ck_assert_uint_eq(strlen(location_param("code")), IDP_SECRET_TEXT);
  ck_assert_str_eq(location_param("state"), "s-1");
  ck_assert_str_eq(answer_field("Cache-Control"), "no-store");
}
END_TEST

/* OP-27 */
START_TEST(step2_logon_form_for_another_request_forged)
{
  char csrf[200];
  authorize_with(hello_request(NULL));
  snprintf(csrf, sizeof csrf, "%s", page_field("csrf"));
  authorize_with(hello_request("state", "s-2", NULL));
  struct buf b;
  buf_init(&b, 8192);
  ck_assert_int_eq(form_add(&b, "request", page_field("request")), ERR_OK);
  ck_assert_int_eq(form_add(&b, "csrf", csrf), ERR_OK);
  ck_assert_int_eq(form_add(&b, "username", "alice"), ERR_OK);
  ck_assert_int_eq(form_add(&b, "password", "alice-password"), ERR_OK);
  browser_post("/logon", buf_str(&b));
  refused_page(403, "logon_forged");
  buf_clear(&b);
}
END_TEST

START_TEST(step2_logon_form_without_request_refused)
{
  browser_post("/logon", "csrf=1.x&username=alice&password=alice-password");
  refused_page(400, "invalid_request");
  browser_post("/logon", "request=x&request=x");
  refused_page(400, "invalid_request");
  browse("POST", "/logon", "x", "Content-Type", "text/plain", NULL);
  refused_page(400, "invalid_request");
  ck_assert_str_eq(browser_cookie(SESSION_COOKIE), "");
}
END_TEST

START_TEST(step2_logon_without_form_cookie_forged)
{
  authorize_with(hello_request(NULL));
  browser_new();
  logon("alice", "alice-password");
  refused_page(403, "logon_forged");
  ck_assert_str_eq(browser_cookie(SESSION_COOKIE), "");
}
END_TEST

START_TEST(step2_logon_twice_new_session_id)
{
  char first[64];
  authorize_with(hello_request(NULL));
  logon("alice", "alice-password");
  snprintf(first, sizeof first, "%s", browser_cookie(SESSION_COOKIE));
  authorize_with(hello_request("prompt", "login", NULL));
  logon("alice", "alice-password");
  ck_assert_str_ne(browser_cookie(SESSION_COOKIE), first);
}
END_TEST

START_TEST(step2_logon_trace_of_state_continued)
{
  authorize_with(hello_request("state", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.r", NULL));
  ck_assert_str_eq(answer_field("Sevenstep-Trace"), "0af7651916cd43dd8448eb211c80319c");
  logon("alice", "alice-password");
  ck_assert_str_eq(answer_field("Sevenstep-Trace"), "0af7651916cd43dd8448eb211c80319c");
}
END_TEST

Suite *step2_logon_suite(void)
{
  Suite *s = suite_create("step2_logon");
  TCase *t = tcase_create("step2_logon");
  tcase_add_checked_fixture(t, provider_setup, provider_teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, step2_authorize_without_session_shows_logon_page);
  tcase_add_test(t, step2_authorize_by_post_the_same);
  tcase_add_test(t, step2_authorize_post_of_json_refused);
  tcase_add_test(t, step2_logon_right_password_token_posted_to_the_application);
  tcase_add_test(t, step2_logon_by_account_name_or_upn_in_any_case);
  tcase_add_test(t, step2_logon_user_without_upn_token_without_upn);
  tcase_add_test(t, step2_logon_scope_openid_alone_no_name);
  tcase_add_test(t, step2_logon_any_state_comes_back);
  tcase_add_test(t, step2_logon_wrong_password_page_again_with_error);
  tcase_add_test(t, step2_logon_unknown_user_same_answer_as_wrong_password);
  tcase_add_test(t, step2_logon_empty_user_or_password_refused);
  tcase_add_test(t, step2_logon_many_wrong_passwords_locked_out);
  tcase_add_test(t, step2_logon_disabled_user_refused_only_with_right_password);
  tcase_add_test(t, step2_logon_expired_user_refused_and_a_session_ends_with_the_account);
  tcase_add_test(t, step2_logon_unassigned_user_refused_with_a_way_out);
  tcase_add_test(t, step2_authorize_with_session_asks_no_password);
  tcase_add_test(t, step2_authorize_bad_client_or_uri_page_never_redirect);
  tcase_add_test(t, step2_authorize_errors_go_to_the_client_with_state);
  tcase_add_test(t, step2_authorize_error_by_form_post_or_fragment);
  tcase_add_test(t, step2_authorize_prompt_none_shows_no_page);
  tcase_add_test(t, step2_authorize_prompt_login_or_old_logon_asks_again);
  tcase_add_test(t, step2_authorize_login_hint_fills_the_form);
  tcase_add_test(t, step2_logon_code_goes_by_303);
  tcase_add_test(t, step2_logon_form_for_another_request_forged);
  tcase_add_test(t, step2_logon_form_without_request_refused);
  tcase_add_test(t, step2_logon_without_form_cookie_forged);
  tcase_add_test(t, step2_logon_twice_new_session_id);
  tcase_add_test(t, step2_logon_trace_of_state_continued);
  suite_add_tcase(s, t);
  return s;
}

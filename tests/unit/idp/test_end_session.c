#include "browser.h"
#include "form.h"
#include "sessions.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

static char hint[8192];

static void signed_in(const char *user, const char *password)
{
  authorize_with(hello_request(NULL));
  logon(user, password);
  snprintf(hint, sizeof hint, "%s", page_field("id_token"));
}

static const char *home(void)
{
  return lab_app_by_name(provider_lab(), "hello")->external_url.text;
}

/* The parameters, encoded: pairs. */
static const char *query(const char *a, const char *av, const char *b, const char *bv, const char *c,
                         const char *cv)
{
  static char text[16384];
  struct buf out;
  buf_init(&out, sizeof text);
  if (a) ck_assert_int_eq(form_add(&out, a, av), ERR_OK);
  if (b) ck_assert_int_eq(form_add(&out, b, bv), ERR_OK);
  if (c) ck_assert_int_eq(form_add(&out, c, cv), ERR_OK);
  snprintf(text, sizeof text, "/logout?%s", buf_str(&out));
  buf_clear(&out);
  return text;
}

static bool is_signed_in(void)
{
  authorize_with(hello_request(NULL));
  return page_has_field("id_token");
}

START_TEST(end_session_with_good_hint_redirects_with_state)
{
  char expected[400];
  signed_in("alice", "alice-password");
  browser_get(query("id_token_hint", hint, "post_logout_redirect_uri", home(), "state", "a b"));
  ck_assert_int_eq(answer.status, 303);
  snprintf(expected, sizeof expected, "%s?state=a%%20b", home());
  ck_assert_str_eq(answer_field("Location"), expected);
  ck_assert(!is_signed_in());
}
END_TEST

START_TEST(end_session_by_post_the_same)
{
  signed_in("alice", "alice-password");
  browser_post("/logout", strchr(query("id_token_hint", hint, NULL, NULL, NULL, NULL), '?') + 1);
  ck_assert_int_eq(answer.status, 200);
  ck_assert(answer_has("Signed out"));
  ck_assert(!is_signed_in());
}
END_TEST

START_TEST(end_session_without_hint_asks_the_user)
{
  struct buf form;
  signed_in("alice", "alice-password");
  browser_get(query("client_id", "hello", "post_logout_redirect_uri", home(), NULL, NULL));
  ck_assert_int_eq(answer.status, 200);
  ck_assert(answer_has("Sign out?"));
  buf_init(&form, 16384);
  ck_assert_int_eq(form_add(&form, "request", page_field("request")), ERR_OK);
  ck_assert_int_eq(form_add(&form, "csrf", page_field("csrf")), ERR_OK);
  ck_assert(is_signed_in());
  browser_post("/logout", buf_str(&form));
  ck_assert_int_eq(answer.status, 303);
  ck_assert_str_eq(answer_field("Location"), home());
  ck_assert(!is_signed_in());
  buf_clear(&form);
}
END_TEST

START_TEST(end_session_confirmation_from_elsewhere_refused)
{
  signed_in("alice", "alice-password");
  browser_post("/logout", "request=&csrf=1.x");
  ck_assert_int_eq(answer.status, 403);
  ck_assert_str_eq(answer_error(), "logon_forged");
  ck_assert(is_signed_in());
}
END_TEST

/* TK-16, OP-28 */
START_TEST(end_session_unregistered_uri_not_followed)
{
  static const char *const bad[] = {"https://evil.example/", "https://client.localhost/callback",
                                    "//evil.example", "javascript:alert(1)"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    signed_in("alice", "alice-password");
    browser_get(query("id_token_hint", hint, "post_logout_redirect_uri", bad[i], NULL, NULL));
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer_field("Location"), "");
    ck_assert(!answer_has(bad[i]));
  }
}
END_TEST

START_TEST(end_session_forged_hint_no_redirect)
{
  signed_in("alice", "alice-password");
  hint[strlen(hint) - 10] ^= 1;
  browser_get(query("id_token_hint", hint, "post_logout_redirect_uri", home(), NULL, NULL));
  ck_assert_int_eq(answer.status, 200);
  ck_assert(answer_has("Sign out?"));
  ck_assert(is_signed_in());
  browser_new();
  browser_get(query("id_token_hint", hint, "post_logout_redirect_uri", home(), NULL, NULL));
  ck_assert_int_eq(answer.status, 200);
}
END_TEST

START_TEST(end_session_hint_of_another_user_asks)
{
  signed_in("bob", "bob-password");
  browser_new();
  char bobs[8192];
  memcpy(bobs, hint, sizeof bobs);
  signed_in("alice", "alice-password");
  browser_get(query("id_token_hint", bobs, NULL, NULL, NULL, NULL));
  ck_assert(answer_has("Sign out?"));
  ck_assert(is_signed_in());
}
END_TEST

START_TEST(end_session_client_and_hint_disagree_refused)
{
  signed_in("alice", "alice-password");
  browser_get(query("id_token_hint", hint, "client_id", "ledger", NULL, NULL));
  ck_assert_int_eq(answer.status, 400);
  ck_assert(is_signed_in());
}
END_TEST

START_TEST(end_session_without_session_signed_out_page)
{
  browser_get("/logout");
  ck_assert_int_eq(answer.status, 200);
  ck_assert(answer_has("Signed out"));
}
END_TEST

Suite *end_session_suite(void)
{
  Suite *s = suite_create("end_session");
  TCase *t = tcase_create("end_session");
  tcase_add_checked_fixture(t, provider_setup, provider_teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, end_session_with_good_hint_redirects_with_state);
  tcase_add_test(t, end_session_by_post_the_same);
  tcase_add_test(t, end_session_without_hint_asks_the_user);
  tcase_add_test(t, end_session_confirmation_from_elsewhere_refused);
  tcase_add_test(t, end_session_unregistered_uri_not_followed);
  tcase_add_test(t, end_session_forged_hint_no_redirect);
  tcase_add_test(t, end_session_hint_of_another_user_asks);
  tcase_add_test(t, end_session_client_and_hint_disagree_refused);
  tcase_add_test(t, end_session_without_session_signed_out_page);
  suite_add_tcase(s, t);
  return s;
}

#include "browser.h"
#include "clock.h"
#include "suites.h"
#include "token.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define CALLBACK "redirect_uri=https%3A%2F%2Fclient.localhost%2Fcallback"

static void refused(int status, const char *error)
{
  ck_assert_int_eq(answer.status, status);
  ck_assert_str_eq(json_text("error"), error);
  ck_assert_str_eq(answer_error(), error);
  ck_assert_str_eq(json_text("access_token"), "");
  ck_assert_str_eq(answer_field("Cache-Control"), "no-store");
}

static const char *alice_code(void)
{
  return get_code("alice", "alice-password");
}

/* TK-06, TK-07, TK-08, TK-10 */
START_TEST(step2_token_good_code_gives_tokens)
{
  redeem_code(alice_code(), NULL);
  ck_assert_int_eq(answer.status, 200);
  ck_assert_str_eq(answer_field("Content-Type"), "application/json");
  ck_assert_str_eq(answer_field("Cache-Control"), "no-store");
  ck_assert_str_eq(json_text("token_type"), "Bearer");
  ck_assert_str_eq(json_text("scope"), "openid profile");
  json_t *body = json_loads(answer_body(), 0, NULL);
  ck_assert_int_eq(json_integer_value(json_object_get(body, "expires_in")),
                   provider_lab()->idp.token_lifetime_s);
  struct buf claims;
  buf_init(&claims, 16384);
  const char *id = json_string_value(json_object_get(body, "id_token"));
  ck_assert_int_eq(token_peek_payload(id, strlen(id), &claims), ERR_OK);
  ck_assert_ptr_nonnull(strstr(buf_str(&claims), "\"nonce\":\"n-1\""));
  ck_assert_ptr_nonnull(strstr(buf_str(&claims), "\"at_hash\":\""));
  ck_assert_ptr_nonnull(strstr(buf_str(&claims), "\"aud\":\"sevenstep-cli\""));
  ck_assert_ptr_null(strstr(buf_str(&claims), "\"spn\""));
  buf_clear(&claims);
  json_decref(body);
}
END_TEST

/* The client signs this user in for hello. */
static void ask_for_hello(const char *user)
{
  char password[64];
  ((struct lab_app *)(uintptr_t)lab_app_by_name(provider_lab(), "hello"))->bearer_access = true;
  snprintf(password, sizeof password, "%s-password", user);
  browser_new();
  authorize_with(code_request("scope", "openid hello/user_impersonation", NULL));
  logon(user, password);
}

/* JW-08: it is for hello alone, and no good at UserInfo. */
START_TEST(step2_token_for_an_application_is_for_it_alone)
{
  char bearer[8192];
  struct buf claims;
  ask_for_hello("alice");
  redeem_code(location_param("code"), NULL);
  ck_assert_int_eq(answer.status, 200);
  ck_assert_str_eq(json_text("scope"), "openid hello/user_impersonation");
  snprintf(bearer, sizeof bearer, "Bearer %s", json_text("access_token"));
  buf_init(&claims, 16384);
  ck_assert_int_eq(token_peek_payload(bearer + 7, strlen(bearer + 7), &claims), ERR_OK);
  ck_assert_ptr_nonnull(strstr(buf_str(&claims), "\"aud\":[\"hello\"]"));
  ck_assert_ptr_nonnull(strstr(buf_str(&claims), "\"scope\":\"user_impersonation\""));
  ck_assert_ptr_nonnull(strstr(buf_str(&claims), "\"spn\":\"HTTP/hello.corp.sevenstep.test\""));
  ck_assert_ptr_nonnull(strstr(buf_str(&claims), "\"client_id\":\"sevenstep-cli\""));
  buf_clear(&claims);
  browse("GET", "/userinfo", NULL, "Authorization", bearer, NULL);
  ck_assert_int_eq(answer.status, 401);
}
END_TEST

START_TEST(step2_token_for_an_application_not_assigned_no_code)
{
  ask_for_hello("frank");
  ck_assert_int_eq(answer.status, 403);
  ck_assert_str_eq(answer_error(), "user_unassigned");
}
END_TEST

/* TK-04 */
START_TEST(step2_token_code_used_twice_refused)
{
  char code[64];
  snprintf(code, sizeof code, "%s", alice_code());
  redeem_code(code, NULL);
  ck_assert_int_eq(answer.status, 200);
  redeem_code(code, NULL);
  refused(400, "invalid_grant");
}
END_TEST

START_TEST(step2_token_old_code_refused)
{
  char code[64];
  snprintf(code, sizeof code, "%s", alice_code());
  clock_shift_wall(IDP_CODE_S + 1);
  redeem_code(code, NULL);
  refused(400, "invalid_grant");
}
END_TEST

START_TEST(step2_token_unknown_code_refused)
{
  redeem_code("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NULL);
  refused(400, "invalid_grant");
}
END_TEST

/* A form with this code and these other parameters. */
static void redeem_with(const char *others)
{
  char form[2048];
  snprintf(form, sizeof form, "grant_type=authorization_code&code=%s&%s", alice_code(), others);
  redeem_code("", form);
}

/* PK-04 */
START_TEST(step2_token_wrong_or_missing_verifier_refused)
{
  redeem_with(CALLBACK);
  refused(400, "invalid_grant");
  redeem_with(CALLBACK "&code_verifier=eBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  refused(400, "invalid_grant");
  redeem_with(CALLBACK "&code_verifier=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  refused(400, "invalid_grant");
}
END_TEST

START_TEST(step2_token_other_redirect_uri_refused)
{
  redeem_with("redirect_uri=https%3A%2F%2Fclient.localhost%2F&code_verifier=" VERIFIER);
  refused(400, "invalid_grant");
  redeem_with("code_verifier=" VERIFIER);
  refused(400, "invalid_request");
}
END_TEST

START_TEST(step2_token_code_of_another_client_refused)
{
  char form[1024];
  snprintf(form, sizeof form, "%s%s",
           "grant_type=authorization_code&client_id=hello&" CALLBACK "&code_verifier=" VERIFIER "&code=",
           alice_code());
  browser_post("/token", form);
  refused(400, "invalid_grant");
}
END_TEST

/* TK-02, TK-03 */
START_TEST(step2_token_wrong_client_secret_401_with_challenge)
{
  browse("POST", "/token", "grant_type=authorization_code&code=x", "Content-Type",
         "application/x-www-form-urlencoded", "Authorization", "Basic c2V2ZW5zdGVwLWNsaTp3cm9uZw==", NULL);
  refused(401, "invalid_client");
  ck_assert_int_eq(strncmp(answer_field("WWW-Authenticate"), "Basic ", 6), 0);
}
END_TEST

START_TEST(step2_token_two_ways_to_authenticate_refused)
{
  redeem_code(
      "", "grant_type=authorization_code&code=x&client_id=sevenstep-cli&client_secret=cli-secret-of-the-lab");
  refused(400, "invalid_request");
}
END_TEST

/* TK-01 */
START_TEST(step2_token_not_a_form_refused)
{
  browse("POST", "/token", "{\"grant_type\":\"authorization_code\"}", "Content-Type", "application/json",
         NULL);
  refused(400, "invalid_request");
  browse("POST", "/token", "grant_type=authorization_code", NULL);
  refused(400, "invalid_request");
}
END_TEST

START_TEST(step2_token_repeated_parameter_refused)
{
  redeem_code("", "grant_type=authorization_code&grant_type=authorization_code&code=x");
  refused(400, "invalid_request");
  redeem_code("", "grant_type=authorization_code&code=x&unknown=1&unknown=2");
  refused(400, "invalid_request");
}
END_TEST

START_TEST(step2_token_grant_type_missing_or_other_refused)
{
  redeem_code("", "code=x");
  refused(400, "invalid_request");
  redeem_code("", "grant_type=password&username=alice&password=alice-password");
  refused(400, "unsupported_grant_type");
  redeem_code("", "grant_type=refresh_token&refresh_token=x");
  refused(400, "unsupported_grant_type");
  redeem_code("", "grant_type=authorization_code");
  refused(400, "invalid_request");
}
END_TEST

Suite *step2_token_suite(void)
{
  Suite *s = suite_create("step2_token");
  TCase *t = tcase_create("step2_token");
  tcase_add_checked_fixture(t, provider_setup, provider_teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, step2_token_good_code_gives_tokens);
  tcase_add_test(t, step2_token_for_an_application_is_for_it_alone);
  tcase_add_test(t, step2_token_for_an_application_not_assigned_no_code);
  tcase_add_test(t, step2_token_code_used_twice_refused);
  tcase_add_test(t, step2_token_old_code_refused);
  tcase_add_test(t, step2_token_unknown_code_refused);
  tcase_add_test(t, step2_token_wrong_or_missing_verifier_refused);
  tcase_add_test(t, step2_token_other_redirect_uri_refused);
  tcase_add_test(t, step2_token_code_of_another_client_refused);
  tcase_add_test(t, step2_token_wrong_client_secret_401_with_challenge);
  tcase_add_test(t, step2_token_two_ways_to_authenticate_refused);
  tcase_add_test(t, step2_token_not_a_form_refused);
  tcase_add_test(t, step2_token_repeated_parameter_refused);
  tcase_add_test(t, step2_token_grant_type_missing_or_other_refused);
  suite_add_tcase(s, t);
  return s;
}

#include "authorize.h"

#include "browser.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct authorize a;
static struct failure f;

static enum err parse(const char *text)
{
  authorize_clear(&a);
  f = (struct failure){0};
  enum err e = authorize_parse(provider_lab(), text, strlen(text), &a, &f);
  ck_assert_int_eq(f.err, e);
  return e;
}

static void gives(const char *text, enum err e, bool redirectable)
{
  ck_assert_str_eq(err_info(parse(text))->name, err_info(e)->name);
  ck_assert(a.redirectable == redirectable);
}

static void clear(void)
{
  authorize_clear(&a);
}

START_TEST(authorize_parse_id_token_request_read)
{
  gives(hello_request(NULL), ERR_OK, true);
  ck_assert_int_eq(a.type, TYPE_ID_TOKEN);
  ck_assert_int_eq(a.mode, MODE_FORM_POST);
  ck_assert_str_eq(a.client.id, "hello");
  ck_assert_str_eq(a.state, "s-1");
  ck_assert_str_eq(a.nonce, "n-1");
  ck_assert(a.profile);
  ck_assert_int_eq(a.max_age_s, -1);
  ck_assert(!a.prompt_none && !a.prompt_login);
  ck_assert(!trace_ctx_valid(&a.trace));
}
END_TEST

START_TEST(authorize_parse_code_request_read)
{
  gives(code_request("scope", "openid", "response_mode", "query", NULL), ERR_OK, true);
  ck_assert_int_eq(a.type, TYPE_CODE);
  ck_assert_int_eq(a.mode, MODE_QUERY);
  ck_assert(!a.profile);
  gives(code_request("response_mode", "form_post", "nonce", NULL, NULL), ERR_OK, true);
  ck_assert_int_eq(a.mode, MODE_FORM_POST);
  ck_assert_ptr_null(a.nonce);
}
END_TEST

/* OP-12 */
START_TEST(authorize_parse_bad_client_or_uri_not_redirectable)
{
  gives(code_request("client_id", NULL, NULL), ERR_OIDC_INVALID_REQUEST, false);
  gives(code_request("client_id", "", NULL), ERR_OIDC_INVALID_REQUEST, false);
  gives(code_request("client_id", "nobody", NULL), ERR_OIDC_CLIENT_UNKNOWN, false);
  gives(code_request("client_id", "public", NULL), ERR_OIDC_CLIENT_UNKNOWN, false);
  gives(code_request("redirect_uri", NULL, NULL), ERR_OIDC_INVALID_REQUEST, false);
  gives(code_request("redirect_uri", "https://client.localhost/callback/", NULL), ERR_OIDC_REDIRECT_URI,
        false);
  gives(code_request("redirect_uri", "https://evil.example/", NULL), ERR_OIDC_REDIRECT_URI, false);
}
END_TEST

/* OP-13 */
START_TEST(authorize_parse_repeated_parameter_refused)
{
  static const struct {
    const char *more;
    bool redirectable;
  } cases[] = {{"&client_id=sevenstep-cli", false},
               {"&redirect_uri=https%3A%2F%2Fclient.localhost%2Fcallback", false},
               {"&state=s-1", true},
               {"&scope=openid", true},
               {"&nonce=n-1", true},
               {"&response_type=code", true},
               {"&unknown=1&unknown=1", true},
               {"&state=", true}};
  char text[4096];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snprintf(text, sizeof text, "%s%s", code_request(NULL), cases[i].more);
    gives(text, ERR_OIDC_INVALID_REQUEST, cases[i].redirectable);
  }
}
END_TEST

/* OP-19 */
START_TEST(authorize_parse_unsupported_hints_ignored)
{
  gives(code_request("display", "popup", "ui_locales", "de en", "claims_locales", "de", "acr_values", "x",
                     "id_token_hint", "a.b.c", "login_hint", "alice", "claims", "{}", "unknown", "1", NULL),
        ERR_OK, true);
  ck_assert_str_eq(a.login_hint, "alice");
}
END_TEST

/* OP-14 */
START_TEST(authorize_parse_required_parameter_missing_refused)
{
  gives(code_request("response_type", NULL, NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("response_type", "", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("scope", NULL, NULL), ERR_OIDC_INVALID_SCOPE, true);
  gives(code_request("scope", "profile", NULL), ERR_OIDC_INVALID_SCOPE, true);
  gives(code_request("scope", "openidx xopenid", NULL), ERR_OIDC_INVALID_SCOPE, true);
  gives(hello_request("nonce", NULL, NULL), ERR_OIDC_INVALID_REQUEST, true);
}
END_TEST

static void open_hello(void)
{
  ((struct lab_app *)(uintptr_t)lab_app_by_name(provider_lab(), "hello"))->bearer_access = true;
}

START_TEST(authorize_parse_scope_of_an_application_read)
{
  open_hello();
  gives(code_request("scope", "openid  hello/user_impersonation", NULL), ERR_OK, true);
  ck_assert_ptr_eq(a.resource, lab_app_by_name(provider_lab(), "hello"));
  gives(code_request("scope", "openid user_impersonation hello/user_impersonations", NULL), ERR_OK, true);
  ck_assert_ptr_null(a.resource);
}
END_TEST

START_TEST(authorize_parse_scope_of_an_application_that_is_not_to_be_had_refused)
{
  static const char *const scopes[] = {
      "openid ledger/user_impersonation", /* without bearer_access */
      "openid nobody/user_impersonation",
      "openid /user_impersonation",
      "openid HELLO/user_impersonation",
      "openid hello/user_impersonation hello/user_impersonation",
      ("openid "
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/user_impersonation"),
  };
  open_hello();
  for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
    gives(code_request("scope", scopes[i], NULL), ERR_OIDC_INVALID_SCOPE, true);
  gives(hello_request("scope", "openid hello/user_impersonation", NULL), ERR_OIDC_INVALID_SCOPE, true);
}
END_TEST

/* OP-23 */
START_TEST(authorize_parse_other_response_types_refused)
{
  static const char *const types[] = {"token", "id_token token", "code id_token", "code token",
                                      "none",  "CODE",           "code code"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    gives(code_request("response_type", types[i], NULL), ERR_OIDC_UNSUPPORTED_RESPONSE_TYPE, true);
    ck_assert_int_eq(a.mode, strstr(types[i], "token") ? MODE_FRAGMENT : MODE_QUERY);
  }
}
END_TEST

START_TEST(authorize_parse_token_outside_a_form_refused)
{
  gives(hello_request("response_mode", NULL, NULL), ERR_OIDC_INVALID_REQUEST, true);
  ck_assert_int_eq(a.mode, MODE_FRAGMENT);
  gives(hello_request("response_mode", "query", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(hello_request("response_mode", "fragment", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("response_mode", "fragment", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("response_mode", "x", NULL), ERR_OIDC_INVALID_REQUEST, true);
}
END_TEST

/* OP-20 */
START_TEST(authorize_parse_request_objects_refused)
{
  gives(code_request("request", "e30.e30.", NULL), ERR_OIDC_REQUEST_NOT_SUPPORTED, true);
  gives(code_request("request_uri", "https://evil.example/", NULL), ERR_OIDC_REQUEST_URI_NOT_SUPPORTED, true);
}
END_TEST

/* PK-01, PK-02, PK-03 */
START_TEST(authorize_parse_pkce_missing_or_malformed_refused)
{
  char longest[130];
  memset(longest, 'a', sizeof longest);
  longest[129] = 0;
  gives(code_request("code_challenge", NULL, NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("code_challenge_method", NULL, NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("code_challenge_method", "plain", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("code_challenge_method", "s256", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("code_challenge", "short", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("code_challenge", longest, NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", NULL),
        ERR_OIDC_INVALID_REQUEST, true);
}
END_TEST

/* OP-16, OP-17 */
START_TEST(authorize_parse_prompt_read)
{
  gives(code_request("prompt", "none", NULL), ERR_OK, true);
  ck_assert(a.prompt_none);
  gives(code_request("prompt", "login consent", NULL), ERR_OK, true);
  ck_assert(a.prompt_login);
  gives(code_request("prompt", "select_account", NULL), ERR_OK, true);
  ck_assert(a.prompt_login);
  gives(code_request("prompt", "consent", NULL), ERR_OK, true);
  ck_assert(!a.prompt_login && !a.prompt_none);
  gives(code_request("prompt", "none login", NULL), ERR_OIDC_INVALID_REQUEST, true);
}
END_TEST

START_TEST(authorize_parse_max_age_read_or_refused)
{
  gives(code_request("max_age", "0", NULL), ERR_OK, true);
  ck_assert_int_eq(a.max_age_s, 0);
  gives(code_request("max_age", "600", NULL), ERR_OK, true);
  ck_assert_int_eq(a.max_age_s, 600);
  gives(code_request("max_age", "-1", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("max_age", "1h", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("max_age", "99999999999999999999", NULL), ERR_OIDC_INVALID_REQUEST, true);
}
END_TEST

/* OP-21 */
START_TEST(authorize_parse_any_legal_state_kept)
{
  char all[96] = {0};
  for (int c = 0x20; c < 0x7f; c++)
    all[c - 0x20] = (char)c;
  gives(code_request("state", all, NULL), ERR_OK, true);
  ck_assert_str_eq(a.state, all);
}
END_TEST

START_TEST(authorize_parse_illegal_state_or_nonce_refused)
{
  char *big = calloc(1, AUTHORIZE_STATE_MAX + 2);
  memset(big, 's', AUTHORIZE_STATE_MAX + 1);
  gives(code_request("state", big, NULL), ERR_OIDC_INVALID_REQUEST, true);
  ck_assert_ptr_null(a.state);
  gives(code_request("state", "a\nb", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("state", "\xc3\xa9", NULL), ERR_OIDC_INVALID_REQUEST, true);
  gives(code_request("nonce", "a\x01", NULL), ERR_OIDC_INVALID_REQUEST, true);
  big[AUTHORIZE_TEXT_MAX + 1] = 0;
  gives(code_request("nonce", big, NULL), ERR_OIDC_INVALID_REQUEST, true);
  free(big);
}
END_TEST

START_TEST(authorize_parse_state_with_traceparent_continues_the_trace)
{
  char text[4096];
  gives(code_request("state", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.random", NULL), ERR_OK,
        true);
  ck_assert(trace_ctx_valid(&a.trace) && a.trace.sampled);
  ck_assert_str_eq(a.state, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.random");
  /* Also when the request is refused, or its trace would end where it is wanted most. */
  snprintf(text, sizeof text, "%s",
           code_request("state", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.random",
                        "redirect_uri", "x", NULL));
  gives(text, ERR_OIDC_REDIRECT_URI, false);
  ck_assert(trace_ctx_valid(&a.trace));
  gives(code_request("state", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL), ERR_OK, true);
  ck_assert(!trace_ctx_valid(&a.trace));
  gives(code_request("state", "00-XXf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.random", NULL), ERR_OK,
        true);
  ck_assert(!trace_ctx_valid(&a.trace));
}
END_TEST

START_TEST(authorize_parse_not_a_form_refused)
{
  char *big = calloc(1, 20001);
  memset(big, 'a', 20000);
  gives("", ERR_OIDC_INVALID_REQUEST, false);
  gives("client_id=%zz", ERR_OIDC_INVALID_REQUEST, false);
  gives("client_id=%00", ERR_OIDC_INVALID_REQUEST, false);
  gives("client_id=hello world", ERR_OIDC_INVALID_REQUEST, false);
  gives("client_id=\xc3\xa9", ERR_OIDC_INVALID_REQUEST, false);
  gives(big, ERR_OIDC_INVALID_REQUEST, false);
  free(big);
}
END_TEST

/* RFC 7636 appendix B */
START_TEST(pkce_matches_vector_of_the_rfc)
{
  ck_assert(pkce_matches(VERIFIER, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
  ck_assert(!pkce_matches("eBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                          "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
  ck_assert(!pkce_matches("", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
  ck_assert(!pkce_matches(VERIFIER, ""));
}
END_TEST

Suite *authorize_suite(void)
{
  Suite *s = suite_create("authorize");
  TCase *t = tcase_create("authorize");
  tcase_add_checked_fixture(t, NULL, clear);
  tcase_add_test(t, authorize_parse_id_token_request_read);
  tcase_add_test(t, authorize_parse_code_request_read);
  tcase_add_test(t, authorize_parse_bad_client_or_uri_not_redirectable);
  tcase_add_test(t, authorize_parse_repeated_parameter_refused);
  tcase_add_test(t, authorize_parse_unsupported_hints_ignored);
  tcase_add_test(t, authorize_parse_required_parameter_missing_refused);
  tcase_add_test(t, authorize_parse_scope_of_an_application_read);
  tcase_add_test(t, authorize_parse_scope_of_an_application_that_is_not_to_be_had_refused);
  tcase_add_test(t, authorize_parse_other_response_types_refused);
  tcase_add_test(t, authorize_parse_token_outside_a_form_refused);
  tcase_add_test(t, authorize_parse_request_objects_refused);
  tcase_add_test(t, authorize_parse_pkce_missing_or_malformed_refused);
  tcase_add_test(t, authorize_parse_prompt_read);
  tcase_add_test(t, authorize_parse_max_age_read_or_refused);
  tcase_add_test(t, authorize_parse_any_legal_state_kept);
  tcase_add_test(t, authorize_parse_illegal_state_or_nonce_refused);
  tcase_add_test(t, authorize_parse_state_with_traceparent_continues_the_trace);
  tcase_add_test(t, authorize_parse_not_a_form_refused);
  tcase_add_test(t, pkce_matches_vector_of_the_rfc);
  suite_add_tcase(s, t);
  return s;
}

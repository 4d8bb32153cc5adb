#include "pages.h"

#include "browser.h"
#include "encode.h"
#include "suites.h"

#include <openssl/evp.h>
#include <string.h>

static void setup(void)
{
  answer = (struct httpd_response){.status = 200};
  fields_init(&answer.fields, 32, 65536);
  buf_init(&answer.body, 1 << 20);
}

static void teardown(void)
{
  fields_clear(&answer.fields);
  buf_clear(&answer.body);
}

/* The policy allows what stands between these tags, and nothing is inline but that. */
static void allowed_by_policy(const char *open, const char *close)
{
  uint8_t hash[32];
  struct buf source;
  buf_init(&source, 100);
  const char *at = strstr(answer_body(), open) + strlen(open), *end = strstr(at, close);
  ck_assert(EVP_Q_digest(NULL, "SHA256", NULL, at, (size_t)(end - at), hash, NULL));
  ck_assert_int_eq(base64_encode(&source, hash, sizeof hash), ERR_OK);
  ck_assert_msg(strstr(answer_field("Content-Security-Policy"), buf_str(&source)) != NULL, "%s",
                buf_str(&source));
  buf_clear(&source);
}

/* OP-25, OP-26 */
START_TEST(page_logon_headers_forbid_frames_caches_and_others)
{
  ck_assert_int_eq(page_logon(&answer, "Hello", "", "r", "p", NULL), ERR_OK);
  ck_assert_str_eq(answer_field("X-Frame-Options"), "DENY");
  ck_assert_str_eq(answer_field("Cache-Control"), "no-store");
  ck_assert_str_eq(answer_field("Referrer-Policy"), "no-referrer");
  ck_assert_ptr_nonnull(strstr(answer_field("Content-Security-Policy"), "default-src 'none'"));
  ck_assert_ptr_nonnull(strstr(answer_field("Content-Security-Policy"), "frame-ancestors 'none'"));
  ck_assert_ptr_null(strstr(answer_field("Content-Security-Policy"), "unsafe"));
  ck_assert(!answer_has("src=") && !answer_has("http://") && !answer_has("https://"));
  allowed_by_policy("<style>", "</style>");
}
END_TEST

START_TEST(page_logon_usable_without_script_and_by_all)
{
  ck_assert_int_eq(page_logon(&answer, "Hello", "", "r", "p", NULL), ERR_OK);
  ck_assert(!answer_has("<script"));
  ck_assert(answer_has("<html lang=\"en\">"));
  ck_assert(answer_has("<label for=\"username\">") && answer_has(" id=\"username\""));
  ck_assert(answer_has("<label for=\"password\">") && answer_has(" id=\"password\""));
  ck_assert(answer_has("autocomplete=\"current-password\""));
}
END_TEST

START_TEST(page_logon_text_from_outside_escaped)
{
  const char *evil = "\"><script>alert(1)</script>&'";
  struct failure f;
  failure_set(&f, ERR_LOGON_WRONG_PASSWORD, "%s", evil);
  ck_assert_int_eq(page_logon(&answer, evil, evil, evil, evil, &f), ERR_OK);
  ck_assert(!answer_has("<script"));
  ck_assert_str_eq(page_field("username"), evil);
  ck_assert_str_eq(page_field("request"), evil);
}
END_TEST

START_TEST(page_logon_with_failure_tells_it)
{
  struct failure f;
  failure_set(&f, ERR_LOGON_WRONG_PASSWORD, "attempt 1");
  ck_assert_int_eq(page_logon(&answer, "Hello", "alice", "r", "p", &f), ERR_OK);
  ck_assert_int_eq(answer.status, 401);
  ck_assert(answer_has("<code data-error=\"wrong_password\">"));
  ck_assert(answer_has("role=\"alert\""));
  ck_assert(!answer_has("name=\"password\" value=\"p"));
}
END_TEST

START_TEST(page_form_post_fields_and_script)
{
  struct fields params;
  fields_init(&params, 4, 1000);
  ck_assert_int_eq(fields_add(&params, "id_token", "a.b.c"), ERR_OK);
  ck_assert_int_eq(fields_add(&params, "state", "<&\">"), ERR_OK);
  ck_assert_int_eq(page_form_post(&answer, "https://hello.apps.localhost/x?a=1&b=2", "Hello", &params),
                   ERR_OK);
  ck_assert(answer_has("action=\"https://hello.apps.localhost/x?a=1&amp;b=2\""));
  ck_assert(answer_has("\n<input type=\"hidden\" name=\"id_token\" value=\"a.b.c\">\n"));
  ck_assert_str_eq(page_field("state"), "<&\">");
  ck_assert(answer_has("<button type=\"submit\">"));
  allowed_by_policy("<script>", "</script>");
  fields_clear(&params);
}
END_TEST

START_TEST(page_failure_names_error_step_and_trace)
{
  struct failure f;
  failure_set(&f, ERR_LOGON_USER_UNASSIGNED, "user %s", "<frank>");
  ck_assert_int_eq(page_failure(&answer, &f, "0af7651916cd43dd8448eb211c80319c", "/authorize?a=1&b=2"),
                   ERR_OK);
  ck_assert_int_eq(answer.status, 403);
  ck_assert(answer_has("<code data-error=\"user_unassigned\">"));
  ck_assert(answer_has("<dd>2 (logon)</dd>"));
  ck_assert(answer_has("data-trace=\"0af7651916cd43dd8448eb211c80319c\""));
  ck_assert(answer_has("&lt;frank&gt;") && !answer_has("<frank>"));
  ck_assert(answer_has("href=\"/authorize?a=1&amp;b=2\""));
}
END_TEST

Suite *pages_suite(void)
{
  Suite *s = suite_create("pages");
  TCase *t = tcase_create("pages");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, page_logon_headers_forbid_frames_caches_and_others);
  tcase_add_test(t, page_logon_usable_without_script_and_by_all);
  tcase_add_test(t, page_logon_text_from_outside_escaped);
  tcase_add_test(t, page_logon_with_failure_tells_it);
  tcase_add_test(t, page_form_post_fields_and_script);
  tcase_add_test(t, page_failure_names_error_step_and_trace);
  suite_add_tcase(s, t);
  return s;
}

/* What of a head is let through, and what stays outside, both ways. */
#include "front.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

START_TEST(fields_of_this_hop_and_claims_of_identity_stay_outside)
{
  user_asks("GET /?a=%2f HTTP/1.1\r\n" TO_PUBLIC
            "Connection: X-Forwarded-For, sevenstep-app, x-own, traceparent\r\nX-Own: 1\r\nTE: trailers\r\n"
            "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX_MS_Proxy: 1\r\nSevenstep-Upn: "
            "eve@sevenstep.test\r\n"
            "sevenstep_app: vault\r\nCookie: a=1; __Host-sevenstep=stolen; b=2\r\nCookie: "
            "__Host-sevenstep-trace=x\r\n"
            "Authorization: Basic dTpw\r\nVia: 1.0 fred\r\n\r\n");
  const struct fields *f = &one.fields;
  ck_assert_str_eq(one.path, "/?a=%2f");
  ck_assert_str_eq(one.authority, PUBLIC);
  ck_assert_str_eq(one.direction.app, "public");
  ck_assert_ptr_null(one.direction.upn);
  ck_assert_ptr_null(fields_get(f, "sevenstep-upn"));
  ck_assert_ptr_null(fields_get(f, "x-own"));
  ck_assert_ptr_null(fields_get(f, "te"));
  ck_assert_ptr_null(fields_get(f, "x_ms_proxy"));
  ck_assert_ptr_null(fields_get(f, "sevenstep_app"));
  ck_assert_ptr_null(fields_get(f, "x-forwarded-for"));
  ck_assert_ptr_null(fields_get(f, "forwarded"));
  ck_assert_str_eq(one.direction.client, "127.0.0.1");
  ck_assert_int_eq(one.direction.http, 1);
  ck_assert_str_eq(fields_get(f, "cookie"), "a=1; b=2");
  ck_assert_uint_eq(fields_count_of(f, "cookie"), 1);
  ck_assert_str_eq(fields_get(f, "authorization"), "Basic dTpw"); /* pass-through: the application's own */
  ck_assert_str_eq(fields_get(f, "via"), "1.0 fred");
  ck_assert_ptr_nonnull(fields_get(f, "traceparent"));
}
END_TEST

/* HT-25, HT-27: what belongs to both ends is theirs. */
START_TEST(what_is_end_to_end_passes_unchanged)
{
  struct user *u = user_asks(
      "GET /a//b/%7e?x=%2F HTTP/1.1\r\n" TO_PUBLIC
      "Range: bytes=0-1\r\nIf-None-Match: \"e\"\r\nAccept-Encoding: br\r\nEmpty:\r\nX: 1\r\nX: 2\r\n\r\n");
  ck_assert_str_eq(one.path, "/a//b/%7e?x=%2F");
  ck_assert_str_eq(fields_get(&one.fields, "range"), "bytes=0-1");
  ck_assert_str_eq(fields_get(&one.fields, "if-none-match"), "\"e\"");
  ck_assert_str_eq(fields_get(&one.fields, "accept-encoding"), "br");
  ck_assert_str_eq(fields_get(&one.fields, "empty"), "");
  ck_assert_uint_eq(fields_count_of(&one.fields, "x"), 2);
  inside_answer(&one, 206, "content-range", "bytes 0-1/9", true);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "HTTP/1.1 206 ") && user_got(u, "content-range: bytes 0-1/9\r\n"));
  ck_assert_uint_eq(user_got_times(u, "Date: "), 1);
}
END_TEST

START_TEST(date_of_the_application_stays)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, "date", "Thu, 01 Oct 2015 00:00:00 GMT", true);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "date: Thu, 01 Oct 2015 00:00:00 GMT\r\n") && !user_got(u, "Date: "));
}
END_TEST

/* TU-07: of answers of applications and of the cloud's own, and once, if the application says it. */
START_TEST(answers_say_that_the_host_is_to_be_asked_over_tls_alone)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, "x", "y", true);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert_uint_eq(user_got_times(u, "Strict-Transport-Security: max-age=31536000\r\n"), 1);
  user_send(u, "GET /2 HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests == 2);
  inside_answer(&one, 200, "strict-transport-security", "max-age=7", true);
  run_until(user_got(u, "strict-transport-security: max-age=7\r\n"));
  user_send(u, "TRACE / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(u, "</html>"));
  ck_assert_uint_eq(user_got_times(u, "Strict-Transport-Security: max-age=31536000\r\n"), 2);
}
END_TEST

/* HT-09 */
START_TEST(absolute_form_decides_against_host)
{
  user_asks("GET https://public.apps.localhost/x?y HTTP/1.1\r\n" TO_NOBODY "\r\n");
  ck_assert_str_eq(one.authority, PUBLIC);
  ck_assert_str_eq(one.path, "/x?y");
}
END_TEST

/* As many fields as the real service lets through, and a head of 32 KB. */
START_TEST(large_head_passes)
{
  static char request[40000];
  size_t n = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" TO_PUBLIC);
  for (int i = 0; i < 60; i++)
    n += (size_t)snprintf(request + n, sizeof request - n, "X-%d: %0540d\r\n", i, i);
  memcpy(request + n, "\r\n", 3);
  ck_assert_uint_gt(n, 32 * 1024);
  user_asks(request);
  ck_assert_uint_eq(strlen(fields_get(&one.fields, "x-59")), 540);
}
END_TEST

START_TEST(interim_responses_reach_http11_only)
{
  inside_dial(&one, "connector-1");
  for (int minor = 0; minor <= 1; minor++) {
    char request[128];
    struct user *u = user_connect(NULL);
    snprintf(request, sizeof request, "GET / HTTP/1.%d\r\n" TO_PUBLIC "\r\n", minor);
    user_send(u, request);
    run_until(one.requests == minor + 1);
    inside_answer(&one, 103, "link", "</a>", false);
    inside_answer(&one, 200, NULL, NULL, true);
    run_until(user_got(u, "200 OK"));
    ck_assert_int_eq(user_got(u, "HTTP/1.1 103 "), minor);
  }
}
END_TEST

/* Whose application has not proven itself by then. */
START_TEST(interim_responses_of_kerberos_reach_nobody)
{
  char request[8192];
  snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" TO_HELLO "%s\r\n", user_signs_in(100));
  struct user *u = user_asks(request);
  inside_answer(&one, 103, "www-authenticate", "Negotiate YQ==", false);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
  ck_assert_uint_eq(user_got_times(u, "HTTP/1.1 "), 1);
}
END_TEST

START_TEST(failure_of_a_connector_is_shown_as_its_own)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 502, "sevenstep-error", "backend_unreachable", true);
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "Sevenstep-Error: backend_unreachable"));
}
END_TEST

START_TEST(error_that_is_not_a_connectors_is_a_broken_peer)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, "sevenstep-error", "token_signature", true);
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "Sevenstep-Error: tunnel_protocol"));
}
END_TEST

START_TEST(host_of_the_connection_passes)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(PUBLIC);
  user_send(u, "GET http://PUBLIC.apps.localhost/x HTTP/1.1\r\n" TO_HELLO
               "\r\n"); /* absolute-form overrides Host */
  run_until(one.requests == 1);
  ck_assert_str_eq(one.path, "/x");
}
END_TEST

START_TEST(options_that_goes_on_is_counted)
{
  user_asks("OPTIONS /a HTTP/1.1\r\nMax-Forwards: 7\r\n" TO_PUBLIC "\r\n"
            "GET /b HTTP/1.1\r\nMax-Forwards: 7\r\n" TO_PUBLIC "\r\n");
  ck_assert_str_eq(fields_get(&one.fields, "max-forwards"), "6");
  inside_answer(&one, 204, NULL, NULL, true);
  run_until(one.requests == 2); /* it means nothing to GET */
  ck_assert_str_eq(fields_get(&one.fields, "max-forwards"), "7");
}
END_TEST

Suite *front_heads_suite(void)
{
  Suite *s = suite_create("front_heads");
  TCase *c = front_tests(s, "front_heads");
  tcase_add_test(c, fields_of_this_hop_and_claims_of_identity_stay_outside);
  tcase_add_test(c, what_is_end_to_end_passes_unchanged);
  tcase_add_test(c, date_of_the_application_stays);
  tcase_add_test(c, answers_say_that_the_host_is_to_be_asked_over_tls_alone);
  tcase_add_test(c, absolute_form_decides_against_host);
  tcase_add_test(c, large_head_passes);
  tcase_add_test(c, interim_responses_reach_http11_only);
  tcase_add_test(c, interim_responses_of_kerberos_reach_nobody);
  tcase_add_test(c, failure_of_a_connector_is_shown_as_its_own);
  tcase_add_test(c, error_that_is_not_a_connectors_is_a_broken_peer);
  tcase_add_test(c, host_of_the_connection_passes);
  tcase_add_test(c, options_that_goes_on_is_counted);
  return s;
}

/* Requests that go no further than the front: refused, or answered by it. */
#include "front.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

START_TEST(host_of_another_application_than_the_connection_is_misdirected)
{
  struct user *u = user_connect(HELLO);
  user_send(u, "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "HTTP/1.1 421 "));
}
END_TEST

START_TEST(method_that_tunnels_or_reflects_is_refused)
{
  static const char *const requests[] = {"CONNECT public.apps.localhost:443 HTTP/1.1\r\n" TO_PUBLIC "\r\n",
                                         "TRACE / HTTP/1.1\r\n" TO_PUBLIC "\r\n"};
  struct user *u = user_connect(NULL);
  user_send(u, requests[_i]);
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "HTTP/1.1 405 "));
}
END_TEST

/* HT-05 */
START_TEST(options_that_goes_no_further_is_answered_here)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "OPTIONS /a HTTP/1.1\r\nMax-Forwards: 0\r\n" TO_HELLO "\r\n");
  run_until(user_got(u, "HTTP/1.1 200 ") && user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "Allow: GET, HEAD") && user_got(u, "Sevenstep-Actor: cloud"));
  ck_assert_int_eq(one.requests, 0);
}
END_TEST

START_TEST(user_with_too_many_requests_at_once_waits)
{
  ((struct lab *)(uintptr_t)cloud->lab)->cloud.limits.user_at_once = 1;
  inside_dial(&one, "connector-1");
  struct user *a = user_connect(NULL), *b = user_connect(NULL);
  user_send(a, "GET /1 HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests == 1);
  user_send(b, "GET /2 HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(b, "</html>"));
  ck_assert(user_got(b, "HTTP/1.1 429 ") && user_got(b, "Retry-After: 1") &&
            user_got(b, "Sevenstep-Error: too_many_at_once"));
  ck_assert_int_eq(one.requests, 1);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(a, "HTTP/1.1 200 "));
  user_send(b, "GET /3 HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests == 2);
  stream_abort(b->stream); /* who leaves is counted no more */
  run_until(one.lost == 1);
  user_send(a, "GET /4 HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests == 3);
}
END_TEST

START_TEST(robots_are_sent_away_from_every_host)
{
  static const char *const hosts[] = {TO_PUBLIC, TO_HELLO, TO_NOBODY};
  char text[128];
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "GET /robots.txt?x HTTP/1.1\r\n%s\r\n", hosts[_i]);
  user_send(u, text);
  run_until(user_got(u, "\r\n\r\nUser-agent: *\nDisallow: /\n"));
  ck_assert(user_got(u, "HTTP/1.1 200 "));
}
END_TEST

START_TEST(robots_is_a_name_of_the_host_alone)
{
  static const char *const others[] = {"GET /robots.txtx", "GET /a/robots.txt", "POST /robots.txt"};
  char text[128];
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "%s HTTP/1.1\r\n" TO_PUBLIC "\r\n", others[_i]);
  user_send(u, text);
  run_until(user_got(u, "no_connector"));
}
END_TEST

START_TEST(application_in_maintenance_is_closed)
{
  static const char *const targets[] = {"/", "/.sevenstep/callback", "/.sevenstep/logout"};
  char text[128];
  inside_dial(&one, "connector-1");
  front_app("public")->maintenance = true;
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" TO_PUBLIC "\r\n", targets[_i]);
  user_send(u, text);
  run_until(user_got(u, "maintenance</code>"));
  ck_assert(user_got(u, "HTTP/1.1 503 ") && user_got(u, "Retry-After: "));
  ck_assert(user_got(u, "<h1>Down for maintenance</h1>"));
  ck_assert_int_eq(one.requests, 0);
}
END_TEST

/* TK-12, TK-13: without a token no error code; in the query it is none. */
START_TEST(request_of_an_api_client_without_a_token_is_challenged)
{
  static const struct {
    const char *request, *status, *error;
  } cases[] = {
      {"POST / HTTP/1.1\r\nContent-Length: 0\r\n", "401", NULL},
      {"GET / HTTP/1.1\r\nAccept: application/json\r\n", "401", NULL},
      {"GET / HTTP/1.1\r\nAccept: */*\r\nSec-Fetch-Mode: cors\r\n", "401", NULL},
      {"GET / HTTP/1.1\r\nX-Requested-With: XMLHttpRequest\r\n", "401", NULL},
      {"GET /?a=b&access_token=x HTTP/1.1\r\n", "400", "error=\"invalid_request\""},
      {"GET /?xaccess_token=x HTTP/1.1\r\n", "502", NULL}, /* step 1, without an identity provider */
      {"GET / HTTP/1.1\r\nAccept: text/html\r\n", "502", NULL},
      {"GET / HTTP/1.1\r\nAuthorization: Basic eDp5\r\n", "502", NULL},
      {"GET / HTTP/1.1\r\nAuthorization: bearer x\r\n", "502", NULL}, /* its keys are not there */
  };
  char text[256];
  front_app("hello")->bearer_access = true;
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text, "%s" TO_HELLO "\r\n", cases[_i].request);
  user_send(u, text);
  run_until(user_got(u, "</html>"));
  snprintf(text, sizeof text, "HTTP/1.1 %s ", cases[_i].status);
  ck_assert_msg(user_got(u, text), "%s", buf_str(&u->got));
  bool challenged = strcmp(cases[_i].status, "502") != 0;
  ck_assert(user_got(u, "WWW-Authenticate: Bearer realm=\"hello\", authorization_uri=\"") == challenged);
  ck_assert(user_got(u, ", error=\"") == (cases[_i].error != NULL));
  if (cases[_i].error) ck_assert(user_got(u, cases[_i].error));
  ck_assert_int_eq(one.requests, 0);
}
END_TEST

Suite *front_refused_suite(void)
{
  Suite *s = suite_create("front_refused");
  TCase *c = front_tests(s, "front_refused");
  tcase_add_test(c, host_of_another_application_than_the_connection_is_misdirected);
  tcase_add_loop_test(c, method_that_tunnels_or_reflects_is_refused, 0, 2);
  tcase_add_test(c, options_that_goes_no_further_is_answered_here);
  tcase_add_test(c, user_with_too_many_requests_at_once_waits);
  tcase_add_loop_test(c, robots_are_sent_away_from_every_host, 0, 3);
  tcase_add_loop_test(c, robots_is_a_name_of_the_host_alone, 0, 3);
  tcase_add_loop_test(c, application_in_maintenance_is_closed, 0, 3);
  tcase_add_loop_test(c, request_of_an_api_client_without_a_token_is_challenged, 0, 9);
  return s;
}

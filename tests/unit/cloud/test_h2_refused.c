/* Requests that break a rule, of HTTP or of HTTP/2, or that are too large. */
#include "front.h"
#include "suites.h"

#include <string.h>

START_TEST(host_of_another_application_than_the_connection_is_misdirected)
{
  browser_open(HELLO);
  struct answer *a = browser_get(PUBLIC, "/");
  run_until(a->ended);
  ck_assert_int_eq(a->status, 421);
}
END_TEST

static const struct {
  const char *method, *host, *path, *name, *value;
  int status;
} refused[] = {
    {"GET", HELLO, "/", "host", PUBLIC, 400},
    {"GET", HELLO ":99999", "/", NULL, NULL, 400},
    {"GET", HELLO, "/#a", NULL, NULL, 400},
    {"TRACE", HELLO, "/", NULL, NULL, 405},
    {"A-METHOD-WITH-A-NAME-OF-MORE-THAN-31-BYTES", HELLO, "/", NULL, NULL, 501},
};

START_TEST(request_that_breaks_a_rule_of_http_is_answered)
{
  browser_open(HELLO);
  struct answer *a = browser_ask(refused[_i].method, refused[_i].host, refused[_i].path, refused[_i].name,
                                 refused[_i].value, true);
  run_until(a->closed);
  ck_assert_int_eq(a->status, refused[_i].status);
  struct answer *next = browser_get(HELLO, "/robots.txt");
  run_until(next->closed);
  ck_assert_int_eq(next->status, 200);
}
END_TEST

/* RFC 9113 8.3.1. Some versions of nghttp2 leave it to us, others reset the stream themselves. */
START_TEST(request_with_a_user_in_its_authority_is_refused)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_get("user@" PUBLIC, "/");
  run_until(a->closed);
  ck_assert(a->status == 400 || (a->status == 0 && a->failure.err != ERR_OK));
  ck_assert_int_eq(one.requests, 0);
  struct answer *next = browser_get(PUBLIC, "/robots.txt");
  run_until(next->closed);
  ck_assert_int_eq(next->status, 200);
}
END_TEST

static const struct {
  const char *name, *value;
} malformed[] = {
    {"connection", "close"},
    {"keep-alive", "1"},
    {"transfer-encoding", "chunked"},
    {"upgrade", "websocket"},
    {"te", "gzip"},
    {"proxy-connection", "close"},
    {"x-bad", "a\rb"},
    {"x bad", "1"},
    {"content-length", "5"},
    {"content-length", "banana"},
};

START_TEST(request_that_breaks_http2_is_reset)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_ask("GET", PUBLIC, "/", malformed[_i].name, malformed[_i].value, true);
  run_until(a->closed);
  ck_assert_int_eq(a->status, 0);
  ck_assert_int_eq(one.requests, 0);
  struct answer *next = browser_get(PUBLIC, "/robots.txt");
  run_until(next->ended);
}
END_TEST

START_TEST(target_over_its_limit_is_told)
{
  static char path[9000];
  memset(path, 'a', sizeof path - 1);
  path[0] = '/';
  browser_open(HELLO);
  struct answer *a = browser_get(HELLO, path);
  run_until(a->ended);
  ck_assert_int_eq(a->status, 414);
}
END_TEST

START_TEST(fields_over_their_number_are_told)
{
  struct fields f;
  browser_open(HELLO);
  fields_init(&f, 160, 4096);
  for (int i = 0; i < 129; i++)
    ck_assert_int_eq(fields_add(&f, "x", "1"), ERR_OK);
  struct answer *a = browser_ask_with("GET", HELLO, "/", &f, true);
  run_until(a->ended);
  ck_assert_int_eq(a->status, 431);
  fields_clear(&f);
}
END_TEST

START_TEST(head_over_its_size_is_told)
{
  static char value[40000];
  struct fields f;
  memset(value, 'a', sizeof value - 1);
  browser_open(HELLO);
  fields_init(&f, 4, 128 * 1024);
  ck_assert_int_eq(fields_add(&f, "x-one", value), ERR_OK);
  ck_assert_int_eq(fields_add(&f, "x-two", value), ERR_OK);
  struct answer *a = browser_ask_with("GET", HELLO, "/", &f, true);
  run_until(a->ended);
  ck_assert_int_eq(a->status, 431);
  fields_clear(&f);
}
END_TEST

Suite *h2_refused_suite(void)
{
  Suite *s = suite_create("h2_refused");
  TCase *c = front_tests(s, "h2_refused");
  tcase_add_test(c, host_of_another_application_than_the_connection_is_misdirected);
  tcase_add_loop_test(c, request_that_breaks_a_rule_of_http_is_answered, 0, sizeof refused / sizeof *refused);
  tcase_add_test(c, request_with_a_user_in_its_authority_is_refused);
  tcase_add_loop_test(c, request_that_breaks_http2_is_reset, 0, sizeof malformed / sizeof *malformed);
  tcase_add_test(c, target_over_its_limit_is_told);
  tcase_add_test(c, fields_over_their_number_are_told);
  tcase_add_test(c, head_over_its_size_is_told);
  return s;
}

/* Access tokens that wait for the identity provider's keys, which a little one of the test's own gives. */
#include "front.h"
#include "provider.h"
#include "suites.h"

/* {"alg":"RS256","typ":"at+jwt","kid":"other"}, {"iss":"x"}: of a key that is not among these. */
#define TOKEN "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6Im90aGVyIn0.eyJpc3MiOiJ4In0.eHh4"

/* Its body must not become that of the request behind it, which takes its place at once. */
START_TEST(body_of_a_refused_token_is_nobody_elses)
{
  front_app("hello")->bearer_access = true;
  provider_open();
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nAuthorization: Bearer " TOKEN "\r\nContent-Length: 5\r\n" TO_HELLO
               "\r\nfirst"
               "POST /second HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(u, "</html>") && one.requests == 1);
  ck_assert(user_got(u, "HTTP/1.1 401 ") && user_got(u, "bearer_invalid"));
  ck_assert_str_eq(one.path, "/second");
  user_send(u, "6\r\nsecond\r\n0\r\n\r\n");
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "second");
  provider_close();
}
END_TEST

Suite *front_bearer_suite(void)
{
  Suite *s = suite_create("front_bearer");
  TCase *c = front_tests(s, "front_bearer");
  tcase_add_test(c, body_of_a_refused_token_is_nobody_elses);
  return s;
}

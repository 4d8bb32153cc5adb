/* What becomes of a request whose user's session ends while it is answered. */
#include "../token/mint.h"
#include "front.h"
#include "provider.h"
#include "suites.h"

#include "clock.h"
#include "revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct user *ask(int64_t lifetime_s)
{
  char request[8192];
  snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" TO_HELLO "%s\r\n", user_signs_in(lifetime_s));
  return user_asks(request);
}

/* An answer that goes on, of which the user has something. */
static struct user *stream_to(int64_t lifetime_s)
{
  struct user *u = ask(lifetime_s);
  inside_answer(&one, 200, "content-type", "text/event-stream", false);
  inside_write(&one, "data: 1", 7);
  run_until(user_got(u, "data: 1"));
  pass(1);
  ck_assert(!u->closed);
  return u;
}

static void assert_cut_off(struct user *u)
{
  run_until(u->closed && one.lost == 1);
  ck_assert_int_ne(u->failure.err, ERR_OK);
  ck_assert(!user_got(u, "\r\n0\r\n")); /* as if it were whole */
}

static void stored(void *arg, enum err e)
{
  ck_assert_int_eq(e, ERR_OK);
  *(bool *)arg = true;
}

static void revoke_alice(void)
{
  bool done = false;
  revoke_user(cloud, "alice@sevenstep.test", stored, &done);
  run_until(done);
}

static void expire(void)
{
  clock_shift_wall(100);
}

static void disable(void)
{
  front_change("users: {alice: {enabled: false}}\n");
}

static void take_assignment(void)
{
  front_change("applications: {hello: {assigned_groups: [auditors]}}\n");
}

static void (*const ends[])(void) = {user_signs_out, revoke_alice, expire, disable, take_assignment};

START_TEST(end_of_the_session_ends_an_answer_that_has_begun)
{
  struct user *u = stream_to(100);
  ends[_i]();
  pass(1);
  assert_cut_off(u);
}
END_TEST

START_TEST(end_of_the_session_fails_a_request_that_waits)
{
  static const char *const errors[] = {"session_ended", "session_ended", "session_expired", "session_ended",
                                       "session_ended"};
  char error[64];
  struct user *u = ask(100);
  snprintf(error, sizeof error, "Sevenstep-Error: %s\r\n", errors[_i]);
  pass(1);
  ck_assert_uint_eq(u->got.len, 0);
  ends[_i]();
  pass(1);
  run_until(user_got(u, "HTTP/1.1 401 ") && one.lost == 1);
  ck_assert(user_got(u, error));
}
END_TEST

/* Nobody may take it for not done. */
static void assert_not_to_be_sent_again(struct user *u)
{
  pass(1);
  run_until(user_got(u, "HTTP/1.1 502 ") && one.lost == 1);
  ck_assert(user_got(u, "Sevenstep-Error: cut_off\r\n"));
  ck_assert(!user_got(u, "WWW-Authenticate:"));
  ck_assert_int_eq(one.requests, 1);
}

static const char *const not_repeatable[] = {
    "POST / HTTP/1.1\r\n", "PATCH / HTTP/1.1\r\nContent-Length: 0\r\n",
    "PUT / HTTP/1.1\r\nContent-Length: 4\r\n", "POST / HTTP/1.1\r\nContent-Length: 10\r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"};
static const char *const bodies[] = {"", "", "half", "half", "4\r\nhalf\r\n"};

START_TEST(end_of_the_session_does_not_say_that_nothing_was_done)
{
  char request[8192];
  snprintf(request, sizeof request, "%s" TO_HELLO "%s\r\n%s", not_repeatable[_i], user_signs_in(100),
           bodies[_i]);
  struct user *u = user_asks(request);
  if (*bodies[_i]) run_until(one.body.len == 4);
  user_signs_out();
  assert_not_to_be_sent_again(u);
}
END_TEST

/* -- access tokens --------------------------------------------------------------------------------------- */

/* The field line that shows an access token of alice for hello that ends then. */
static const char *token_until(int64_t expires_s)
{
  static char line[4096];
  char issued[24], expires[24], issuer[256];
  snprintf(issued, sizeof issued, "%ld", (long)clock_wall_s() - 100);
  snprintf(expires, sizeof expires, "%ld", (long)expires_s);
  snprintf(issuer, sizeof issuer, "\"%s\"", cloud->lab->idp.issuer.text);
  char *claims = mint_claims("iss", issuer, "iat", issued, "exp", expires, "nonce", NULL, "jti", "\"1\"",
                             "client_id", "\"api\"", "scope", "\"" TOKEN_SCOPE_USER "\"", NULL);
  char *token = mint_sign(mint_key(), "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}", claims);
  snprintf(line, sizeof line, "Authorization: Bearer %s\r\n", token);
  free(claims);
  free(token);
  return line;
}

static struct user *ask_by_token(const char *method, int64_t lifetime_s)
{
  char request[8192];
  front_app("hello")->bearer_access = true;
  provider_open();
  snprintf(request, sizeof request, "%s / HTTP/1.1\r\n" TO_HELLO "%s\r\n", method,
           token_until(clock_wall_s() + lifetime_s));
  return user_asks(request);
}

START_TEST(end_of_the_token_fails_a_request_that_waits)
{
  struct user *u = ask_by_token("GET", 100);
  clock_shift_wall(100 + TOKEN_SKEW_S);
  pass(1);
  run_until(user_got(u, "HTTP/1.1 401 ") && one.lost == 1);
  ck_assert(user_got(u, "error=\"invalid_token\""));
  provider_close();
}
END_TEST

START_TEST(end_of_the_token_does_not_say_that_nothing_was_done)
{
  struct user *u = ask_by_token("POST", 100);
  clock_shift_wall(100 + TOKEN_SKEW_S);
  assert_not_to_be_sent_again(u);
  provider_close();
}
END_TEST

/* As long as it would be taken, which is longer than it says. */
START_TEST(token_that_ended_within_the_tolerance_is_answered)
{
  struct user *u = ask_by_token("GET", -20);
  pass(1);
  clock_shift_wall(TOKEN_SKEW_S / 2);
  pass(1);
  ck_assert_uint_eq(u->got.len, 0);
  inside_answer(&one, 204, NULL, NULL, true);
  run_until(user_got(u, "HTTP/1.1 204 "));
  ck_assert_int_eq(one.lost, 0);
  provider_close();
}
END_TEST

START_TEST(end_of_the_session_ends_a_stream_of_http2_and_no_other)
{
  const char *cookie = user_signs_in(100);
  char value[8192];
  snprintf(value, sizeof value, "%.*s", (int)strcspn(cookie + 8, "\r"), cookie + 8);
  inside_dial(&one, "connector-1");
  browser_open(HELLO);
  struct answer *a = browser_ask("GET", HELLO, "/", "cookie", value, true);
  run_until(one.requests == 1);
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "half", 4);
  run_until(a->body.len == 4);
  user_signs_out();
  pass(1);
  run_until(a->closed && one.lost == 1);
  ck_assert(!a->ended);
  struct answer *next = browser_ask("GET", HELLO, "/.sevenstep/logout", NULL, NULL, true);
  run_until(next->ended);
}
END_TEST

/* Requests that are under way finish as they began (changes.md), those of its users alone do not. */
START_TEST(removal_of_the_application_lets_an_answer_go_on_until_the_session_ends)
{
  struct user *u = stream_to(100);
  front_change("applications: {hello: null}\nconnectors: {connector-1: {allowed_to_delegate_to: []}, "
               "connector-2: {allowed_to_delegate_to: []}}\n");
  pass(1);
  inside_write(&one, "data: 2", 7);
  run_until(user_got(u, "data: 2"));
  user_signs_out();
  pass(1);
  assert_cut_off(u);
}
END_TEST

START_TEST(answer_without_a_session_goes_on)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, NULL, NULL, false);
  revoke_alice();
  clock_shift_wall(100000);
  pass(1);
  inside_write(&one, "late", 4);
  inside_end(&one);
  run_until(user_got(u, "late") && !one.stream);
  ck_assert_int_eq(one.lost, 0);
}
END_TEST

Suite *front_sessions_suite(void)
{
  Suite *s = suite_create("front sessions");
  TCase *c = front_tests(s, "sessions");
  tcase_add_loop_test(c, end_of_the_session_ends_an_answer_that_has_begun, 0, 5);
  tcase_add_loop_test(c, end_of_the_session_fails_a_request_that_waits, 0, 5);
  tcase_add_loop_test(c, end_of_the_session_does_not_say_that_nothing_was_done, 0, 5);
  tcase_add_test(c, end_of_the_token_fails_a_request_that_waits);
  tcase_add_test(c, end_of_the_token_does_not_say_that_nothing_was_done);
  tcase_add_test(c, token_that_ended_within_the_tolerance_is_answered);
  tcase_add_test(c, end_of_the_session_ends_a_stream_of_http2_and_no_other);
  tcase_add_test(c, removal_of_the_application_lets_an_answer_go_on_until_the_session_ends);
  tcase_add_test(c, answer_without_a_session_goes_on);
  return s;
}

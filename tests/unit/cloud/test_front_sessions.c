/* What becomes of a request whose user's session ends while it is answered. */
#include "front.h"
#include "suites.h"

#include "clock.h"
#include "revocation.h"

#include <stdio.h>
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

START_TEST(end_of_the_session_ends_an_upload)
{
  char request[8192];
  snprintf(request, sizeof request, "POST / HTTP/1.1\r\n" TO_HELLO "Content-Length: 10\r\n%s\r\nhalf",
           user_signs_in(100));
  struct user *u = user_asks(request);
  run_until(one.body.len == 4);
  user_signs_out();
  pass(1);
  run_until(user_got(u, "HTTP/1.1 401 ") && one.lost == 1);
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
  tcase_add_test(c, end_of_the_session_ends_an_upload);
  tcase_add_test(c, end_of_the_session_ends_a_stream_of_http2_and_no_other);
  tcase_add_test(c, removal_of_the_application_lets_an_answer_go_on_until_the_session_ends);
  tcase_add_test(c, answer_without_a_session_goes_on);
  return s;
}

/* A connection of HTTP/1.1: requests one behind the other, its deadlines, and its end. */
#include "front.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

START_TEST(pipelined_requests_that_are_refused_are_answered_in_order)
{
  struct user *u = user_connect(NULL);
  user_send(u, "GET /1 HTTP/1.1\r\n" TO_NOBODY "\r\nGET /2 HTTP/1.1\r\n" TO_HELLO
               "\r\nGET /3 HTTP/1.1\r\n" TO_NOBODY "\r\n");
  run_until(user_got_times(u, "HTTP/1.1 ") == 3 || u->closed);
  ck_assert(!u->closed);
  ck_assert(!user_got(u, "Connection: close"));
  /* 502: there is no identity provider. */
  static const char *const answers[] = {"HTTP/1.1 404 ", "HTTP/1.1 502 ", "HTTP/1.1 404 "};
  const char *at = buf_str(&u->got);
  for (int i = 0; i < 3; i++, at++) {
    at = strstr(at, "HTTP/1.1 ");
    ck_assert_int_eq(strncmp(at, answers[i], strlen(answers[i])), 0);
  }
}
END_TEST

START_TEST(pipelined_requests_that_pass_are_answered_in_order)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "GET /1 HTTP/1.1\r\n" TO_PUBLIC "\r\nGET /2 HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  for (int i = 1; i <= 2; i++) {
    run_until(one.requests == i);
    ck_assert_str_eq(one.path, i == 1 ? "/1" : "/2");
    inside_answer(&one, 200, "content-length", "2", false);
    inside_write(&one, "ok", 2);
    inside_end(&one);
  }
  run_until(user_got_times(u, "\r\n\r\nok") == 2);
}
END_TEST

START_TEST(answer_before_the_body_says_that_the_connection_ends)
{
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 5\r\n" TO_HELLO "\r\n");
  run_until(u->closed);
  ck_assert(user_got(u, "HTTP/1.1 403 "));
  ck_assert(user_got(u, "Connection: close"));
}
END_TEST

START_TEST(connection_goes_on_after_a_body_that_nobody_took)
{
  static uint8_t body[TUNNEL_STREAM_WINDOW + TUNNEL_WRITE_HIGH + 1];
  char head[128];
  inside_dial(&one, "connector-1");
  one.deaf = true;
  struct user *u = user_connect(NULL);
  snprintf(head, sizeof head, "POST / HTTP/1.1\r\nContent-Length: %zu\r\n" TO_PUBLIC "\r\n", sizeof body);
  user_send(u, head);
  user_send_bytes(u, body, sizeof body - 1);
  run_until(one.body.len == TUNNEL_STREAM_WINDOW && front_body_left() == 1);
  user_send_bytes(u, body, 1); /* with this one, the request's last, no more is read */
  run_until(front_paused());
  inside_answer(&one, 413, NULL, NULL, true);
  run_until(user_got(u, "HTTP/1.1 413 "));
  pass(0);
  ck_assert(!u->closed);
  user_send(u, "GET /next HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests == 2 || u->closed);
  ck_assert(!u->closed);
}
END_TEST

/* Behind a request that is answered at once, or in time. */
START_TEST(head_that_comes_too_slowly_is_refused)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  if (_i) {
    user_send(u, "HEAD / HTTP/1.1\r\n" TO_PUBLIC "\r\nGET / HT");
    run_until(one.requests == 1);
    inside_answer(&one, 404, NULL, NULL, true);
  } else {
    user_send(u, "HEAD / HTTP/1.1\r\n" TO_NOBODY "\r\nGET / HT");
  }
  run_until(user_got(u, "404 Not Found"));
  pass(19);
  ck_assert(!u->closed);
  pass(2);
  run_until(u->closed);
  ck_assert(user_got(u, "HTTP/1.1 408 "));
  ck_assert(user_got(u, "http_request_timeout</code>")); /* with its page, though HEAD came before */
}
END_TEST

START_TEST(connection_that_idles_is_closed_without_a_word)
{
  struct user *u = user_connect(NULL);
  pass(21);
  run_until(u->closed);
  ck_assert_uint_eq(u->got.len, 0);
}
END_TEST

/* An answer whose end is there, in the front's queue, when the user reads on slowly. */
static struct user *slow_reader(const char *request)
{
  static uint8_t piece[64 * 1024];
  memset(piece, 'x', sizeof piece);
  struct user *u = user_asks(request);
  inside_answer(&one, 200, NULL, NULL, false);
  run_until(user_got(u, "200 OK"));
  stream_pause(u->stream, true);
  front_narrow(u->stream);
  while (front_queued() < STREAM_HIGH - sizeof piece) {
    inside_write(&one, piece, sizeof piece);
    run_until(tunnel_stream_queued(one.stream) == 0);
    pass(0);
  }
  inside_end(&one);
  run_until(front_answered());
  return u;
}

START_TEST(connection_whose_last_answer_is_still_being_read_does_not_idle)
{
  struct user *u = slow_reader("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  /* What is read at a time is what the kernel holds, of which the queue has room for three at least. */
  for (int i = 0; i < 2; i++) {
    ck_assert_uint_gt(front_queued(), 0);
    front_read_a_little(u->stream);
    pass(40);
    ck_assert_uint_eq(front_connections(), 1);
  }
  stream_pause(u->stream, false);
  run_until(user_got(u, "\r\n0\r\n\r\n"));
  pass(0);
  pass(74);
  ck_assert_uint_eq(front_connections(), 1);
  pass(2);
  run_until(u->closed);
}
END_TEST

START_TEST(connection_whose_last_answer_is_not_read_is_closed)
{
  slow_reader("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  pass(0);
  pass(76);
  run_until(front_connections() == 0);
}
END_TEST

/* Its end is not read before the answers have left, or is no reason not to send them. */
START_TEST(answers_arrive_also_when_the_user_has_ended_its_side)
{
  static const char *const requests[] = {
      "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n",
      "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\nGET /x HTTP/1.1\r\nConnection: close\r\n" TO_NOBODY "\r\n"};
  struct user *u = slow_reader(requests[_i]);
  stream_end(u->stream);
  pass(0);
  ck_assert_uint_eq(front_connections(), 1);
  stream_pause(u->stream, false);
  run_until(u->closed);
  ck_assert(user_got(u, "\r\n0\r\n\r\n"));
  ck_assert_int_eq(user_got(u, "\r\n0\r\n\r\nHTTP/1.1 404 ") && user_got(u, "</html>"), _i);
}
END_TEST

/* front_close() stops everything in the middle. */
START_TEST(shutdown_in_the_middle_of_requests_leaves_nothing)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  struct user *u = user_connect(NULL), *v = user_connect(NULL);
  user_send(u, "GET /1 HTTP/1.1\r\n" TO_PUBLIC "\r\nGET /2 HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  user_send(v, "POST / HTTP/1.1\r\nContent-Length: 9\r\n" TO_PUBLIC "\r\nxy");
  run_until(one.requests + two.requests == 2);
}
END_TEST

START_TEST(shutdown_lets_requests_end_and_closes_who_asks_for_nothing)
{
  inside_dial(&one, "connector-1");
  struct user *idle = user_connect(NULL), *waiting = user_connect(NULL), *reading = user_connect(NULL);
  user_send(idle, "GET /robots.txt HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(idle, "Disallow"));
  user_send(reading, "GET /reading HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests == 1);
  struct tunnel_stream *begun = one.stream;
  inside_answer(&one, 200, "content-length", "2", false);
  run_until(user_got(reading, "\r\n\r\n"));
  user_send(waiting, "GET /waiting HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests == 2);
  front_shutdown();
  run_until(idle->closed);
  ck_assert(!front_drained && !waiting->closed && !reading->closed);
  inside_answer(&one, 200, "content-length", "0", true);
  run_until(waiting->closed);
  ck_assert(user_got(waiting, "Connection: close\r\n"));
  one.stream = begun;
  inside_write(&one, "ok", 2);
  inside_end(&one);
  run_until(reading->closed && front_drained);
  ck_assert(user_got(reading, "\r\n\r\nok"));
}
END_TEST

Suite *front_connection_suite(void)
{
  Suite *s = suite_create("front_connection");
  TCase *c = front_tests(s, "front_connection");
  tcase_add_test(c, pipelined_requests_that_are_refused_are_answered_in_order);
  tcase_add_test(c, pipelined_requests_that_pass_are_answered_in_order);
  tcase_add_test(c, answer_before_the_body_says_that_the_connection_ends);
  tcase_add_test(c, connection_goes_on_after_a_body_that_nobody_took);
  tcase_add_loop_test(c, head_that_comes_too_slowly_is_refused, 0, 2);
  tcase_add_test(c, connection_that_idles_is_closed_without_a_word);
  tcase_add_test(c, connection_whose_last_answer_is_still_being_read_does_not_idle);
  tcase_add_test(c, connection_whose_last_answer_is_not_read_is_closed);
  tcase_add_loop_test(c, answers_arrive_also_when_the_user_has_ended_its_side, 0, 2);
  tcase_add_test(c, shutdown_in_the_middle_of_requests_leaves_nothing);
  tcase_add_test(c, shutdown_lets_requests_end_and_closes_who_asks_for_nothing);
  return s;
}

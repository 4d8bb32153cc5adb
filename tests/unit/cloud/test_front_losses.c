/* Users who leave, and connectors that die, do not answer, or break the protocol. */
#include "front.h"
#include "suites.h"

/* What has happened when the user leaves. */
enum { AT_HEAD, AT_BODY, AT_BODY_END, AT_RESPONSE, AT_RESPONSE_BODY, MOMENTS };

static void leave_at(int moment, bool reset)
{
  struct user *u = user_connect(NULL);
  int before = one.requests;
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 2\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests == before + 1);
  if (moment >= AT_BODY) {
    user_send(u, "x");
    run_until(one.body.len == 1);
  }
  if (moment >= AT_BODY_END) {
    user_send(u, "y");
    run_until(one.ended);
  }
  if (moment >= AT_RESPONSE) {
    inside_answer(&one, 200, NULL, NULL, false);
    run_until(user_got(u, "200 OK"));
  }
  if (moment >= AT_RESPONSE_BODY) {
    inside_write(&one, "z", 1);
    run_until(user_got(u, "1\r\nz"));
  }
  if (reset)
    stream_abort(u->stream);
  else
    stream_close(u->stream, NULL);
  run_until(!one.stream && front_connections() == 0);
}

START_TEST(user_who_leaves_ends_the_tunnel_stream)
{
  inside_dial(&one, "connector-1");
  leave_at(_i / 2, _i % 2);
  ck_assert_int_eq(one.lost, 1);
  ck_assert_uint_eq(tunnel_streams(link_tunnel(one.link)), 0);
}
END_TEST

START_TEST(users_who_leave_slow_downloads_leave_the_tunnel_its_window)
{
  static uint8_t piece[256 * 1024];
  inside_dial(&one, "connector-1");
  for (int i = 0; i < 6; i++) {
    struct user *u = user_connect(NULL);
    user_send(u, "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
    run_until(one.requests == i + 1);
    inside_answer(&one, 200, NULL, NULL, false);
    run_until(user_got(u, "200 OK"));
    stream_pause(u->stream, true);
    /* the sockets' buffers, then the cloud's, then the stream's window are full */
    for (int k = 0; k < 200 && !tunnel_stream_congested(one.stream); k++) {
      inside_write(&one, piece, sizeof piece);
      pass(0);
    }
    ck_assert(tunnel_stream_congested(one.stream));
    stream_abort(u->stream);
    run_until(!one.stream);
  }
}
END_TEST

START_TEST(request_without_a_body_goes_to_another_connector_when_one_dies)
{
  struct user *u = user_asks("GET /again HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_dial(&two, "connector-2");
  link_close(one.link, NULL);
  run_until(two.requests == 1);
  ck_assert_str_eq(two.path, "/again");
  inside_answer(&two, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
}
END_TEST

START_TEST(request_with_a_body_is_not_risked_twice)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 2\r\n" TO_PUBLIC "\r\nxy");
  run_until(one.ended || two.ended);
  link_close(one.ended ? one.link : two.link, NULL);
  run_until(user_got(u, "HTTP/1.1 502 "));
  ck_assert(user_got(u, "connector_lost"));
  ck_assert_int_eq(one.requests + two.requests, 1);
}
END_TEST

/* The pipelined requests behind it are answered while the tunnel is taken down. */
START_TEST(last_connector_that_dies_fails_what_it_had_and_what_follows)
{
  struct user *u = user_asks("GET /1 HTTP/1.1\r\n" TO_PUBLIC "\r\nGET /2 HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  link_close(one.link, NULL);
  run_until(user_got_times(u, "HTTP/1.1 50") == 2);
}
END_TEST

START_TEST(connector_that_dies_within_a_response_makes_its_end_visible)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "half", 4);
  run_until(user_got(u, "half"));
  link_close(one.link, NULL);
  run_until(u->closed);
  ck_assert_int_ne(u->failure.err, ERR_OK);
  ck_assert(!user_got(u, "\r\n0\r\n"));
}
END_TEST

/* A response that breaks HTTP/2 is reset by our own library, from inside of sending; what follows then must
 * not send again. */
START_TEST(connector_that_breaks_the_protocol_fails_the_request_and_serves_the_next)
{
  struct user *u = user_asks("GET /1 HTTP/1.1\r\n" TO_PUBLIC "\r\nGET /2 HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 304, "content-length", "junk", true);
  run_until(one.requests == 2);
  ck_assert_str_eq(one.path, "/2");
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
  ck_assert(user_got(u, "HTTP/1.1 50"));
}
END_TEST

START_TEST(connector_that_does_not_answer_is_a_timeout)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  pass(99);
  ck_assert_uint_eq(u->got.len, 0);
  pass(2);
  run_until(user_got(u, "HTTP/1.1 504 ") && one.lost == 1);
  ck_assert(user_got(u, "backend_timeout"));
}
END_TEST

START_TEST(interim_answer_gives_the_answer_its_time_anew)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  pass(60);
  inside_answer(&one, 102, NULL, NULL, false);
  run_until(user_got(u, "HTTP/1.1 102 "));
  pass(99);
  ck_assert_int_eq(one.lost, 0);
  pass(2);
  run_until(user_got(u, "HTTP/1.1 504 ") && one.lost == 1);
}
END_TEST

START_TEST(connector_that_takes_over_has_its_own_time)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  pass(60);
  inside_dial(&two, "connector-2");
  link_close(one.link, NULL);
  run_until(two.requests == 1);
  pass(99);
  ck_assert_int_eq(two.lost, 0);
  pass(2);
  run_until(user_got(u, "HTTP/1.1 504 ") && two.lost == 1);
}
END_TEST

START_TEST(interim_answers_without_end_are_a_broken_peer)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  for (int i = 0; i < 32; i++)
    inside_answer(&one, 102, NULL, NULL, false);
  run_until(user_got_times(u, "HTTP/1.1 102 ") == 32);
  ck_assert_int_eq(one.lost, 0);
  inside_answer(&one, 102, NULL, NULL, false);
  run_until(user_got(u, "Sevenstep-Error: tunnel_protocol") && one.lost == 1);
  ck_assert_uint_eq(user_got_times(u, "HTTP/1.1 102 "), 32);
}
END_TEST

/* An upload that is slow to be taken: as often as the connector says so, and nobody but the cloud hears it. */
START_TEST(connector_that_says_that_an_upload_moves_is_waited_for)
{
  struct user *u = user_asks("POST / HTTP/1.1\r\n" TO_PUBLIC "Content-Length: 2\r\n\r\nhi");
  for (int i = 0; i < 40; i++) {
    pass(60);
    ck_assert_int_eq(one.lost, 0);
    inside_answer(&one, 102, "sevenstep-origin", "connector", false);
  }
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "HTTP/1.1 200 "));
  ck_assert_uint_eq(user_got_times(u, "HTTP/1.1 "), 1);
}
END_TEST

START_TEST(number_that_is_no_status_is_a_broken_peer)
{
  static const int numbers[] = {0, 99, 600, 999};
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, numbers[_i], NULL, NULL, false);
  run_until(user_got(u, "Sevenstep-Error: tunnel_protocol") && one.lost == 1);
  ck_assert_uint_eq(user_got_times(u, "HTTP/1.1 "), 1);
}
END_TEST

static void refuse(struct inside *c)
{
  tunnel_stream_reset(c->stream, TUNNEL_REFUSED);
  link_flush(c->link);
}

/* By its own limit (docs/limits.md), in the place of the cloud's. */
static void is_full(const struct user *u)
{
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "HTTP/1.1 503 ") && user_got(u, "Sevenstep-Error: connectors_full"));
  ck_assert(user_got(u, "Retry-After: 5") && user_got(u, "<h1>Service unavailable</h1>"));
  ck_assert_uint_eq(atomic_load(&cloud->counters.full), 1);
}

START_TEST(request_that_its_connector_refuses_unseen_is_told_that_it_is_full)
{
  static const char *const requests[] = {
      "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n",
      "POST / HTTP/1.1\r\n" TO_PUBLIC "Content-Length: 2\r\n\r\nhi",
  };
  struct user *u = user_asks(requests[_i]);
  refuse(&one);
  is_full(u);
  ck_assert_int_eq(one.requests, 1);
}
END_TEST

START_TEST(request_that_its_connector_refuses_on_each_connection_is_told_that_it_is_full)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_dial(&two, "connector-1");
  refuse(&one);
  run_until(two.requests == 1);
  refuse(&two);
  is_full(u);
}
END_TEST

START_TEST(request_with_a_body_that_a_leaving_connector_refuses_is_lost)
{
  struct user *u = user_asks("POST / HTTP/1.1\r\n" TO_PUBLIC "Content-Length: 2\r\n\r\nhi");
  ck_assert_int_eq(tunnel_shutdown(link_tunnel(one.link)), ERR_OK);
  refuse(&one);
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "HTTP/1.1 502 ") && user_got(u, "Sevenstep-Error: connector_lost"));
  ck_assert_uint_eq(atomic_load(&cloud->counters.full), 0);
}
END_TEST

START_TEST(request_for_which_no_connector_is_there_says_so)
{
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "HTTP/1.1 504 "));
  ck_assert(user_got(u, "no_connector"));
}
END_TEST

Suite *front_losses_suite(void)
{
  Suite *s = suite_create("front_losses");
  TCase *c = front_tests(s, "front_losses");
  tcase_add_loop_test(c, user_who_leaves_ends_the_tunnel_stream, 0, 2 * MOMENTS);
  tcase_add_test(c, users_who_leave_slow_downloads_leave_the_tunnel_its_window);
  tcase_add_test(c, request_without_a_body_goes_to_another_connector_when_one_dies);
  tcase_add_test(c, request_with_a_body_is_not_risked_twice);
  tcase_add_test(c, last_connector_that_dies_fails_what_it_had_and_what_follows);
  tcase_add_test(c, connector_that_dies_within_a_response_makes_its_end_visible);
  tcase_add_test(c, connector_that_breaks_the_protocol_fails_the_request_and_serves_the_next);
  tcase_add_test(c, connector_that_does_not_answer_is_a_timeout);
  tcase_add_test(c, interim_answer_gives_the_answer_its_time_anew);
  tcase_add_test(c, connector_that_takes_over_has_its_own_time);
  tcase_add_test(c, interim_answers_without_end_are_a_broken_peer);
  tcase_add_test(c, connector_that_says_that_an_upload_moves_is_waited_for);
  tcase_add_loop_test(c, number_that_is_no_status_is_a_broken_peer, 0, 4);
  tcase_add_loop_test(c, request_that_its_connector_refuses_unseen_is_told_that_it_is_full, 0, 2);
  tcase_add_test(c, request_that_its_connector_refuses_on_each_connection_is_told_that_it_is_full);
  tcase_add_test(c, request_with_a_body_that_a_leaving_connector_refuses_is_lost);
  tcase_add_test(c, request_for_which_no_connector_is_there_says_so);
  return s;
}

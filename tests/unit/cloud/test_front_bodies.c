/* Bodies both ways: those that take their time, those that break off or are malformed, and those that are
 * none. */
#include "front.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(upload_whose_body_comes_late_is_not_cut_off)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(u, "100 Continue") && one.requests == 1);
  pass(1);
  ck_assert(!u->closed);
  user_send(u, "hello");
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "hello");
}
END_TEST

START_TEST(upload_that_moves_is_not_timed_out)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 5\r\n" TO_PUBLIC "\r\n");
  for (size_t i = 0; i < 5; i++) {
    user_send(u, "x");
    run_until(one.body.len == i + 1);
    pass(50);
    ck_assert_uint_eq(u->got.len, 0);
    ck_assert(!u->closed);
  }
}
END_TEST

START_TEST(upload_that_stops_is_cut_off)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nContent-Length: 5\r\n" TO_PUBLIC "\r\nx");
  run_until(one.body.len == 1);
  pass(61);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(trailers_of_a_request_end_at_the_proxy)
{
  user_asks("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" TO_PUBLIC
            "\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n");
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "x");
  ck_assert_uint_eq(one.trailers, 0);
}
END_TEST

START_TEST(malformed_body_behind_a_begun_response_ends_the_tunnel_stream)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" TO_PUBLIC "\r\n1\r\nx\r\n");
  run_until(one.body.len == 1);
  inside_answer(&one, 200, NULL, NULL, false);
  run_until(user_got(u, "200 OK"));
  user_send(u, "junk\r\n");
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(malformed_body_before_the_response_is_a_bad_request)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" TO_PUBLIC "\r\n1\r\nx\r\n");
  run_until(one.body.len == 1);
  user_send(u, "junk\r\n");
  run_until(u->closed && one.lost == 1);
  ck_assert(user_got(u, "HTTP/1.1 400 "));
}
END_TEST

/* Silent for long, then much at once, to a user who reads slowly: that moves, and is not cut; one who reads
 * nothing more is. */
START_TEST(stream_that_was_silent_may_burst)
{
  static uint8_t burst[512 * 1024];
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, NULL, NULL, false);
  run_until(user_got(u, "200 OK"));
  pass(300);
  stream_pause(u->stream, true);
  for (int i = 0; i < 16; i++) {
    inside_write(&one, burst, sizeof burst);
    pass(0);
    if (tunnel_stream_congested(one.stream)) break;
  }
  pass(1);
  pass(1);
  ck_assert_uint_eq(front_connections(), 1);
  for (; one.lost == 0; pass(61)) /* the tunnel may have been slow, and there is room */
    if (!tunnel_stream_congested(one.stream)) inside_write(&one, burst, sizeof burst);
}
END_TEST

/* HT-32 */
START_TEST(piece_of_an_answer_does_not_wait_for_the_next)
{
  struct user *u = user_asks("GET /events HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, "content-type", "text/event-stream", false);
  inside_write(&one, "data: 1\n\n", 9);
  run_until(user_got(u, "data: 1\n\n"));
  inside_write(&one, "data: 2\n\n", 9);
  run_until(user_got(u, "data: 2\n\n"));
  inside_end(&one);
  run_until(user_got(u, "\r\n0\r\n\r\n"));
}
END_TEST

START_TEST(trailers_are_cleaned_as_heads_are)
{
  struct fields f;
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, NULL, NULL, false);
  fields_init(&f, 4, 1024);
  ck_assert_int_eq(fields_add(&f, "set-cookie", "__Host-sevenstep=evil"), ERR_OK);
  ck_assert_int_eq(fields_add(&f, "strict-transport-security", "max-age=0"), ERR_OK);
  ck_assert_int_eq(fields_add(&f, "x-sum", "1"), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(one.stream, &f), ERR_OK);
  link_flush(one.link);
  fields_clear(&f);
  run_until(user_got(u, "\r\n\r\n0\r\nx-sum: 1\r\n\r\n"));
}
END_TEST

/* Of a body in chunks behind a head, what is in them. */
static void unchunk(const struct user *u, struct buf *out)
{
  char *at = strstr(buf_str(&u->got), "\r\n\r\n") + 4;
  for (size_t n; (n = strtoul(at, &at, 16)) > 0; at += n + 2) {
    at += 2;
    ck_assert_int_eq(buf_append(out, at, n), ERR_OK);
  }
}

/* Framed each for itself, pieces of a byte would be six times what the window lets come. */
START_TEST(small_pieces_are_not_more_to_a_user_who_does_not_read)
{
  struct buf body;
  struct fields f;
  size_t n = 0;
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, NULL, NULL, false);
  run_until(user_got(u, "200 OK"));
  front_narrow(u->stream);
  stream_pause(u->stream, true);
  while (tunnel_stream_queued(one.stream) == 0) { /* until the window is shut */
    for (int i = 0; i < 32; i++, n++)
      inside_write(&one, &"0123456789"[n % 10], 1);
    uv_run(net_loop(cloud->net), UV_RUN_NOWAIT);
    ck_assert_uint_lt(front_queued(), STREAM_HIGH + 32 * 1024);
    if (tunnel_stream_queued(one.stream)) pass(0); /* or the tunnel was slow */
  }
  fields_init(&f, 1, 64);
  ck_assert_int_eq(fields_add(&f, "x-sum", "1"), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(one.stream, &f), ERR_OK);
  link_flush(one.link);
  fields_clear(&f);
  stream_pause(u->stream, false);
  run_until(user_got(u, "\r\n0\r\nx-sum: 1\r\n\r\n"));
  buf_init(&body, u->got.max);
  unchunk(u, &body);
  ck_assert_uint_eq(body.len, n);
  for (size_t i = 0; i < n; i++)
    ck_assert_int_eq(body.data[i], '0' + i % 10);
  buf_clear(&body);
  user_send(u, "GET /next HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests == 2);
}
END_TEST

/* The connector has done its work, and may go. */
START_TEST(answer_that_is_complete_arrives_also_when_its_connector_has_gone)
{
  static char piece[32 * 1024];
  memset(piece, 'x', sizeof piece);
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  inside_answer(&one, 200, NULL, NULL, false);
  run_until(user_got(u, "200 OK"));
  front_narrow(u->stream);
  stream_pause(u->stream, true);
  /* until the queue is full, and the next two are held in front of it */
  for (int held = 0; held < 2;) {
    size_t before = front_queued();
    inside_write(&one, piece, sizeof piece);
    run_until(tunnel_stream_queued(one.stream) == 0);
    pass(0);
    held = before && front_queued() == before ? held + 1 : 0;
  }
  inside_end(&one);
  pass(0);
  ck_assert(!front_answered() && !one.stream);
  link_close(one.link, NULL);
  run_until(cloud->counters.ready_connections == 0);
  stream_pause(u->stream, false);
  run_until(user_got(u, "\r\n0\r\n\r\n"));
}
END_TEST

START_TEST(response_without_a_body_has_none)
{
  static const struct {
    const char *method;
    int status;
    const char *length;
  } cases[] = {{"HEAD", 200, "5"}, {"HEAD", 200, NULL}, {"GET", 204, NULL}, {"GET", 304, NULL}};
  char request[128];
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  for (int i = 0; i < 4; i++) {
    snprintf(request, sizeof request, "%s / HTTP/1.1\r\n" TO_PUBLIC "\r\n", cases[i].method);
    user_send(u, request);
    run_until(one.requests == i + 1);
    inside_answer(&one, cases[i].status, cases[i].length ? "content-length" : NULL, cases[i].length, true);
    run_until(user_got_times(u, "\r\n\r\n") == (size_t)i + 1);
  }
  ck_assert(!user_got(u, "Transfer-Encoding"));
  ck_assert(!user_got(u, "\r\n\r\n0"));
  ck_assert_uint_eq(user_got_times(u, "Content-Length: 5\r\n"), 1);
}
END_TEST

/* RFC 9112 6.1, 9.3: no chunks, and the connection goes on only where that was asked for and the end can be
 * seen. */
START_TEST(http10_gets_a_body_without_chunks_and_keeps_its_connection_on_request_alone)
{
  static const struct {
    const char *asks, *length, *is_told;
    bool goes_on;
  } cases[] = {{"", NULL, "Connection: close\r\n", false},
               {"", "2", "Connection: close\r\n", false},
               {"Connection: keep-alive\r\n", NULL, "Connection: close\r\n", false},
               {"Connection: keep-alive\r\n", "2", "Connection: keep-alive\r\n", true}};
  char request[128];
  snprintf(request, sizeof request, "GET / HTTP/1.0\r\n%s" TO_PUBLIC "\r\n", cases[_i].asks);
  struct user *u = user_asks(request);
  inside_answer(&one, 200, cases[_i].length ? "content-length" : NULL, cases[_i].length, false);
  inside_write(&one, "o", 1);
  run_until(user_got(u, "\r\n\r\no"));
  inside_write(&one, "k", 1);
  inside_end(&one);
  run_until(user_got(u, "\r\n\r\nok"));
  ck_assert(user_got(u, cases[_i].is_told) && !user_got(u, "Transfer-Encoding"));
  if (cases[_i].goes_on) {
    user_send(u, request);
    run_until(one.requests == 2);
  } else {
    run_until(u->closed);
    ck_assert_str_eq(strstr(buf_str(&u->got), "\r\n\r\n"), "\r\n\r\nok");
  }
}
END_TEST

Suite *front_bodies_suite(void)
{
  Suite *s = suite_create("front_bodies");
  TCase *c = front_tests(s, "front_bodies");
  tcase_add_test(c, upload_whose_body_comes_late_is_not_cut_off);
  tcase_add_test(c, upload_that_moves_is_not_timed_out);
  tcase_add_test(c, upload_that_stops_is_cut_off);
  tcase_add_test(c, trailers_of_a_request_end_at_the_proxy);
  tcase_add_test(c, malformed_body_behind_a_begun_response_ends_the_tunnel_stream);
  tcase_add_test(c, malformed_body_before_the_response_is_a_bad_request);
  tcase_add_test(c, stream_that_was_silent_may_burst);
  tcase_add_test(c, piece_of_an_answer_does_not_wait_for_the_next);
  tcase_add_test(c, trailers_are_cleaned_as_heads_are);
  tcase_add_test(c, small_pieces_are_not_more_to_a_user_who_does_not_read);
  tcase_add_test(c, answer_that_is_complete_arrives_also_when_its_connector_has_gone);
  tcase_add_test(c, response_without_a_body_has_none);
  tcase_add_loop_test(c, http10_gets_a_body_without_chunks_and_keeps_its_connection_on_request_alone, 0, 4);
  return s;
}

/* Requests and answers by HTTP/2: what reaches the application, and what comes back beside others. */
#include "front.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

START_TEST(request_reaches_the_application_and_its_answer_comes_back)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_ask("GET", PUBLIC, "/a?b", "x-own", "1", true);
  run_until(one.requests == 1);
  ck_assert_str_eq(one.path, "/a?b");
  ck_assert_str_eq(fields_get(&one.fields, "x-own"), "1");
  ck_assert_int_eq(one.direction.http, 2);
  ck_assert_str_eq(one.direction.client, "127.0.0.1");
  inside_answer(&one, 200, "content-length", "2", false);
  inside_write(&one, "ok", 2);
  inside_end(&one);
  run_until(a->closed);
  ck_assert_int_eq(a->failure.err, ERR_OK);
  ck_assert_int_eq(a->status, 200);
  ck_assert_str_eq(a->length, "2");
  ck_assert_str_eq(buf_str(&a->body), "ok");
  ck_assert_uint_eq(strlen(a->trace), 32);
}
END_TEST

START_TEST(upload_arrives_whole_and_trailers_come_back)
{
  struct fields trailers;
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_ask("POST", PUBLIC, "/", "content-length", "10", false);
  browser_put(a, "01234", 5, false);
  browser_put(a, "56789", 5, true);
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "0123456789");
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "x", 1);
  fields_init(&trailers, 4, 256);
  ck_assert_int_eq(fields_add(&trailers, "x-sum", "7"), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(one.stream, &trailers), ERR_OK);
  link_flush(one.link);
  run_until(a->closed);
  ck_assert_str_eq(a->trailer, "7");
  fields_clear(&trailers);
}
END_TEST

START_TEST(expect_is_answered_and_interim_answers_pass)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_ask("POST", PUBLIC, "/", "expect", "100-continue", false);
  run_until(a->interim == 100);
  inside_answer(&one, 103, NULL, NULL, false);
  run_until(a->interim == 103);
  browser_put(a, "x", 1, true);
  run_until(one.ended);
  inside_answer(&one, 204, NULL, NULL, true);
  run_until(a->closed);
  ck_assert_int_eq(a->status, 204);
}
END_TEST

static const struct {
  const char *method;
  int status;
  const char *length;
} bodiless[] = {{"HEAD", 200, "5"}, {"GET", 204, NULL}, {"GET", 304, NULL}};

START_TEST(answer_without_a_body_has_none)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_ask(bodiless[_i].method, PUBLIC, "/", NULL, NULL, true);
  run_until(one.requests == 1);
  inside_answer(&one, bodiless[_i].status, bodiless[_i].length ? "content-length" : NULL, bodiless[_i].length,
                true);
  run_until(a->closed);
  ck_assert_int_eq(a->failure.err, ERR_OK);
  ck_assert_int_eq(a->status, bodiless[_i].status);
  ck_assert_uint_eq(a->body.len, 0);
}
END_TEST

/* Which is the whole of it for the user, and not yet for the cloud. */
START_TEST(head_of_an_answer_without_a_body_is_no_user_who_left)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_ask(bodiless[_i].method, PUBLIC, "/", NULL, NULL, true);
  run_until(one.requests == 1);
  inside_answer(&one, bodiless[_i].status, NULL, NULL, false);
  run_until(a->closed);
  pass(0);
  ck_assert_int_eq(one.lost, 0);
  inside_end(&one);
  run_until(!one.stream);
  ck_assert_int_eq(one.lost, 0);
}
END_TEST

START_TEST(crumbs_of_cookies_are_joined_and_ours_stay_outside)
{
  struct fields f;
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  fields_init(&f, 200, 4096);
  for (int i = 0; i < 150; i++) { /* more than there may be fields */
    char crumb[32];
    snprintf(crumb, sizeof crumb, "c%d=%d", i, i);
    ck_assert_int_eq(fields_add(&f, "cookie", crumb), ERR_OK);
    if (i == 1) ck_assert_int_eq(fields_add(&f, "cookie", "__Host-sevenstep=stolen"), ERR_OK);
  }
  browser_ask_with("GET", PUBLIC, "/", &f, true);
  run_until(one.requests == 1);
  ck_assert_uint_eq(fields_count_of(&one.fields, "cookie"), 1);
  ck_assert_ptr_nonnull(strstr(fields_get(&one.fields, "cookie"), "c0=0; c1=1; c2=2;"));
  ck_assert_ptr_null(strstr(fields_get(&one.fields, "cookie"), "sevenstep"));
  fields_clear(&f);
}
END_TEST

START_TEST(streams_are_answered_in_any_order)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *slow = browser_get(PUBLIC, "/slow");
  run_until(one.requests == 1);
  struct tunnel_stream *first = one.stream;
  struct answer *fast = browser_get(PUBLIC, "/fast");
  run_until(one.requests == 2);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(fast->closed);
  ck_assert_int_eq(slow->status, 0);
  one.stream = first;
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(slow->closed);
}
END_TEST

/* What the user has no window for waits, and so do the end and the trailers behind it. */
START_TEST(answer_whose_reader_was_behind_arrives_whole)
{
  static uint8_t much[640 * 1024]; /* a window, the queue, and some of another window */
  struct fields f;
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_get(PUBLIC, "/");
  run_until(one.requests == 1);
  a->deaf = true;
  for (size_t i = 0; i < sizeof much; i++)
    much[i] = (uint8_t)(i / 1021);
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, much, sizeof much);
  fields_init(&f, 1, 64);
  ck_assert_int_eq(fields_add(&f, "x-sum", "1"), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(one.stream, &f), ERR_OK);
  link_flush(one.link);
  fields_clear(&f);
  run_until(!one.stream);
  pass(0); /* all of it is at the front */
  for (size_t taken = 0; !a->closed; turn()) {
    if (a->at) tunnel_stream_consume(a->at, a->body.len - taken);
    taken = a->body.len;
    link_flush(browser.link);
  }
  ck_assert(a->ended);
  ck_assert_uint_eq(a->body.len, sizeof much);
  ck_assert_mem_eq(a->body.data, much, sizeof much);
  ck_assert_str_eq(a->trailer, "1");
}
END_TEST

START_TEST(stream_that_is_not_read_stops_no_other)
{
  static uint8_t much[512 * 1024];
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *deaf = browser_get(PUBLIC, "/deaf");
  deaf->deaf = true;
  run_until(one.requests == 1);
  inside_answer(&one, 200, NULL, NULL, false);
  for (int i = 0; i < 16 && !tunnel_stream_congested(one.stream); i++) {
    inside_write(&one, much, sizeof much);
    pass(0);
  }
  ck_assert(tunnel_stream_congested(one.stream)); /* so nobody holds more than windows and queues */
  run_until(deaf->body.len == TUNNEL_STREAM_WINDOW);
  pass(0);
  ck_assert_uint_eq(deaf->body.len, TUNNEL_STREAM_WINDOW);
  struct answer *other = browser_get(PUBLIC, "/other");
  run_until(one.requests == 2);
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "ok", 2);
  inside_end(&one);
  run_until(other->ended);
  pass(61);
  run_until(deaf->closed && one.lost == 1);
}
END_TEST

START_TEST(upload_that_the_application_does_not_read_waits_alone)
{
  static uint8_t much[1000 * 1024];
  inside_dial(&one, "connector-1");
  one.deaf = true;
  browser_open(PUBLIC);
  struct answer *a = browser_ask("POST", PUBLIC, "/", NULL, NULL, false);
  browser_put(a, much, sizeof much, false);
  run_until(one.body.len == TUNNEL_STREAM_WINDOW);
  pass(0);
  ck_assert_uint_gt(tunnel_stream_queued(a->at), 0);
  struct answer *other = browser_get(HELLO, "/");
  run_until(other->ended);
  pass(61); /* it is the application that is slow */
  ck_assert(!a->closed);
}
END_TEST

/* Of what was sent, what the application has not got: half a widest window at least, as either end opens its
 * window again when half of it is used up. */
static size_t under_way(const struct answer *a, size_t sent)
{
  return sent - tunnel_stream_queued(a->at) - one.body.len;
}

/* A window that was widened while the application kept up lets much come once it does not. */
START_TEST(upload_that_the_application_stops_reading_waits_with_wide_windows)
{
  static uint8_t much[1000 * 1024];
  size_t sent = 0;
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_ask("POST", PUBLIC, "/", NULL, NULL, false);
  for (; sent < 20 * sizeof much; sent += sizeof much) {
    browser_put(a, much, sizeof much, false);
    run_until(one.body.len == sent + sizeof much);
  }
  one.deaf = true;
  while (!a->closed && under_way(a, sent) < TUNNEL_STREAM_WINDOW_MAX / 2 - 16384) {
    if (tunnel_stream_queued(a->at) == 0) {
      browser_put(a, much, sizeof much, false);
      sent += sizeof much;
    }
    pass(0);
  }
  pass(61);
  ck_assert(!a->closed);
  ck_assert_int_eq(one.lost, 0);
}
END_TEST

START_TEST(answer_before_the_body_refuses_the_rest_without_an_error)
{
  browser_open(HELLO);
  struct answer *a = browser_ask("POST", HELLO, "/", NULL, NULL, false);
  browser_put(a, "begun", 5, false);
  run_until(a->ended);
  pass(0);
  ck_assert(!a->closed); /* what is sent meanwhile is thrown away */
  pass(6);
  run_until(a->closed);
  ck_assert_int_eq(a->status, 403);
  ck_assert(a->ended);
  struct answer *next = browser_get(HELLO, "/");
  run_until(next->ended); /* and the connection lives on */
}
END_TEST

Suite *h2_requests_suite(void)
{
  Suite *s = suite_create("h2_requests");
  TCase *c = front_tests(s, "h2_requests");
  tcase_add_test(c, request_reaches_the_application_and_its_answer_comes_back);
  tcase_add_test(c, upload_arrives_whole_and_trailers_come_back);
  tcase_add_test(c, expect_is_answered_and_interim_answers_pass);
  tcase_add_loop_test(c, answer_without_a_body_has_none, 0, sizeof bodiless / sizeof *bodiless);
  tcase_add_loop_test(c, head_of_an_answer_without_a_body_is_no_user_who_left, 0,
                      sizeof bodiless / sizeof *bodiless);
  tcase_add_test(c, crumbs_of_cookies_are_joined_and_ours_stay_outside);
  tcase_add_test(c, streams_are_answered_in_any_order);
  tcase_add_test(c, answer_whose_reader_was_behind_arrives_whole);
  tcase_add_test(c, stream_that_is_not_read_stops_no_other);
  tcase_add_test(c, upload_that_the_application_does_not_read_waits_alone);
  tcase_add_test(c, upload_that_the_application_stops_reading_waits_with_wide_windows);
  tcase_add_test(c, answer_before_the_body_refuses_the_rest_without_an_error);
  return s;
}

/* What ends a request or a connection before its time: users who leave, connectors that die, deadlines,
 * shutdown. */
#include "front.h"
#include "suites.h"
#include "tunnel_private.h"

START_TEST(request_that_is_broken_off_ends_the_tunnel_stream_alone)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_get(PUBLIC, "/");
  run_until(one.requests == 1);
  tunnel_stream_reset(a->at, TUNNEL_CANCEL);
  link_flush(browser.link);
  run_until(one.lost == 1);
  struct answer *next = browser_get(PUBLIC, "/next");
  run_until(one.requests == 2);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(next->ended);
}
END_TEST

START_TEST(connection_that_is_lost_ends_all_its_requests)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  for (int i = 0; i < 5; i++)
    browser_get(PUBLIC, "/");
  run_until(one.requests == 5);
  link_close(browser.link, NULL);
  run_until(one.lost == 5);
}
END_TEST

START_TEST(connector_that_dies_within_an_answer_resets_the_stream)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_get(PUBLIC, "/");
  run_until(one.requests == 1);
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "half", 4);
  run_until(a->body.len == 4);
  link_close(one.link, NULL);
  run_until(a->closed);
  ck_assert_int_ne(a->failure.err, ERR_OK);
  ck_assert(!a->ended);
}
END_TEST

START_TEST(connector_that_does_not_answer_is_a_timeout)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_get(PUBLIC, "/");
  run_until(one.requests == 1);
  pass(101);
  run_until(a->ended && one.lost == 1);
  ck_assert_int_eq(a->status, 504);
}
END_TEST

START_TEST(upload_that_stops_is_reset)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_ask("POST", PUBLIC, "/", NULL, NULL, false);
  browser_put(a, "x", 1, false);
  run_until(one.body.len == 1);
  pass(61);
  run_until(a->closed && one.lost == 1);
}
END_TEST

static void feed(struct tunnel_stream *s, size_t most)
{
  static const uint8_t piece[256 * 1024];
  while (tunnel_stream_queued(s) + sizeof piece <= most)
    ck_assert_int_eq(tunnel_stream_write(s, piece, sizeof piece), ERR_OK);
  link_flush(one.link);
}

/* An answer at the connector that has begun, with a window that is wide all the way. */
static struct tunnel_stream *begin(struct answer **ret)
{
  int before = one.requests;
  *ret = browser_get(PUBLIC, "/");
  run_until(one.requests == before + 1);
  struct tunnel_stream *s = one.stream;
  inside_answer(&one, 200, NULL, NULL, false);
  for (int i = 0; i < 24; i++) {
    feed(s, 1024 * 1024);
    run_until(tunnel_stream_queued(s) == 0);
  }
  run_until((*ret)->body.len == (size_t)24 * 1024 * 1024);
  return s;
}

/* RFC 7540 5.3.1: b, which depends on a, is sent what a leaves. */
static void depend(const struct answer *b, const struct answer *a)
{
  nghttp2_priority_spec p;
  nghttp2_priority_spec_init(&p, a->at->id, 256, 1);
  ck_assert_int_eq(nghttp2_submit_priority(link_tunnel(browser.link)->h2, NGHTTP2_FLAG_NONE, b->at->id, &p),
                   0);
  link_flush(browser.link);
  pass(0);
}

/* Who waits for its turn while the connection moves, is not taken for one that is not read. */
START_TEST(stream_that_waits_for_another_is_not_reset)
{
  struct answer *a, *b;
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct stream *line = link_stream(browser.link);
  struct tunnel_stream *at = begin(&a), *bt = begin(&b);
  depend(b, a);
  front_narrow(line);
  stream_pause(line, true);
  feed(at, 4 * 1024 * 1024);
  pass(0);
  feed(bt, 512 * 1024);
  size_t had = b->body.len;
  for (int i = 0; i < 7; i++) {
    feed(at, 4 * 1024 * 1024);
    front_read_a_little(line);
    pass(10);
    ck_assert_int_eq(one.lost, 0);
  }
  ck_assert_uint_eq(b->body.len, had);
  front_widen(line);
  stream_pause(line, false);
  run_until(b->body.len == had + 512 * 1024);
}
END_TEST

/* Others move, but this one's reader has given no window for it. */
START_TEST(stream_whose_reader_has_stopped_is_reset_whatever_the_others_do)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_get(PUBLIC, "/a");
  run_until(one.requests == 1);
  struct tunnel_stream *at = one.stream;
  inside_answer(&one, 200, NULL, NULL, false);
  a->deaf = true;
  feed(at, 2 * 1024 * 1024);
  run_until(a->body.len == TUNNEL_STREAM_WINDOW);
  browser_get(PUBLIC, "/b");
  run_until(one.requests == 2);
  inside_answer(&one, 200, NULL, NULL, false);
  for (int i = 0; i < 7; i++) {
    ck_assert_int_eq(one.lost, 0);
    inside_write(&one, "x", 1);
    pass(10);
  }
  run_until(one.lost == 1 && a->closed);
}
END_TEST

START_TEST(connection_that_idles_is_told_and_closed)
{
  browser_open(HELLO);
  struct answer *a = browser_get(HELLO, "/");
  run_until(a->closed);
  pass(74);
  ck_assert_ptr_nonnull(browser.link);
  pass(2);
  run_until(!browser.link);
  ck_assert(browser.goaway);
}
END_TEST

START_TEST(shutdown_is_told_and_what_is_under_way_goes_on)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = browser_get(PUBLIC, "/");
  run_until(one.requests == 1);
  front_shutdown();
  run_until(browser.goaway);
  ck_assert(!front_drained);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(a->ended);
  ck_assert_int_eq(a->status, 200);
  run_until(!browser.link && front_drained);
}
END_TEST

START_TEST(shutdown_answers_what_was_on_its_way_and_ends_who_asks_for_nothing)
{
  browser_open(PUBLIC);
  run_until(tunnel_room(link_tunnel(browser.link)) == TUNNEL_FRONT_STREAMS); /* it has been welcomed */
  front_shutdown();
  struct answer *a = browser_get(PUBLIC, "/robots.txt");
  run_until(a->ended);
  ck_assert_int_eq(a->status, 200);
  run_until(!browser.link && front_drained);
}
END_TEST

START_TEST(shutdown_without_a_connection_is_over_at_once)
{
  front_shutdown();
  ck_assert(front_drained);
}
END_TEST

Suite *h2_ends_suite(void)
{
  Suite *s = suite_create("h2_ends");
  TCase *c = front_tests(s, "h2_ends");
  tcase_add_test(c, request_that_is_broken_off_ends_the_tunnel_stream_alone);
  tcase_add_test(c, connection_that_is_lost_ends_all_its_requests);
  tcase_add_test(c, connector_that_dies_within_an_answer_resets_the_stream);
  tcase_add_test(c, connector_that_does_not_answer_is_a_timeout);
  tcase_add_test(c, upload_that_stops_is_reset);
  tcase_add_test(c, stream_that_waits_for_another_is_not_reset);
  tcase_add_test(c, stream_whose_reader_has_stopped_is_reset_whatever_the_others_do);
  tcase_add_test(c, connection_that_idles_is_told_and_closed);
  tcase_add_test(c, shutdown_is_told_and_what_is_under_way_goes_on);
  tcase_add_test(c, shutdown_answers_what_was_on_its_way_and_ends_who_asks_for_nothing);
  tcase_add_test(c, shutdown_without_a_connection_is_over_at_once);
  return s;
}

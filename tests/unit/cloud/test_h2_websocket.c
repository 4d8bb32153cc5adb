/* WebSockets by extended CONNECT (RFC 8441). */
#include "front.h"
#include "suites.h"

static struct answer *ask_websocket(const char *protocol, const char *version, const char *name,
                                    const char *value)
{
  struct fields f;
  fields_init(&f, 4, 1024);
  if (version) ck_assert_int_eq(fields_add(&f, "sec-websocket-version", version), ERR_OK);
  if (name) ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
  struct answer *a = browser_connect(protocol, &f);
  fields_clear(&f);
  return a;
}

static struct answer *request_websocket(void)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = ask_websocket("websocket", "13", "sec-websocket-protocol", "chat");
  run_until(one.requests == 1);
  return a;
}

static struct answer *open_websocket(void)
{
  struct answer *a = request_websocket();
  inside_answer(&one, 200, "sevenstep-switched", "websocket", false);
  run_until(a->status == 200);
  return a;
}

START_TEST(websocket_carries_bytes_both_ways_until_both_have_ended)
{
  struct answer *a = open_websocket();
  ck_assert_str_eq(one.method, "CONNECT");
  ck_assert_str_eq(one.path, "/ws");
  ck_assert_str_eq(fields_get(&one.fields, "sec-websocket-protocol"), "chat");
  ck_assert_uint_eq(cloud->counters.open_websockets, 1);
  browser_put(a, "ping", 4, false);
  run_until(one.body.len == 4);
  inside_write(&one, "pong!", 5);
  run_until(a->body.len == 5);
  browser_put(a, "x", 1, true);
  run_until(one.ended);
  inside_write(&one, "last", 4);
  inside_end(&one);
  run_until(a->closed && !one.stream);
  ck_assert_int_eq(a->failure.err, ERR_OK);
  ck_assert_str_eq(buf_str(&a->body), "pong!last");
  ck_assert_uint_eq(cloud->counters.open_websockets, 0);
}
END_TEST

START_TEST(websocket_has_neither_key_nor_accept)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = ask_websocket("websocket", "13", "sec-websocket-key", "not used");
  run_until(one.requests == 1);
  ck_assert_ptr_null(fields_get(&one.fields, "sec-websocket-key"));
  struct fields f;
  fields_init(&f, 4, 1024);
  ck_assert_int_eq(fields_add(&f, "sevenstep-switched", "websocket"), ERR_OK);
  ck_assert_int_eq(fields_add(&f, "sec-websocket-accept", "of the connector's key"), ERR_OK);
  ck_assert_int_eq(tunnel_respond(one.stream, 200, &f, false), ERR_OK);
  link_flush(one.link);
  run_until(a->status == 200);
  ck_assert(!a->accept);
  fields_clear(&f);
}
END_TEST

START_TEST(bytes_before_the_websocket_is_open_wait_for_it)
{
  struct answer *a = request_websocket();
  browser_put(a, "early", 5, true);
  run_until(tunnel_stream_queued(a->at) == 0);
  struct answer *other = browser_get(PUBLIC, "/robots.txt"); /* it comes behind */
  run_until(other->ended);
  ck_assert_uint_eq(one.body.len, 0);
  inside_answer(&one, 200, "sevenstep-switched", "websocket", false);
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "early");
}
END_TEST

static const struct {
  const char *protocol, *version, *name, *value;
  int status;
} no_websocket[] = {
    {"chat", "13", NULL, NULL, 501},
    {"websocket", "8", NULL, NULL, 426},
    {"websocket", NULL, NULL, NULL, 400},
    {"websocket", "13", "content-length", "1", 400},
};

START_TEST(extended_connect_that_is_no_websocket_is_refused)
{
  inside_dial(&one, "connector-1");
  browser_open(PUBLIC);
  struct answer *a = ask_websocket(no_websocket[_i].protocol, no_websocket[_i].version, no_websocket[_i].name,
                                   no_websocket[_i].value);
  run_until(a->ended);
  ck_assert_int_eq(a->status, no_websocket[_i].status);
  ck_assert_int_eq(one.requests, 0);
}
END_TEST

/* What the application says, and what the user is told: 2xx would say that a WebSocket is open. */
static const int unswitched[][2] = {{200, 501}, {204, 501}, {302, 302}, {403, 403}};

START_TEST(application_that_does_not_switch_opens_nothing)
{
  struct answer *a = request_websocket();
  browser_put(a, "early", 5, false);
  inside_answer(&one, unswitched[_i][0], NULL, NULL, true);
  run_until(a->ended);
  ck_assert_int_eq(a->status, unswitched[_i][1]);
  ck_assert_uint_eq(cloud->counters.websockets, 0);
  pass(6);
  run_until(a->closed && !one.stream);
  ck_assert_uint_eq(one.body.len, 0);
}
END_TEST

START_TEST(websocket_that_is_broken_off_is_cancelled_at_the_other_end)
{
  struct answer *a = open_websocket();
  if (_i) {
    tunnel_stream_reset(a->at, TUNNEL_CANCEL);
    link_flush(browser.link);
    run_until(one.lost == 1);
  } else {
    tunnel_stream_reset(one.stream, TUNNEL_CANCEL);
    one.stream = NULL;
    link_flush(one.link);
    run_until(a->closed);
    ck_assert_int_eq(a->failure.err, ERR_CLOSED); /* CANCEL (RFC 8441 5) */
  }
  ck_assert_uint_eq(cloud->counters.open_websockets, 0);
}
END_TEST

Suite *h2_websocket_suite(void)
{
  Suite *s = suite_create("h2_websocket");
  TCase *c = front_tests(s, "h2_websocket");
  tcase_add_test(c, websocket_carries_bytes_both_ways_until_both_have_ended);
  tcase_add_test(c, websocket_has_neither_key_nor_accept);
  tcase_add_test(c, bytes_before_the_websocket_is_open_wait_for_it);
  tcase_add_loop_test(c, extended_connect_that_is_no_websocket_is_refused, 0,
                      sizeof no_websocket / sizeof *no_websocket);
  tcase_add_loop_test(c, application_that_does_not_switch_opens_nothing, 0,
                      sizeof unswitched / sizeof *unswitched);
  tcase_add_loop_test(c, websocket_that_is_broken_off_is_cancelled_at_the_other_end, 0, 2);
  return s;
}

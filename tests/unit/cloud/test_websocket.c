/* WebSockets between users and connectors: who may open one, what passes, and what ends one. */
#include "websocket.h"

#include "clock.h"
#include "frames.h"
#include "front.h"

#include <string.h>

#define ASK(host, more)                                                                                      \
  "GET /ws HTTP/1.1\r\nHost: " host ".apps.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"       \
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" more

/* A request from a user, answered by the connector with a switch. */
static struct user *open_with(const char *request)
{
  struct user *u = user_asks(request);
  inside_answer(&one, 200, "sevenstep-switched", "websocket", false);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "HTTP/1.1 101 "));
  ck_assert_uint_eq(cloud->counters.open_websockets, 1);
  return u;
}

static struct user *open_public(void)
{
  return open_with(ASK("public", "\r\n"));
}

/* The same with a session that lasts so long. */
static struct user *open_hello(int64_t lifetime_s)
{
  struct buf request;
  buf_init(&request, 8192);
  ck_assert_int_eq(buf_printf(&request, ASK("hello", "%s\r\n"), user_signs_in(lifetime_s)), ERR_OK);
  struct user *u = open_with(buf_str(&request));
  buf_clear(&request);
  return u;
}

static void assert_refused(const char *request, const char *status, const char *error)
{
  struct user *u = user_connect(NULL);
  user_send(u, request);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert_msg(user_got(u, status) && user_got(u, error), "%s", buf_str(&u->got));
}

/* -- opening ----------------------------------------------------------------------------------------------
 */

START_TEST(request_becomes_an_extended_connect_with_the_users_own_fields)
{
  struct user *u = open_with(ASK("public", "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"));
  ck_assert_str_eq(one.method, "CONNECT");
  ck_assert_str_eq(one.path, "/ws");
  ck_assert_str_eq(fields_get(&one.fields, "sec-websocket-key"), "dGhlIHNhbXBsZSBub25jZQ==");
  ck_assert_str_eq(fields_get(&one.fields, "sec-websocket-extensions"), "permessage-deflate");
  ck_assert_ptr_null(fields_get(&one.fields, "upgrade"));
  ck_assert(user_got(u, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
  ck_assert(!user_got(u, "sevenstep-switched"));
  ck_assert(!user_got(u, "Transfer-Encoding"));
}
END_TEST

START_TEST(request_that_is_no_handshake_is_refused)
{
  assert_refused("POST /ws HTTP/1.1\r\nHost: public.apps.localhost\r\nUpgrade: websocket\r\n\r\n",
                 "HTTP/1.1 400 ", "Sevenstep-Error: websocket_handshake\r\n");
  assert_refused(ASK("public", "Content-Length: 1\r\n\r\nx"), "HTTP/1.1 400 ", "the handshake has a body");
}
END_TEST

START_TEST(request_without_a_session_is_not_redirected)
{
  assert_refused(ASK("hello", "\r\n"), "HTTP/1.1 403 ", "Sevenstep-Error: session_required\r\n");
  assert_refused(ASK("hello", "Cookie: __Host-sevenstep=x\r\n\r\n"), "HTTP/1.1 401 ",
                 "Sevenstep-Error: session_malformed\r\n");
}
END_TEST

START_TEST(request_for_another_protocol_is_an_ordinary_one)
{
  user_asks("GET / HTTP/1.1\r\nHost: public.apps.localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  ck_assert_str_eq(one.method, "GET");
}
END_TEST

START_TEST(application_that_does_not_switch_is_answered_for_as_ever)
{
  struct user *u = user_asks(ASK("public", "\r\n"));
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, "plain", 5);
  inside_end(&one);
  run_until(user_got(u, "plain"));
  ck_assert(user_got(u, "HTTP/1.1 200 "));
  run_until(!one.stream); /* our side of the stream has ended too */
  ck_assert_int_eq(one.lost, 0);
  user_send(u, "GET / HTTP/1.1\r\nHost: public.apps.localhost\r\n\r\n");
  run_until(one.requests == 2);
  ck_assert_uint_eq(cloud->counters.websockets, 0);
}
END_TEST

START_TEST(answer_that_claims_a_switch_nobody_asked_for_is_an_ordinary_one)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\nHost: public.apps.localhost\r\n\r\n");
  inside_answer(&one, 200, "sevenstep-switched", "websocket", true);
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "HTTP/1.1 200 "));
  ck_assert(!user_got(u, "sevenstep-switched"));
}
END_TEST

/* -- bytes ------------------------------------------------------------------------------------------------
 */

START_TEST(bytes_pass_both_ways_as_they_are)
{
  struct user *u = open_public();
  user_send(u, "\r\nraw");
  run_until(one.body.len == 5);
  ck_assert_str_eq(buf_str(&one.body), "\r\nraw");
  inside_write(&one, "HTTP/1.1", 8);
  run_until(user_got(u, "\r\n\r\nHTTP/1.1"));
}
END_TEST

START_TEST(bytes_sent_before_the_answer_are_not_lost)
{
  open_with(ASK("public", "\r\nearly"));
  run_until(one.body.len == 5);
  ck_assert_str_eq(buf_str(&one.body), "early");
}
END_TEST

/* -- ends -------------------------------------------------------------------------------------------------
 */

START_TEST(end_of_the_application_closes_the_users_connection)
{
  struct user *u = open_public();
  inside_write(&one, "last", 4);
  inside_end(&one);
  run_until(u->closed);
  ck_assert(user_got(u, "\r\n\r\nlast"));
  run_until(!one.stream);
  ck_assert_int_eq(one.lost, 0);
  ck_assert_uint_eq(cloud->counters.open_websockets, 0);
}
END_TEST

START_TEST(end_of_the_user_lets_the_application_have_the_last_word)
{
  struct user *u = open_public();
  user_send(u, "bye");
  stream_end(u->stream);
  run_until(one.ended);
  ck_assert_str_eq(buf_str(&one.body), "bye");
  inside_write(&one, "goodbye", 7);
  inside_end(&one);
  run_until(u->closed);
  ck_assert(user_got(u, "\r\n\r\ngoodbye"));
}
END_TEST

START_TEST(reset_by_the_user_is_one_for_the_application)
{
  struct user *u = open_public();
  stream_abort(u->stream);
  run_until(one.lost == 1);
  ck_assert_uint_eq(cloud->counters.open_websockets, 0);
}
END_TEST

START_TEST(reset_by_the_application_is_one_for_the_user)
{
  struct user *u = open_public();
  tunnel_stream_reset(one.stream, TUNNEL_CANCEL);
  link_flush(one.link);
  run_until(u->closed);
  ck_assert_int_eq(u->failure.err, ERR_CLOSED);
  ck_assert_ptr_nonnull(strstr(u->failure.why, "reset"));
}
END_TEST

START_TEST(loss_of_the_connector_ends_it)
{
  struct user *u = open_public();
  link_close(one.link, NULL);
  run_until(u->closed);
  ck_assert_uint_eq(cloud->counters.open_websockets, 0);
}
END_TEST

static void sign_out(void)
{
  user_signs_out();
  pass(1);
}

/* What an end said in its last frame, after this much of its bytes. */
static void assert_close(enum websocket_role reader, const struct buf *got, size_t from, int code,
                         const char *why)
{
  struct websocket_reader r;
  size_t used;
  websocket_reader_init(&r, reader, 64);
  ck_assert_int_eq(websocket_read(&r, got->data + from, got->len - from, &used), WEBSOCKET_CONTROL);
  ck_assert_int_eq(r.opcode, WEBSOCKET_CLOSE);
  ck_assert_int_eq(r.close_code, code);
  ck_assert_msg(r.control_len == 2 + strlen(why) && memcmp(r.control + 2, why, strlen(why)) == 0, "%.*s",
                (int)r.control_len, (const char *)r.control);
  ck_assert_uint_eq(used, got->len - from); /* and nothing behind it */
  websocket_reader_clear(&r);
}

static const uint8_t user_closes[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf0},
                     application_closes[] = {0x88, 2, 0x03, 0xf0};

START_TEST(logout_is_told_to_both_ends_and_ends_it_when_they_have_answered)
{
  struct user *u = open_hello(3600);
  size_t head = u->got.len;
  pass(1);
  ck_assert(!u->closed);
  sign_out();
  run_until(u->got.len > head && one.body.len);
  assert_close(WEBSOCKET_CLIENT, &u->got, head, WEBSOCKET_POLICY, "signed out");
  assert_close(WEBSOCKET_SERVER, &one.body, 0, WEBSOCKET_POLICY, "signed out");
  size_t told = one.body.len;
  user_send_bytes(u, user_closes, sizeof user_closes);
  inside_write(&one, application_closes, sizeof application_closes);
  run_until(u->closed && one.lost == 1);
  ck_assert_uint_eq(one.body.len, told); /* what they said to the proxy is not passed on */
  assert_close(WEBSOCKET_CLIENT, &u->got, head, WEBSOCKET_POLICY, "signed out");
  ck_assert_uint_eq(cloud->counters.open_websockets, 0);
}
END_TEST

START_TEST(logout_ends_it_also_when_nobody_answers)
{
  struct user *u = open_hello(3600);
  sign_out();
  ck_assert(!u->closed);
  pass(1);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(close_frame_waits_for_the_end_of_another)
{
  static const uint8_t answer[] = {0x82, 3, 'a', 'b', 'c', 0x81, 1, 'x'},
                       message[] = {0x82, 0x82, 0, 0, 0, 0, 'd', 'e', 0x81};
  struct user *u = open_hello(3600);
  size_t head = u->got.len;
  inside_write(&one, answer, 3);
  user_send_bytes(u, message, 7);
  run_until(u->got.len == head + 3 && one.body.len == 7);
  sign_out();
  ck_assert_uint_eq(u->got.len, head + 3);
  ck_assert_uint_eq(one.body.len, 7);
  inside_write(&one, answer + 3, sizeof answer - 3);
  user_send_bytes(u, message + 7, sizeof message - 7);
  run_until(u->got.len > head + 5 && one.body.len > 8);
  ck_assert_mem_eq(u->got.data + head, answer, 5);
  ck_assert_mem_eq(one.body.data, message, 8);
  assert_close(WEBSOCKET_CLIENT, &u->got, head + 5, WEBSOCKET_POLICY, "signed out");
  assert_close(WEBSOCKET_SERVER, &one.body, 8, WEBSOCKET_POLICY, "signed out");
}
END_TEST

START_TEST(close_frame_that_finds_no_place_is_not_sent)
{
  static const uint8_t begun[] = {0x82, 3, 'a'};
  struct user *u = open_hello(3600);
  size_t head = u->got.len;
  inside_write(&one, begun, sizeof begun);
  run_until(u->got.len == head + sizeof begun);
  sign_out();
  run_until(one.body.len);
  pass(1);
  run_until(u->closed && one.lost == 1);
  ck_assert_uint_eq(u->got.len, head + sizeof begun);
}
END_TEST

START_TEST(close_frame_of_an_end_is_the_last)
{
  struct user *u = open_hello(3600);
  size_t head = u->got.len;
  inside_write(&one, application_closes, sizeof application_closes);
  run_until(u->got.len == head + sizeof application_closes);
  sign_out();
  run_until(one.body.len);
  ck_assert_uint_eq(u->got.len, head + sizeof application_closes);
  user_send_bytes(u, user_closes, sizeof user_closes);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(end_of_the_session_ends_it)
{
  struct user *u = open_hello(100);
  pass(1);
  ck_assert(!u->closed);
  clock_shift_wall(100);
  pass(1);
  clock_shift_wall(-100);
  pass(1);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(end_of_the_account_or_the_assignment_ends_it)
{
  static const char *const changes[] = {"users: {alice: {enabled: false}}\n",
                                        "applications: {hello: {assigned_groups: [auditors]}}\n"};
  struct user *u = open_hello(3600);
  front_change("applications: {public: {maintenance: true}}\n");
  pass(1);
  ck_assert(!u->closed);
  front_change(changes[_i]);
  pass(1);
  pass(1);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(application_that_needs_a_logon_now_ends_it)
{
  struct user *u = open_public();
  front_change(
      "applications: {public: {preauthentication: aadPreAuthentication, assignment_required: false}}\n");
  pass(1);
  pass(1);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(removal_of_its_application_ends_it)
{
  struct user *u = open_public();
  front_change("applications: {public: null}\n");
  pass(1);
  pass(1);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(silence_ends_it_and_bytes_of_either_side_keep_it)
{
  struct user *u = open_public();
  pass(500);
  user_send(u, "x");
  run_until(one.body.len == 1);
  pass(500);
  inside_write(&one, "y", 1);
  run_until(user_got(u, "\r\n\r\ny"));
  pass(500);
  ck_assert(!u->closed);
  pass(101);
  pass(1);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(application_that_does_not_end_behind_the_user_is_cut_off)
{
  struct user *u = open_public();
  stream_end(u->stream);
  run_until(one.ended);
  pass(50);
  ck_assert(!u->closed);
  pass(11);
  pass(1);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(application_that_still_takes_what_is_queued_is_not_cut_off)
{
  static uint8_t much[TUNNEL_STREAM_WINDOW + 250 * 1024];
  struct user *u = open_public();
  one.deaf = true;
  user_send_bytes(u, much, sizeof much);
  stream_end(u->stream);
  run_until(one.body.len == TUNNEL_STREAM_WINDOW && cloud->websockets->user_ended);
  for (int i = 1; i <= 2; i++) {
    size_t before = one.body.len;
    tunnel_stream_consume(one.stream, TUNNEL_STREAM_WINDOW / 2);
    link_flush(one.link);
    run_until(one.body.len > before);
    pass(50);
    pass(1);
    pass(1);
    ck_assert_uint_eq(cloud->counters.open_websockets, 1);
  }
  pass(61);
  pass(1);
  run_until(u->closed && one.lost == 1);
}
END_TEST

START_TEST(user_who_does_not_read_is_cut_off)
{
  static uint8_t piece[256 * 1024];
  struct user *u = open_public();
  stream_pause(u->stream, true);
  for (; one.lost == 0; pass(61)) /* the tunnel may have been slow, and there is room */
    while (tunnel_stream_write(one.stream, piece, sizeof piece) == ERR_OK) {
      link_flush(one.link);
      pass(0);
    }
}
END_TEST

/* Bytes, an end and the reason for it wait together. */
START_TEST(end_of_a_connector_is_told_behind_what_the_user_has_not_read)
{
  static uint8_t piece[32 * 1024]; /* empty frames */
  struct fields f;
  struct user *u = open_public();
  front_narrow(u->stream);
  stream_pause(u->stream, true);
  size_t sent = 0;
  for (int held = 0; held < 2; sent += sizeof piece) {
    size_t before = front_queued();
    inside_write(&one, piece, sizeof piece);
    run_until(tunnel_stream_queued(one.stream) == 0);
    pass(0);
    held = before && front_queued() == before ? held + 1 : 0;
  }
  fields_init(&f, 1, 64);
  ck_assert_int_eq(fields_add(&f, CONTROL_LEAVING, "1"), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(one.stream, &f), ERR_OK);
  link_flush(one.link);
  fields_clear(&f);
  pass(0);
  ck_assert(!one.stream && !front_answered());
  size_t head = (size_t)(strstr(buf_str(&u->got), "\r\n\r\n") + 4 - buf_str(&u->got));
  stream_pause(u->stream, false);
  run_until(u->closed);
  assert_close(WEBSOCKET_CLIENT, &u->got, head + sent, WEBSOCKET_GOING_AWAY, "the connector stops");
}
END_TEST

START_TEST(connector_that_leaves_is_told_to_the_user)
{
  struct user *u = open_public();
  size_t head = u->got.len;
  struct fields leaving;
  fields_init(&leaving, 1, 64);
  ck_assert_int_eq(fields_add(&leaving, CONTROL_LEAVING, "1"), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(one.stream, &leaving), ERR_OK);
  link_flush(one.link);
  fields_clear(&leaving);
  run_until(u->closed);
  assert_close(WEBSOCKET_CLIENT, &u->got, head, WEBSOCKET_GOING_AWAY, "the connector stops");
}
END_TEST

START_TEST(stop_of_the_cloud_ends_it_in_order)
{
  struct user *u = open_public();
  size_t head = u->got.len;
  cloud->stopping = true;
  pass(0);
  run_until(u->got.len > head);
  assert_close(WEBSOCKET_CLIENT, &u->got, head, WEBSOCKET_GOING_AWAY, "the proxy stops");
  user_send_bytes(u, user_closes, sizeof user_closes);
  inside_write(&one, application_closes, sizeof application_closes);
  run_until(u->closed && !one.stream);
  ck_assert_int_eq(u->failure.err, ERR_CLOSED);
  ck_assert_uint_eq(cloud->counters.open_websockets, 0);
}
END_TEST

START_TEST(shutdown_with_open_websockets_leaves_nothing)
{
  open_public();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("websocket");
  TCase *c = front_tests(suite, "websocket");
  tcase_add_test(c, request_becomes_an_extended_connect_with_the_users_own_fields);
  tcase_add_test(c, request_that_is_no_handshake_is_refused);
  tcase_add_test(c, request_without_a_session_is_not_redirected);
  tcase_add_test(c, request_for_another_protocol_is_an_ordinary_one);
  tcase_add_test(c, application_that_does_not_switch_is_answered_for_as_ever);
  tcase_add_test(c, answer_that_claims_a_switch_nobody_asked_for_is_an_ordinary_one);
  tcase_add_test(c, bytes_pass_both_ways_as_they_are);
  tcase_add_test(c, bytes_sent_before_the_answer_are_not_lost);
  tcase_add_test(c, end_of_the_application_closes_the_users_connection);
  tcase_add_test(c, end_of_the_user_lets_the_application_have_the_last_word);
  tcase_add_test(c, reset_by_the_user_is_one_for_the_application);
  tcase_add_test(c, reset_by_the_application_is_one_for_the_user);
  tcase_add_test(c, loss_of_the_connector_ends_it);
  tcase_add_test(c, logout_is_told_to_both_ends_and_ends_it_when_they_have_answered);
  tcase_add_test(c, logout_ends_it_also_when_nobody_answers);
  tcase_add_test(c, close_frame_waits_for_the_end_of_another);
  tcase_add_test(c, close_frame_that_finds_no_place_is_not_sent);
  tcase_add_test(c, close_frame_of_an_end_is_the_last);
  tcase_add_test(c, end_of_the_session_ends_it);
  tcase_add_loop_test(c, end_of_the_account_or_the_assignment_ends_it, 0, 2);
  tcase_add_test(c, application_that_needs_a_logon_now_ends_it);
  tcase_add_test(c, removal_of_its_application_ends_it);
  tcase_add_test(c, silence_ends_it_and_bytes_of_either_side_keep_it);
  tcase_add_test(c, application_that_does_not_end_behind_the_user_is_cut_off);
  tcase_add_test(c, application_that_still_takes_what_is_queued_is_not_cut_off);
  tcase_add_test(c, user_who_does_not_read_is_cut_off);
  tcase_add_test(c, end_of_a_connector_is_told_behind_what_the_user_has_not_read);
  tcase_add_test(c, connector_that_leaves_is_told_to_the_user);
  tcase_add_test(c, stop_of_the_cloud_ends_it_in_order);
  tcase_add_test(c, shutdown_with_open_websockets_leaves_nothing);
  return run(suite);
}

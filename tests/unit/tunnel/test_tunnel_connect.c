/* Other protocols on a stream: extended CONNECT (RFC 8441). */
#include "pair.h"

static enum err connect_websocket(struct tunnel_stream **ret)
{
  struct fields f;
  fields_init(&f, 4, 4096);
  ck_assert_int_eq(fields_add(&f, "Sec-WebSocket-Version", "13"), ERR_OK);
  enum err e = tunnel_connect(cloud.t, "websocket", "app.internal", "/a?b=%20", 8, &f, &cloud, ret);
  fields_clear(&f);
  return e;
}

static struct tunnel_stream *open_websocket(void)
{
  struct tunnel_stream *s;
  ck_assert_int_eq(connect_websocket(&s), ERR_OK);
  pump();
  respond(200, false);
  pump();
  return s;
}

START_TEST(connect_arrives_with_its_protocol)
{
  open_websocket();
  ck_assert_str_eq(connector.method, "CONNECT");
  ck_assert_str_eq(connector.protocol, "websocket");
  ck_assert_str_eq(connector.path, "/a?b=%20");
  ck_assert_str_eq(connector.authority, "app.internal");
  ck_assert(!tunnel_stream_remote_ended(connector.stream));
  ck_assert_int_eq(cloud.status, 200);
}
END_TEST

START_TEST(connect_before_the_connector_said_it_takes_it_is_refused)
{
  struct tunnel_stream *s;
  tunnel_free(cloud.t, NULL);
  ck_assert_int_eq(tunnel_new(TUNNEL_CLOUD, &pair_events, &cloud, &cloud.t), ERR_OK);
  ck_assert_int_eq(connect_websocket(&s), ERR_TUNNEL_PROTOCOL);
  ck_assert_uint_eq(tunnel_streams(cloud.t), 0);
}
END_TEST

START_TEST(connect_answered_200_carries_bytes_both_ways)
{
  struct tunnel_stream *s = open_websocket();
  ck_assert_int_eq(tunnel_stream_write(s, "ping", 4), ERR_OK);
  ck_assert_int_eq(tunnel_stream_write(connector.stream, "pong!", 5), ERR_OK);
  pump();
  ck_assert_uint_eq(connector.received, 4);
  ck_assert_uint_eq(cloud.received, 5);
}
END_TEST

START_TEST(connect_ended_by_one_side_goes_on_in_the_other_direction)
{
  struct tunnel_stream *s = open_websocket();
  ck_assert_int_eq(tunnel_stream_end(s, NULL), ERR_OK);
  pump();
  ck_assert_int_eq(connector.ends, 1);
  ck_assert_int_eq(connector.closes, 0);
  ck_assert_int_eq(tunnel_stream_write(connector.stream, "last", 4), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(connector.stream, NULL), ERR_OK);
  pump();
  ck_assert_uint_eq(cloud.received, 4);
  ck_assert_int_eq(cloud.closed.err, ERR_OK);
  ck_assert_int_eq(cloud.closes, 1);
  ck_assert_uint_eq(tunnel_streams(connector.t), 0);
}
END_TEST

START_TEST(connect_reset_at_one_end_is_a_failure_at_the_other)
{
  open_websocket();
  tunnel_stream_reset(connector.stream, TUNNEL_CANCEL);
  pump();
  ck_assert_int_eq(cloud.closes, 1);
  ck_assert_int_eq(cloud.closed.err, ERR_CLOSED);
}
END_TEST

START_TEST(connect_answered_otherwise_is_an_ordinary_answer)
{
  struct tunnel_stream *s;
  ck_assert_int_eq(connect_websocket(&s), ERR_OK);
  pump();
  respond(403, false);
  ck_assert_int_eq(tunnel_stream_write(connector.stream, "no", 2), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(connector.stream, NULL), ERR_OK);
  pump();
  ck_assert_int_eq(cloud.status, 403);
  ck_assert_uint_eq(cloud.received, 2);
  ck_assert_int_eq(cloud.ends, 1);
}
END_TEST

START_TEST(connect_window_not_given_back_stops_the_writer)
{
  connector.consume = false;
  struct tunnel_stream *s = open_websocket();
  fill(s);
  ck_assert_uint_eq(connector.received, TUNNEL_STREAM_WINDOW);
  ck_assert_int_eq(tunnel_stream_write(s, "more", 4), ERR_OK);
  pump();
  ck_assert_uint_eq(connector.received, TUNNEL_STREAM_WINDOW);
  tunnel_stream_consume(connector.stream, connector.received);
  pump();
  ck_assert_uint_eq(connector.received, TUNNEL_STREAM_WINDOW + 4);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("tunnel_connect");
  TCase *c = pair_tests(s, "tunnel_connect");
  tcase_add_test(c, connect_arrives_with_its_protocol);
  tcase_add_test(c, connect_before_the_connector_said_it_takes_it_is_refused);
  tcase_add_test(c, connect_answered_200_carries_bytes_both_ways);
  tcase_add_test(c, connect_ended_by_one_side_goes_on_in_the_other_direction);
  tcase_add_test(c, connect_reset_at_one_end_is_a_failure_at_the_other);
  tcase_add_test(c, connect_answered_otherwise_is_an_ordinary_answer);
  tcase_add_test(c, connect_window_not_given_back_stops_the_writer);
  return run(s);
}

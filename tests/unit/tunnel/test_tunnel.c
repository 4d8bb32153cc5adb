/* Messages both ways, how streams end, and the life of the tunnel. */
#include "pair.h"
#include "tunnel_private.h"

#include <stdio.h>
#include <string.h>

START_TEST(request_with_fields_arrives_in_lower_case)
{
  request("GET", "X-Test", "Value Kept", true);
  ck_assert_int_eq(connector.requests, 1);
  ck_assert_str_eq(connector.method, "GET");
  ck_assert_str_eq(connector.path, "/a?b=%20");
  ck_assert_str_eq(connector.authority, "app.internal");
  ck_assert_str_eq(connector.field, "Value Kept");
  ck_assert_int_eq(connector.ends, 1);
  ck_assert(tunnel_stream_remote_ended(connector.stream));
}
END_TEST

START_TEST(response_with_body_and_trailers_closes_both_sides)
{
  struct fields trailers;
  request("GET", NULL, NULL, true);
  respond(200, false);
  ck_assert_int_eq(tunnel_stream_write(connector.stream, "hello", 5), ERR_OK);
  fields_init(&trailers, 2, 256);
  ck_assert_int_eq(fields_add(&trailers, "X-Trailer", "t"), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(connector.stream, &trailers), ERR_OK);
  fields_clear(&trailers);
  pump();
  ck_assert_int_eq(cloud.status, 200);
  ck_assert_uint_eq(cloud.received, 5);
  ck_assert_int_eq(cloud.ends, 1);
  ck_assert_str_eq(cloud.trailer, "t");
  ck_assert_int_eq(cloud.closes, 1);
  ck_assert_int_eq(cloud.closed.err, ERR_OK);
  ck_assert_int_eq(connector.closes, 1);
  ck_assert_uint_eq(tunnel_streams(cloud.t), 0);
}
END_TEST

START_TEST(response_interim_comes_before_the_final_head)
{
  request("GET", NULL, NULL, true);
  respond(103, false);
  pump();
  respond(204, true);
  pump();
  ck_assert_int_eq(cloud.interim, 1);
  ck_assert_int_eq(cloud.responses, 1);
  ck_assert_int_eq(cloud.status, 204);
}
END_TEST

START_TEST(request_body_of_many_megabytes_arrives_whole)
{
  static uint8_t piece[256 * 1024];
  struct tunnel_stream *s = request("POST", NULL, NULL, false);
  for (int i = 0; i < 64; i++) {
    ck_assert_int_eq(tunnel_stream_write(s, piece, sizeof piece), ERR_OK);
    pump();
  }
  ck_assert_int_eq(tunnel_stream_end(s, NULL), ERR_OK);
  pump();
  ck_assert_uint_eq(connector.received, 64 * sizeof piece);
  ck_assert_int_eq(connector.ends, 1);
}
END_TEST

START_TEST(response_head_near_the_limit_arrives)
{
  struct fields f;
  char name[16], value[501];
  fields_init(&f, TUNNEL_MAX_FIELDS, TUNNEL_MAX_HEAD);
  memset(value, 'v', sizeof value - 1);
  value[sizeof value - 1] = 0;
  for (int i = 0; i < 128; i++) {
    snprintf(name, sizeof name, "x-%d", i);
    ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
  }
  request("GET", NULL, NULL, true);
  ck_assert_int_eq(tunnel_respond(connector.stream, 200, &f, true), ERR_OK);
  pump();
  ck_assert_int_eq(cloud.responses, 1);
  fields_clear(&f);
}
END_TEST

START_TEST(stream_reset_by_the_cloud_tells_the_connector_only)
{
  struct tunnel_stream *s = request("POST", NULL, NULL, false);
  tunnel_stream_reset(s, TUNNEL_CANCEL);
  pump();
  ck_assert_int_eq(connector.closes, 1);
  ck_assert_int_ne(connector.closed.err, ERR_OK);
  ck_assert_int_eq(cloud.closes, 0);
  ck_assert_uint_eq(tunnel_streams(cloud.t), 0);
}
END_TEST

START_TEST(stream_refused_by_the_connector_may_go_elsewhere)
{
  connector.refuse = true;
  request("GET", NULL, NULL, true);
  ck_assert_int_eq(cloud.closes, 1);
  ck_assert_int_eq(cloud.closed.err, ERR_AGAIN);
}
END_TEST

START_TEST(stream_failed_by_the_connector_is_connector_lost)
{
  request("GET", NULL, NULL, true);
  tunnel_stream_reset(connector.stream, TUNNEL_FAILED);
  pump();
  ck_assert_int_eq(cloud.closes, 1);
  ck_assert_int_eq(cloud.closed.err, ERR_CONNECTOR_LOST);
}
END_TEST

/* Both in one turn of the loop: the connector never hears of it. */
START_TEST(request_that_is_reset_before_it_is_sent_leaves_nothing)
{
  struct fields none;
  struct tunnel_stream *s;
  fields_init(&none, 1, 64);
  ck_assert_int_eq(tunnel_request(cloud.t, "GET", "a", "/", 1, &none, true, &cloud, &s), ERR_OK);
  tunnel_stream_reset(s, TUNNEL_CANCEL);
  pump();
  ck_assert_uint_eq(tunnel_streams(cloud.t), 0);
  ck_assert_int_eq(connector.requests, 0);
  ck_assert_int_eq(cloud.closes, 0);
}
END_TEST

START_TEST(a_thousand_aborts_leave_the_tunnel_alive)
{
  for (int i = 0; i < 5000; i++)
    tunnel_stream_reset(request("GET", NULL, NULL, true), TUNNEL_CANCEL);
  request("GET", "x-test", "after", true);
  ck_assert_str_eq(connector.field, "after");
}
END_TEST

START_TEST(shutdown_by_the_connector_stops_new_requests_and_finishes_old)
{
  request("GET", NULL, NULL, true);
  ck_assert_int_eq(tunnel_shutdown(connector.t), ERR_OK);
  pump();
  ck_assert_int_eq(cloud.goaways, 1);
  ck_assert_uint_eq(tunnel_room(cloud.t), 0);
  ck_assert(!tunnel_done(cloud.t));
  respond(200, true);
  pump();
  ck_assert_int_eq(cloud.closed.err, ERR_OK);
  ck_assert_int_eq(cloud.ends, 1);
  ck_assert(tunnel_done(cloud.t));
}
END_TEST

/* The cloud's next request has this id. */
static void go_on_at(int32_t id)
{
  ck_assert_int_eq(nghttp2_session_set_next_stream_id(cloud.t->h2, id), 0);
}

START_TEST(worn_tunnel_is_known_as_such_at_both_ends)
{
  request("GET", NULL, NULL, true);
  ck_assert(!tunnel_worn(cloud.t) && !tunnel_worn(connector.t));
  go_on_at(INT32_MAX / 2 + 2);
  request("GET", NULL, NULL, true);
  ck_assert(tunnel_worn(cloud.t) && tunnel_worn(connector.t));
  ck_assert_uint_eq(tunnel_room(cloud.t), TUNNEL_MAX_STREAMS - 2);
}
END_TEST

/* What is left of the ids is for the control conversation. */
START_TEST(room_ends_before_the_last_id)
{
  go_on_at(INT32_MAX - 2 * 1000);
  ck_assert_uint_gt(tunnel_room(cloud.t), 0);
  request("GET", NULL, NULL, true);
  ck_assert_uint_eq(tunnel_room(cloud.t), 0);
  for (int i = 0; i < 1000; i++) {
    request("GET", NULL, NULL, true);
    respond(204, true);
    pump();
  }
  ck_assert_int_eq(connector.requests, 1001);
  ck_assert_uint_eq(tunnel_room(cloud.t), 0);
}
END_TEST

START_TEST(room_counts_open_streams)
{
  ck_assert_uint_eq(tunnel_room(cloud.t), TUNNEL_MAX_STREAMS);
  request("GET", NULL, NULL, true);
  ck_assert_uint_eq(tunnel_room(cloud.t), TUNNEL_MAX_STREAMS - 1);
}
END_TEST

START_TEST(allow_streams_is_what_the_peer_has_room_for)
{
  ck_assert_int_eq(tunnel_allow_streams(connector.t, 2), ERR_OK);
  pump();
  ck_assert_uint_eq(tunnel_room(cloud.t), 2);
  request("GET", NULL, NULL, true);
  request("GET", NULL, NULL, true);
  ck_assert_uint_eq(tunnel_room(cloud.t), 0);
  ck_assert_int_eq(connector.requests, 2);
  request("GET", NULL, NULL, true); /* waits */
  ck_assert_int_eq(connector.requests, 2);
}
END_TEST

START_TEST(free_with_open_streams_closes_each_with_the_reason)
{
  struct failure f;
  request("GET", NULL, NULL, true);
  failure_set(&f, ERR_CONNECTOR_LOST, "cut");
  tunnel_free(cloud.t, &f);
  cloud.t = NULL;
  ck_assert_int_eq(cloud.closes, 1);
  ck_assert_int_eq(cloud.closed.err, ERR_CONNECTOR_LOST);
}
END_TEST

START_TEST(detached_stream_finishes_without_its_owner)
{
  request("GET", NULL, NULL, true);
  respond(200, false);
  ck_assert_int_eq(tunnel_stream_write(connector.stream, "late", 4), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(connector.stream, NULL), ERR_OK);
  tunnel_stream_detach(connector.stream);
  pump();
  ck_assert_uint_eq(cloud.received, 4);
  ck_assert_int_eq(connector.closes, 0);
  ck_assert_uint_eq(tunnel_streams(connector.t), 0);
}
END_TEST

START_TEST(ping_is_answered)
{
  struct buf bytes;
  struct failure f;
  buf_init(&bytes, 1024);
  ck_assert_int_eq(tunnel_ping(cloud.t), ERR_OK);
  ck_assert_int_eq(tunnel_send(cloud.t, &bytes, 1024), ERR_OK);
  ck_assert_int_eq(tunnel_receive(connector.t, bytes.data, bytes.len, &f), ERR_OK);
  buf_reset(&bytes);
  ck_assert_int_eq(tunnel_send(connector.t, &bytes, 1024), ERR_OK);
  ck_assert_mem_eq(bytes.data, "\0\0\x08\x06\x01", 5); /* PING, ACK */
  buf_clear(&bytes);
}
END_TEST

START_TEST(receive_garbage_is_a_protocol_error)
{
  struct failure f;
  static const char junk[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  struct tunnel *t;
  ck_assert_int_eq(tunnel_new(TUNNEL_CONNECTOR, &pair_events, &connector, &t), ERR_OK);
  ck_assert_int_eq(tunnel_receive(t, (const uint8_t *)junk, sizeof junk - 1, &f), ERR_TUNNEL_PROTOCOL);
  tunnel_free(t, NULL);
}
END_TEST

/* -- floods ---------------------------------------------------------------------------------------------- */

static size_t put_frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t id, size_t payload)
{
  const uint8_t head[9] = {0, 0, (uint8_t)payload, type, flags, (uint8_t)(id >> 24), (uint8_t)(id >> 16),
                           (uint8_t)(id >> 8), (uint8_t)id};
  memcpy(to, head, sizeof head);
  memset(to + sizeof head, 0, payload);
  return sizeof head + payload;
}

enum { HEADERS = 1, RST_STREAM = 3, PING = 6, END_STREAM_AND_HEADERS = 5 };

static bool gave_up(struct end *e)
{
  struct buf bytes;
  struct failure f;
  buf_init(&bytes, 1024 * 1024);
  ck_assert_int_eq(tunnel_send(e->t, &bytes, 1024 * 1024), ERR_OK);
  buf_clear(&bytes);
  return tunnel_broken(e->t, &f);
}

/* So many frames of this kind by the connector, of a stream that has ended. */
static void flood_cloud(uint8_t type, size_t payload, size_t n)
{
  uint8_t frame[32];
  struct failure f;
  size_t len = put_frame(frame, type, 0, type == PING ? 0 : 1, payload);
  for (size_t i = 0; i < n; i++)
    ck_assert_int_eq(tunnel_receive(cloud.t, frame, len, &f), ERR_OK);
}

START_TEST(connector_that_resets_without_end_is_given_up)
{
  struct failure f;
  request("GET", NULL, NULL, true);
  respond(204, true);
  pump();
  tunnel_tick(cloud.t); /* its SETTINGS are forgotten */
  flood_cloud(RST_STREAM, 4, TUNNEL_RESETS);
  ck_assert(!gave_up(&cloud));
  tunnel_tick(cloud.t);
  flood_cloud(RST_STREAM, 4, TUNNEL_RESETS_A_SECOND);
  ck_assert(!gave_up(&cloud));
  flood_cloud(PING, 8, 1);
  ck_assert(gave_up(&cloud));
  ck_assert(tunnel_broken(cloud.t, &f) && strstr(f.why, "this end") && strstr(f.why, "ENHANCE_YOUR_CALM"));
}
END_TEST

/* What users break off is no fault of the connector's. */
START_TEST(resets_by_the_cloud_count_for_nobody)
{
  tunnel_tick(cloud.t);
  for (int i = 0; i < 3000; i++)
    tunnel_stream_reset(request("GET", NULL, NULL, true), TUNNEL_CANCEL);
  pump();
  ck_assert_int_eq(connector.closes, 3000);
  flood_cloud(RST_STREAM, 4, TUNNEL_RESETS);
  ck_assert(!gave_up(&cloud));
}
END_TEST

/* CVE-2023-44487 at the connector's end: far more than users break off, and not without end. */
START_TEST(cloud_that_resets_without_end_is_given_up)
{
  enum { BATCH = 1000 };
  static const uint8_t block[] = {0x82, 0x87, 0x84, 0x41, 1, 'a'}; /* GET https / a */
  static uint8_t bytes[BATCH * 64];
  struct failure f;
  uint32_t id = 1;
  size_t resets = 0;
  while (!gave_up(&connector)) {
    size_t n = 0;
    for (int i = 0; i < BATCH; i++, id += 2) {
      size_t at = n + 9;
      n += put_frame(bytes + n, HEADERS, END_STREAM_AND_HEADERS, id, sizeof block);
      memcpy(bytes + at, block, sizeof block);
      n += put_frame(bytes + n, RST_STREAM, 0, id, 4);
    }
    ck_assert_int_eq(tunnel_receive(connector.t, bytes, n, &f), ERR_OK);
    resets += BATCH;
    ck_assert_uint_lt(resets, 10 * TUNNEL_RESETS);
  }
  ck_assert_uint_gt(resets, TUNNEL_RESETS);
  ck_assert_int_ge(connector.requests, TUNNEL_RESETS);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("tunnel");
  TCase *c = pair_tests(s, "tunnel");
  tcase_add_test(c, request_with_fields_arrives_in_lower_case);
  tcase_add_test(c, response_with_body_and_trailers_closes_both_sides);
  tcase_add_test(c, response_interim_comes_before_the_final_head);
  tcase_add_test(c, request_body_of_many_megabytes_arrives_whole);
  tcase_add_test(c, response_head_near_the_limit_arrives);
  tcase_add_test(c, stream_reset_by_the_cloud_tells_the_connector_only);
  tcase_add_test(c, stream_refused_by_the_connector_may_go_elsewhere);
  tcase_add_test(c, stream_failed_by_the_connector_is_connector_lost);
  tcase_add_test(c, request_that_is_reset_before_it_is_sent_leaves_nothing);
  tcase_add_test(c, a_thousand_aborts_leave_the_tunnel_alive);
  tcase_add_test(c, shutdown_by_the_connector_stops_new_requests_and_finishes_old);
  tcase_add_test(c, room_counts_open_streams);
  tcase_add_test(c, room_ends_before_the_last_id);
  tcase_add_test(c, worn_tunnel_is_known_as_such_at_both_ends);
  tcase_add_test(c, allow_streams_is_what_the_peer_has_room_for);
  tcase_add_test(c, free_with_open_streams_closes_each_with_the_reason);
  tcase_add_test(c, detached_stream_finishes_without_its_owner);
  tcase_add_test(c, ping_is_answered);
  tcase_add_test(c, receive_garbage_is_a_protocol_error);
  tcase_add_test(c, connector_that_resets_without_end_is_given_up);
  tcase_add_test(c, resets_by_the_cloud_count_for_nobody);
  tcase_add_test(c, cloud_that_resets_without_end_is_given_up);
  return run(s);
}

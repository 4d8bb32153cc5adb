/* Two tunnels, a cloud's and a connector's, joined by memory. */
#include "tunnel.h"

#include "run.h"

#include <stdio.h>
#include <string.h>

struct end {
  struct tunnel *t;
  struct tunnel_stream *stream; /* the last request seen, or response's */
  int requests, responses, interim, ends, closes, goaways, pongs, writable;
  int status;
  char method[16], protocol[16], path[256], authority[64], field[256], trailer[64];
  size_t received;
  bool consume, refuse;
  struct failure closed;
};

static struct end cloud, connector;

static void on_request(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)t;
  struct end *e = arg;
  e->requests++;
  snprintf(e->method, sizeof e->method, "%s", h->method);
  snprintf(e->protocol, sizeof e->protocol, "%s", h->protocol);
  snprintf(e->path, sizeof e->path, "%s", h->path);
  snprintf(e->authority, sizeof e->authority, "%s", h->authority);
  const char *f = fields_get(h->fields, "x-test");
  snprintf(e->field, sizeof e->field, "%s", f ? f : "");
  if (e->refuse) {
    tunnel_stream_reset(s, TUNNEL_REFUSED);
    return;
  }
  e->stream = s;
  tunnel_stream_set_owner(s, e);
}

static void on_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  (void)s;
  struct end *e = owner;
  if (h->status < 200)
    e->interim++;
  else
    e->responses++;
  e->status = h->status;
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  (void)data;
  struct end *e = owner;
  e->received += n;
  if (e->consume) tunnel_stream_consume(s, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  struct end *e = owner;
  const char *f = fields_get(trailers, "x-trailer");
  e->ends++;
  snprintf(e->trailer, sizeof e->trailer, "%s", f ? f : "");
}

static void on_writable(struct tunnel_stream *s, void *owner)
{
  (void)s;
  ((struct end *)owner)->writable++;
}

static void on_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  struct end *e = owner;
  e->closes++;
  e->closed = *f;
  e->stream = NULL;
}

static void on_goaway(struct tunnel *t, void *arg)
{
  (void)t;
  ((struct end *)arg)->goaways++;
}

static void on_pong(struct tunnel *t, void *arg)
{
  (void)t;
  ((struct end *)arg)->pongs++;
}

static const struct tunnel_events events = {on_request,  on_response, on_data,   on_end,
                                            on_writable, on_close,    on_goaway, on_pong};

static bool move(struct end *from, struct end *to)
{
  struct buf bytes;
  struct failure f;
  buf_init(&bytes, 64 * 1024 * 1024);
  ck_assert_int_eq(tunnel_send(from->t, &bytes, 1024 * 1024), ERR_OK);
  bool any = bytes.len > 0;
  if (any) ck_assert_int_eq(tunnel_receive(to->t, bytes.data, bytes.len, &f), ERR_OK);
  buf_clear(&bytes);
  return any;
}

static void pump(void)
{
  bool forth, back;
  do {
    forth = move(&cloud, &connector);
    back = move(&connector, &cloud);
  } while (forth || back);
}

static void setup(void)
{
  cloud = (struct end){.consume = true};
  connector = (struct end){.consume = true};
  ck_assert_int_eq(tunnel_new(TUNNEL_CLOUD, &events, &cloud, &cloud.t), ERR_OK);
  ck_assert_int_eq(tunnel_new(TUNNEL_CONNECTOR, &events, &connector, &connector.t), ERR_OK);
  pump();
}

static void teardown(void)
{
  tunnel_free(cloud.t, NULL);
  tunnel_free(connector.t, NULL);
}

static struct tunnel_stream *request(const char *method, const char *name, const char *value, bool end)
{
  struct fields f;
  struct tunnel_stream *s;
  fields_init(&f, 4, 4096);
  if (name) ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
  ck_assert_int_eq(tunnel_request(cloud.t, method, "app.internal", "/a?b=%20", 8, &f, end, &cloud, &s),
                   ERR_OK);
  fields_clear(&f);
  pump();
  return s;
}

static void respond(int status, bool end)
{
  struct fields f;
  fields_init(&f, 1, 64);
  ck_assert_int_eq(tunnel_respond(connector.stream, status, &f, end), ERR_OK);
}

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

START_TEST(window_not_given_back_stops_the_writer)
{
  static uint8_t piece[64 * 1024];
  connector.consume = false;
  struct tunnel_stream *s = request("POST", NULL, NULL, false);
  enum err e = ERR_OK;
  for (int i = 0; i < 64 && !e; i++) {
    e = tunnel_stream_write(s, piece, sizeof piece);
    pump();
  }
  ck_assert_int_eq(e, ERR_TOO_LARGE);
  ck_assert_uint_eq(connector.received, TUNNEL_STREAM_WINDOW);
  ck_assert(tunnel_stream_congested(s));
  int told = cloud.writable;
  for (size_t given = 0; given < connector.received;) {
    size_t n = connector.received - given;
    given += n;
    tunnel_stream_consume(connector.stream, n);
    pump();
  }
  ck_assert_uint_gt(connector.received, TUNNEL_STREAM_WINDOW);
  ck_assert_int_eq(cloud.writable, told + 1);
}
END_TEST

/* Each of these streams takes its whole window and is left with it; together they are more than the
 * connection's. */
#define LEFT_STREAMS (2 * TUNNEL_CONNECTION_WINDOW / TUNNEL_STREAM_WINDOW)

static void fill(struct tunnel_stream *s)
{
  static uint8_t piece[64 * 1024];
  for (int i = 0; i < TUNNEL_STREAM_WINDOW / (int)sizeof piece; i++) {
    ck_assert_int_eq(tunnel_stream_write(s, piece, sizeof piece), ERR_OK);
    pump();
  }
}

START_TEST(stream_reset_with_unconsumed_bytes_gives_their_window_back)
{
  connector.consume = false;
  for (int i = 0; i < LEFT_STREAMS; i++) {
    connector.received = 0;
    fill(request("POST", NULL, NULL, false));
    ck_assert_uint_eq(connector.received, TUNNEL_STREAM_WINDOW);
    tunnel_stream_reset(connector.stream, TUNNEL_FAILED);
    pump();
  }
}
END_TEST

START_TEST(stream_closed_by_the_peer_with_unconsumed_bytes_gives_their_window_back)
{
  connector.consume = false;
  for (int i = 0; i < LEFT_STREAMS; i++) {
    connector.received = 0;
    struct tunnel_stream *s = request("POST", NULL, NULL, false);
    fill(s);
    ck_assert_uint_eq(connector.received, TUNNEL_STREAM_WINDOW);
    tunnel_stream_reset(s, TUNNEL_CANCEL);
    pump();
  }
}
END_TEST

START_TEST(stream_detached_with_unconsumed_bytes_gives_their_window_back)
{
  connector.consume = false;
  struct tunnel_stream *s = request("POST", NULL, NULL, false);
  fill(s);
  tunnel_stream_detach(connector.stream);
  pump();
  fill(s);
  ck_assert_uint_eq(tunnel_stream_queued(s), 0);
}
END_TEST

START_TEST(streams_that_are_not_read_leave_the_others_alone)
{
  connector.consume = false;
  for (int i = 0; i < LEFT_STREAMS; i++)
    fill(request("POST", NULL, NULL, false));
  connector.consume = true;
  connector.received = 0;
  fill(request("POST", NULL, NULL, false));
  ck_assert_uint_eq(connector.received, TUNNEL_STREAM_WINDOW);
}
END_TEST

/* How much comes in when the owner stops giving back, after it gave back this much. */
static size_t window_after(size_t kept_up)
{
  static uint8_t piece[64 * 1024];
  struct tunnel_stream *s = request("POST", NULL, NULL, false);
  connector.consume = true;
  connector.received = 0;
  while (connector.received < kept_up) {
    ck_assert_int_eq(tunnel_stream_write(s, piece, sizeof piece), ERR_OK);
    pump();
  }
  connector.consume = false;
  connector.received = 0;
  while (tunnel_stream_write(s, piece, sizeof piece) == ERR_OK)
    pump();
  return connector.received;
}

START_TEST(window_of_who_keeps_up_is_widened_to_the_maximum)
{
  ck_assert_uint_eq(window_after(0), TUNNEL_STREAM_WINDOW);
  ck_assert_uint_eq(window_after(TUNNEL_STREAM_WINDOW), TUNNEL_STREAM_WINDOW);
  ck_assert_uint_eq(window_after(2 * TUNNEL_STREAM_WINDOW), 2 * TUNNEL_STREAM_WINDOW);
  /* What was given back is told in pieces of up to half a window. */
  size_t widest = window_after(16u << 20);
  ck_assert_uint_gt(widest, TUNNEL_STREAM_WINDOW_MAX / 2);
  ck_assert_uint_le(widest, TUNNEL_STREAM_WINDOW_MAX);
}
END_TEST

START_TEST(windows_of_all_streams_together_are_bounded)
{
  size_t total = 0;
  const size_t n = 2 * TUNNEL_WIDENED_MAX / TUNNEL_STREAM_WINDOW_MAX;
  for (size_t i = 0; i < n; i++)
    total += window_after(16u << 20);
  ck_assert_uint_gt(total, TUNNEL_WIDENED_MAX / 2);
  ck_assert_uint_le(total, TUNNEL_WIDENED_MAX + n * TUNNEL_STREAM_WINDOW);
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
  ck_assert_int_eq(tunnel_ping(cloud.t), ERR_OK);
  pump();
  ck_assert_int_eq(cloud.pongs, 1);
}
END_TEST

START_TEST(receive_garbage_is_a_protocol_error)
{
  struct failure f;
  static const char junk[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  struct tunnel *t;
  ck_assert_int_eq(tunnel_new(TUNNEL_CONNECTOR, &events, &connector, &t), ERR_OK);
  ck_assert_int_eq(tunnel_receive(t, (const uint8_t *)junk, sizeof junk - 1, &f), ERR_TUNNEL_PROTOCOL);
  tunnel_free(t, NULL);
}
END_TEST

/* -- extended CONNECT ------------------------------------------------------------------------------------ */

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
  ck_assert_int_eq(tunnel_new(TUNNEL_CLOUD, &events, &cloud, &cloud.t), ERR_OK);
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
  Suite *suite = suite_create("tunnel");
  TCase *c = tcase_create("tunnel");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, request_with_fields_arrives_in_lower_case);
  tcase_add_test(c, response_with_body_and_trailers_closes_both_sides);
  tcase_add_test(c, response_interim_comes_before_the_final_head);
  tcase_add_test(c, request_body_of_many_megabytes_arrives_whole);
  tcase_add_test(c, window_not_given_back_stops_the_writer);
  tcase_add_test(c, stream_reset_with_unconsumed_bytes_gives_their_window_back);
  tcase_add_test(c, stream_closed_by_the_peer_with_unconsumed_bytes_gives_their_window_back);
  tcase_add_test(c, stream_detached_with_unconsumed_bytes_gives_their_window_back);
  tcase_add_test(c, streams_that_are_not_read_leave_the_others_alone);
  tcase_add_test(c, window_of_who_keeps_up_is_widened_to_the_maximum);
  tcase_add_test(c, windows_of_all_streams_together_are_bounded);
  tcase_add_test(c, response_head_near_the_limit_arrives);
  tcase_add_test(c, stream_reset_by_the_cloud_tells_the_connector_only);
  tcase_add_test(c, stream_refused_by_the_connector_may_go_elsewhere);
  tcase_add_test(c, stream_failed_by_the_connector_is_connector_lost);
  tcase_add_test(c, a_thousand_aborts_leave_the_tunnel_alive);
  tcase_add_test(c, shutdown_by_the_connector_stops_new_requests_and_finishes_old);
  tcase_add_test(c, room_counts_open_streams);
  tcase_add_test(c, allow_streams_is_what_the_peer_has_room_for);
  tcase_add_test(c, free_with_open_streams_closes_each_with_the_reason);
  tcase_add_test(c, detached_stream_finishes_without_its_owner);
  tcase_add_test(c, ping_is_answered);
  tcase_add_test(c, receive_garbage_is_a_protocol_error);
  tcase_add_test(c, connect_arrives_with_its_protocol);
  tcase_add_test(c, connect_before_the_connector_said_it_takes_it_is_refused);
  tcase_add_test(c, connect_answered_200_carries_bytes_both_ways);
  tcase_add_test(c, connect_ended_by_one_side_goes_on_in_the_other_direction);
  tcase_add_test(c, connect_reset_at_one_end_is_a_failure_at_the_other);
  tcase_add_test(c, connect_answered_otherwise_is_an_ordinary_answer);
  tcase_add_test(c, connect_window_not_given_back_stops_the_writer);
  suite_add_tcase(suite, c);
  return run(suite);
}

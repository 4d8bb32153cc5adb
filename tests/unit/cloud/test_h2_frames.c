/* Users who write frames themselves: floods, what is no HTTP/2, and who heeds a shutdown's notice. */
#include "clock.h"
#include "front.h"
#include "suites.h"
#include "websocket.h"

#include <string.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* The first frame of this type that came whole, or NULL. */
static const uint8_t *frame_got(const struct user *u, uint8_t type)
{
  for (size_t at = 0; at + 9 <= u->got.len;) {
    const uint8_t *f = u->got.data + at;
    size_t n = (size_t)f[0] << 16 | (size_t)f[1] << 8 | f[2];
    if (f[3] == type && at + 9 + n <= u->got.len) return f;
    at += 9 + n;
  }
  return NULL;
}

/* The code of the GOAWAY that came, or -1. */
static int goaway_code(const struct user *u)
{
  const uint8_t *f = frame_got(u, 7);
  return f ? f[9 + 7] : -1;
}

static struct user *raw(void)
{
  static const uint8_t settings[9] = {0, 0, 0, 4};
  struct user *u = user_connect_h2();
  user_send(u, PREFACE);
  user_send_bytes(u, settings, sizeof settings);
  return u;
}

/* HEADERS that end the stream: GET https://a/ by HPACK's static table. */
static size_t put_head(uint8_t *to, uint32_t id, uint8_t flags)
{
  const uint8_t frame[] = {0,           0,    6,    1,    flags, 0, 0,  (uint8_t)(id >> 8),
                           (uint8_t)id, 0x82, 0x87, 0x84, 0x41,  1, 'a'};
  memcpy(to, frame, sizeof frame);
  return sizeof frame;
}

static size_t put_frame(uint8_t *to, uint8_t type, uint8_t flags, uint32_t id, uint8_t n)
{
  memset(to, 0, 9 + (size_t)n);
  to[2] = n;
  to[3] = type;
  to[4] = flags;
  to[7] = (uint8_t)(id >> 8);
  to[8] = (uint8_t)id;
  return 9 + (size_t)n;
}

/* SETTINGS for a stream's window, WINDOW_UPDATE for the connection's: wide open. */
static struct user *wide(void)
{
  static const uint8_t windows[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4,    0, 0x7f, 0,
                                    0, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0, 0,    0};
  struct user *u = raw();
  user_send_bytes(u, windows, sizeof windows);
  return u;
}

/* GET https://PUBLIC/, until a connector has it. */
static struct tunnel_stream *get(struct user *u, uint8_t id)
{
  const uint8_t head[] = {0, 0, 26, 1, 5, 0, 0, 0, id, 0x82, 0x87, 0x84, 1, sizeof PUBLIC - 1};
  int before = one.requests;
  user_send_bytes(u, head, sizeof head);
  user_send(u, PUBLIC);
  run_until(one.requests == before + 1);
  return one.stream;
}

#define QUEUE_MAX (STREAM_HIGH + 64 * 1024)

/* More than fits into the queue, on its way to a user who does not take a byte. */
static void fill_queue(struct user *u)
{
  static const uint8_t piece[1024 * 1024];
  front_narrow(u->stream);
  stream_pause(u->stream, true);
  inside_answer(&one, 200, NULL, NULL, false);
  inside_write(&one, piece, sizeof piece);
  for (int held = 0; held < 5;) { /* the kernel takes some, too, and more with the last acknowledgement */
    size_t before = front_queued();
    pass(0);
    held = before >= QUEUE_MAX && front_queued() == before ? held + 1 : 0;
  }
}

/* Its windows are wide open, but it does not take a byte: a reset of the stream would not leave either. */
START_TEST(connection_that_is_not_read_is_ended)
{
  inside_dial(&one, "connector-1");
  struct user *u = wide();
  get(u, 1);
  fill_queue(u);
  for (int i = 0; i < 4 && front_connections(); i++) /* the kernel may have taken some once more */
    pass(61);
  ck_assert_uint_eq(front_connections(), 0);
  ck_assert_int_eq(one.lost, 1);
}
END_TEST

/* Extended CONNECT, until a connector has it. */
static struct tunnel_stream *get_websocket(struct user *u, uint8_t id)
{
  static const char block[] =
      "\x02\x07"
      "CONNECT\x87\x84\x01\x15" PUBLIC "\0\x09:protocol\x09websocket\0\x15sec-websocket-version\x02"
      "13";
  const uint8_t head[] = {0, 0, sizeof block - 1, 1, 4, 0, 0, 0, id};
  ck_assert_uint_eq(sizeof PUBLIC - 1, 0x15);
  user_send_bytes(u, head, sizeof head);
  user_send_bytes(u, block, sizeof block - 1);
  run_until(one.requests == 1);
  return one.stream;
}

/* What the connector says to a request whose reset waits in the front. */
enum late { SWITCHES, BEGINS_A_TRANSLATED_BODY, LEAVES_A_WEBSOCKET, LATE };

static struct tunnel_stream *ask_late(struct user *u, enum late kind)
{
  if (kind == BEGINS_A_TRANSLATED_BODY) {
    front_app("public")->translate_body = true;
    return get(u, 1);
  }
  struct tunnel_stream *s = get_websocket(u, 1);
  if (kind == SWITCHES) return s;
  inside_answer(&one, 200, "sevenstep-switched", "websocket", false);
  run_until(cloud->counters.open_websockets == 1);
  return s;
}

static void say_late(struct tunnel_stream *s, enum late kind)
{
  struct fields leaving;
  one.stream = s;
  switch (kind) {
  case SWITCHES:
    inside_answer(&one, 200, "sevenstep-switched", "websocket", false);
    return;
  case BEGINS_A_TRANSLATED_BODY:
    inside_answer(&one, 200, "content-type", "text/html", false);
    inside_write(&one, "<p>", 3);
    return;
  default:
    fields_init(&leaving, 1, 64);
    ck_assert_int_eq(fields_add(&leaving, CONTROL_LEAVING, "1"), ERR_OK);
    ck_assert_int_eq(tunnel_stream_end(s, &leaving), ERR_OK);
    link_flush(one.link);
    fields_clear(&leaving);
  }
}

/* The user overflows the window of a stream, for which nghttp2 resets it, behind a queue that has no room;
 * some of which is then read. So the reset leaves with what the connector says next, and who passes that on
 * must still be there afterwards. */
START_TEST(reset_that_leaves_with_an_answer_comes_after_it)
{
  uint8_t update[13];
  inside_dial(&one, "connector-1");
  struct user *u = wide();
  struct tunnel_stream *late = ask_late(u, (enum late)_i);
  get(u, 3);
  fill_queue(u);
  put_frame(update, 8, 0, 1, 4);
  memcpy(update + 9, "\x7f\xff\xff\xff", 4);
  user_send_bytes(u, update, sizeof update);
  get(u, 5); /* it comes behind */
  front_read_a_little(u->stream);
  ck_assert_uint_lt(front_queued(), QUEUE_MAX);
  ck_assert_int_eq(one.lost, 0);
  say_late(late, (enum late)_i);
  stream_pause(u->stream, false);
  run_until(frame_got(u, 3) && cloud->counters.open_websockets == 0);
}
END_TEST

/* For GOAWAY some clients drop their streams. */
START_TEST(shutdown_is_told_behind_what_websockets_are_told)
{
  inside_dial(&one, "connector-1");
  struct user *u = wide();
  ask_late(u, LEAVES_A_WEBSOCKET);
  run_until(frame_got(u, 1));
  cloud->stopping = true;
  websockets_sweep(cloud, clock_mono_ns());
  front_shutdown();
  run_until(frame_got(u, 7));
  ck_assert_ptr_nonnull(frame_got(u, 0));
  ck_assert(frame_got(u, 0) < frame_got(u, 7));
}
END_TEST

START_TEST(shutdown_ends_the_connection_a_round_trip_after_its_notice)
{
  uint8_t ack[17];
  struct user *u = raw();
  run_until(u->got.len > 0);
  front_shutdown();
  run_until(goaway_code(u) >= 0);
  pass(1);
  ck_assert(!u->closed);
  user_send_bytes(u, ack, put_frame(ack, 6, 1, 0, 8));
  run_until(u->closed && front_drained);
  ck_assert_int_eq(goaway_code(u), 0); /* NO_ERROR */
}
END_TEST

enum flood { RAPID_RESET, PINGS, SETTINGS_FLOOD, EMPTY_DATA, PRIORITIES, FLOODS };

static size_t put_flood(uint8_t *to, enum flood kind, uint32_t i)
{
  uint32_t id = 2 * i + 1;
  size_t n;
  switch (kind) {
  case RAPID_RESET:
    n = put_head(to, id, 5);
    return n + put_frame(to + n, 3, 0, id, 4);
  case PINGS:
    return put_frame(to, 6, 0, 0, 8);
  case SETTINGS_FLOOD:
    return put_frame(to, 4, 0, 0, 0);
  case EMPTY_DATA:
    return i == 0 ? put_head(to, 1, 4) : put_frame(to, 0, 0, 1, 0);
  default:
    n = put_frame(to, 2, 0, 1, 5);
    to[9 + 3] = 3; /* depends on another */
    return n;
  }
}

START_TEST(flood_is_sent_away_calmly)
{
  static uint8_t bytes[2000 * 64];
  size_t n = 0;
  struct user *u = raw();
  for (uint32_t i = 0; i < 2000; i++)
    n += put_flood(bytes + n, (enum flood)_i, i);
  user_send_bytes(u, bytes, n);
  run_until(u->closed || goaway_code(u) >= 0);
  ck_assert_int_eq(goaway_code(u), 11); /* ENHANCE_YOUR_CALM */
}
END_TEST

START_TEST(continuations_without_end_are_cut_off)
{
  static uint8_t bytes[64 * 1024];
  struct user *u = raw();
  size_t n = put_head(bytes, 1, 0);
  while (n + 9 < sizeof bytes)
    n += put_frame(bytes + n, 9, 0, 1, 0);
  user_send_bytes(u, bytes, n);
  run_until(u->closed || goaway_code(u) >= 0);
}
END_TEST

/* GET with a path of n bytes as they are, without Huffman's code, in as many frames as it takes. */
static void send_path(struct user *u, size_t n)
{
  enum { FRAME = 16384 };
  static uint8_t block[80000], frame[9 + FRAME];
  static const uint8_t begin[] = {0x82, 0x87, 0x41, 1, 'a', 0x04, 0x7f};
  size_t len = sizeof begin, at = 0;
  memcpy(block, begin, sizeof begin);
  size_t rest = n - 0x7f;
  for (; rest >= 128; rest >>= 7)
    block[len++] = (uint8_t)(rest | 128);
  block[len++] = (uint8_t)rest;
  memset(block + len, 'a', n);
  block[len] = '/';
  for (len += n; at < len;) {
    size_t piece = len - at < FRAME ? len - at : FRAME;
    put_frame(frame, at ? 9 : 1, (at ? 0 : 1) | (at + piece == len ? 4 : 0), 1, 0);
    frame[1] = (uint8_t)(piece >> 8);
    frame[2] = (uint8_t)piece;
    memcpy(frame + 9, block + at, piece);
    user_send_bytes(u, frame, 9 + piece);
    at += piece;
  }
}

/* libnghttp2's limit of a name or a value as it is encoded. */
START_TEST(value_over_what_hpack_is_read_of_ends_the_connection)
{
  struct user *u = raw();
  send_path(u, 65536);
  run_until(frame_got(u, 1)); /* 414 */
  ck_assert_int_eq(goaway_code(u), -1);
  u = raw();
  send_path(u, 65537);
  run_until(goaway_code(u) >= 0);
  ck_assert_int_eq(goaway_code(u), 9); /* COMPRESSION_ERROR */
  ck_assert_ptr_null(frame_got(u, 1));
}
END_TEST

START_TEST(head_that_comes_too_slowly_is_cut_off)
{
  uint8_t bytes[64];
  struct user *u = raw();
  user_send_bytes(u, bytes, put_head(bytes, 1, 0));
  pass(1);
  pass(19);
  ck_assert(!u->closed);
  pass(2);
  run_until(u->closed);
}
END_TEST

START_TEST(bytes_that_are_no_http2_are_refused)
{
  struct user *u = user_connect_h2();
  user_send(u, "GET / HTTP/1.1\r\n" TO_HELLO "\r\n");
  run_until(u->closed);
  ck_assert_int_eq(goaway_code(u), 1); /* PROTOCOL_ERROR */
}
END_TEST

Suite *h2_frames_suite(void)
{
  Suite *s = suite_create("h2_frames");
  TCase *c = front_tests(s, "h2_frames");
  tcase_add_test(c, connection_that_is_not_read_is_ended);
  tcase_add_loop_test(c, reset_that_leaves_with_an_answer_comes_after_it, 0, LATE);
  tcase_add_test(c, shutdown_is_told_behind_what_websockets_are_told);
  tcase_add_test(c, shutdown_ends_the_connection_a_round_trip_after_its_notice);
  tcase_add_loop_test(c, flood_is_sent_away_calmly, 0, FLOODS);
  tcase_add_test(c, continuations_without_end_are_cut_off);
  tcase_add_test(c, value_over_what_hpack_is_read_of_ends_the_connection);
  tcase_add_test(c, head_that_comes_too_slowly_is_cut_off);
  tcase_add_test(c, bytes_that_are_no_http2_are_refused);
  return s;
}

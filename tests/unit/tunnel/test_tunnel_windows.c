/* Flow control: who does not read stops its own writer and nobody else, and who keeps up is given more. */
#include "pair.h"

START_TEST(window_not_given_back_stops_the_writer)
{
  static uint8_t piece[64 * 1024];
  connector.consume = false;
  struct tunnel_stream *s = request("POST", NULL, NULL, false);
  enum err e = ERR_OK;
  for (size_t sent = 0; sent <= TUNNEL_WRITE_MAX + TUNNEL_STREAM_WINDOW && !e; sent += sizeof piece) {
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

int main(void)
{
  Suite *s = suite_create("tunnel_windows");
  TCase *c = pair_tests(s, "tunnel_windows");
  tcase_add_test(c, window_not_given_back_stops_the_writer);
  tcase_add_test(c, stream_reset_with_unconsumed_bytes_gives_their_window_back);
  tcase_add_test(c, stream_closed_by_the_peer_with_unconsumed_bytes_gives_their_window_back);
  tcase_add_test(c, stream_detached_with_unconsumed_bytes_gives_their_window_back);
  tcase_add_test(c, streams_that_are_not_read_leave_the_others_alone);
  tcase_add_test(c, window_of_who_keeps_up_is_widened_to_the_maximum);
  tcase_add_test(c, windows_of_all_streams_together_are_bounded);
  return run(s);
}

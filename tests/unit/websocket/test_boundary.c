/* Where frames end, however they come. */
#include "boundary.h"

#include "frames.h"
#include "run.h"

#include <string.h>

static const uint8_t mask[4] = {1, 2, 3, 4};
static uint8_t payload[70000];

/* A frame of this size, cut everywhere it is interesting: a boundary is at its end and nowhere else. */
static void follow_frame(size_t n, const uint8_t *mask_or_null)
{
  struct buf out;
  buf_init(&out, 1 << 20);
  ck_assert_int_eq(websocket_write(&out, WEBSOCKET_BINARY, payload, n, mask_or_null), ERR_OK);
  struct websocket_boundary b = {0};
  for (size_t i = 0; i < out.len; i++) {
    ck_assert_int_eq(websocket_at_boundary(&b), i == 0);
    websocket_follow(&b, out.data + i, 1);
  }
  ck_assert(websocket_at_boundary(&b) && !b.closed);
  websocket_follow(&b, out.data, out.len);
  ck_assert(websocket_at_boundary(&b));
  buf_clear(&out);
}

START_TEST(follow_frames_of_every_form_end_where_they_end)
{
  static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536};
  follow_frame(sizes[_i], NULL);
  follow_frame(sizes[_i], mask);
}
END_TEST

START_TEST(follow_many_frames_in_one_piece_ends_in_the_last)
{
  struct buf out;
  struct websocket_boundary b = {0};
  buf_init(&out, 1 << 20);
  for (size_t n = 0; n < 300; n++)
    ck_assert_int_eq(websocket_write(&out, WEBSOCKET_BINARY, payload, n, n & 1 ? mask : NULL), ERR_OK);
  websocket_follow(&b, out.data, out.len - 1);
  ck_assert(!websocket_at_boundary(&b));
  websocket_follow(&b, out.data + out.len - 1, 1);
  ck_assert(websocket_at_boundary(&b));
  buf_clear(&out);
}
END_TEST

START_TEST(follow_frame_stops_behind_the_frame_that_has_begun)
{
  struct buf out;
  struct websocket_boundary b = {0};
  buf_init(&out, 4096);
  ck_assert_int_eq(websocket_write(&out, WEBSOCKET_TEXT, payload, 1000, mask), ERR_OK);
  size_t first = out.len;
  ck_assert_int_eq(websocket_write(&out, WEBSOCKET_TEXT, payload, 10, mask), ERR_OK);
  ck_assert_uint_eq(websocket_follow_frame(&b, out.data, out.len), 0);
  websocket_follow(&b, out.data, 3);
  ck_assert_uint_eq(websocket_follow_frame(&b, out.data + 3, 100), 100);
  ck_assert(!websocket_at_boundary(&b));
  ck_assert_uint_eq(websocket_follow_frame(&b, out.data + 103, out.len - 103), first - 103);
  ck_assert(websocket_at_boundary(&b));
  buf_clear(&out);
}
END_TEST

START_TEST(follow_close_is_seen_when_it_is_whole)
{
  struct buf out;
  struct websocket_boundary b = {0};
  buf_init(&out, 4096);
  ck_assert_int_eq(websocket_write(&out, WEBSOCKET_PING, "x", 1, NULL), ERR_OK);
  ck_assert_int_eq(websocket_write_close(&out, WEBSOCKET_NORMAL, "bye", NULL), ERR_OK);
  websocket_follow(&b, out.data, out.len - 1);
  ck_assert(!b.closed);
  websocket_follow(&b, out.data + out.len - 1, 1);
  ck_assert(b.closed);
  b = (struct websocket_boundary){0};
  websocket_follow(&b, (const uint8_t[]){0x88, 0}, 2); /* without a code */
  ck_assert(b.closed && websocket_at_boundary(&b));
  buf_clear(&out);
}
END_TEST

/* RFC 6455 5.2: the first bit of a long length is 0. */
START_TEST(follow_a_length_that_cannot_be_never_ends)
{
  struct websocket_boundary b = {0};
  static const uint8_t head[] = {0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  websocket_follow(&b, head, sizeof head);
  for (int i = 0; i < 100; i++)
    ck_assert_uint_eq(websocket_follow_frame(&b, payload, sizeof payload), sizeof payload);
  ck_assert(!websocket_at_boundary(&b));
}
END_TEST

int main(void)
{
  TCase *t = tcase_create("boundary");
  tcase_add_loop_test(t, follow_frames_of_every_form_end_where_they_end, 0, 6);
  tcase_add_test(t, follow_many_frames_in_one_piece_ends_in_the_last);
  tcase_add_test(t, follow_frame_stops_behind_the_frame_that_has_begun);
  tcase_add_test(t, follow_close_is_seen_when_it_is_whole);
  tcase_add_test(t, follow_a_length_that_cannot_be_never_ends);
  Suite *s = suite_create("boundary");
  suite_add_tcase(s, t);
  return run(s);
}

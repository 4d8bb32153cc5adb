/* gzip and deflate as streams, and what is not of them. */
#include "coding.h"

#include "run.h"

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

static const char text[] = "so many words, so many words, and then some more words of the same kind";

static enum err take(void *arg, const uint8_t *piece, size_t n)
{
  return buf_append(arg, piece, n);
}

static struct buf packed(int bits, const void *data, size_t n)
{
  struct buf out;
  uint8_t *at;
  z_stream z = {0};
  buf_init(&out, 8 * 1024 * 1024);
  ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  size_t room = deflateBound(&z, n) + 32;
  ck_assert_int_eq(buf_reserve(&out, room, &at), ERR_OK);
  z.next_in = data;
  z.avail_in = (uInt)n;
  z.next_out = at;
  z.avail_out = (uInt)room;
  ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.len = z.total_out;
  deflateEnd(&z);
  return out;
}

/* In pieces of step bytes. */
static enum err decode(enum coding coding, const struct buf *in, size_t step, struct buf *out,
                       struct failure *f)
{
  struct decoder *d;
  enum err e = ERR_OK;
  ck_assert_int_eq(decoder_new(coding, &d), ERR_OK);
  for (size_t at = 0; at < in->len && !e; at += step)
    e = decoder_put(d, in->data + at, in->len - at < step ? in->len - at : step, take, out, f);
  if (!e) e = decoder_end(d, f);
  decoder_free(d);
  return e;
}

static const struct wire {
  enum coding coding;
  int bits;
} wires[] = {{CODING_GZIP, 16 + 15}, {CODING_DEFLATE, 15}, {CODING_DEFLATE, -15}};

START_TEST(decoder_put_every_cut_gives_the_text)
{
  struct buf in = packed(wires[_i].bits, text, sizeof text), out;
  struct failure f;
  buf_init(&out, 4096);
  for (size_t step = 1; step <= in.len; step++) {
    buf_reset(&out);
    ck_assert_int_eq(decode(wires[_i].coding, &in, step, &out, &f), ERR_OK);
    ck_assert_uint_eq(out.len, sizeof text);
    ck_assert_mem_eq(out.data, text, sizeof text);
  }
  buf_clear(&in);
  buf_clear(&out);
}
END_TEST

START_TEST(decoder_end_cut_short_is_refused)
{
  struct buf in = packed(wires[_i].bits, text, sizeof text), out;
  struct failure f;
  buf_init(&out, 4096);
  for (in.len--; in.len; in.len--) {
    buf_reset(&out);
    ck_assert_int_eq(decode(wires[_i].coding, &in, 5, &out, &f), ERR_SYNTAX);
    ck_assert_str_eq(f.why, "it ends too early");
  }
  buf_clear(&in);
  buf_clear(&out);
}
END_TEST

START_TEST(decoder_put_members_follow_each_other)
{
  struct buf one = packed(16 + 15, text, sizeof text), two, out;
  struct failure f;
  buf_init(&two, 4096);
  buf_init(&out, 4096);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq(buf_append(&two, one.data, one.len), ERR_OK);
  for (size_t step = 1; step <= two.len; step++) {
    buf_reset(&out);
    ck_assert_int_eq(decode(CODING_GZIP, &two, step, &out, &f), ERR_OK);
    ck_assert_uint_eq(out.len, 2 * sizeof text);
  }
  buf_clear(&one);
  buf_clear(&two);
  buf_clear(&out);
}
END_TEST

START_TEST(decoder_put_bytes_behind_the_end_are_refused)
{
  struct buf in = packed(wires[_i].bits, text, sizeof text), out;
  struct failure f;
  buf_init(&out, 4096);
  ck_assert_int_eq(buf_puts(&in, "more"), ERR_OK);
  ck_assert_int_eq(decode(wires[_i].coding, &in, in.len, &out, &f), ERR_SYNTAX);
  buf_clear(&in);
  buf_clear(&out);
}
END_TEST

START_TEST(decoder_put_garbage_is_refused)
{
  struct buf in, out;
  struct failure f = {0};
  buf_init(&in, 64);
  buf_init(&out, 4096);
  ck_assert_int_eq(buf_puts(&in, "<html>this is no gzip"), ERR_OK);
  ck_assert_int_eq(decode(CODING_GZIP, &in, 3, &out, &f), ERR_SYNTAX);
  ck_assert_str_eq(f.why, "incorrect header check");
  buf_clear(&in);
  buf_clear(&out);
}
END_TEST

START_TEST(decoder_put_bomb_is_refused)
{
  const size_t n = 4 * 1024 * 1024;
  char *zeros = calloc(1, n);
  struct buf in = packed(16 + 15, zeros, n), out;
  struct failure f;
  buf_init(&out, n);
  ck_assert_int_eq(decode(CODING_GZIP, &in, 1024, &out, &f), ERR_TOO_LARGE);
  ck_assert_uint_le(out.len, 1100 * 1024);
  free(zeros);
  buf_clear(&in);
  buf_clear(&out);
}
END_TEST

START_TEST(encoder_put_is_read_by_zlib_and_by_the_decoder)
{
  enum coding coding = (enum coding)_i;
  struct encoder *e;
  struct buf coded, out;
  struct failure f;
  buf_init(&coded, 64 * 1024);
  buf_init(&out, 64 * 1024);
  ck_assert_int_eq(encoder_new(coding, &e), ERR_OK);
  for (int i = 0; i < 20; i++) {
    ck_assert_int_eq(encoder_put(e, text, sizeof text, &coded), ERR_OK);
    ck_assert_int_eq(encoder_flush(e, &coded), ERR_OK);
    /* What was flushed can be read, though the stream has not ended. */
    buf_reset(&out);
    (void)decode(coding, &coded, coded.len, &out, &f);
    ck_assert_uint_eq(out.len, (size_t)(i + 1) * sizeof text);
  }
  ck_assert_int_eq(encoder_end(e, &coded), ERR_OK);
  buf_reset(&out);
  ck_assert_int_eq(decode(coding, &coded, 7, &out, &f), ERR_OK);
  ck_assert_uint_eq(out.len, 20 * sizeof text);
  encoder_free(e);
  buf_clear(&coded);
  buf_clear(&out);
}
END_TEST

START_TEST(coding_parse_names)
{
  enum coding c = CODING_IDENTITY;
  ck_assert_int_eq(coding_parse("GZip", 4, &c), ERR_OK);
  ck_assert_int_eq(c, CODING_GZIP);
  ck_assert_int_eq(coding_parse("deflate", 7, &c), ERR_OK);
  ck_assert_int_eq(coding_parse("br", 2, &c), ERR_NOT_FOUND);
  ck_assert_int_eq(coding_parse("gzip, gzip", 10, &c), ERR_NOT_FOUND);
  ck_assert_int_eq(coding_parse("", 0, &c), ERR_NOT_FOUND);
  ck_assert_int_eq(c, CODING_DEFLATE);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("coding");
  TCase *t = tcase_create("coding");
  const int n = sizeof wires / sizeof *wires;
  tcase_add_loop_test(t, decoder_put_every_cut_gives_the_text, 0, n);
  tcase_add_loop_test(t, decoder_end_cut_short_is_refused, 0, n);
  tcase_add_test(t, decoder_put_members_follow_each_other);
  tcase_add_loop_test(t, decoder_put_bytes_behind_the_end_are_refused, 0, n);
  tcase_add_test(t, decoder_put_garbage_is_refused);
  tcase_add_test(t, decoder_put_bomb_is_refused);
  tcase_add_loop_test(t, encoder_put_is_read_by_zlib_and_by_the_decoder, CODING_IDENTITY, CODING_DEFLATE + 1);
  tcase_add_test(t, coding_parse_names);
  suite_add_tcase(s, t);
  return run(s);
}

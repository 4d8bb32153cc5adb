#include "der.h"

#include "run.h"

#include <string.h>

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static bool take(const uint8_t *bytes, size_t n, uint8_t tag, size_t *ret_len)
{
  struct der d = der_of(bytes, n), c;
  if (!der_take(&d, tag, &c)) return false;
  *ret_len = der_left(&c);
  return true;
}

static bool take_int(const uint8_t *bytes, size_t n, int64_t *ret)
{
  struct der d = der_of(bytes, n);
  return der_take_int(&d, 0, ret);
}

START_TEST(der_take_definite_lengths_are_read)
{
  size_t n;
  uint8_t big[300] = {0x04, 0x82, 0x01, 0x00};
  ck_assert(take(BYTES(0x04, 0x00), 0x04, &n) && n == 0);
  ck_assert(take(BYTES(0x04, 0x02, 1, 2, 9), 0x04, &n) && n == 2);
  ck_assert(take(big, 260, 0x04, &n) && n == 256);
}
END_TEST

START_TEST(der_take_another_tag_is_refused)
{
  size_t n;
  ck_assert(!take(BYTES(0x05, 0x00), 0x04, &n));
}
END_TEST

START_TEST(der_take_contents_beyond_the_end_are_refused)
{
  size_t n;
  ck_assert(!take(BYTES(0x04, 0x03, 1, 2), 0x04, &n));
  ck_assert(!take(BYTES(0x04), 0x04, &n));
  ck_assert(!take(BYTES(0x04, 0x82, 0x01), 0x04, &n));
  ck_assert(!take(NULL, 0, 0x04, &n));
}
END_TEST

START_TEST(der_take_indefinite_length_is_refused)
{
  size_t n;
  ck_assert(!take(BYTES(0x30, 0x80, 0x00, 0x00), 0x30, &n));
}
END_TEST

START_TEST(der_take_length_that_is_not_minimal_is_refused)
{
  size_t n;
  ck_assert(!take(BYTES(0x04, 0x81, 0x01, 7), 0x04, &n));
  ck_assert(!take(BYTES(0x04, 0x82, 0x00, 0x01, 7), 0x04, &n));
}
END_TEST

START_TEST(der_take_length_of_four_octets_is_refused)
{
  size_t n;
  ck_assert(!take(BYTES(0x04, 0x84, 0x7f, 0xff, 0xff, 0xff, 0), 0x04, &n));
}
END_TEST

START_TEST(der_take_last_something_behind_is_refused)
{
  uint8_t bytes[] = {0x04, 0x01, 1, 0x00};
  struct der d = der_of(bytes, sizeof bytes), c;
  ck_assert(!der_take_last(&d, 0x04, &c));
}
END_TEST

START_TEST(der_take_int_reads_signed_and_unsigned_32_bits)
{
  int64_t v;
  ck_assert(take_int(BYTES(0xa0, 3, 2, 1, 5), &v) && v == 5);
  ck_assert(take_int(BYTES(0xa0, 3, 2, 1, 0xff), &v) && v == -1);
  ck_assert(take_int(BYTES(0xa0, 7, 2, 5, 0, 0xff, 0xff, 0xff, 0xff), &v) && v == UINT32_MAX);
}
END_TEST

START_TEST(der_take_int_longer_form_is_refused)
{
  int64_t v;
  ck_assert(!take_int(BYTES(0xa0, 4, 2, 2, 0, 5), &v));
  ck_assert(!take_int(BYTES(0xa0, 4, 2, 2, 0xff, 0xff), &v));
}
END_TEST

START_TEST(der_take_int_more_than_32_bits_is_refused)
{
  int64_t v;
  ck_assert(!take_int(BYTES(0xa0, 7, 2, 5, 1, 0, 0, 0, 0), &v));
  ck_assert(!take_int(BYTES(0xa0, 8, 2, 6, 1, 0, 0, 0, 0, 0), &v));
}
END_TEST

START_TEST(der_take_int_empty_is_refused)
{
  int64_t v;
  ck_assert(!take_int(BYTES(0xa0, 2, 2, 0), &v));
}
END_TEST

START_TEST(der_take_int_two_values_are_refused)
{
  int64_t v;
  ck_assert(!take_int(BYTES(0xa0, 6, 2, 1, 5, 2, 1, 5), &v));
}
END_TEST

START_TEST(der_put_int_is_minimal_and_reads_back)
{
  static const int64_t values[] = {0,      1,          127,        128, 255,  32768,
                                   999999, 0x7fffffff, 0xffffffff, -1,  -128, -129};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    uint8_t store[32];
    struct der_writer w;
    int64_t back;
    der_writer_init(&w, store, sizeof store);
    der_put_int_field(&w, 0, values[i]);
    struct der d = der_of(w.at, der_written(&w));
    ck_assert(der_take_int(&d, 0, &back));
    ck_assert_int_eq(back, values[i]);
    ck_assert_uint_eq(der_left(&d), 0);
  }
}
END_TEST

START_TEST(der_put_without_room_overflows_and_stays_so)
{
  uint8_t store[4];
  struct der_writer w;
  der_writer_init(&w, store, sizeof store);
  der_put(&w, "abc", 3);
  ck_assert(!w.overflow);
  der_put(&w, "de", 2);
  ck_assert(w.overflow);
  der_put(&w, "f", 1);
  ck_assert_uint_eq(der_written(&w), 3);
}
END_TEST

START_TEST(der_wrap_long_contents_have_a_long_length)
{
  static uint8_t store[70000], contents[66000];
  struct der_writer w;
  der_writer_init(&w, store, sizeof store);
  der_put_element(&w, 0x04, contents, sizeof contents);
  der_wrap(&w, 0x30, 0);
  struct der d = der_of(w.at, der_written(&w)), seq, inner;
  ck_assert(der_take_last(&d, 0x30, &seq));
  ck_assert(der_take_last(&seq, 0x04, &inner));
  ck_assert_uint_eq(der_left(&inner), sizeof contents);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("der");
  TCase *t = tcase_create("der");
  tcase_add_test(t, der_take_definite_lengths_are_read);
  tcase_add_test(t, der_take_another_tag_is_refused);
  tcase_add_test(t, der_take_contents_beyond_the_end_are_refused);
  tcase_add_test(t, der_take_indefinite_length_is_refused);
  tcase_add_test(t, der_take_length_that_is_not_minimal_is_refused);
  tcase_add_test(t, der_take_length_of_four_octets_is_refused);
  tcase_add_test(t, der_take_last_something_behind_is_refused);
  tcase_add_test(t, der_take_int_reads_signed_and_unsigned_32_bits);
  tcase_add_test(t, der_take_int_longer_form_is_refused);
  tcase_add_test(t, der_take_int_more_than_32_bits_is_refused);
  tcase_add_test(t, der_take_int_empty_is_refused);
  tcase_add_test(t, der_take_int_two_values_are_refused);
  tcase_add_test(t, der_put_int_is_minimal_and_reads_back);
  tcase_add_test(t, der_put_without_room_overflows_and_stays_so);
  tcase_add_test(t, der_wrap_long_contents_have_a_long_length);
  suite_add_tcase(s, t);
  return run(s);
}

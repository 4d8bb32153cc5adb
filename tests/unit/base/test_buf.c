#include "buf.h"
#include "suites.h"

#include <string.h>

static struct buf b;

static void set_up(void)
{
  buf_init(&b, 100);
}

static void tear_down(void)
{
  buf_clear(&b);
}

START_TEST(buf_str_empty_is_an_empty_string)
{
  ck_assert_str_eq(buf_str(&b), "");
}
END_TEST

START_TEST(buf_append_several_joins_and_terminates)
{
  ck_assert_int_eq(buf_puts(&b, "one"), ERR_OK);
  ck_assert_int_eq(buf_putc(&b, ' '), ERR_OK);
  ck_assert_int_eq(buf_append(&b, "twoXXX", 3), ERR_OK);
  ck_assert_int_eq(buf_printf(&b, " %d", 3), ERR_OK);
  ck_assert_str_eq(buf_str(&b), "one two 3");
  ck_assert_uint_eq(b.len, 9);
}
END_TEST

START_TEST(buf_append_nothing_is_allowed)
{
  ck_assert_int_eq(buf_append(&b, NULL, 0), ERR_OK);
  ck_assert_int_eq(buf_printf(&b, "%s", ""), ERR_OK);
  ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(buf_append_to_the_maximum_fits)
{
  char text[101];
  memset(text, 'x', 100);
  text[100] = 0;
  ck_assert_int_eq(buf_puts(&b, text), ERR_OK);
  ck_assert_uint_eq(b.len, 100);
  ck_assert_int_eq(buf_append(&b, "", 0), ERR_OK);
}
END_TEST

START_TEST(buf_append_beyond_the_maximum_changes_nothing)
{
  char text[100];
  memset(text, 'x', 99);
  text[99] = 0;
  ck_assert_int_eq(buf_puts(&b, text), ERR_OK);
  ck_assert_int_eq(buf_append(&b, "yy", 2), ERR_TOO_LARGE);
  ck_assert_int_eq(buf_printf(&b, "%d", 42), ERR_TOO_LARGE);
  ck_assert_str_eq(buf_str(&b), text);
  ck_assert_int_eq(buf_putc(&b, 'y'), ERR_OK);
  ck_assert_int_eq(buf_putc(&b, 'y'), ERR_TOO_LARGE);
}
END_TEST

START_TEST(buf_append_huge_length_is_too_large)
{
  ck_assert_int_eq(buf_puts(&b, "x"), ERR_OK);
  ck_assert_int_eq(buf_append(&b, "", SIZE_MAX), ERR_TOO_LARGE);
  ck_assert_str_eq(buf_str(&b), "x");
}
END_TEST

START_TEST(buf_reserve_room_is_the_caller_s_to_fill)
{
  uint8_t *at = NULL;
  ck_assert_int_eq(buf_reserve(&b, 100, &at), ERR_OK);
  memset(at, 'z', 100);
  b.len += 100;
  ck_assert_int_eq(buf_reserve(&b, 1, &at), ERR_TOO_LARGE);
}
END_TEST

START_TEST(buf_reserve_failed_leaves_the_result)
{
  uint8_t *at = NULL;
  ck_assert_int_eq(buf_reserve(&b, 101, &at), ERR_TOO_LARGE);
  ck_assert_ptr_null(at);
}
END_TEST

START_TEST(buf_consume_part_keeps_the_rest)
{
  ck_assert_int_eq(buf_puts(&b, "abcdef"), ERR_OK);
  buf_consume(&b, 2);
  ck_assert_str_eq(buf_str(&b), "cdef");
  buf_consume(&b, 0);
  buf_consume(&b, 4);
  ck_assert_str_eq(buf_str(&b), "");
}
END_TEST

START_TEST(buf_reset_keeps_the_memory)
{
  ck_assert_int_eq(buf_puts(&b, "abc"), ERR_OK);
  uint8_t *before = b.data;
  buf_reset(&b);
  ck_assert_str_eq(buf_str(&b), "");
  ck_assert_int_eq(buf_puts(&b, "d"), ERR_OK);
  ck_assert_ptr_eq(b.data, before);
}
END_TEST

START_TEST(buf_clear_leaves_a_usable_buffer)
{
  struct buf zeroed = {0};
  ck_assert_int_eq(buf_puts(&b, "abc"), ERR_OK);
  buf_clear(&b);
  buf_clear(&b);
  ck_assert_uint_eq(b.max, 100);
  ck_assert_int_eq(buf_puts(&b, "d"), ERR_OK);
  ck_assert_str_eq(buf_str(&b), "d");
  buf_wipe(&b);
  ck_assert_str_eq(buf_str(&b), "");
  buf_clear(&zeroed);
  buf_wipe(&zeroed);
}
END_TEST

START_TEST(text_join_what_fits_is_joined)
{
  char out[8];
  ck_assert_int_eq(text_join(out, sizeof out, "ab", "", "cde", "fg"), ERR_OK);
  ck_assert_str_eq(out, "abcdefg");
}
END_TEST

START_TEST(text_join_one_byte_too_many_is_refused_whole)
{
  char out[8] = "before";
  ck_assert_int_eq(text_join(out, sizeof out, "abcd", "efgh"), ERR_TOO_LARGE);
  ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(text_number_is_written_in_decimal)
{
  char out[TEXT_NUMBER_SIZE];
  ck_assert_str_eq(text_number(0, out), "0");
  ck_assert_str_eq(text_number(10, out), "10");
  ck_assert_str_eq(text_number(UINT64_MAX, out), "18446744073709551615");
}
END_TEST

Suite *buf_suite(void)
{
  Suite *s = suite_create("buf");
  TCase *t = tcase_create("buf");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, buf_str_empty_is_an_empty_string);
  tcase_add_test(t, buf_append_several_joins_and_terminates);
  tcase_add_test(t, buf_append_nothing_is_allowed);
  tcase_add_test(t, buf_append_to_the_maximum_fits);
  tcase_add_test(t, buf_append_beyond_the_maximum_changes_nothing);
  tcase_add_test(t, buf_append_huge_length_is_too_large);
  tcase_add_test(t, buf_reserve_room_is_the_caller_s_to_fill);
  tcase_add_test(t, buf_reserve_failed_leaves_the_result);
  tcase_add_test(t, buf_consume_part_keeps_the_rest);
  tcase_add_test(t, buf_reset_keeps_the_memory);
  tcase_add_test(t, text_join_what_fits_is_joined);
  tcase_add_test(t, text_join_one_byte_too_many_is_refused_whole);
  tcase_add_test(t, text_number_is_written_in_decimal);
  tcase_add_test(t, buf_clear_leaves_a_usable_buffer);
  suite_add_tcase(s, t);
  return s;
}

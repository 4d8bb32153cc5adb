#include "page.h"
#include "view_suites.h"

#include <stdlib.h>
#include <string.h>

static struct page p;
static char *text;
static size_t size;

static void set_up(void)
{
  p = (struct page){.out = open_memstream(&text, &size)};
}

static void tear_down(void)
{
  fclose(p.out);
  free(text);
}

static const char *written(void)
{
  fflush(p.out);
  return text;
}

START_TEST(page_text_control_characters_are_disarmed)
{
  page_text(&p, TONE_PLAIN,
            "a\033[31mb\r\n\x7f\xc2\x9b"
            "2Jc\xc3\xa9");
  ck_assert_str_eq(written(), "a?[31mb????2Jc\xc3\xa9");
}
END_TEST

START_TEST(page_text_colour_only_when_wanted)
{
  page_text(&p, TONE_BAD, "x");
  p.colour = true;
  page_text(&p, TONE_BAD, "y");
  page_text(&p, TONE_PLAIN, "z");
  ck_assert_str_eq(written(), "x\033[1;31my\033[0mz");
}
END_TEST

START_TEST(page_row_short_value_stands_in_its_column)
{
  page_row(&p, 2, 10, "ab", TONE_PLAIN, "value");
  page_row(&p, 2, 10, "a-long-label", TONE_PLAIN, "v");
  page_row(&p, 2, 10, "title", TONE_PLAIN, "");
  ck_assert_str_eq(written(), "  ab      value\n  a-long-label v\n  title\n");
}
END_TEST

START_TEST(page_row_long_value_is_wrapped_at_spaces)
{
  char value[200] = "", *at = value;
  for (int i = 0; i < 30; i++)
    at = stpcpy(at, "word ");
  page_row(&p, 0, 10, "k", TONE_PLAIN, value);
  char *first_end = strchr(written(), '\n');
  ck_assert_int_le(first_end - text, PAGE_WIDTH);
  ck_assert_int_gt(first_end - text, PAGE_WIDTH - 6);
  ck_assert_mem_eq(first_end, "\n          word", 15);
}
END_TEST

START_TEST(page_row_long_word_is_broken_between_characters)
{
  char value[301] = "";
  for (int i = 0; i < 150; i++)
    memcpy(value + 2 * i, "\xc3\xa9", 2);
  page_row(&p, 0, 10, "k", TONE_PLAIN, value);
  char *first_end = strchr(written(), '\n');
  ck_assert_int_eq(first_end - text, 10 + 2 * (PAGE_WIDTH - 10));
}
END_TEST

Suite *page_suite(void)
{
  Suite *s = suite_create("page");
  TCase *t = tcase_create("page");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, page_text_control_characters_are_disarmed);
  tcase_add_test(t, page_text_colour_only_when_wanted);
  tcase_add_test(t, page_row_short_value_stands_in_its_column);
  tcase_add_test(t, page_row_long_value_is_wrapped_at_spaces);
  tcase_add_test(t, page_row_long_word_is_broken_between_characters);
  suite_add_tcase(s, t);
  return s;
}

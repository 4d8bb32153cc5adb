#include "form.h"
#include "run.h"

#include <string.h>

static struct fields list;
static struct buf out;

static void setup(void)
{
  fields_init(&list, 8, 4096);
  buf_init(&out, 256);
}

static void teardown(void)
{
  fields_clear(&list);
  buf_clear(&out);
}

static enum err parse(const char *text)
{
  fields_reset(&list);
  return form_parse(&list, text, strlen(text));
}

START_TEST(parse_pairs_in_order)
{
  ck_assert_int_eq(parse("a=1&b=x+y%20z&&a=%c3%A4%26%3D&empty=&bare&=nameless&c=d=e"), ERR_OK);
  ck_assert_uint_eq(fields_count(&list), 7);
  ck_assert_str_eq(fields_at(&list, 1).value, "x y z");
  ck_assert_str_eq(fields_at(&list, 2).name, "a");
  ck_assert_str_eq(fields_at(&list, 2).value, "\xc3\xa4&=");
  ck_assert_str_eq(fields_at(&list, 3).value, "");
  ck_assert_str_eq(fields_at(&list, 4).name, "bare");
  ck_assert_str_eq(fields_at(&list, 5).name, "");
  ck_assert_str_eq(fields_at(&list, 6).value, "d=e");
}
END_TEST

START_TEST(parse_nothing_is_empty)
{
  ck_assert_int_eq(parse(""), ERR_OK);
  ck_assert_uint_eq(fields_count(&list), 0);
}
END_TEST

START_TEST(parse_bad_escape_refused)
{
  ck_assert_int_eq(parse("a=%"), ERR_SYNTAX);
  ck_assert_int_eq(parse("a=%4"), ERR_SYNTAX);
  ck_assert_int_eq(parse("a=%4&b=1"), ERR_SYNTAX);
  ck_assert_int_eq(parse("a=%g0"), ERR_SYNTAX);
  ck_assert_int_eq(parse("a=%0g"), ERR_SYNTAX);
  ck_assert_int_eq(parse("%zz=1"), ERR_SYNTAX);
  fields_reset(&list);
  ck_assert_int_eq(form_parse(&list, "a=%41", 4), ERR_SYNTAX); /* the last digit is not part of it */
}
END_TEST

START_TEST(parse_nul_refused)
{
  ck_assert_int_eq(parse("a=%00"), ERR_SYNTAX);
  fields_reset(&list);
  ck_assert_int_eq(form_parse(&list, "a=\0", 3), ERR_SYNTAX);
}
END_TEST

START_TEST(parse_too_many_refused)
{
  ck_assert_int_eq(parse("a&b&c&d&e&f&g&h&i"), ERR_TOO_LARGE);
}
END_TEST

START_TEST(get_only_value)
{
  const char *v;
  ck_assert_int_eq(parse("a=1&B=2"), ERR_OK);
  ck_assert_int_eq(form_get(&list, "a", &v), ERR_OK);
  ck_assert_str_eq(v, "1");
  ck_assert_int_eq(form_get(&list, "b", &v), ERR_NOT_FOUND);
}
END_TEST

START_TEST(get_empty_is_absent)
{
  const char *v;
  ck_assert_int_eq(parse("a="), ERR_OK);
  ck_assert_int_eq(form_get(&list, "a", &v), ERR_NOT_FOUND);
}
END_TEST

START_TEST(get_repeated_refused)
{
  const char *v;
  ck_assert_int_eq(parse("a=1&a=1"), ERR_OK);
  ck_assert_int_eq(form_get(&list, "a", &v), ERR_SYNTAX);
  ck_assert_int_eq(parse("a=&a=1"), ERR_OK);
  ck_assert_int_eq(form_get(&list, "a", &v), ERR_SYNTAX);
}
END_TEST

static const char *add_to(const char *start)
{
  buf_reset(&out);
  ck_assert_int_eq(buf_puts(&out, start), ERR_OK);
  ck_assert_int_eq(form_add(&out, "a b", "c&=\xc3\xa4~"), ERR_OK);
  ck_assert_int_eq(form_add(&out, "d", ""), ERR_OK);
  return buf_str(&out);
}

START_TEST(add_chooses_separator)
{
  ck_assert_str_eq(add_to(""), "a%20b=c%26%3D%C3%A4~&d=");
  ck_assert_str_eq(add_to("x=1"), "x=1&a%20b=c%26%3D%C3%A4~&d=");
  ck_assert_str_eq(add_to("https://a.test/cb"), "https://a.test/cb?a%20b=c%26%3D%C3%A4~&d=");
  ck_assert_str_eq(add_to("https://a.test/cb?x=1"), "https://a.test/cb?x=1&a%20b=c%26%3D%C3%A4~&d=");
  ck_assert_str_eq(add_to("/cb?"), "/cb?a%20b=c%26%3D%C3%A4~&d=");
}
END_TEST

START_TEST(add_then_parse_is_the_same)
{
  const char *v;
  ck_assert_int_eq(form_add(&out, "k", "100% + \n?/&=#\xff"), ERR_OK);
  ck_assert_int_eq(parse(buf_str(&out)), ERR_OK);
  ck_assert_int_eq(form_get(&list, "k", &v), ERR_OK);
  ck_assert_str_eq(v, "100% + \n?/&=#\xff");
}
END_TEST

START_TEST(add_beyond_maximum_leaves_as_it_was)
{
  struct buf small;
  buf_init(&small, 10);
  ck_assert_int_eq(buf_puts(&small, "x=1"), ERR_OK);
  ck_assert_int_eq(form_add(&small, "name", "value"), ERR_TOO_LARGE);
  ck_assert_str_eq(buf_str(&small), "x=1");
  ck_assert_uint_eq(small.len, 3);
  buf_clear(&small);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("form");
  TCase *t = tcase_create("form");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, parse_pairs_in_order);
  tcase_add_test(t, parse_nothing_is_empty);
  tcase_add_test(t, parse_bad_escape_refused);
  tcase_add_test(t, parse_nul_refused);
  tcase_add_test(t, parse_too_many_refused);
  tcase_add_test(t, get_only_value);
  tcase_add_test(t, get_empty_is_absent);
  tcase_add_test(t, get_repeated_refused);
  tcase_add_test(t, add_chooses_separator);
  tcase_add_test(t, add_then_parse_is_the_same);
  tcase_add_test(t, add_beyond_maximum_leaves_as_it_was);
  suite_add_tcase(s, t);
  return run(s);
}

#include "fields.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

static struct fields f;

static void setup(void)
{
  fields_init(&f, 8, 256);
}

static void teardown(void)
{
  fields_clear(&f);
}

static void add(const char *name, const char *value)
{
  ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
}

/* The list as "name=value;..." */
static const char *text(void)
{
  static char out[1024];
  out[0] = 0;
  for (size_t i = 0; i < fields_count(&f); i++) {
    struct field one = fields_at(&f, i);
    ck_assert_uint_eq(one.name_len, strlen(one.name));
    ck_assert_uint_eq(one.value_len, strlen(one.value));
    sprintf(out + strlen(out), "%s=%s;", one.name, one.value);
  }
  return out;
}

START_TEST(add_keeps_order_and_duplicates)
{
  add("B", "1");
  add("a", "");
  add("B", "2");
  ck_assert_str_eq(text(), "B=1;a=;B=2;");
}
END_TEST

START_TEST(add_over_number_refused)
{
  for (int i = 0; i < 8; i++)
    add("a", "b");
  ck_assert_int_eq(fields_add(&f, "a", "b"), ERR_TOO_LARGE);
  ck_assert_uint_eq(fields_count(&f), 8);
}
END_TEST

START_TEST(add_over_bytes_refused)
{
  char value[300];
  memset(value, 'x', sizeof value);
  ck_assert_int_eq(fields_addn(&f, "n", 1, value, 253), ERR_OK); /* and two NULs */
  ck_assert_int_eq(fields_addn(&f, "", 0, "", 0), ERR_TOO_LARGE);
  fields_reset(&f);
  ck_assert_int_eq(fields_addn(&f, "n", 1, value, 254), ERR_TOO_LARGE);
  ck_assert_int_eq(fields_addn(&f, "n", 1, value, SIZE_MAX - 2), ERR_TOO_LARGE);
  ck_assert_uint_eq(fields_count(&f), 0);
}
END_TEST

START_TEST(add_value_of_own_list_copied)
{
  add("Host", "example.test");
  for (int i = 0; i < 7; i++) {
    struct field one = fields_at(&f, 0);
    ck_assert_int_eq(fields_add(&f, one.name, one.value), ERR_OK);
  }
  ck_assert_str_eq(fields_at(&f, 7).value, "example.test");
}
END_TEST

START_TEST(set_replaces_all)
{
  add("x", "1");
  add("Y", "2");
  add("X", "3");
  ck_assert_int_eq(fields_set(&f, "x", "4"), ERR_OK);
  ck_assert_str_eq(text(), "Y=2;x=4;");
}
END_TEST

START_TEST(set_from_own_value_survives)
{
  add("X", "value");
  ck_assert_int_eq(fields_set(&f, fields_at(&f, 0).name, fields_get(&f, "x")), ERR_OK);
  ck_assert_str_eq(text(), "X=value;");
}
END_TEST

START_TEST(set_again_and_again_reuses_the_store)
{
  char value[40];
  add("First", "stays");
  for (int i = 0; i < 1000; i++) {
    sprintf(value, "%d", i);
    ck_assert_int_eq(fields_set(&f, "counter", value), ERR_OK);
    ck_assert_int_eq(fields_set(&f, "other", value), ERR_OK);
  }
  ck_assert_str_eq(text(), "First=stays;counter=999;other=999;");
}
END_TEST

START_TEST(get_is_without_case_and_first)
{
  add("Content-Type", "a");
  add("content-type", "b");
  ck_assert_str_eq(fields_get(&f, "CONTENT-TYPE"), "a");
  ck_assert_uint_eq(fields_count_of(&f, "content-Type"), 2);
  ck_assert_ptr_null(fields_get(&f, "content-typ"));
  ck_assert_ptr_null(fields_get(&f, "content-type2"));
}
END_TEST

START_TEST(remove_all_of_a_name)
{
  add("a", "1");
  add("b", "2");
  add("A", "3");
  ck_assert_uint_eq(fields_remove(&f, "a"), 2);
  ck_assert_uint_eq(fields_remove(&f, "a"), 0);
  ck_assert_str_eq(text(), "b=2;");
}
END_TEST

static size_t halve(char *value, size_t n, void *arg)
{
  (void)arg;
  value[0] = '!';
  return n / 2;
}

START_TEST(edit_rewrites_in_place)
{
  add("a", "1234");
  add("b", "5");
  fields_edit(&f, 0, halve, NULL);
  ck_assert_str_eq(text(), "a=!2;b=5;");
}
END_TEST

START_TEST(reset_forgets_and_clear_is_usable_again)
{
  add("a", "1");
  fields_reset(&f);
  ck_assert_uint_eq(fields_count(&f), 0);
  add("b", "2");
  ck_assert_str_eq(text(), "b=2;");
  fields_clear(&f);
  add("c", "3");
  ck_assert_str_eq(text(), "c=3;");
}
END_TEST

START_TEST(has_token_in_lists)
{
  add("Connection", "close ,\tX-Foo,, Upgrade");
  add("connection", "last");
  ck_assert(fields_has_token(&f, "Connection", "CLOSE"));
  ck_assert(fields_has_token(&f, "Connection", "x-foo"));
  ck_assert(fields_has_token(&f, "Connection", "upgrade"));
  ck_assert(fields_has_token(&f, "Connection", "last"));
  ck_assert(!fields_has_token(&f, "Connection", "x-fo"));
  ck_assert(!fields_has_token(&f, "Connection", ""));
  ck_assert(!fields_has_token(&f, "Other", "close"));
}
END_TEST

START_TEST(is_token_by_every_byte)
{
  const char *good = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (int c = 0; c < 256; c++) {
    char s = (char)c;
    ck_assert_int_eq(http_is_token(&s, 1), c && strchr(good, c));
  }
  ck_assert(!http_is_token("", 0));
}
END_TEST

START_TEST(is_field_value_by_every_byte)
{
  for (int c = 0; c < 256; c++) {
    char s = (char)c;
    ck_assert_int_eq(http_is_field_value(&s, 1), c == '\t' || (c >= ' ' && c != 0x7f));
  }
  ck_assert(http_is_field_value("", 0));
}
END_TEST

START_TEST(name_is_exact_length)
{
  ck_assert(http_name_is("HoSt", 4, "host"));
  ck_assert(!http_name_is("host", 4, "hos"));
  ck_assert(!http_name_is("hos", 3, "host"));
  ck_assert(!http_name_is("hos\0", 4, "hos"));
}
END_TEST

int main(void)
{
  Suite *s = suite_create("fields");
  TCase *t = tcase_create("fields");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, add_keeps_order_and_duplicates);
  tcase_add_test(t, add_over_number_refused);
  tcase_add_test(t, add_over_bytes_refused);
  tcase_add_test(t, add_value_of_own_list_copied);
  tcase_add_test(t, set_replaces_all);
  tcase_add_test(t, set_from_own_value_survives);
  tcase_add_test(t, set_again_and_again_reuses_the_store);
  tcase_add_test(t, get_is_without_case_and_first);
  tcase_add_test(t, remove_all_of_a_name);
  tcase_add_test(t, edit_rewrites_in_place);
  tcase_add_test(t, reset_forgets_and_clear_is_usable_again);
  tcase_add_test(t, has_token_in_lists);
  tcase_add_test(t, is_token_by_every_byte);
  tcase_add_test(t, is_field_value_by_every_byte);
  tcase_add_test(t, name_is_exact_length);
  suite_add_tcase(s, t);
  return run(s);
}

#include "run_folder.h"
#include "tables.h"
#include "view_suites.h"

#include <stdio.h>
#include <string.h>

#define LINES "# Title\n<!-- table: steps -->\nold\n<!-- end of table: steps -->\nthe end\n"

static struct run_folder run;
static struct failure f;
static char path[128];

static void set_up(void)
{
  run_folder_make(&run);
  run_folder_append(&run, "doc.md", "");
  snprintf(path, sizeof path, "%s/trace/doc.md", run.path);
}

static void tear_down(void)
{
  run_folder_remove(&run);
}

START_TEST(table_make_steps_has_seven_rows)
{
  struct buf b;
  int lines = 0;
  buf_init(&b, 100000);
  ck_assert_int_eq(table_make("steps", &b), ERR_OK);
  for (const char *c = buf_str(&b); *c; c++)
    lines += *c == '\n';
  ck_assert_int_eq(lines, 2 + 7);
  ck_assert_ptr_nonnull(strstr(buf_str(&b), "| 4 | connector | delegate | "));
  buf_clear(&b);
}
END_TEST

START_TEST(table_make_errors_names_every_error_once)
{
  struct buf b;
  buf_init(&b, 1000000);
  ck_assert_int_eq(table_make("errors", &b), ERR_OK);
  for (int i = 1; i < ERR_COUNT; i++) {
    char row[128];
    snprintf(row, sizeof row, "| `%s` |", err_info((enum err)i)->name);
    const char *at = strstr(buf_str(&b), row);
    ck_assert_msg(at && !strstr(at + 1, row), "%s", row);
  }
  buf_clear(&b);
}
END_TEST

START_TEST(table_make_unknown_name_is_not_found)
{
  struct buf b;
  buf_init(&b, 100);
  ck_assert_int_eq(table_make("x", &b), ERR_NOT_FOUND);
  buf_clear(&b);
}
END_TEST

START_TEST(table_check_old_table_is_refused_until_written)
{
  run_folder_append(&run, "doc.md", LINES);
  ck_assert_int_eq(table_check("steps", path, &f), ERR_SYNTAX);
  ck_assert_ptr_nonnull(strstr(f.why, "out of date"));
  ck_assert_int_eq(table_write("steps", path, &f), ERR_OK);
  ck_assert_int_eq(table_check("steps", path, &f), ERR_OK);
}
END_TEST

START_TEST(table_write_keeps_what_is_around)
{
  char text[4096] = "";
  run_folder_append(&run, "doc.md", LINES);
  ck_assert_int_eq(table_write("steps", path, &f), ERR_OK);
  FILE *in = fopen(path, "r");
  text[fread(text, 1, sizeof text - 1, in)] = 0;
  fclose(in);
  ck_assert_int_eq(strncmp(text, "# Title\n<!-- table: steps -->\n| step |", 38), 0);
  ck_assert_ptr_nonnull(strstr(text, "|\n<!-- end of table: steps -->\nthe end\n"));
  ck_assert_ptr_null(strstr(text, "old"));
}
END_TEST

START_TEST(table_check_without_its_place_is_refused)
{
  run_folder_append(&run, "doc.md", "# Title\n<!-- table: steps -->\n");
  ck_assert_int_eq(table_check("steps", path, &f), ERR_SYNTAX);
  ck_assert_int_eq(table_write("steps", path, &f), ERR_SYNTAX);
}
END_TEST

START_TEST(table_check_absent_file_is_an_io_error)
{
  ck_assert_int_eq(table_check("steps", "/nonexistent", &f), ERR_IO);
}
END_TEST

Suite *tables_suite(void)
{
  Suite *s = suite_create("tables");
  TCase *t = tcase_create("tables");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, table_make_steps_has_seven_rows);
  tcase_add_test(t, table_make_errors_names_every_error_once);
  tcase_add_test(t, table_make_unknown_name_is_not_found);
  tcase_add_test(t, table_check_old_table_is_refused_until_written);
  tcase_add_test(t, table_write_keeps_what_is_around);
  tcase_add_test(t, table_check_without_its_place_is_refused);
  tcase_add_test(t, table_check_absent_file_is_an_io_error);
  suite_add_tcase(s, t);
  return s;
}

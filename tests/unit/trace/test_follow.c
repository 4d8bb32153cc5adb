#include "follow.h"
#include "run_folder.h"
#include "view_suites.h"

#include <stdio.h>
#include <string.h>

static struct run_folder run;
static struct follow *w;
static struct failure f;
static char seen[4096];

static void set_up(void)
{
  run_folder_make(&run);
  run_folder_append(&run, "cloud.jsonl", "before\n");
  ck_assert_int_eq(follow_new(run.path, &w, &f), ERR_OK);
  seen[0] = 0;
}

static void tear_down(void)
{
  follow_free(w);
  run_folder_remove(&run);
}

static void keep(void *arg, const char *line)
{
  (void)arg;
  size_t n = strlen(seen);
  snprintf(seen + n, sizeof seen - n, "%s;", line);
}

START_TEST(follow_new_absent_folder_is_not_found)
{
  struct follow *none = NULL;
  ck_assert_int_eq(follow_new("/nonexistent", &none, &f), ERR_NOT_FOUND);
  ck_assert_ptr_null(none);
  follow_free(NULL);
}
END_TEST

START_TEST(follow_wait_nothing_new_times_out)
{
  ck_assert_int_eq(follow_wait(w, 0, keep, NULL), ERR_TIMEOUT);
  ck_assert_str_eq(seen, "");
}
END_TEST

START_TEST(follow_wait_gives_new_lines_of_old_and_new_files)
{
  run_folder_append(&run, "cloud.jsonl", "one\ntwo\n");
  run_folder_append(&run, "idp.jsonl", "three\n");
  run_folder_append(&run, "notes.txt", "not a trace\n");
  ck_assert_int_eq(follow_wait(w, 5000, keep, NULL), ERR_OK);
  ck_assert_uint_eq(strlen(seen), strlen("one;two;three;"));
  ck_assert_ptr_nonnull(strstr(seen, "one;two;"));
  ck_assert_ptr_nonnull(strstr(seen, "three;"));
}
END_TEST

START_TEST(follow_wait_half_line_waits_for_its_rest)
{
  run_folder_append(&run, "cloud.jsonl", "on");
  ck_assert_int_eq(follow_wait(w, 5000, keep, NULL), ERR_OK);
  ck_assert_str_eq(seen, "");
  run_folder_append(&run, "cloud.jsonl", "e\n");
  ck_assert_int_eq(follow_wait(w, 5000, keep, NULL), ERR_OK);
  ck_assert_str_eq(seen, "one;");
}
END_TEST

START_TEST(follow_wait_rotated_file_loses_nothing)
{
  char from[128], to[128];
  run_folder_append(&run, "cloud.jsonl", "last of the old\n");
  snprintf(from, sizeof from, "%s/trace/cloud.jsonl", run.path);
  snprintf(to, sizeof to, "%s/trace/cloud.jsonl.1", run.path);
  ck_assert_int_eq(rename(from, to), 0);
  run_folder_append(&run, "cloud.jsonl", "first of the new\n");
  ck_assert_int_eq(follow_wait(w, 5000, keep, NULL), ERR_OK);
  ck_assert_str_eq(seen, "last of the old;first of the new;");
}
END_TEST

Suite *follow_suite(void)
{
  Suite *s = suite_create("follow");
  TCase *t = tcase_create("follow");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, follow_new_absent_folder_is_not_found);
  tcase_add_test(t, follow_wait_nothing_new_times_out);
  tcase_add_test(t, follow_wait_gives_new_lines_of_old_and_new_files);
  tcase_add_test(t, follow_wait_half_line_waits_for_its_rest);
  tcase_add_test(t, follow_wait_rotated_file_loses_nothing);
  suite_add_tcase(s, t);
  return s;
}

#include "clock.h"
#include "run_folder.h"
#include "suites.h"
#include "trace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct run_folder run;

static void set_up(void)
{
  run_folder_make(&run);
}

static void tear_down(void)
{
  run_folder_remove(&run);
}

static void write_span(struct tracer *t, int i)
{
  struct span s;
  span_start(&s, t, 1, SPAN_SERVER, NULL, NULL, true);
  span_int(&s, "i", i);
  span_end(&s);
}

START_TEST(tracer_new_makes_a_private_file)
{
  struct tracer *t;
  struct failure f;
  struct stat st;
  char path[128];
  ck_assert_int_eq(tracer_new(run.path, "idp", "idp", &t, &f), ERR_OK);
  snprintf(path, sizeof path, "%s/trace", run.path);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_uint_eq(st.st_mode & 0777, 0700);
  snprintf(path, sizeof path, "%s/trace/idp.jsonl", run.path);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_uint_eq(st.st_mode & 0777, 0600);
  tracer_free(t);
}
END_TEST

START_TEST(tracer_new_bad_name_is_refused)
{
  static const char *const names[] = {"", "../x", "a/b", ".hidden", "a b", "x\n"};
  struct tracer *t = NULL;
  struct failure f;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    ck_assert_int_eq(tracer_new(run.path, "idp", names[i], &t, &f), ERR_USAGE);
    ck_assert_int_eq(tracer_new(run.path, names[i], "idp", &t, &f), ERR_USAGE);
  }
  ck_assert_ptr_null(t);
}
END_TEST

START_TEST(tracer_new_absent_run_folder_is_an_io_error)
{
  struct tracer *t = NULL;
  struct failure f;
  ck_assert_int_eq(tracer_new("/nonexistent/run", "idp", "idp", &t, &f), ERR_IO);
  ck_assert_ptr_nonnull(strstr(f.why, "/nonexistent/run/trace"));
  ck_assert_ptr_null(t);
}
END_TEST

START_TEST(tracer_new_existing_file_is_continued)
{
  struct tracer *t;
  struct failure f;
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(tracer_new(run.path, "idp", "idp", &t, &f), ERR_OK);
    write_span(t, i);
    tracer_free(t);
  }
  json_t *all = run_folder_lines(&run, "idp.jsonl");
  ck_assert_uint_eq(json_array_size(all), 2);
  json_decref(all);
}
END_TEST

START_TEST(tracer_new_without_run_folder_writes_nothing)
{
  struct tracer *t;
  struct failure f;
  struct tracer_stats stats;
  ck_assert_int_eq(tracer_new(NULL, "idp", "idp", &t, &f), ERR_OK);
  write_span(t, 1);
  tracer_stats(t, &stats);
  ck_assert_uint_eq(stats.written, 0);
  tracer_free(t);
  tracer_free(NULL);
}
END_TEST

START_TEST(tracer_write_full_file_is_rotated_and_bounded)
{
  struct tracer *t;
  struct failure f;
  struct tracer_stats stats;
  setenv("SEVENSTEP_TRACE_FILE_BYTES", "8192", 1);
  ck_assert_int_eq(tracer_new(run.path, "idp", "idp", &t, &f), ERR_OK);
  unsetenv("SEVENSTEP_TRACE_FILE_BYTES");
  for (int i = 0; i < 200; i++)
    write_span(t, i);
  tracer_stats(t, &stats);
  tracer_free(t);
  ck_assert_uint_eq(stats.written, 200);
  ck_assert_int_le(run_folder_size(&run, "idp.jsonl"), 8192);
  ck_assert_int_le(run_folder_size(&run, "idp.jsonl.1"), 8192);
  ck_assert_int_gt(run_folder_size(&run, "idp.jsonl.1"), 4096);
  ck_assert_int_eq(run_folder_size(&run, "idp.jsonl.2"), -1);

  json_t *all = run_folder_lines(&run, "idp.jsonl");
  json_t *last = json_array_get(all, json_array_size(all) - 1);
  ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(last, "attributes"), "i")), 199);
  json_decref(all);
}
END_TEST

static void *write_many(void *arg)
{
  for (int i = 0; i < 500; i++)
    write_span(arg, i);
  return NULL;
}

START_TEST(tracer_write_from_threads_keeps_lines_whole)
{
  struct tracer *t;
  struct failure f;
  pthread_t threads[4];
  ck_assert_int_eq(tracer_new(run.path, "idp", "idp", &t, &f), ERR_OK);
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, t), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  tracer_free(t);
  json_t *all = run_folder_lines(&run, "idp.jsonl");
  ck_assert_uint_eq(json_array_size(all), 2000);
  json_decref(all);
}
END_TEST

START_TEST(tracer_sample_flood_is_limited)
{
  struct tracer *t;
  struct failure f;
  int yes = 0;
  ck_assert_int_eq(tracer_new(NULL, "cloud", "cloud", &t, &f), ERR_OK);
  int64_t begun = clock_mono_ns() / 1000000000;
  for (int i = 0; i < 10000; i++)
    yes += tracer_sample(t);
  int64_t seconds = clock_mono_ns() / 1000000000 - begun + 1;
  ck_assert_int_ge(yes, TRACE_OTHERS_PER_SECOND);
  ck_assert_int_le(yes, TRACE_OTHERS_PER_SECOND * (int)seconds);
  tracer_free(t);
}
END_TEST

Suite *tracer_suite(void)
{
  Suite *s = suite_create("tracer");
  TCase *t = tcase_create("tracer");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, tracer_new_makes_a_private_file);
  tcase_add_test(t, tracer_new_bad_name_is_refused);
  tcase_add_test(t, tracer_new_absent_run_folder_is_an_io_error);
  tcase_add_test(t, tracer_new_existing_file_is_continued);
  tcase_add_test(t, tracer_new_without_run_folder_writes_nothing);
  tcase_add_test(t, tracer_write_full_file_is_rotated_and_bounded);
  tcase_add_test(t, tracer_write_from_threads_keeps_lines_whole);
  tcase_add_test(t, tracer_sample_flood_is_limited);
  suite_add_tcase(s, t);
  return s;
}

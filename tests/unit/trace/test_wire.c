#include "receiver.h"
#include "run_folder.h"
#include "suites.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct run_folder run;
static struct tracer *t;

static void set_up(void)
{
  struct failure f;
  run_folder_make(&run);
  ck_assert_int_eq(tracer_new(run.path, "connector", "connector-1", &t, &f), ERR_OK);
}

static void tear_down(void)
{
  tracer_free(t);
  run_folder_remove(&run);
}

static json_t *lines(void)
{
  return run_folder_lines(&run, "../wire/connector-1.jsonl");
}

static void exchange(bool sampled, const void *sent, size_t n, const char *received)
{
  struct span s;
  span_start(&s, t, 4, SPAN_CLIENT, NULL, NULL, sampled);
  span_wire(&s, &(struct span_exchange){.peer = "127.0.0.1:88",
                                        .transport = "udp",
                                        .sent_ns = 1000,
                                        .received_ns = 3000,
                                        .sent = sent,
                                        .sent_len = n,
                                        .received = received,
                                        .received_len = received ? strlen(received) : 0});
  span_drop(&s);
}

START_TEST(span_wire_writes_a_line_at_once)
{
  exchange(true, "abc", 3, "defg");
  json_t *all = lines(), *line = json_array_get(all, 0);
  ck_assert_uint_eq(json_array_size(all), 1);
  ck_assert_str_eq(json_string_value(json_object_get(line, "sent")), "YWJj");
  ck_assert_str_eq(json_string_value(json_object_get(line, "received")), "ZGVmZw==");
  ck_assert_str_eq(json_string_value(json_object_get(line, "peer")), "127.0.0.1:88");
  ck_assert_str_eq(json_string_value(json_object_get(line, "transport")), "udp");
  ck_assert_int_eq(json_integer_value(json_object_get(line, "start_ns")), 1000);
  ck_assert_int_eq(json_integer_value(json_object_get(line, "end_ns")), 3000);
  ck_assert_uint_eq(strlen(json_string_value(json_object_get(line, "trace_id"))), 32);
  ck_assert_uint_eq(strlen(json_string_value(json_object_get(line, "span_id"))), 16);
  json_decref(all);
}
END_TEST

START_TEST(span_wire_without_an_answer_has_none)
{
  exchange(true, "abc", 3, NULL);
  json_t *all = lines();
  ck_assert_ptr_null(json_object_get(json_array_get(all, 0), "received"));
  ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(all, 0), "end_ns")), 1000);
  json_decref(all);
}
END_TEST

START_TEST(span_wire_unsampled_writes_nothing_and_makes_no_folder)
{
  struct stat st;
  char path[128];
  exchange(false, "abc", 3, "defg");
  snprintf(path, sizeof path, "%s/wire", run.path);
  ck_assert_int_ne(stat(path, &st), 0);
}
END_TEST

START_TEST(span_wire_file_is_private)
{
  struct stat st;
  char path[128];
  exchange(true, "abc", 3, "defg");
  snprintf(path, sizeof path, "%s/wire", run.path);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_uint_eq(st.st_mode & 0777, 0700);
  snprintf(path, sizeof path, "%s/wire/connector-1.jsonl", run.path);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(span_wire_the_largest_message_fits_and_a_larger_one_is_left_out)
{
  void *large = calloc(1, SPAN_MESSAGE_MAX + 1);
  ck_assert_ptr_nonnull(large);
  exchange(true, large, SPAN_MESSAGE_MAX + 1, NULL);
  exchange(true, large, SPAN_MESSAGE_MAX, NULL);
  json_t *all = lines();
  ck_assert_uint_eq(json_array_size(all), 1);
  json_decref(all);
  free(large);
}
END_TEST

START_TEST(span_wire_leaves_the_trace_file_alone)
{
  struct tracer_stats stats;
  exchange(true, "abc", 3, "defg");
  tracer_stats(t, &stats);
  ck_assert_uint_eq(stats.written, 0);
  ck_assert_int_eq(run_folder_size(&run, "connector-1.jsonl"), 0);
}
END_TEST

START_TEST(span_wire_goes_to_no_collector)
{
  static const int ok[] = {200, 0};
  struct receiver r;
  struct failure f;
  struct span s;
  char url[64];
  receiver_start(&r, ok, false);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", r.port);
  setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url, 1);
  tracer_free(t);
  ck_assert_int_eq(tracer_new(run.path, "connector", "connector-1", &t, &f), ERR_OK);
  unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
  exchange(true, "abc", 3, "defg");
  span_start(&s, t, 4, SPAN_CLIENT, NULL, NULL, true);
  span_end(&s);
  receiver_wait(&r, 1);
  tracer_free(t); /* what is queued has been sent */
  t = NULL;
  ck_assert_ptr_nonnull(strstr(r.body, "delegate"));
  ck_assert_ptr_null(strstr(r.body, "YWJj"));
  ck_assert_uint_eq(r.n, 1);
  receiver_stop(&r);
}
END_TEST

Suite *wire_suite(void)
{
  Suite *suite = suite_create("wire");
  TCase *c = tcase_create("wire");
  tcase_add_checked_fixture(c, set_up, tear_down);
  tcase_add_test(c, span_wire_writes_a_line_at_once);
  tcase_add_test(c, span_wire_without_an_answer_has_none);
  tcase_add_test(c, span_wire_unsampled_writes_nothing_and_makes_no_folder);
  tcase_add_test(c, span_wire_file_is_private);
  tcase_add_test(c, span_wire_the_largest_message_fits_and_a_larger_one_is_left_out);
  tcase_add_test(c, span_wire_leaves_the_trace_file_alone);
  tcase_add_test(c, span_wire_goes_to_no_collector);
  suite_add_tcase(suite, c);
  return suite;
}

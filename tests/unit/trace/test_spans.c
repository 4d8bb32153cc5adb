#include "flow_lines.h"
#include "spans.h"
#include "view_suites.h"

#include <stdio.h>
#include <string.h>

static struct run_folder run;
static struct spans *spans;
static struct failure f;

static void set_up(void)
{
  run_folder_make(&run);
  flow_write(&run);
  refused_write(&run);
  ck_assert_int_eq(spans_open(run.path, "trace", &spans, &f), ERR_OK);
}

static void tear_down(void)
{
  spans_close(spans);
  run_folder_remove(&run);
}

static void reopen(void)
{
  spans_close(spans);
  ck_assert_int_eq(spans_open(run.path, "trace", &spans, &f), ERR_OK);
}

static size_t trace_count(void)
{
  size_t n;
  spans_traces(spans, &n);
  return n;
}

START_TEST(spans_open_absent_folder_is_not_found)
{
  struct spans *none = NULL;
  ck_assert_int_eq(spans_open("/nonexistent", "trace", &none, &f), ERR_NOT_FOUND);
  ck_assert_ptr_null(none);
  spans_close(NULL);
}
END_TEST

START_TEST(spans_traces_lists_the_earliest_first)
{
  size_t n;
  const struct trace_entry *t = spans_traces(spans, &n);
  ck_assert_uint_eq(n, 2);
  ck_assert_str_eq(t[0].id, FLOW_ID);
  ck_assert_uint_eq(t[0].n, 8);
  ck_assert_int_eq(t[0].start_ns, FLOW_START);
  ck_assert_str_eq(t[1].id, REFUSED_ID);
}
END_TEST

START_TEST(spans_load_joins_instances_in_order_of_time)
{
  const struct trace_entry *t;
  char order[16] = "";
  json_t *span;
  size_t i;
  ck_assert_int_eq(spans_find(spans, FLOW_ID, &t, &f), ERR_OK);
  json_t *all = spans_load(spans, t);
  json_array_foreach(all, i, span)
  {
    order[i] = json_string_value(json_object_get(span, "span_id"))[15];
  }
  ck_assert_str_eq(order, "12345678");
  json_decref(all);
}
END_TEST

START_TEST(spans_load_time_counts_before_the_step)
{
  const struct trace_entry *t;
  run_folder_append(&run, "idp.jsonl",
                    "{\"trace_id\":\"" FLOW_ID "\",\"step\":1,\"start_ns\":1800000000000000000}\n");
  reopen();
  ck_assert_int_eq(spans_find(spans, FLOW_ID, &t, &f), ERR_OK);
  json_t *all = spans_load(spans, t), *last = json_array_get(all, json_array_size(all) - 1);
  ck_assert_int_eq(json_integer_value(json_object_get(last, "step")), 1);
  json_decref(all);
}
END_TEST

START_TEST(spans_find_unique_prefix_is_enough)
{
  const struct trace_entry *t;
  ck_assert_int_eq(spans_find(spans, "4bf92", &t, &f), ERR_OK);
  ck_assert_str_eq(t->id, FLOW_ID);
}
END_TEST

START_TEST(spans_find_last_is_the_latest)
{
  const struct trace_entry *t;
  ck_assert_int_eq(spans_find(spans, "last", &t, &f), ERR_OK);
  ck_assert_str_eq(t->id, REFUSED_ID);
}
END_TEST

START_TEST(spans_find_shared_prefix_is_ambiguous)
{
  const struct trace_entry *t = NULL;
  ck_assert_int_eq(spans_find(spans, "4bf9", &t, &f), ERR_EXISTS);
  ck_assert_ptr_nonnull(strstr(f.why, FLOW_ID));
  ck_assert_ptr_nonnull(strstr(f.why, REFUSED_ID));
  ck_assert_ptr_null(t);
}
END_TEST

START_TEST(spans_find_unknown_is_not_found)
{
  const struct trace_entry *t = NULL;
  ck_assert_int_eq(spans_find(spans, "5", &t, &f), ERR_NOT_FOUND);
  ck_assert_ptr_null(t);
}
END_TEST

START_TEST(spans_find_not_hex_is_a_syntax_error)
{
  const struct trace_entry *t = NULL;
  ck_assert_int_eq(spans_find(spans, "", &t, &f), ERR_SYNTAX);
  ck_assert_int_eq(spans_find(spans, "4BF9", &t, &f), ERR_SYNTAX);
  ck_assert_int_eq(spans_find(spans, "first", &t, &f), ERR_SYNTAX);
  ck_assert_int_eq(spans_find(spans, FLOW_ID "0", &t, &f), ERR_SYNTAX);
}
END_TEST

START_TEST(spans_find_last_of_nothing_is_not_found)
{
  struct run_folder empty;
  const struct trace_entry *t = NULL;
  struct spans *none;
  run_folder_make(&empty);
  run_folder_append(&empty, "cloud.jsonl", "");
  ck_assert_int_eq(spans_open(empty.path, "trace", &none, &f), ERR_OK);
  ck_assert_int_eq(spans_find(none, "last", &t, &f), ERR_NOT_FOUND);
  spans_close(none);
  run_folder_remove(&empty);
}
END_TEST

START_TEST(spans_open_broken_lines_are_left_out)
{
  run_folder_append(&run, "cloud.jsonl", "\nnot json\n{}\n[]\n{\"trace_id\":\"short\"}\n");
  run_folder_append(&run, "cloud.jsonl",
                    "{\"trace_id\":\"5bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"x\"}\n");
  run_folder_append(&run, "idp.jsonl",
                    "{\"trace_id\":\"6bf92f3577b34da6a3ce929d0e0e4736\",\"start_ns\":1,"); /* cut */
  reopen();
  ck_assert_uint_eq(trace_count(), 2);
}
END_TEST

START_TEST(spans_load_line_that_does_not_parse_is_left_out)
{
  const struct trace_entry *t;
  run_folder_append(&run, "idp.jsonl", "{\"trace_id\":\"" FLOW_ID "\",\"start_ns\":1,\"torn\n");
  reopen();
  ck_assert_int_eq(spans_find(spans, FLOW_ID, &t, &f), ERR_OK);
  json_t *all = spans_load(spans, t);
  ck_assert_uint_eq(json_array_size(all), 8);
  json_decref(all);
}
END_TEST

START_TEST(spans_open_rotated_file_is_read_too)
{
  run_folder_append(&run, "idp.jsonl.1",
                    "{\"trace_id\":\"5bf92f3577b34da6a3ce929d0e0e4736\",\"start_ns\":1}\n");
  run_folder_append(&run, "notes.txt",
                    "{\"trace_id\":\"6bf92f3577b34da6a3ce929d0e0e4736\",\"start_ns\":1}\n");
  reopen();
  ck_assert_uint_eq(trace_count(), 3);
}
END_TEST

Suite *spans_suite(void)
{
  Suite *s = suite_create("spans");
  TCase *t = tcase_create("spans");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, spans_open_absent_folder_is_not_found);
  tcase_add_test(t, spans_traces_lists_the_earliest_first);
  tcase_add_test(t, spans_load_joins_instances_in_order_of_time);
  tcase_add_test(t, spans_load_time_counts_before_the_step);
  tcase_add_test(t, spans_find_unique_prefix_is_enough);
  tcase_add_test(t, spans_find_last_is_the_latest);
  tcase_add_test(t, spans_find_shared_prefix_is_ambiguous);
  tcase_add_test(t, spans_find_unknown_is_not_found);
  tcase_add_test(t, spans_find_not_hex_is_a_syntax_error);
  tcase_add_test(t, spans_find_last_of_nothing_is_not_found);
  tcase_add_test(t, spans_open_broken_lines_are_left_out);
  tcase_add_test(t, spans_load_line_that_does_not_parse_is_left_out);
  tcase_add_test(t, spans_open_rotated_file_is_read_too);
  suite_add_tcase(s, t);
  return s;
}

#include "encode.h"
#include "run_folder.h"
#include "suites.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

static struct run_folder run;
static struct tracer *tracer;

static void set_up(void)
{
  struct failure f;
  run_folder_make(&run);
  ck_assert_int_eq(tracer_new(run.path, "connector", "connector-1", &tracer, &f), ERR_OK);
}

static void tear_down(void)
{
  tracer_free(tracer);
  run_folder_remove(&run);
}

/* The one line written, owned by the caller. */
static json_t *only_line(void)
{
  json_t *all = run_folder_lines(&run, "connector-1.jsonl");
  ck_assert_uint_eq(json_array_size(all), 1);
  json_t *line = json_incref(json_array_get(all, 0));
  json_decref(all);
  return line;
}

static size_t line_count(void)
{
  json_t *all = run_folder_lines(&run, "connector-1.jsonl");
  size_t n = json_array_size(all);
  json_decref(all);
  return n;
}

static const char *text(json_t *object, const char *key)
{
  const char *v = json_string_value(json_object_get(object, key));
  ck_assert_msg(v != NULL, "no text %s", key);
  return v;
}

static json_int_t number(json_t *object, const char *key)
{
  json_t *v = json_object_get(object, key);
  ck_assert_msg(json_is_integer(v), "no number %s", key);
  return json_integer_value(v);
}

START_TEST(span_end_sampled_writes_every_member)
{
  struct span s;
  char id[33];
  span_start(&s, tracer, 4, SPAN_CLIENT, NULL, NULL, true);
  span_str(&s, "krb.client", "alice@CORP.SEVENSTEP.TEST");
  span_strn(&s, "krb.server", "HTTP/webXXX", 8);
  span_int(&s, "krb.as_ms", -12);
  span_bool(&s, "krb.evidence.forwardable", true);
  span_ms(&s, "krb.s4u2self_ms", 1234567);
  span_event(&s, 1700000000000000001, "kdc.log", "TGS_REQ \"quoted\"");
  span_event(&s, 0, "now", "second");
  trace_id_format(&s.ctx, id);
  span_end(&s);

  json_t *line = only_line(), *attributes = json_object_get(line, "attributes");
  json_t *event = json_array_get(json_object_get(line, "events"), 0);
  ck_assert_str_eq(text(line, "trace_id"), id);
  ck_assert_uint_eq(strlen(text(line, "span_id")), 16);
  ck_assert_str_eq(text(line, "parent_span_id"), "");
  ck_assert_int_eq(number(line, "step"), 4);
  ck_assert_str_eq(text(line, "name"), "delegate");
  ck_assert_int_eq(number(line, "kind"), 3);
  ck_assert_str_eq(text(line, "actor"), "connector");
  ck_assert_str_eq(text(line, "instance"), "connector-1");
  ck_assert_int_gt(number(line, "start_ns"), 1600000000000000000);
  ck_assert_int_ge(number(line, "duration_ns"), 0);
  ck_assert_str_eq(text(line, "status"), "ok");
  ck_assert_ptr_null(json_object_get(line, "error"));
  ck_assert_str_eq(text(attributes, "krb.client"), "alice@CORP.SEVENSTEP.TEST");
  ck_assert_str_eq(text(attributes, "krb.server"), "HTTP/web");
  ck_assert_int_eq(number(attributes, "krb.as_ms"), -12);
  ck_assert(json_is_true(json_object_get(attributes, "krb.evidence.forwardable")));
  ck_assert_double_eq(json_real_value(json_object_get(attributes, "krb.s4u2self_ms")), 1.234);
  ck_assert_uint_eq(json_array_size(json_object_get(line, "events")), 2);
  ck_assert_int_eq(number(event, "time_ns"), 1700000000000000001);
  ck_assert_str_eq(text(event, "name"), "kdc.log");
  ck_assert_str_eq(text(event, "text"), "TGS_REQ \"quoted\"");
  json_decref(line);
}
END_TEST

START_TEST(span_end_without_attributes_writes_empty_members)
{
  struct span s;
  span_start(&s, tracer, 0, SPAN_INTERNAL, "tidy", NULL, true);
  span_end(&s);
  json_t *line = only_line();
  ck_assert_int_eq(number(line, "step"), 0);
  ck_assert_str_eq(text(line, "name"), "tidy");
  ck_assert_uint_eq(json_object_size(json_object_get(line, "attributes")), 0);
  ck_assert_uint_eq(json_array_size(json_object_get(line, "events")), 0);
  json_decref(line);
}
END_TEST

START_TEST(span_start_parent_is_continued)
{
  struct trace_ctx parent = {.trace_id = {7}, .span_id = {9}, .sampled = true};
  struct span s;
  span_start(&s, tracer, 4, SPAN_SERVER, NULL, &parent, false);
  ck_assert_mem_eq(s.ctx.trace_id, parent.trace_id, 16);
  ck_assert_mem_eq(s.parent_id, parent.span_id, 8);
  ck_assert_mem_ne(s.ctx.span_id, parent.span_id, 8);
  ck_assert(s.ctx.sampled);
  span_end(&s);
  json_t *line = only_line();
  ck_assert_str_eq(text(line, "parent_span_id"), "0900000000000000");
  json_decref(line);
}
END_TEST

START_TEST(span_start_unsampled_parent_writes_nothing)
{
  struct trace_ctx parent = {.trace_id = {7}, .span_id = {9}, .sampled = false};
  struct span s;
  span_start(&s, tracer, 4, SPAN_SERVER, NULL, &parent, true);
  span_str(&s, "k", "v");
  span_event(&s, 0, "k", "v");
  ck_assert_ptr_null(s.attrs.data);
  ck_assert_ptr_null(s.events.data);
  span_end(&s);
  ck_assert_uint_eq(line_count(), 0);
}
END_TEST

START_TEST(span_start_invalid_parent_begins_a_trace)
{
  struct trace_ctx none = {0};
  struct span s;
  span_start(&s, tracer, 1, SPAN_SERVER, NULL, &none, false);
  ck_assert(trace_ctx_valid(&s.ctx));
  ck_assert(!s.ctx.sampled);
  span_drop(&s);
}
END_TEST

START_TEST(span_start_many_gives_distinct_ids)
{
  enum { N = 2000 };
  static uint8_t seen[N][24];
  for (int i = 0; i < N; i++) {
    struct span s;
    span_start(&s, tracer, 1, SPAN_SERVER, NULL, NULL, false);
    ck_assert(trace_ctx_valid(&s.ctx));
    memcpy(seen[i], s.ctx.trace_id, 16);
    memcpy(seen[i] + 16, s.ctx.span_id, 8);
    for (int j = i < 50 ? 0 : i - 50; j < i; j++) {
      ck_assert_mem_ne(seen[j], seen[i], 16);
      ck_assert_mem_ne(seen[j] + 16, seen[i] + 16, 8);
    }
    span_drop(&s);
  }
}
END_TEST

START_TEST(span_start_without_tracer_hands_on_a_context)
{
  struct span s;
  span_start(&s, NULL, 1, SPAN_SERVER, NULL, NULL, true);
  span_str(&s, "k", "v");
  ck_assert(trace_ctx_valid(&s.ctx));
  span_end(&s);
  ck_assert_uint_eq(line_count(), 0);
}
END_TEST

START_TEST(span_fail_unsampled_is_written)
{
  struct span s;
  struct failure f;
  (void)failure_set(&f, ERR_KDC_UNREACHABLE, "127.0.0.1:8448 refused");
  span_start(&s, tracer, 4, SPAN_CLIENT, NULL, NULL, false);
  span_str(&s, "before", "lost");
  span_fail(&s, &f);
  span_str(&s, "after", "kept");
  span_end(&s);

  json_t *line = only_line(), *error = json_object_get(line, "error");
  ck_assert_str_eq(text(line, "status"), "error");
  ck_assert_str_eq(text(error, "name"), "kdc_unreachable");
  ck_assert_str_eq(text(error, "what"), err_info(ERR_KDC_UNREACHABLE)->what);
  ck_assert_str_eq(text(error, "why"), "127.0.0.1:8448 refused");
  ck_assert_str_eq(text(error, "fix"), err_info(ERR_KDC_UNREACHABLE)->fix);
  ck_assert_int_eq(number(error, "event"), 12027);
  ck_assert_int_eq(number(error, "http_status"), 502);
  ck_assert_ptr_null(json_object_get(json_object_get(line, "attributes"), "before"));
  ck_assert_str_eq(text(json_object_get(line, "attributes"), "after"), "kept");
  json_decref(line);
}
END_TEST

START_TEST(span_fail_twice_keeps_the_first)
{
  struct span s;
  struct failure first, second;
  (void)failure_set(&first, ERR_TOKEN_SIGNATURE, "first");
  (void)failure_set(&second, ERR_INTERNAL, "second");
  span_start(&s, tracer, 3, SPAN_SERVER, NULL, NULL, true);
  span_fail(&s, &first);
  span_fail(&s, &second);
  span_end(&s);
  json_t *line = only_line();
  ck_assert_str_eq(text(json_object_get(line, "error"), "name"), "token_signature");
  json_decref(line);
}
END_TEST

START_TEST(span_str_long_value_is_cut_between_characters)
{
  struct span s;
  char value[2000];
  for (size_t i = 0; i + 1 < sizeof value; i += 3)
    memcpy(value + i, "\xe2\x82\xac", i + 3 < sizeof value ? 3 : 1);
  value[sizeof value - 1] = 0;
  span_start(&s, tracer, 3, SPAN_SERVER, NULL, NULL, true);
  span_str(&s, "long", value);
  span_end(&s);
  json_t *line = only_line();
  const char *kept = text(json_object_get(line, "attributes"), "long");
  ck_assert_uint_eq(strlen(kept), 1023);
  ck_assert_mem_eq(kept, value, 1023);
  json_decref(line);
}
END_TEST

START_TEST(span_str_beyond_the_span_limit_is_dropped)
{
  struct span s;
  char value[1001], key[16];
  memset(value, 'x', sizeof value - 1);
  value[sizeof value - 1] = 0;
  span_start(&s, tracer, 3, SPAN_SERVER, NULL, NULL, true);
  for (int i = 0; i < 40; i++) {
    snprintf(key, sizeof key, "k%d", i);
    span_str(&s, key, value);
    span_event(&s, 0, "e", value);
  }
  ck_assert_uint_le(s.attrs.len + s.events.len, 16 * 1024);
  span_int(&s, "small", 1);
  span_end(&s);
  json_t *line = only_line();
  ck_assert_int_eq(number(json_object_get(line, "attributes"), "small"), 1);
  json_decref(line);
}
END_TEST

START_TEST(span_str_null_value_is_ignored)
{
  struct span s;
  span_start(&s, tracer, 3, SPAN_SERVER, NULL, NULL, true);
  span_str(&s, "k", NULL);
  span_end(&s);
  json_t *line = only_line();
  ck_assert_uint_eq(json_object_size(json_object_get(line, "attributes")), 0);
  json_decref(line);
}
END_TEST

START_TEST(span_report_for_names_the_peer_and_its_times)
{
  struct span s;
  span_start(&s, tracer, 5, SPAN_SERVER, NULL, NULL, true);
  span_report_for(&s, "kdc", 1700000000000000000, 1500000);
  span_end(&s);
  json_t *line = only_line();
  ck_assert_str_eq(text(line, "actor"), "kdc");
  ck_assert_str_eq(text(line, "instance"), "kdc");
  ck_assert_int_eq(number(line, "start_ns"), 1700000000000000000);
  ck_assert_int_eq(number(line, "duration_ns"), 1500000);
  json_decref(line);
}
END_TEST

START_TEST(span_end_twice_writes_once)
{
  struct span s, never = {0};
  span_start(&s, tracer, 3, SPAN_SERVER, NULL, NULL, true);
  span_end(&s);
  span_end(&s);
  span_drop(&s);
  span_end(&never);
  span_drop(&never);
  ck_assert_uint_eq(line_count(), 1);
}
END_TEST

START_TEST(span_drop_writes_nothing)
{
  struct span s;
  span_start(&s, tracer, 3, SPAN_SERVER, NULL, NULL, true);
  span_str(&s, "k", "v");
  span_drop(&s);
  ck_assert_uint_eq(line_count(), 0);
}
END_TEST

Suite *span_suite(void)
{
  Suite *s = suite_create("span");
  TCase *t = tcase_create("span");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, span_end_sampled_writes_every_member);
  tcase_add_test(t, span_end_without_attributes_writes_empty_members);
  tcase_add_test(t, span_start_parent_is_continued);
  tcase_add_test(t, span_start_unsampled_parent_writes_nothing);
  tcase_add_test(t, span_start_invalid_parent_begins_a_trace);
  tcase_add_test(t, span_start_many_gives_distinct_ids);
  tcase_add_test(t, span_start_without_tracer_hands_on_a_context);
  tcase_add_test(t, span_fail_unsampled_is_written);
  tcase_add_test(t, span_fail_twice_keeps_the_first);
  tcase_add_test(t, span_str_long_value_is_cut_between_characters);
  tcase_add_test(t, span_str_beyond_the_span_limit_is_dropped);
  tcase_add_test(t, span_str_null_value_is_ignored);
  tcase_add_test(t, span_report_for_names_the_peer_and_its_times);
  tcase_add_test(t, span_end_twice_writes_once);
  tcase_add_test(t, span_drop_writes_nothing);
  suite_add_tcase(s, t);
  return s;
}

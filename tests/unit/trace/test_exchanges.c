#include "exchanges.h"
#include "exchanges_show.h"

#include "buf.h"
#include "der.h"
#include "encode.h"
#include "flow_lines.h"
#include "spans.h"
#include "view_suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct run_folder run;
static struct page p;
static struct story s;
static char *text;
static size_t size;

static void set_up(void)
{
  run_folder_make(&run);
  flow_write(&run);
  p = (struct page){.out = open_memstream(&text, &size)};
  story_tell(&s, FLOW_ID, flow_spans());
}

static void tear_down(void)
{
  fclose(p.out);
  free(text);
  story_clear(&s);
  run_folder_remove(&run);
}

/* The id of the span of this step. */
static const char *span_of(int step)
{
  json_t *span;
  size_t i;
  json_array_foreach(s.spans, i, span)
  {
    if (span_number(span, "step") == step) return span_text(span, "span_id");
  }
  return "";
}

static void write_exchange(const char *trace_id, const char *span_id, const char *sent)
{
  char line[1024], path[128];
  snprintf(path, sizeof path, "%s/wire", run.path);
  mkdir(path, 0700);
  snprintf(line, sizeof line,
           "{\"trace_id\":\"%s\",\"span_id\":\"%s\",\"start_ns\":%lld,\"end_ns\":%lld,\"transport\":\"udp\","
           "\"peer\":\"127.0.0.1:88\",\"sent\":\"%s\"}\n",
           trace_id, span_id, (long long)FLOW_START, (long long)FLOW_START + 2500000, sent);
  run_folder_append(&run, "../wire/connector-1.jsonl", line);
}

/* As base64 an AS-REQ in this name. */
static const char *as_req(const char *cname)
{
  static const uint8_t options[] = {0, 0x40, 0, 0, 0};
  static struct buf out;
  uint8_t room[256];
  struct der_writer w;
  der_writer_init(&w, room, sizeof room);
  der_put_element(&w, DER_GENERAL_STRING, cname, strlen(cname));
  der_wrap(&w, DER_SEQUENCE, 0);
  der_wrap(&w, DER_CONTEXT(1), 0);
  der_put_int_field(&w, 0, 1);
  der_wrap(&w, DER_SEQUENCE, 0);
  der_wrap(&w, DER_CONTEXT(1), 0);
  der_put_field(&w, 0, DER_BIT_STRING, options, sizeof options);
  der_wrap(&w, DER_SEQUENCE, 0);
  der_wrap(&w, DER_CONTEXT(4), 0);
  der_put_int_field(&w, 2, 10);
  der_put_int_field(&w, 1, 5);
  der_wrap(&w, DER_SEQUENCE, 0);
  der_wrap(&w, DER_APPLICATION(10), 0);
  buf_clear(&out);
  buf_init(&out, 1024);
  ck_assert_int_eq(base64_encode(&out, w.at, der_written(&w)), ERR_OK);
  return buf_str(&out);
}

static void add(void)
{
  struct failure f;
  ck_assert_msg(exchanges_add(&s, run.path, NULL, 0, &f) == ERR_OK, "%s", f.why);
}

static json_t *of_step(int step)
{
  json_t *span;
  size_t i;
  json_array_foreach(s.spans, i, span)
  {
    if (span_number(span, "step") == step) return json_object_get(span, "wire");
  }
  return NULL;
}

static bool shows(const char *what)
{
  fflush(p.out);
  return strstr(text, what) != NULL;
}

START_TEST(exchanges_add_none_recorded_is_no_failure)
{
  add();
  ck_assert_int_eq(span_number(s.wire, "with_kdcs"), 0);
  exchanges_show_summary(&p, &s);
  ck_assert(shows("no KDC was asked for anything"));
}
END_TEST

START_TEST(exchanges_add_gives_each_to_its_span)
{
  write_exchange(FLOW_ID, span_of(4), "MAA=");
  write_exchange(FLOW_ID, span_of(5), "MAA=");
  write_exchange(FLOW_ID, "ffffffffffffffff", "MAA="); /* of a span that is not there */
  write_exchange(REFUSED_ID, span_of(4), "MAA=");
  add();
  ck_assert_uint_eq(json_array_size(of_step(4)), 1);
  ck_assert_uint_eq(json_array_size(of_step(5)), 1);
  ck_assert_int_eq(span_number(s.wire, "with_kdcs"), 3);
  json_t *x = json_array_get(of_step(4), 0);
  ck_assert_str_eq(span_text(x, "peer"), "127.0.0.1:88");
  ck_assert_str_eq(span_text(x, "kind"), "other");
  ck_assert(json_real_value(json_object_get(x, "duration_ms")) == 2.5);
  ck_assert(json_is_null(json_object_get(x, "reply")));
}
END_TEST

static void set_user(const char *principal)
{
  json_t *span;
  size_t i;
  json_array_foreach(s.spans, i, span)
  {
    if (span_number(span, "step") == 4)
      json_object_set_new(json_object_get(span, "attributes"), "krb.user", json_string(principal));
  }
}

START_TEST(exchanges_add_counts_in_whose_name_as_reqs_were)
{
  set_user("alice@CORP.SEVENSTEP.TEST");
  write_exchange(FLOW_ID, span_of(4), as_req("connector"));
  write_exchange(FLOW_ID, span_of(4), as_req("connector"));
  write_exchange(FLOW_ID, span_of(4), as_req("ali"));
  add();
  ck_assert_int_eq(span_number(s.wire, "as_reqs"), 3);
  ck_assert_int_eq(span_number(s.wire, "as_reqs_of_user"), 0);
  ck_assert_uint_eq(json_array_size(json_object_get(s.wire, "as_req_cnames")), 2);
  exchanges_show_summary(&p, &s);
  ck_assert(shows("AS-REQ in the name of   connector, ali"));
  ck_assert(shows("in the user's name      none"));
}
END_TEST

START_TEST(exchanges_add_user_who_logs_on_himself_is_told)
{
  set_user("alice@CORP.SEVENSTEP.TEST");
  write_exchange(FLOW_ID, span_of(4), as_req("alice"));
  add();
  ck_assert_int_eq(span_number(s.wire, "as_reqs_of_user"), 1);
  exchanges_show_summary(&p, &s);
  ck_assert(shows("in the user's name      yes"));
}
END_TEST

START_TEST(exchanges_add_what_is_not_base64_is_nothing)
{
  write_exchange(FLOW_ID, span_of(4), "*");
  add();
  ck_assert(json_is_null(json_object_get(json_array_get(of_step(4), 0), "request")));
}
END_TEST

START_TEST(exchanges_add_absent_keytab_is_refused)
{
  struct failure f;
  char path[] = "/nonexistent/keytab", *const keytabs[] = {path};
  ck_assert_int_eq(exchanges_add(&s, run.path, keytabs, 1, &f), ERR_IO);
  ck_assert_ptr_nonnull(strstr(f.why, path));
}
END_TEST

START_TEST(exchanges_show_tells_both_directions)
{
  json_t *told = json_array();
  write_exchange(FLOW_ID, span_of(4), "MAA=");
  add();
  exchanges_show(&p, json_array_get(s.spans, 0), told, 4);
  json_t *span;
  size_t i;
  json_array_foreach(s.spans, i, span) exchanges_show(&p, span, told, 4);
  ck_assert(shows("wire  not understood"));
  ck_assert(shows("sent        ?, 2 bytes, to 127.0.0.1:88 by udp"));
  ck_assert(shows("malformed               it is no message of Kerberos"));
  ck_assert(shows("received    nothing"));
  json_decref(told);
}
END_TEST

START_TEST(story_json_has_the_summary_only_when_it_was_asked_for)
{
  json_t *without = story_json(&s);
  ck_assert_ptr_null(json_object_get(without, "wire"));
  add();
  json_t *with = story_json(&s);
  ck_assert(json_is_object(json_object_get(with, "wire")));
  json_decref(without);
  json_decref(with);
}
END_TEST

START_TEST(spans_with_gives_the_latest_lines_with_a_text)
{
  struct spans *spans;
  struct failure f;
  for (int i = 0; i < 4; i++)
    write_exchange(FLOW_ID, span_of(4), i % 2 ? "MAA=" : "aoA=");
  ck_assert_int_eq(spans_open(run.path, "wire", &spans, &f), ERR_OK);
  json_t *all = spans_with(spans, "\"sent\":\"ao", 9), *last = spans_with(spans, "\"sent\":\"ao", 1);
  ck_assert_uint_eq(json_array_size(all), 2);
  ck_assert_uint_eq(json_array_size(last), 1);
  json_decref(all);
  json_decref(last);
  spans_close(spans);
}
END_TEST

Suite *exchanges_suite(void)
{
  Suite *suite = suite_create("exchanges");
  TCase *t = tcase_create("exchanges");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, exchanges_add_none_recorded_is_no_failure);
  tcase_add_test(t, exchanges_add_gives_each_to_its_span);
  tcase_add_test(t, exchanges_add_counts_in_whose_name_as_reqs_were);
  tcase_add_test(t, exchanges_add_user_who_logs_on_himself_is_told);
  tcase_add_test(t, exchanges_add_what_is_not_base64_is_nothing);
  tcase_add_test(t, exchanges_add_absent_keytab_is_refused);
  tcase_add_test(t, exchanges_show_tells_both_directions);
  tcase_add_test(t, story_json_has_the_summary_only_when_it_was_asked_for);
  tcase_add_test(t, spans_with_gives_the_latest_lines_with_a_text);
  suite_add_tcase(suite, t);
  return suite;
}

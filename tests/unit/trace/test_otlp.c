#include "clock.h"
#include "otlp.h"
#include "receiver.h"
#include "suites.h"
#include "trace.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE                                                                                                 \
  "{\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"00f067aa0ba902b7\",\"parent_span_id\":"  \
  "\"\","                                                                                                    \
  "\"step\":1,\"name\":\"redirect\",\"kind\":2,\"actor\":\"cloud\",\"instance\":\"cloud\",\"start_ns\":1,"   \
  "\"duration_ns\":2,\"status\":\"ok\",\"attributes\":{},\"events\":[]}\n"

static const int ok[] = {200, 0};

static struct otlp *start_to(unsigned short port)
{
  char url[64];
  struct failure f;
  struct otlp *o;
  snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/traces", port);
  ck_assert_int_eq(otlp_new(url, &o, &f), ERR_OK);
  return o;
}

START_TEST(tracer_with_endpoint_posts_spans)
{
  struct receiver r;
  struct tracer *t;
  struct failure f;
  struct span s;
  struct tracer_stats stats;
  char url[64];
  receiver_start(&r, ok, false);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", r.port);
  setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url, 1);
  ck_assert_int_eq(tracer_new(NULL, "cloud", "cloud", &t, &f), ERR_OK);
  unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
  span_start(&s, t, 1, SPAN_SERVER, NULL, NULL, true);
  span_end(&s);
  receiver_wait(&r, 1);
  tracer_stats(t, &stats);
  tracer_free(t);
  ck_assert_ptr_nonnull(strstr(r.head, "POST /v1/traces HTTP/1.1\r\n"));
  ck_assert_ptr_nonnull(strstr(r.head, "Content-Type: application/json\r\n"));
  json_t *body = json_loads(r.body, 0, NULL);
  ck_assert_uint_eq(json_array_size(json_object_get(body, "resourceSpans")), 1);
  json_decref(body);
  receiver_stop(&r);
}
END_TEST

START_TEST(otlp_push_unavailable_receiver_is_tried_again)
{
  static const int statuses[] = {503, 429, 200, 0};
  struct receiver r;
  uint64_t exported, dropped;
  receiver_start(&r, statuses, false);
  struct otlp *o = start_to(r.port);
  otlp_push(o, LINE, strlen(LINE));
  receiver_wait(&r, 3);
  do
    otlp_counts(o, &exported, &dropped);
  while (exported + dropped == 0);
  ck_assert_uint_eq(exported, 1);
  ck_assert_uint_eq(dropped, 0);
  otlp_free(o);
  receiver_stop(&r);
}
END_TEST

START_TEST(otlp_push_refused_spans_are_dropped_and_counted)
{
  static const int statuses[] = {400, 0};
  struct receiver r;
  uint64_t exported, dropped;
  receiver_start(&r, statuses, false);
  struct otlp *o = start_to(r.port);
  otlp_push(o, LINE, strlen(LINE));
  receiver_wait(&r, 1);
  do
    otlp_counts(o, &exported, &dropped);
  while (exported + dropped == 0);
  ck_assert_uint_eq(exported, 0);
  ck_assert_uint_eq(dropped, 1);
  otlp_free(o);
  receiver_stop(&r);
}
END_TEST

START_TEST(otlp_push_absent_receiver_drops_the_oldest)
{
  uint64_t exported, dropped;
  struct otlp *o = start_to(receiver_closed_port());
  for (int i = 0; i < OTLP_QUEUE_MAX + OTLP_BATCH_MAX + 100; i++)
    otlp_push(o, LINE, strlen(LINE));
  otlp_counts(o, &exported, &dropped);
  ck_assert_uint_eq(exported, 0);
  ck_assert_uint_ge(dropped, 100);
  otlp_free(o);
}
END_TEST

START_TEST(otlp_free_sends_what_is_queued)
{
  struct receiver r;
  receiver_start(&r, ok, false);
  struct otlp *o = start_to(r.port);
  otlp_push(o, LINE, strlen(LINE));
  otlp_free(o);
  receiver_wait(&r, 1);
  receiver_stop(&r);
}
END_TEST

START_TEST(otlp_free_mute_receiver_costs_a_second)
{
  struct receiver r;
  receiver_start(&r, ok, true);
  struct otlp *o = start_to(r.port);
  otlp_push(o, LINE, strlen(LINE));
  int64_t begun = clock_mono_ns();
  otlp_free(o);
  ck_assert_int_lt(clock_mono_ns() - begun, 3000000000);
  receiver_stop(&r);
}
END_TEST

START_TEST(otlp_new_other_scheme_is_refused)
{
  struct otlp *o = NULL;
  struct failure f;
  ck_assert_int_eq(otlp_new("file:///etc/passwd", &o, &f), ERR_USAGE);
  ck_assert_int_eq(otlp_new("localhost:4318", &o, &f), ERR_USAGE);
  ck_assert_ptr_null(o);
}
END_TEST

Suite *otlp_suite(void)
{
  Suite *s = suite_create("otlp");
  TCase *t = tcase_create("otlp");
  tcase_set_timeout(t, 20);
  tcase_add_test(t, tracer_with_endpoint_posts_spans);
  tcase_add_test(t, otlp_push_unavailable_receiver_is_tried_again);
  tcase_add_test(t, otlp_push_refused_spans_are_dropped_and_counted);
  tcase_add_test(t, otlp_push_absent_receiver_drops_the_oldest);
  tcase_add_test(t, otlp_free_sends_what_is_queued);
  tcase_add_test(t, otlp_free_mute_receiver_costs_a_second);
  tcase_add_test(t, otlp_new_other_scheme_is_refused);
  suite_add_tcase(s, t);
  return s;
}

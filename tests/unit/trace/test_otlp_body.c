#include "otlp.h"
#include "suites.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static char cloud_line[] =
    "{\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"00f067aa0ba902b7\",\"parent_span_id\":"
    "\"\","
    "\"step\":1,\"name\":\"redirect\",\"kind\":2,\"actor\":\"cloud\",\"instance\":\"cloud\","
    "\"start_ns\":1700000000000000000,\"duration_ns\":1500,\"status\":\"ok\","
    "\"attributes\":{\"url.full\":\"https://x/"
    "\",\"http.response.status_code\":302,\"flag\":true,\"ms\":1.25},"
    "\"events\":[{\"time_ns\":1700000000000000001,\"name\":\"kdc.log\",\"text\":\"TGS_REQ\"}]}\n";
static char failed_line[] =
    "{\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"00f067aa0ba902b8\","
    "\"parent_span_id\":\"00f067aa0ba902b7\",\"step\":4,\"name\":\"delegate\",\"kind\":3,\"actor\":"
    "\"connector\","
    "\"instance\":\"connector-2\",\"start_ns\":1,\"duration_ns\":2,\"status\":\"error\","
    "\"error\":{\"name\":\"kdc_timeout\",\"what\":\"Late.\",\"why\":\"5 s\",\"fix\":\"Look.\",\"event\":0,"
    "\"http_status\":504},\"attributes\":{},\"events\":[]}\n";

static json_t *body_of(char *const *lines, size_t n)
{
  char *text;
  size_t len;
  ck_assert_int_eq(otlp_body(lines, n, &text, &len), ERR_OK);
  ck_assert_uint_eq(strlen(text), len);
  json_t *body = json_loads(text, 0, NULL);
  ck_assert_ptr_nonnull(body);
  free(text);
  return body;
}

static json_t *resource(json_t *body, size_t i)
{
  return json_array_get(json_object_get(body, "resourceSpans"), i);
}

static json_t *spans(json_t *resource_spans)
{
  return json_object_get(json_array_get(json_object_get(resource_spans, "scopeSpans"), 0), "spans");
}

/* The value object of the attribute `key` in a list of attributes. */
static json_t *attribute(json_t *list, const char *key)
{
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item)
  {
    if (strcmp(json_string_value(json_object_get(item, "key")), key) == 0)
      return json_object_get(item, "value");
  }
  ck_abort_msg("no attribute %s", key);
  return NULL;
}

static const char *text(json_t *object, const char *key)
{
  return json_string_value(json_object_get(object, key));
}

START_TEST(otlp_body_span_has_the_protocol_s_members)
{
  char *lines[] = {cloud_line};
  json_t *body = body_of(lines, 1), *span = json_array_get(spans(resource(body, 0)), 0);
  json_t *attributes = json_object_get(span, "attributes");
  json_t *event = json_array_get(json_object_get(span, "events"), 0);
  ck_assert_str_eq(text(span, "traceId"), "4bf92f3577b34da6a3ce929d0e0e4736");
  ck_assert_str_eq(text(span, "spanId"), "00f067aa0ba902b7");
  ck_assert_str_eq(text(span, "parentSpanId"), "");
  ck_assert_str_eq(text(span, "name"), "redirect");
  ck_assert_int_eq(json_integer_value(json_object_get(span, "kind")), 2);
  ck_assert_str_eq(text(span, "startTimeUnixNano"), "1700000000000000000");
  ck_assert_str_eq(text(span, "endTimeUnixNano"), "1700000000000001500");
  ck_assert_str_eq(text(attribute(attributes, "url.full"), "stringValue"), "https://x/");
  ck_assert_str_eq(text(attribute(attributes, "http.response.status_code"), "intValue"), "302");
  ck_assert(json_is_true(json_object_get(attribute(attributes, "flag"), "boolValue")));
  ck_assert_double_eq(json_real_value(json_object_get(attribute(attributes, "ms"), "doubleValue")), 1.25);
  ck_assert_str_eq(text(attribute(attributes, "sevenstep.step"), "intValue"), "1");
  ck_assert_str_eq(text(event, "timeUnixNano"), "1700000000000000001");
  ck_assert_str_eq(text(event, "name"), "kdc.log");
  ck_assert_str_eq(text(attribute(json_object_get(event, "attributes"), "text"), "stringValue"), "TGS_REQ");
  json_decref(body);
}
END_TEST

START_TEST(otlp_body_resource_names_service_and_instance)
{
  char *lines[] = {failed_line};
  json_t *body = body_of(lines, 1);
  json_t *attributes = json_object_get(json_object_get(resource(body, 0), "resource"), "attributes");
  ck_assert_str_eq(text(attribute(attributes, "service.name"), "stringValue"), "sevenstep-connector");
  ck_assert_str_eq(text(attribute(attributes, "service.instance.id"), "stringValue"), "connector-2");
  json_decref(body);
}
END_TEST

START_TEST(otlp_body_failed_span_has_status_error)
{
  char *lines[] = {failed_line};
  json_t *body = body_of(lines, 1), *span = json_array_get(spans(resource(body, 0)), 0);
  json_t *status = json_object_get(span, "status"), *attributes = json_object_get(span, "attributes");
  ck_assert_int_eq(json_integer_value(json_object_get(status, "code")), 2);
  ck_assert_str_eq(text(status, "message"), "Late. 5 s");
  ck_assert_str_eq(text(attribute(attributes, "error.type"), "stringValue"), "kdc_timeout");
  json_decref(body);
}
END_TEST

START_TEST(otlp_body_spans_are_grouped_by_instance)
{
  char *lines[] = {cloud_line, failed_line, cloud_line};
  json_t *body = body_of(lines, 3);
  ck_assert_uint_eq(json_array_size(json_object_get(body, "resourceSpans")), 2);
  ck_assert_uint_eq(json_array_size(spans(resource(body, 0))) + json_array_size(spans(resource(body, 1))), 3);
  json_decref(body);
}
END_TEST

START_TEST(otlp_body_lines_that_are_no_spans_are_left_out)
{
  char broken[] = "{\"trace_id\":", array[] = "[]", empty[] = "{}",
       null_actor[] = "{\"actor\":1,\"instance\":\"x\"}";
  char *lines[] = {broken, array, empty, null_actor, cloud_line};
  json_t *body = body_of(lines, 5);
  ck_assert_uint_eq(json_array_size(json_object_get(body, "resourceSpans")), 1);
  json_decref(body);
}
END_TEST

Suite *otlp_body_suite(void)
{
  Suite *s = suite_create("otlp_body");
  TCase *t = tcase_create("otlp_body");
  tcase_add_test(t, otlp_body_span_has_the_protocol_s_members);
  tcase_add_test(t, otlp_body_resource_names_service_and_instance);
  tcase_add_test(t, otlp_body_failed_span_has_status_error);
  tcase_add_test(t, otlp_body_spans_are_grouped_by_instance);
  tcase_add_test(t, otlp_body_lines_that_are_no_spans_are_left_out);
  suite_add_tcase(s, t);
  return s;
}

#include "flow_lines.h"
#include "story.h"
#include "view_suites.h"

#include <string.h>

static struct story s;

static void tear_down(void)
{
  story_clear(&s);
}

/* The flow's spans in order of time, as spans_load gives them: the first written is the last. */
static json_t *ordered_flow(void)
{
  json_t *all = flow_spans(), *last = json_incref(json_array_get(all, 0));
  json_array_remove(all, 0);
  json_array_append_new(all, last);
  return all;
}

static json_t *span_of_step(json_t *all, int step)
{
  json_t *span;
  size_t i;
  json_array_foreach(all, i, span)
  {
    if (span_number(span, "step") == step) return span;
  }
  return NULL;
}

static void break_span(json_t *span, const char *name)
{
  json_object_set_new(span, "status", json_string("error"));
  json_object_set_new(span, "error", json_pack("{s:s}", "name", name));
}

START_TEST(story_tell_flow_knows_what_it_was_about)
{
  story_tell(&s, FLOW_ID, ordered_flow());
  ck_assert(!s.failed);
  ck_assert_str_eq(s.id, FLOW_ID);
  ck_assert_str_eq(s.steps, "1234567");
  ck_assert_str_eq(s.application, "hello");
  ck_assert_str_eq(s.user, "alice@sevenstep.test");
  ck_assert_str_eq(s.url, "https://hello.apps.localhost:8443/");
  ck_assert_int_eq(s.status, 200);
  ck_assert_int_eq(s.start_ns, FLOW_START);
  ck_assert_int_eq(s.end_ns - s.start_ns, 48300000);
}
END_TEST

START_TEST(story_tell_refused_names_the_failure)
{
  story_tell(&s, REFUSED_ID, refused_spans());
  ck_assert(s.failed);
  ck_assert_str_eq(s.steps, "3");
  ck_assert_int_eq(span_number(s.failed_span, "step"), 3);
}
END_TEST

START_TEST(story_tell_failure_passed_on_names_the_cause)
{
  json_t *all = ordered_flow();
  break_span(span_of_step(all, 4), "kdc_unreachable");
  break_span(span_of_step(all, 3), "kdc_unreachable");
  story_tell(&s, FLOW_ID, all);
  ck_assert_int_eq(span_number(s.failed_span, "step"), 4);
}
END_TEST

START_TEST(story_tell_refusal_by_the_kdc_is_of_the_error_s_step)
{
  json_t *all = ordered_flow();
  break_span(span_of_step(all, 4), "not_allowed_to_delegate");
  break_span(span_of_step(all, 5), "not_allowed_to_delegate");
  story_tell(&s, FLOW_ID, all);
  json_t *v = story_json(&s), *error = json_object_get(v, "error");
  ck_assert_int_eq(span_number(error, "step"), 4);
  ck_assert_str_eq(span_text(error, "actor"), "connector");
  json_decref(v);
}
END_TEST

START_TEST(story_complete_flow_is)
{
  story_tell(&s, FLOW_ID, ordered_flow());
  ck_assert(story_complete(&s));
}
END_TEST

START_TEST(story_complete_without_its_end_is_not)
{
  json_t *all = ordered_flow();
  json_array_remove(all, json_array_size(all) - 1);
  story_tell(&s, FLOW_ID, all);
  ck_assert(!story_complete(&s));
}
END_TEST

START_TEST(story_complete_with_a_parent_missing_is_not)
{
  json_t *all = ordered_flow();
  json_array_remove(all, 3); /* step 4, the parent of 5 and 6 */
  story_tell(&s, FLOW_ID, all);
  ck_assert(!story_complete(&s));
}
END_TEST

START_TEST(story_complete_client_s_own_parent_is_not_missed)
{
  story_tell(&s, REFUSED_ID, refused_spans());
  ck_assert(story_complete(&s));
}
END_TEST

START_TEST(story_json_flow_has_steps_with_offsets_and_claims)
{
  story_tell(&s, FLOW_ID, ordered_flow());
  json_t *v = story_json(&s), *steps = json_object_get(v, "steps");
  json_t *second = json_array_get(steps, 1);
  ck_assert_str_eq(span_text(v, "trace_id"), FLOW_ID);
  ck_assert_str_eq(span_text(v, "status"), "ok");
  ck_assert_str_eq(span_text(v, "sequence"), "1234567");
  ck_assert_str_eq(span_text(v, "started"), "2023-11-14T22:13:20.123Z");
  ck_assert(json_is_true(json_object_get(v, "complete")));
  ck_assert(json_is_null(json_object_get(v, "error")));
  ck_assert_int_eq(span_number(v, "http_status"), 200);
  ck_assert_double_eq(json_real_value(json_object_get(v, "duration_ms")), 48.3);
  ck_assert_uint_eq(json_array_size(steps), 8);
  ck_assert_int_eq(span_number(second, "step"), 2);
  ck_assert_double_eq(json_real_value(json_object_get(second, "offset_ms")), 7.0);
  ck_assert_double_eq(json_real_value(json_object_get(second, "duration_ms")), 20.0);
  ck_assert_str_eq(span_text(json_object_get(second, "claims"), "upn"), "alice@sevenstep.test");
  ck_assert_ptr_nonnull(strstr(span_text(second, "sentence"), "logon"));
  ck_assert_ptr_null(json_object_get(second, "trace_id"));
  json_decref(v);
}
END_TEST

START_TEST(story_json_refused_has_the_error_with_its_place)
{
  story_tell(&s, REFUSED_ID, refused_spans());
  json_t *v = story_json(&s), *error = json_object_get(v, "error");
  ck_assert_str_eq(span_text(v, "status"), "error");
  ck_assert(json_is_null(json_object_get(v, "user")));
  ck_assert_str_eq(span_text(error, "name"), "token_signature");
  ck_assert_int_eq(span_number(error, "step"), 3);
  ck_assert_str_eq(span_text(error, "instance"), "cloud");
  json_decref(v);
}
END_TEST

START_TEST(story_json_spans_of_no_step_stand_apart)
{
  json_t *all = ordered_flow();
  json_object_set_new(span_of_step(all, 5), "step", json_integer(0));
  story_tell(&s, FLOW_ID, all);
  json_t *v = story_json(&s);
  ck_assert_uint_eq(json_array_size(json_object_get(v, "others")), 1);
  ck_assert_uint_eq(json_array_size(json_object_get(v, "steps")), 7);
  ck_assert_str_eq(span_text(v, "sequence"), "123467");
  json_decref(v);
}
END_TEST

START_TEST(story_tell_nothing_is_bearable)
{
  story_tell(&s, FLOW_ID, json_array());
  ck_assert(!story_complete(&s));
  json_t *v = story_json(&s);
  ck_assert_ptr_nonnull(v);
  json_decref(v);
}
END_TEST

Suite *story_suite(void)
{
  Suite *suite = suite_create("story");
  TCase *t = tcase_create("story");
  tcase_add_checked_fixture(t, NULL, tear_down);
  tcase_add_test(t, story_tell_flow_knows_what_it_was_about);
  tcase_add_test(t, story_tell_refused_names_the_failure);
  tcase_add_test(t, story_tell_failure_passed_on_names_the_cause);
  tcase_add_test(t, story_tell_refusal_by_the_kdc_is_of_the_error_s_step);
  tcase_add_test(t, story_complete_flow_is);
  tcase_add_test(t, story_complete_without_its_end_is_not);
  tcase_add_test(t, story_complete_with_a_parent_missing_is_not);
  tcase_add_test(t, story_complete_client_s_own_parent_is_not_missed);
  tcase_add_test(t, story_json_flow_has_steps_with_offsets_and_claims);
  tcase_add_test(t, story_json_refused_has_the_error_with_its_place);
  tcase_add_test(t, story_json_spans_of_no_step_stand_apart);
  tcase_add_test(t, story_tell_nothing_is_bearable);
  suite_add_tcase(suite, t);
  return suite;
}

#include "report.h"

#include "run.h"

#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;

static struct report begin(bool json)
{
  struct report r;
  FILE *out = open_memstream(&text, &size);
  ck_assert_ptr_nonnull(out);
  ck_assert_int_eq(report_init(&r, out, json), ERR_OK);
  return r;
}

static void end(struct report *r)
{
  report_end(r);
  fclose(r->out);
  report_clear(r);
}

static void add_failure(struct report *r, const char *check)
{
  struct finding f = {.check = check, .outcome = OUTCOME_FAIL, .error = "clock_skew", .event = 13019};
  snprintf(f.what, sizeof f.what, "seen\x1b[31m");
  snprintf(f.cause, sizeof f.cause, "The cause.");
  snprintf(f.mit, sizeof f.mit, "do this");
  snprintf(f.ad, sizeof f.ad, "do that");
  report_add(r, &f);
}

START_TEST(report_end_lines_name_the_first_failure)
{
  struct report r = begin(false);
  report_pass(&r, "names", "found %d", 1);
  add_failure(&r, "clock");
  add_failure(&r, "as");
  report_skip(&r, "pac", "needs as");
  end(&r);
  ck_assert_ptr_nonnull(strstr(text, "pass  names         found 1\n"));
  ck_assert_ptr_nonnull(strstr(text, "The cause. (clock_skew, Microsoft's event 13019)"));
  ck_assert_ptr_nonnull(strstr(text, "fix, MIT      do this\n"));
  ck_assert_ptr_nonnull(strstr(text, "fix, AD       do that\n"));
  ck_assert_ptr_nonnull(strstr(text, "1 passed, 2 failed, 1 skipped. Begin with clock: The cause.\n"));
  free(text);
}
END_TEST

START_TEST(report_add_control_characters_are_replaced)
{
  struct report r = begin(false);
  add_failure(&r, "clock");
  end(&r);
  ck_assert_ptr_nonnull(strstr(text, "seen?[31m"));
  ck_assert_ptr_null(strchr(text, 0x1b));
  free(text);
}
END_TEST

START_TEST(report_end_json_is_one_document)
{
  struct report r = begin(true);
  report_pass(&r, "names", "found");
  add_failure(&r, "clock");
  end(&r);
  json_t *o = json_loads(text, 0, NULL);
  ck_assert_ptr_nonnull(o);
  ck_assert(json_is_false(json_object_get(o, "ok")));
  ck_assert_uint_eq(json_array_size(json_object_get(o, "findings")), 2);
  json_t *first = json_object_get(o, "first");
  ck_assert_str_eq(json_string_value(json_object_get(first, "check")), "clock");
  ck_assert_int_eq(json_integer_value(json_object_get(first, "event")), 13019);
  ck_assert_str_eq(json_string_value(json_object_get(json_object_get(first, "fix"), "ad")), "do that");
  json_decref(o);
  free(text);
}
END_TEST

START_TEST(report_end_json_without_failure_is_ok)
{
  struct report r = begin(true);
  report_skip(&r, "application", "no URL");
  end(&r);
  json_t *o = json_loads(text, 0, NULL);
  ck_assert(json_is_true(json_object_get(o, "ok")));
  ck_assert_ptr_null(json_object_get(o, "first"));
  json_decref(o);
  free(text);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("report");
  TCase *t = tcase_create("report");
  tcase_add_test(t, report_end_lines_name_the_first_failure);
  tcase_add_test(t, report_add_control_characters_are_replaced);
  tcase_add_test(t, report_end_json_is_one_document);
  tcase_add_test(t, report_end_json_without_failure_is_ok);
  suite_add_tcase(s, t);
  return run(s);
}

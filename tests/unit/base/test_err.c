#include "err.h"
#include "suites.h"

#include <stdbool.h>
#include <string.h>

START_TEST(err_info_every_error_is_fully_described)
{
  static const char *const actors[] = {"any", "cloud", "idp", "connector", "backend", "kdc"};
  const struct err_info *info = err_info((enum err)_i);
  bool known = false;
  for (size_t i = 0; i < sizeof actors / sizeof *actors; i++)
    known = known || strcmp(info->actor, actors[i]) == 0;
  ck_assert_msg(known, "%s: actor %s", info->name, info->actor);
  ck_assert_int_ge(info->step, 0);
  ck_assert_int_le(info->step, 7);
  ck_assert_msg(info->http_status == 0 || (info->http_status >= 400 && info->http_status < 600), "%s: %d",
                info->name, info->http_status);
  ck_assert_uint_gt(strlen(info->name), 0);
  ck_assert_uint_eq(strspn(info->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(info->name));
  ck_assert_msg(strlen(info->what) > 10 && info->what[strlen(info->what) - 1] == '.', "%s: what", info->name);
  ck_assert_msg(strlen(info->fix) > 5, "%s: fix", info->name);
}
END_TEST

/* As Microsoft publishes them, for the connector and for the Web Application Proxy that it came of. */
static const int events[] = {12003, 12004, 12008, 12011, 12027, 13001, 13006, 13007, 13012,
                             13013, 13014, 13015, 13016, 13019, 13020, 13022, 13028};

START_TEST(err_info_event_is_one_of_microsofts)
{
  const struct err_info *info = err_info((enum err)_i);
  bool known = info->event == 0;
  for (size_t i = 0; i < sizeof events / sizeof *events; i++)
    known = known || info->event == events[i];
  ck_assert_msg(known, "%s: %d", info->name, info->event);
}
END_TEST

START_TEST(err_info_every_event_of_microsofts_is_some_errors)
{
  bool found = false;
  for (int e = 0; e < ERR_COUNT; e++)
    found = found || err_info((enum err)e)->event == events[_i];
  ck_assert_msg(found, "%d", events[_i]);
}
END_TEST

START_TEST(err_info_of_step_4_has_an_event_and_both_fixes)
{
  const struct err_info *info = err_info((enum err)_i);
  if (info->step != 4) return;
  ck_assert_msg(info->event, "%s has no event", info->name);
  ck_assert_msg(strstr(info->fix, "MIT") && strstr(info->fix, "AD:"), "%s: %s", info->name, info->fix);
}
END_TEST

START_TEST(err_info_unknown_value_is_internal_error)
{
  ck_assert_str_eq(err_info((enum err)ERR_COUNT)->name, "internal_error");
  ck_assert_str_eq(err_info((enum err) - 1)->name, "internal_error");
  ck_assert_str_eq(err_info(ERR_OK)->name, "ok");
}
END_TEST

START_TEST(err_by_name_finds_exactly_its_error)
{
  ck_assert_int_eq(err_by_name(err_info((enum err)_i)->name), _i); /* also: no name twice */
}
END_TEST

START_TEST(err_by_name_unknown_is_ok)
{
  ck_assert_int_eq(err_by_name("no_such_error"), ERR_OK);
  ck_assert_int_eq(err_by_name(""), ERR_OK);
}
END_TEST

START_TEST(failure_set_formats_and_returns_the_error)
{
  struct failure f;
  ck_assert_int_eq(failure_set(&f, ERR_TOKEN_ISSUER, "iss is %s", "x"), ERR_TOKEN_ISSUER);
  ck_assert_int_eq(f.err, ERR_TOKEN_ISSUER);
  ck_assert_str_eq(f.why, "iss is x");
}
END_TEST

START_TEST(failure_set_control_characters_become_question_marks)
{
  struct failure f;
  (void)failure_set(&f, ERR_IO, "%s",
                    "a\r\nb\tc\x1b[31m\x7f"
                    "caf\xc3\xa9");
  ck_assert_str_eq(f.why, "a??b?c?[31m?caf\xc3\xa9");
}
END_TEST

START_TEST(failure_set_long_reason_is_cut)
{
  struct failure f;
  char text[1000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = 0;
  (void)failure_set(&f, ERR_IO, "%s", text);
  ck_assert_uint_eq(strlen(f.why), sizeof f.why - 1);
}
END_TEST

START_TEST(failure_set_nowhere_returns_the_error)
{
  ck_assert_int_eq(failure_set(NULL, ERR_IO, "%s", "x"), ERR_IO);
}
END_TEST

Suite *err_suite(void)
{
  Suite *s = suite_create("err");
  TCase *t = tcase_create("err");
  tcase_add_loop_test(t, err_info_every_error_is_fully_described, 1, ERR_COUNT);
  tcase_add_loop_test(t, err_info_event_is_one_of_microsofts, 1, ERR_COUNT);
  tcase_add_loop_test(t, err_info_every_event_of_microsofts_is_some_errors, 0,
                      (int)(sizeof events / sizeof *events));
  tcase_add_loop_test(t, err_info_of_step_4_has_an_event_and_both_fixes, 1, ERR_COUNT);
  tcase_add_test(t, err_info_unknown_value_is_internal_error);
  tcase_add_loop_test(t, err_by_name_finds_exactly_its_error, 1, ERR_COUNT);
  tcase_add_test(t, err_by_name_unknown_is_ok);
  tcase_add_test(t, failure_set_formats_and_returns_the_error);
  tcase_add_test(t, failure_set_control_characters_become_question_marks);
  tcase_add_test(t, failure_set_long_reason_is_cut);
  tcase_add_test(t, failure_set_nowhere_returns_the_error);
  suite_add_tcase(s, t);
  return s;
}

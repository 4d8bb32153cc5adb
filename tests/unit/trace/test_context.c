#include "suites.h"
#include "trace.h"

#include <string.h>

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static enum err parse(const char *text)
{
  struct trace_ctx c;
  return trace_ctx_parse(&c, text, strlen(text));
}

START_TEST(trace_ctx_parse_valid_gives_ids_and_flag)
{
  struct trace_ctx c;
  char back[TRACEPARENT_LEN + 1], id[33];
  ck_assert_int_eq(trace_ctx_parse(&c, GOOD, TRACEPARENT_LEN), ERR_OK);
  ck_assert(c.sampled);
  ck_assert_uint_eq(c.trace_id[0], 0x4b);
  ck_assert_uint_eq(c.span_id[7], 0xb7);
  trace_ctx_format(&c, back);
  ck_assert_str_eq(back, GOOD);
  trace_id_format(&c, id);
  ck_assert_str_eq(id, "4bf92f3577b34da6a3ce929d0e0e4736");
}
END_TEST

START_TEST(trace_ctx_parse_other_flags_are_ignored)
{
  struct trace_ctx c;
  const char *text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe";
  ck_assert_int_eq(trace_ctx_parse(&c, text, strlen(text)), ERR_OK);
  ck_assert(!c.sampled);
}
END_TEST

static const char *const refused[] = {
    "",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",  /* short */
    GOOD "0",                                                  /* long */
    "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", /* another version */
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", /* the forbidden version */
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01", /* trace id all zero */
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", /* span id all zero */
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", /* upper case */
    "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", /* not hex */
    "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", /* wrong separator */
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
};

START_TEST(trace_ctx_parse_malformed_is_refused)
{
  ck_assert_msg(parse(refused[_i]) == ERR_SYNTAX, "accepted: %s", refused[_i]);
}
END_TEST

START_TEST(trace_ctx_parse_malformed_leaves_result)
{
  struct trace_ctx c = {.trace_id = {1}, .span_id = {2}, .sampled = true}, before = c;
  ck_assert_int_eq(trace_ctx_parse(&c, refused[5], TRACEPARENT_LEN), ERR_SYNTAX);
  ck_assert_mem_eq(&c, &before, sizeof c);
}
END_TEST

START_TEST(trace_ctx_valid_needs_both_ids)
{
  struct trace_ctx c = {0};
  ck_assert(!trace_ctx_valid(NULL));
  ck_assert(!trace_ctx_valid(&c));
  c.trace_id[15] = 1;
  ck_assert(!trace_ctx_valid(&c));
  c.span_id[7] = 1;
  ck_assert(trace_ctx_valid(&c));
}
END_TEST

START_TEST(step_by_number_knows_exactly_seven)
{
  ck_assert_ptr_null(step_by_number(0));
  for (int i = 1; i <= 7; i++)
    ck_assert_int_eq(step_by_number(i)->number, i);
  ck_assert_ptr_null(step_by_number(8));
  ck_assert_str_eq(step_by_number(4)->verb, "delegate");
}
END_TEST

Suite *context_suite(void)
{
  Suite *s = suite_create("context");
  TCase *t = tcase_create("context");
  tcase_add_test(t, trace_ctx_parse_valid_gives_ids_and_flag);
  tcase_add_test(t, trace_ctx_parse_other_flags_are_ignored);
  tcase_add_loop_test(t, trace_ctx_parse_malformed_is_refused, 0, sizeof refused / sizeof *refused);
  tcase_add_test(t, trace_ctx_parse_malformed_leaves_result);
  tcase_add_test(t, trace_ctx_valid_needs_both_ids);
  tcase_add_test(t, step_by_number_knows_exactly_seven);
  suite_add_tcase(s, t);
  return s;
}

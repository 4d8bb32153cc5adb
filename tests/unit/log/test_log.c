/* The log as its readers see it: what arrives on standard error. */
#include "log.h"

#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int saved_stderr, pipe_out;

static void set_up(void)
{
  int p[2];
  ck_assert_int_eq(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
  saved_stderr = dup(STDERR_FILENO);
  dup2(p[1], STDERR_FILENO);
  close(p[1]);
  pipe_out = p[0];
  unsetenv("SEVENSTEP_LOG");
  unsetenv("SEVENSTEP_LOG_FORMAT");
}

static void tear_down(void)
{
  dup2(saved_stderr, STDERR_FILENO);
  close(saved_stderr);
  close(pipe_out);
}

/* What was logged since the last call; "" if nothing. */
static const char *logged(void)
{
  static char text[16 * 1024];
  ssize_t n = read(pipe_out, text, sizeof text - 1);
  text[n > 0 ? n : 0] = 0;
  return text;
}

START_TEST(log_write_text_has_time_level_actor_and_message)
{
  log_init("cloud");
  log_info("hello %d", 7);
  const char *line = logged();
  ck_assert_uint_gt(strlen(line), 25);
  ck_assert_int_eq(line[10], 'T');
  ck_assert_int_eq(line[23], 'Z');
  ck_assert_str_eq(line + 24, " info  cloud: hello 7\n");
}
END_TEST

START_TEST(log_write_text_names_the_trace)
{
  log_init("cloud");
  log_write(LOG_WARN, "0123456789abcdef0123456789abcdef", "x");
  ck_assert_str_eq(logged() + 24, " warn  cloud [0123456789abcdef0123456789abcdef]: x\n");
}
END_TEST

START_TEST(log_write_below_the_level_is_silent)
{
  log_init("cloud");
  log_debug("no");
  ck_assert_str_eq(logged(), "");
  setenv("SEVENSTEP_LOG", "error", 1);
  log_init("cloud");
  log_warn("no");
  ck_assert_str_eq(logged(), "");
  log_error("yes");
  ck_assert_ptr_nonnull(strstr(logged(), "yes"));
}
END_TEST

START_TEST(log_write_debug_level_shows_all)
{
  setenv("SEVENSTEP_LOG", "debug", 1);
  log_init("cloud");
  log_debug("yes");
  ck_assert_ptr_nonnull(strstr(logged(), "debug cloud: yes"));
}
END_TEST

START_TEST(log_init_unknown_level_is_info)
{
  setenv("SEVENSTEP_LOG", "loud", 1);
  log_init("cloud");
  log_info("yes");
  log_debug("no");
  const char *text = logged();
  ck_assert_ptr_nonnull(strstr(text, "yes"));
  ck_assert_ptr_null(strstr(text, "no"));
}
END_TEST

START_TEST(log_write_control_characters_become_one_line)
{
  log_init("cloud");
  log_info("a\nb\tc\x1b[31m\x7f");
  ck_assert_str_eq(logged() + 24, " info  cloud: a?b?c?[31m?\n");
}
END_TEST

START_TEST(log_write_long_message_is_cut_at_one_line)
{
  static char big[8000];
  memset(big, '"', sizeof big - 1);
  log_init("cloud");
  log_info("%s", big);
  const char *line = logged();
  ck_assert_uint_lt(strlen(line), 4096);
  ck_assert_int_eq(line[strlen(line) - 1], '\n');
  ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

START_TEST(log_write_json_is_an_object_a_line)
{
  setenv("SEVENSTEP_LOG_FORMAT", "json", 1);
  log_init("cloud");
  log_write(LOG_INFO, "0123456789abcdef0123456789abcdef", "say \"hi\" \\ \n %s", "ä");
  json_t *o = json_loads(logged(), 0, NULL);
  ck_assert_ptr_nonnull(o);
  ck_assert_str_eq(json_string_value(json_object_get(o, "level")), "info");
  ck_assert_str_eq(json_string_value(json_object_get(o, "actor")), "cloud");
  ck_assert_str_eq(json_string_value(json_object_get(o, "trace_id")), "0123456789abcdef0123456789abcdef");
  ck_assert_str_eq(json_string_value(json_object_get(o, "message")), "say \"hi\" \\ ? ä");
  json_decref(o);
}
END_TEST

START_TEST(log_write_json_of_only_quotes_is_still_valid)
{
  static char big[8000];
  memset(big, '"', sizeof big - 1);
  setenv("SEVENSTEP_LOG_FORMAT", "json", 1);
  log_init("cloud");
  log_info("%s", big);
  json_t *o = json_loads(logged(), 0, NULL);
  ck_assert_ptr_nonnull(o);
  ck_assert_ptr_null(json_object_get(o, "trace_id"));
  json_decref(o);
}
END_TEST

START_TEST(log_write_keeps_errno)
{
  log_init("cloud");
  errno = ENOENT;
  log_info("x");
  ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(log_failure_says_step_what_why_and_fix)
{
  struct failure f;
  failure_set(&f, ERR_KDC_UNREACHABLE, "127.0.0.1:8448: Connection refused");
  log_init("connector-1");
  log_failure(LOG_ERROR, NULL, &f);
  const char *line = logged();
  ck_assert_ptr_nonnull(strstr(line, "error connector-1: step 4 kdc_unreachable: The KDC does not answer."));
  ck_assert_ptr_nonnull(strstr(line, " Reason: 127.0.0.1:8448: Connection refused"));
  ck_assert_ptr_nonnull(strstr(line, " Fix: Start it"));
}
END_TEST

START_TEST(log_failure_without_reason_names_none)
{
  struct failure f = {.err = ERR_INTERNAL};
  log_init("cloud");
  log_failure(LOG_ERROR, NULL, &f);
  const char *line = logged();
  ck_assert_ptr_null(strstr(line, "Reason:"));
  ck_assert_ptr_null(strstr(line, "step"));
}
END_TEST

START_TEST(log_fingerprint_is_the_beginning_of_sha256)
{
  char out[9];
  log_fingerprint(out, "abc", 3);
  ck_assert_str_eq(out, "ba7816bf");
  log_fingerprint(out, "", 0);
  ck_assert_str_eq(out, "e3b0c442");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("log");
  TCase *t = tcase_create("log");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, log_write_text_has_time_level_actor_and_message);
  tcase_add_test(t, log_write_text_names_the_trace);
  tcase_add_test(t, log_write_below_the_level_is_silent);
  tcase_add_test(t, log_write_debug_level_shows_all);
  tcase_add_test(t, log_init_unknown_level_is_info);
  tcase_add_test(t, log_write_control_characters_become_one_line);
  tcase_add_test(t, log_write_long_message_is_cut_at_one_line);
  tcase_add_test(t, log_write_json_is_an_object_a_line);
  tcase_add_test(t, log_write_json_of_only_quotes_is_still_valid);
  tcase_add_test(t, log_write_keeps_errno);
  tcase_add_test(t, log_failure_says_step_what_why_and_fix);
  tcase_add_test(t, log_failure_without_reason_names_none);
  tcase_add_test(t, log_fingerprint_is_the_beginning_of_sha256);
  suite_add_tcase(s, t);
  return run(s);
}

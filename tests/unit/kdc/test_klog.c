#include "klog.h"

#include "clock.h"
#include "run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int pipe_fds[2];
static struct klog *k;
static unsigned seen;

static void each(void *arg, const char *text)
{
  (void)arg;
  (void)text;
  seen++;
}

static void setup(void)
{
  ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
  seen = 0;
  ck_assert_int_eq(klog_new(pipe_fds[0], each, NULL, &k, NULL), ERR_OK);
}

static void teardown(void)
{
  klog_free(k);
  close(pipe_fds[0]);
  if (pipe_fds[1] >= 0) close(pipe_fds[1]);
}

static void log_text(const char *text)
{
  ck_assert_int_eq(write(pipe_fds[1], text, strlen(text)), (ssize_t)strlen(text));
}

#define LINE(pid, text) "Nov 23 22:08:10 vm krb5kdc[" pid "](info): " text "\n"

static char *ask(const char *client, int64_t since)
{
  struct buf b;
  buf_init(&b, 1 << 20);
  ck_assert_int_eq(klog_query(k, client, since, &b), ERR_OK);
  return (char *)b.data;
}

START_TEST(klog_query_drains_what_was_written_before)
{
  log_text(LINE("1", "AS_REQ (2 etypes {18}) 127.0.0.1: ISSUE: authtime 1, alice@R for krbtgt/R@R"));
  char *answer = ask("alice@R", 0);
  ck_assert_ptr_nonnull(strstr(
      answer, "\"text\":\"AS_REQ (2 etypes {18}) 127.0.0.1: ISSUE: authtime 1, alice@R for krbtgt/R@R\"}"));
  ck_assert_uint_eq(seen, 1);
  free(answer);
}
END_TEST

START_TEST(klog_query_s4u_gives_both_lines_of_the_process)
{
  log_text(LINE("7", "TGS_REQ 127.0.0.1: ISSUE: HTTP/c@R for HTTP/a@R"));
  log_text(LINE("8", "TGS_REQ 127.0.0.1: ISSUE: HTTP/other@R for HTTP/x@R"));
  log_text(LINE("7", "... CONSTRAINED-DELEGATION s4u-client=alice@R"));
  char *answer = ask("alice@R", 0);
  ck_assert_ptr_nonnull(strstr(answer, "HTTP/c@R for HTTP/a@R"));
  ck_assert_ptr_nonnull(strstr(answer, "... CONSTRAINED-DELEGATION s4u-client=alice@R"));
  ck_assert_ptr_null(strstr(answer, "HTTP/other"));
  free(answer);
}
END_TEST

START_TEST(klog_query_another_client_gives_nothing)
{
  log_text(LINE("7", "TGS_REQ 127.0.0.1: ISSUE: HTTP/c@R for HTTP/a@R"));
  log_text(LINE("7", "... PROTOCOL-TRANSITION s4u-client=alice@R"));
  char *answer = ask("lice@R", 0);
  ck_assert_str_eq(answer, "{\"lines\":[]}\n");
  free(answer);
}
END_TEST

START_TEST(klog_query_a_server_of_that_name_is_no_client)
{
  log_text(LINE("7", "TGS_REQ 127.0.0.1: ISSUE: bob@R for alice@R"));
  char *answer = ask("alice@R", 0);
  ck_assert_str_eq(answer, "{\"lines\":[]}\n");
  free(answer);
}
END_TEST

START_TEST(klog_query_since_leaves_older_lines_out)
{
  log_text(LINE("7", "AS_REQ 127.0.0.1: ISSUE: alice@R for krbtgt/R@R"));
  klog_drain(k);
  char *answer = ask("alice@R", clock_wall_ns() + 1);
  ck_assert_str_eq(answer, "{\"lines\":[]}\n");
  free(answer);
}
END_TEST

START_TEST(klog_query_without_client_gives_all)
{
  log_text("one\ntwo\n");
  char *answer = ask(NULL, 0);
  ck_assert_ptr_nonnull(strstr(answer, "\"one\""));
  ck_assert_ptr_nonnull(strstr(answer, "\"two\""));
  free(answer);
}
END_TEST

START_TEST(klog_query_escapes_for_json)
{
  log_text("a \"quoted\" back\\slash \x01 \xc3\n");
  char *answer = ask(NULL, 0);
  ck_assert_ptr_nonnull(strstr(answer, "a \\\"quoted\\\" back\\\\slash \\u0001 \\u00c3"));
  free(answer);
}
END_TEST

START_TEST(klog_drain_line_in_pieces_is_one_line)
{
  log_text("first ");
  klog_drain(k);
  ck_assert_uint_eq(seen, 0);
  log_text("half\n");
  klog_drain(k);
  ck_assert_uint_eq(seen, 1);
  char last[64];
  klog_last(k, last, sizeof last);
  ck_assert_str_eq(last, "first half");
}
END_TEST

START_TEST(klog_drain_long_line_is_cut)
{
  char text[KLOG_LINE_MAX + 100];
  memset(text, 'x', sizeof text - 2);
  text[sizeof text - 2] = '\n';
  text[sizeof text - 1] = '\0';
  log_text(text);
  klog_drain(k);
  char last[2 * KLOG_LINE_MAX];
  klog_last(k, last, sizeof last);
  ck_assert_uint_eq(strlen(last), KLOG_LINE_MAX - 1);
}
END_TEST

START_TEST(klog_drain_end_of_input_is_told)
{
  log_text("no newline");
  close(pipe_fds[1]);
  pipe_fds[1] = -1;
  ck_assert(!klog_drain(k));
  ck_assert_uint_eq(seen, 1);
}
END_TEST

START_TEST(klog_query_ring_keeps_the_newest)
{
  for (int i = 0; i < KLOG_LINES + 10; i++) {
    char text[32];
    snprintf(text, sizeof text, "line %d.\n", i);
    log_text(text);
    klog_drain(k);
  }
  struct buf b;
  buf_init(&b, 1 << 20);
  ck_assert_int_eq(klog_query(k, NULL, 0, &b), ERR_OK);
  ck_assert_ptr_null(strstr(buf_str(&b), "\"line 9.\""));
  ck_assert_ptr_nonnull(strstr(buf_str(&b), "\"line 10.\""));
  buf_clear(&b);
}
END_TEST

START_TEST(klog_count_counts_by_kind)
{
  struct klog_counts c;
  log_text(LINE("1", "AS_REQ 1: NEEDED_PREAUTH: a@R for krbtgt/R@R, Additional pre-authentication required"));
  log_text(LINE("1", "AS_REQ 1: ISSUE: authtime 1, a@R for krbtgt/R@R"));
  log_text(LINE("1", "TGS_REQ 1: ISSUE: authtime 1, c@R for c@R"));
  log_text(LINE("1", "... PROTOCOL-TRANSITION s4u-client=a@R"));
  log_text(LINE("1", "TGS_REQ 1: NOT_ALLOWED_TO_DELEGATE: authtime 1, c@R for v@R"));
  log_text(LINE("1", "... CONSTRAINED-DELEGATION s4u-client=a@R"));
  klog_drain(k);
  klog_count(k, &c);
  ck_assert_uint_eq(c.lines, 6);
  ck_assert_uint_eq(c.as_issued, 1);
  ck_assert_uint_eq(c.tgs_issued, 1);
  ck_assert_uint_eq(c.s4u2self, 1);
  ck_assert_uint_eq(c.s4u2proxy, 1);
  ck_assert_uint_eq(c.refused, 1);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("klog");
  TCase *t = tcase_create("klog");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, klog_query_drains_what_was_written_before);
  tcase_add_test(t, klog_query_s4u_gives_both_lines_of_the_process);
  tcase_add_test(t, klog_query_another_client_gives_nothing);
  tcase_add_test(t, klog_query_a_server_of_that_name_is_no_client);
  tcase_add_test(t, klog_query_since_leaves_older_lines_out);
  tcase_add_test(t, klog_query_without_client_gives_all);
  tcase_add_test(t, klog_query_escapes_for_json);
  tcase_add_test(t, klog_drain_line_in_pieces_is_one_line);
  tcase_add_test(t, klog_drain_long_line_is_cut);
  tcase_add_test(t, klog_drain_end_of_input_is_told);
  tcase_add_test(t, klog_query_ring_keeps_the_newest);
  tcase_add_test(t, klog_count_counts_by_kind);
  suite_add_tcase(s, t);
  return run(s);
}

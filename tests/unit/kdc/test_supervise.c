#include "admin.h"
#include "client.h"
#include "kdc_lab.h"
#include "supervise.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kdc_lab l;

static void setup(void)
{
  supervise_block_signals();
  kdc_lab_make(&l);
}

static void teardown(void)
{
  kdc_lab_remove(&l);
}

static void each(void *arg, const char *text)
{
  (void)arg;
  (void)text;
}

static struct supervised *start(void)
{
  struct supervised *s;
  struct failure f = {0};
  ck_assert_msg(supervise_krb5kdc(&l.lab, each, NULL, &s, &f) == ERR_OK, "%s", f.why);
  ck_assert_msg(supervise_until_ready(s, &f) == ERR_OK, "%s", f.why);
  return s;
}

START_TEST(supervise_until_ready_then_it_serves)
{
  struct supervised *s = start();
  ck_assert(supervise_is_serving(s));
  krb_ticket_unref(kdc_lab_ticket(&l));
  supervise_stop(s);
}
END_TEST

START_TEST(supervise_run_asked_to_end_returns)
{
  struct supervised *s = start();
  kill(getpid(), SIGTERM);
  ck_assert_int_eq(supervise_run(s, NULL), ERR_OK);
  supervise_stop(s);
}
END_TEST

START_TEST(supervise_run_killed_kdc_is_an_error)
{
  struct supervised *s = start();
  struct failure f = {0};
  ck_assert_int_eq(
      system("for p in /proc/[0-9]*; do read -r _ name _ parent _ < $p/stat 2>/dev/null || continue;"
             " [ \"$name\" = '(krb5kdc)' ] && [ \"$parent\" = \"$PPID\" ] && kill -9 \"${p#/proc/}\"; done; "
             "true"),
      0);
  ck_assert_int_eq(supervise_run(s, &f), ERR_KDC_START);
  ck_assert_ptr_nonnull(strstr(f.why, "signal 9"));
  ck_assert(!supervise_is_serving(s));
  supervise_stop(s);
}
END_TEST

START_TEST(supervise_krb5kdc_taken_address_is_refused)
{
  struct supervised *s = start(), *second;
  ck_assert_int_eq(supervise_krb5kdc(&l.lab, each, NULL, &second, NULL), ERR_PORT_TAKEN);
  supervise_stop(s);
}
END_TEST

START_TEST(supervise_until_ready_broken_database_is_an_error)
{
  struct supervised *s;
  struct failure f = {0};
  unlink(kdc_lab_path(&l, "kdc/stash"));
  ck_assert_int_eq(supervise_krb5kdc(&l.lab, each, NULL, &s, &f), ERR_OK);
  ck_assert_int_eq(supervise_until_ready(s, &f), ERR_KDC_START);
  ck_assert_msg(strstr(f.why, "krb5kdc") != NULL, "%s", f.why);
  supervise_stop(s);
}
END_TEST

static int connect_to(uint16_t port)
{
  struct sockaddr_in a = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
  return fd;
}

static char *get(uint16_t port, const char *target)
{
  char text[512];
  int fd = connect_to(port);
  snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: kdc\r\nConnection: close\r\n\r\n", target);
  client_puts(fd, text);
  return client_read_all(fd);
}

static void assert_gets(uint16_t port, const char *target, const char *status, const char *text)
{
  assert_answer(get(port, target), status, text);
}

static enum err no_reload(void *arg, char *text, size_t size, struct failure *f)
{
  (void)arg;
  (void)text;
  (void)size;
  return failure_set(f, ERR_CONFIG, "not here");
}

START_TEST(kdc_admin_log_has_the_exchange_that_was_just_answered)
{
  struct supervised *s = start();
  struct kdc_admin *a;
  struct failure f = {0};
  struct lab_addr listen = {"127.0.0.1", kdc_lab_free_port()};
  const struct kdc_orders orders = {.reload = no_reload};
  ck_assert_msg(kdc_admin_start(&listen, kdc_lab_path(&l, "kdc.sock"), s, &orders, &a, &f) == ERR_OK, "%s",
                f.why);
  krb_ticket_unref(kdc_lab_ticket(&l));
  assert_gets(listen.port, "/log?client=alice%40CORP.TEST&since=0", "200",
              "... CONSTRAINED-DELEGATION s4u-client=alice@CORP.TEST");
  assert_gets(listen.port, "/log?client=alice%40CORP.TEST", "200",
              "HTTP/connector-1.corp.test@CORP.TEST for HTTP/hello.corp.test@CORP.TEST");
  assert_gets(listen.port, "/log?client=nobody%40CORP.TEST", "200", "{\"lines\":[]}");
  assert_gets(listen.port, "/log?since=9000000000000000000", "200", "{\"lines\":[]}");
  assert_gets(listen.port, "/log?since=x", "400", "since is not a number");
  assert_gets(listen.port, "/log?since=1&since=2", "400", "since is repeated");
  assert_gets(listen.port, "/readyz", "200", "true");
  assert_gets(listen.port, "/metrics", "200", "sevenstep_kdc_s4u_total{exchange=\"s4u2proxy\"} 1");
  kdc_admin_stop(a);
  supervise_stop(s);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("supervise");
  TCase *t = tcase_create("supervise");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, supervise_until_ready_then_it_serves);
  tcase_add_test(t, supervise_run_asked_to_end_returns);
  tcase_add_test(t, supervise_run_killed_kdc_is_an_error);
  tcase_add_test(t, supervise_krb5kdc_taken_address_is_refused);
  tcase_add_test(t, supervise_until_ready_broken_database_is_an_error);
  tcase_add_test(t, kdc_admin_log_has_the_exchange_that_was_just_answered);
  suite_add_tcase(s, t);
  return run(s);
}

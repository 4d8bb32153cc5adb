/* The whole examination against a real KDC, where the fault is one that a lab cannot show easily: clocks, and
 * applications of every bad kind, played by a socket. */
#include "doctor.h"
#include "kdc_lab.h"

#include "clock.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kdc_lab l;
static struct report report;
static FILE *sink;

static void setup(void)
{
  kdc_lab_make(&l);
  kdc_lab_start(&l);
}

static void teardown(void)
{
  kdc_lab_remove(&l);
}

/* -- an application -------------------------------------------------------------------------------------- */

static struct application {
  const char *without, *with; /* its answers to requests without and with a token */
  int listener;
  pthread_t thread;
  char url[64];
} app;

static void *serve(void *arg)
{
  (void)arg;
  for (;;) {
    char request[8192];
    int fd = accept(app.listener, NULL, NULL);
    if (fd < 0) return NULL;
    size_t n = 0;
    for (ssize_t got;
         n < sizeof request - 1 && (got = recv(fd, request + n, sizeof request - 1 - n, 0)) > 0;) {
      n += (size_t)got;
      request[n] = '\0';
      if (strstr(request, "\r\n\r\n")) break;
    }
    request[n] = '\0';
    const char *answer = strstr(request, "Authorization: Negotiate ") ? app.with : app.without;
    if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0) abort();
    close(fd);
  }
}

static void app_start(const char *without, const char *with)
{
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  app.without = without;
  app.with = with;
  app.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(bind(app.listener, (struct sockaddr *)&a, len), 0);
  ck_assert_int_eq(listen(app.listener, 5), 0);
  ck_assert_int_eq(getsockname(app.listener, (struct sockaddr *)&a, &len), 0);
  snprintf(app.url, sizeof app.url, "http://127.0.0.1:%d/", ntohs(a.sin_port));
  ck_assert_int_eq(pthread_create(&app.thread, NULL, serve, NULL), 0);
}

static void app_stop(void)
{
  shutdown(app.listener, SHUT_RDWR);
  pthread_join(app.thread, NULL);
  close(app.listener);
}

/* -- the examination ------------------------------------------------------------------------------------- */

static void examine(const char *url)
{
  const struct doctor_subject s = {.keytab = kdc_lab_path(&l, "keytabs/connector-1.keytab"),
                                   .principal = SPN("connector-1"),
                                   .realm = REALM,
                                   .upn = "alice@" UPN_SUFFIX,
                                   .spn = SPN("hello"),
                                   .url = url};
  struct failure f = {0};
  sink = fopen("/dev/null", "w");
  ck_assert_int_eq(report_init(&report, sink, true), ERR_OK);
  ck_assert_msg(doctor_examine(&s, &report, &f) == ERR_OK, "%s", f.why);
}

static void assert_first(const char *check, enum advice_id id)
{
  ck_assert_msg(report.failed > 0, "nothing failed");
  ck_assert_str_eq(report.first.check, check);
  ck_assert_str_eq(report.first.error, err_info(advice_of(id)->error)->name);
  ck_assert_msg(strncmp(report.first.cause, advice_of(id)->cause, strcspn(advice_of(id)->cause, "{")) == 0,
                "%s: %s", report.first.cause, report.first.what);
  report_clear(&report);
  fclose(sink);
}

#define ASKS                                                                                                 \
  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\nConnection: "            \
  "close\r\n\r\n"
#define OFFERS                                                                                               \
  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#define SERVES "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#define TOO_LARGE                                                                                            \
  "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#define SOME_TOKEN                                                                                           \
  "HTTP/1.1 200 OK\r\nWWW-Authenticate: Negotiate oRQwEqADCgEAoQsGCSqGSIb3EgECAg==\r\nContent-Length: 0\r\n" \
  "Connection: close\r\n\r\n"
#define IN_THE_PAST                                                                                          \
  "HTTP/1.1 401 Unauthorized\r\nDate: Tue, 02 Jan 2018 00:00:00 GMT\r\nWWW-Authenticate: Negotiate\r\n"      \
  "Content-Length: 0\r\nConnection: close\r\n\r\n"

START_TEST(doctor_examine_without_url_passes_what_needs_none)
{
  examine(NULL);
  ck_assert_msg(report.failed == 0, "%s: %s", report.first.check, report.first.what);
  ck_assert_uint_eq(report.passed, 13);
  ck_assert_uint_eq(report.skipped, 3);
  report_clear(&report);
  fclose(sink);
}
END_TEST

static enum err examine_with(const char *krb5_conf, struct failure *f)
{
  const struct doctor_subject s = {.keytab = kdc_lab_path(&l, "keytabs/connector-1.keytab"),
                                   .principal = SPN("connector-1"),
                                   .realm = REALM,
                                   .upn = "alice@" UPN_SUFFIX,
                                   .spn = SPN("hello")};
  setenv("KRB5_CONFIG", krb5_conf, 1);
  sink = fopen("/dev/null", "w");
  ck_assert_int_eq(report_init(&report, sink, true), ERR_OK);
  enum err e = doctor_examine(&s, &report, f);
  fclose(sink);
  return e;
}

START_TEST(doctor_examine_krb5_conf_that_is_not_there_is_an_error)
{
  struct failure f = {0};
  ck_assert_int_eq(examine_with("/nonexistent", &f), ERR_CONFIG);
  ck_assert_str_eq(f.why, "krb5.conf cannot be read: /nonexistent: No such file or directory");
  ck_assert_uint_eq(report.passed + report.failed + report.skipped, 0);
  report_clear(&report);
}
END_TEST

START_TEST(doctor_examine_krb5_conf_in_a_list_is_found)
{
  struct failure f = {0};
  char list[1024];
  snprintf(list, sizeof list, "/nonexistent:%s", kdc_lab_path(&l, "krb5.conf"));
  ck_assert_msg(examine_with(list, &f) == ERR_OK, "%s", f.why);
  ck_assert_uint_eq(report.passed, 13);
  report_clear(&report);
}
END_TEST

START_TEST(doctor_examine_clock_behind_is_the_first_cause)
{
  clock_shift_wall(-3600);
  examine(NULL);
  ck_assert_ptr_nonnull(strstr(report.first.what, "ahead of ours"));
  assert_first("clock", ADVICE_CLOCK);
}
END_TEST

START_TEST(doctor_examine_clock_ahead_is_the_first_cause)
{
  clock_shift_wall(3600);
  examine(NULL);
  ck_assert_ptr_nonnull(strstr(report.first.what, "behind ours"));
  assert_first("clock", ADVICE_CLOCK);
}
END_TEST

START_TEST(doctor_examine_clock_off_by_less_than_five_minutes_passes)
{
  clock_shift_wall(200);
  examine(NULL);
  ck_assert_uint_eq(report.failed, 0);
  report_clear(&report);
  fclose(sink);
}
END_TEST

static void examine_app(const char *without, const char *with)
{
  app_start(without, with);
  examine(app.url);
  app_stop();
}

START_TEST(doctor_examine_application_open_to_all_does_not_ask)
{
  examine_app(SERVES, SERVES);
  assert_first("application", ADVICE_APP_NO_NEGOTIATE);
}
END_TEST

START_TEST(doctor_examine_application_with_ntlm_alone_does_not_ask)
{
  examine_app(OFFERS, OFFERS);
  ck_assert_ptr_nonnull(strstr(report.first.what, "NTLM"));
  assert_first("application", ADVICE_APP_NO_NEGOTIATE);
}
END_TEST

START_TEST(doctor_examine_application_that_refuses_the_ticket)
{
  examine_app(ASKS, ASKS);
  assert_first("ticket", ADVICE_TICKET_REFUSED);
}
END_TEST

START_TEST(doctor_examine_application_with_a_wrong_clock)
{
  examine_app(ASKS, IN_THE_PAST);
  assert_first("ticket", ADVICE_APP_CLOCK);
}
END_TEST

START_TEST(doctor_examine_application_that_refuses_before_it_looks)
{
  examine_app(ASKS, TOO_LARGE);
  assert_first("ticket", ADVICE_APP_REFUSED_EARLY);
}
END_TEST

START_TEST(doctor_examine_application_without_proof)
{
  examine_app(ASKS, SERVES);
  assert_first("mutual", ADVICE_NO_MUTUAL);
}
END_TEST

START_TEST(doctor_examine_application_with_a_proof_of_nothing)
{
  examine_app(ASKS, SOME_TOKEN);
  assert_first("mutual", ADVICE_NO_MUTUAL);
}
END_TEST

START_TEST(doctor_examine_application_that_answers_nonsense)
{
  examine_app("nonsense\r\n\r\n", "nonsense\r\n\r\n");
  assert_first("application", ADVICE_APP_UNREACHABLE);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("examine");
  TCase *t = tcase_create("examine");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, doctor_examine_without_url_passes_what_needs_none);
  tcase_add_test(t, doctor_examine_krb5_conf_that_is_not_there_is_an_error);
  tcase_add_test(t, doctor_examine_krb5_conf_in_a_list_is_found);
  tcase_add_test(t, doctor_examine_clock_behind_is_the_first_cause);
  tcase_add_test(t, doctor_examine_clock_ahead_is_the_first_cause);
  tcase_add_test(t, doctor_examine_clock_off_by_less_than_five_minutes_passes);
  tcase_add_test(t, doctor_examine_application_open_to_all_does_not_ask);
  tcase_add_test(t, doctor_examine_application_with_ntlm_alone_does_not_ask);
  tcase_add_test(t, doctor_examine_application_that_refuses_the_ticket);
  tcase_add_test(t, doctor_examine_application_with_a_wrong_clock);
  tcase_add_test(t, doctor_examine_application_that_refuses_before_it_looks);
  tcase_add_test(t, doctor_examine_application_without_proof);
  tcase_add_test(t, doctor_examine_application_with_a_proof_of_nothing);
  tcase_add_test(t, doctor_examine_application_that_answers_nonsense);
  suite_add_tcase(s, t);
  return run(s);
}

/* The way to the KDC: several addresses, dead ones, TCP and names. */
#include "kdc_lab.h"

#include "clock.h"
#include "kdc_addresses.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kdc_lab l;

static void setup(void)
{
  kdc_lab_make(&l);
  kdc_lab_start(&l);
}

static void teardown(void)
{
  kdc_lab_remove(&l);
}

/* krb5.conf with these lines for the realm; %1$u is the KDC's port, %2$u one where nobody is. */
static void use_kdcs(const char *lines)
{
  char text[512];
  FILE *f = fopen(kdc_lab_path(&l, "other.conf"), "we");
  ck_assert_ptr_nonnull(f);
  fprintf(f, "[libdefaults]\n default_realm = " REALM
             "\n dns_lookup_kdc = false\n forwardable = true\n[realms]\n " REALM " = {\n");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(text, sizeof text, lines, (unsigned)l.lab.kdc.listen.port, (unsigned)kdc_lab_free_port());
#pragma GCC diagnostic pop
  fprintf(f, "%s }\n", text);
  fclose(f);
  setenv("KRB5_CONFIG", kdc_lab_path(&l, "other.conf"), 1);
}

static char answered[64]; /* by obtain() */

static enum err obtain(int64_t *ret_ns)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  struct krb_ticket *t = NULL;
  struct krb_exchange x;
  struct failure f = {0};
  int64_t start = clock_mono_ns();
  enum err e = krb_obtain(d, "alice@test", SPN("hello"), &t, &x, NULL, &f);
  *ret_ns = clock_mono_ns() - start;
  snprintf(answered, sizeof answered, "%s", x.kdc);
  krb_ticket_unref(t);
  krb_delegator_free(d);
  return e;
}

static void assert_answered_by_kdc(void)
{
  char wanted[64];
  snprintf(wanted, sizeof wanted, "127.0.0.1:%u", l.lab.kdc.listen.port);
  ck_assert_str_eq(answered, wanted);
}

START_TEST(kdc_link_first_of_two_dead_uses_the_second_at_once)
{
  int64_t ns;
  use_kdcs(" kdc = 127.0.0.1:%2$u\n kdc = 127.0.0.1:%1$u\n");
  ck_assert_int_eq(obtain(&ns), ERR_OK);
  ck_assert_int_lt(ns, 1000000000);
  assert_answered_by_kdc();
}
END_TEST

START_TEST(kdc_link_silent_first_uses_the_second_soon)
{
  int64_t ns;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t n = sizeof a;
  int hole = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  char lines[128];
  ck_assert_int_eq(bind(hole, (struct sockaddr *)&a, n), 0);
  ck_assert_int_eq(getsockname(hole, (struct sockaddr *)&a, &n), 0);
  snprintf(lines, sizeof lines, " kdc = 127.0.0.1:%u\n kdc = 127.0.0.1:%%1$u\n", ntohs(a.sin_port));
  use_kdcs(lines);
  ck_assert_int_eq(obtain(&ns), ERR_OK);
  ck_assert_int_lt(ns, 2000000000);
  assert_answered_by_kdc();
  close(hole);
}
END_TEST

START_TEST(kdc_link_tcp_alone_works)
{
  int64_t ns;
  use_kdcs(" kdc = tcp/127.0.0.1:%1$u\n");
  ck_assert_int_eq(obtain(&ns), ERR_OK);
}
END_TEST

START_TEST(kdc_link_udp_alone_works)
{
  int64_t ns;
  use_kdcs(" kdc = udp/127.0.0.1:%1$u\n");
  ck_assert_int_eq(obtain(&ns), ERR_OK);
}
END_TEST

START_TEST(kdc_link_host_name_is_resolved)
{
  int64_t ns;
  use_kdcs(" kdc = localhost:%1$u\n");
  ck_assert_int_eq(obtain(&ns), ERR_OK);
}
END_TEST

/* In the C library's place: two.test has two addresses, and nobody listens at the first. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
  void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
  memcpy(&real, &symbol, sizeof real);
  if (!name || strcmp(name, "two.test") != 0 || !hints || hints->ai_flags & AI_NUMERICHOST)
    return real(name, service, hints, ret);
  int rc = real("127.0.0.2", service, hints, ret);
  return rc ? rc : real("127.0.0.1", service, hints, &(*ret)->ai_next);
}

START_TEST(kdc_link_second_address_of_a_name_is_used)
{
  int64_t ns;
  use_kdcs(" kdc = two.test:%1$u\n");
  ck_assert_int_eq(obtain(&ns), ERR_OK);
  ck_assert_int_lt(ns, 1000000000);
}
END_TEST

START_TEST(kdc_link_all_dead_is_unreachable_at_once)
{
  int64_t ns;
  use_kdcs(" kdc = 127.0.0.1:%2$u\n");
  ck_assert_int_eq(obtain(&ns), ERR_KDC_UNREACHABLE);
  ck_assert_int_lt(ns, 1000000000);
  ck_assert_str_eq(answered, "");
}
END_TEST

/* -- silence --------------------------------------------------------------------------------------------- */

/* A KDC that takes what comes and never answers: UDP, and TCP as far as the kernel goes. */
static int hole_udp, hole_tcp;

static void dig_hole(const char *before, const char *behind)
{
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons(kdc_lab_free_port()),
                          .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  char lines[128];
  hole_udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  hole_tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(bind(hole_udp, (struct sockaddr *)&a, sizeof a), 0);
  ck_assert_int_eq(bind(hole_tcp, (struct sockaddr *)&a, sizeof a), 0);
  ck_assert_int_eq(listen(hole_tcp, 8), 0);
  snprintf(lines, sizeof lines, "%s kdc = 127.0.0.1:%u\n%s", before, ntohs(a.sin_port), behind);
  use_kdcs(lines);
}

static void fill_hole(void)
{
  close(hole_udp);
  close(hole_tcp);
}

static enum err obtain_with(struct krb_delegator *d)
{
  struct krb_ticket *t = NULL;
  struct krb_exchange x;
  enum err e = krb_obtain(d, "alice@test", SPN("hello"), &t, &x, NULL, NULL);
  krb_ticket_unref(t);
  return e;
}

START_TEST(kdc_link_silent_everywhere_is_a_timeout)
{
  int64_t ns;
  dig_hole("", "");
  ck_assert_int_eq(obtain(&ns), ERR_KDC_TIMEOUT);
  fill_hole();
}
END_TEST

START_TEST(kdc_link_silent_by_tcp_is_a_timeout)
{
  int64_t ns;
  dig_hole(" kdc = udp/127.0.0.1:%2$u\n", "");
  ck_assert_int_eq(obtain(&ns), ERR_KDC_TIMEOUT);
  fill_hole();
}
END_TEST

START_TEST(kdc_link_silent_kdc_that_comes_back_is_asked_at_once)
{
  use_kdcs(" kdc = 127.0.0.1:%1$u\n");
  struct krb_delegator *d = kdc_lab_delegator(&l);
  kill(l.kdc, SIGSTOP);
  ck_assert_int_eq(obtain_with(d), ERR_KDC_TIMEOUT);
  kill(l.kdc, SIGCONT);
  ck_assert_int_eq(obtain_with(d), ERR_OK);
  krb_delegator_free(d);
}
END_TEST

START_TEST(kdc_addresses_end_who_answered_is_first_from_then_on)
{
  struct kdc_addresses *a;
  struct kdc_address before[KDC_MAX], after[KDC_MAX];
  krb5_context ctx;
  use_kdcs(" kdc = 127.0.0.1:%2$u\n kdc = 127.0.0.1:%1$u\n");
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
  ck_assert_int_eq(kdc_addresses_new(ctx, REALM, &a, NULL), ERR_OK);
  ck_assert_uint_eq(kdc_addresses_get(a, 0, before), 2);
  ck_assert(kdc_addresses_begin(a));
  kdc_addresses_end(a, &before[1], false);
  ck_assert_uint_eq(kdc_addresses_get(a, 0, after), 2);
  ck_assert_mem_eq(&after[0], &before[1], sizeof after[0]);
  ck_assert_mem_eq(&after[1], &before[0], sizeof after[0]);
  kdc_addresses_free(a);
  krb5_free_context(ctx);
}
END_TEST

START_TEST(kdc_addresses_begin_after_silence_lets_one_in_until_it_is_answered)
{
  struct kdc_addresses *a;
  struct kdc_address known[KDC_MAX];
  krb5_context ctx;
  use_kdcs(" kdc = 127.0.0.1:%1$u\n");
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
  ck_assert_int_eq(kdc_addresses_new(ctx, REALM, &a, NULL), ERR_OK);
  ck_assert_uint_eq(kdc_addresses_get(a, 0, known), 1);
  ck_assert(kdc_addresses_begin(a));
  ck_assert(kdc_addresses_begin(a));
  kdc_addresses_end(a, NULL, true);
  ck_assert(!kdc_addresses_begin(a)); /* the other of the two is still on its way */
  kdc_addresses_end(a, NULL, true);
  ck_assert(kdc_addresses_begin(a));
  ck_assert(!kdc_addresses_begin(a));
  kdc_addresses_end(a, &known[0], false);
  ck_assert(kdc_addresses_begin(a));
  ck_assert(kdc_addresses_begin(a));
  kdc_addresses_free(a);
  krb5_free_context(ctx);
}
END_TEST

/* -- size ------------------------------------------------------------------------------------------------ */

/* A KDC of our own for one exchange: says by UDP that its answer is too big, and passes what comes by TCP on
 * to the real one. */
static int stand_in_udp, stand_in_tcp;

static void *say_too_big(void *arg)
{
  static const uint8_t error[] = {0x7e, 0x32, 0x30, 0x30, 0xa0, 3,   2,    1,    5,   0xa1, 3,   2,    1,
                                  30,   0xa4, 17,   0x18, 15,   '2', '0',  '2',  '6', '1',  '1', '2',  '3',
                                  '2',  '2',  '3',  '1',  '5',  '5', 'Z',  0xa5, 3,   2,    1,   0,    0xa6,
                                  3,    2,    1,    52,   0xa9, 3,   0x1b, 1,    'R', 0xaa, 2,   0x30, 0};
  uint8_t message[65536];
  struct sockaddr_in from;
  socklen_t n = sizeof from;
  (void)arg;
  while (recvfrom(stand_in_udp, message, sizeof message, 0, (struct sockaddr *)&from, &n) > 0)
    sendto(stand_in_udp, error, sizeof error, 0, (struct sockaddr *)&from, n);
  return NULL;
}

static void *pass_on(void *arg)
{
  struct sockaddr_in real = {.sin_family = AF_INET,
                             .sin_port = htons(l.lab.kdc.listen.port),
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  (void)arg;
  for (int c; (c = accept(stand_in_tcp, NULL, NULL)) >= 0; close(c)) {
    uint8_t message[65536];
    int kdc = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ssize_t got =
        connect(kdc, (struct sockaddr *)&real, sizeof real) == 0 ? recv(c, message, sizeof message, 0) : 0;
    if (got > 0) send(kdc, message, (size_t)got, MSG_NOSIGNAL);
    while (got > 0 && (got = recv(kdc, message, sizeof message, 0)) > 0) {
      send(c, message, (size_t)got, MSG_NOSIGNAL);
      shutdown(kdc, SHUT_WR);
    }
    close(kdc);
  }
  return NULL;
}

START_TEST(kdc_link_reply_too_big_for_udp_comes_by_tcp)
{
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons(kdc_lab_free_port()),
                          .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  pthread_t udp, tcp;
  char lines[64];
  int64_t ns;
  stand_in_udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  stand_in_tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(bind(stand_in_udp, (struct sockaddr *)&a, sizeof a), 0);
  ck_assert_int_eq(bind(stand_in_tcp, (struct sockaddr *)&a, sizeof a), 0);
  ck_assert_int_eq(listen(stand_in_tcp, 8), 0);
  ck_assert_int_eq(pthread_create(&udp, NULL, say_too_big, NULL), 0);
  ck_assert_int_eq(pthread_create(&tcp, NULL, pass_on, NULL), 0);
  snprintf(lines, sizeof lines, " kdc = 127.0.0.1:%u\n", ntohs(a.sin_port));
  use_kdcs(lines);
  ck_assert_int_eq(obtain(&ns), ERR_OK);
  shutdown(stand_in_udp, SHUT_RDWR);
  shutdown(stand_in_tcp, SHUT_RDWR);
  pthread_join(udp, NULL);
  pthread_join(tcp, NULL);
  close(stand_in_udp);
  close(stand_in_tcp);
}
END_TEST

/* -- half a reply ---------------------------------------------------------------------------------------- */

/* A KDC that answers with a length, the first bytes of as many, and then nothing. */
static void *stall_halfway(void *arg)
{
  static const uint8_t half[] = {0, 0, 2, 0, 0x6b, 0x82};
  int held[8];
  size_t n = 0;
  (void)arg;
  for (int c; n < sizeof held / sizeof *held && (c = accept(stand_in_tcp, NULL, NULL)) >= 0;) {
    uint8_t message[65536];
    if (recv(c, message, sizeof message, 0) > 0) send(c, half, sizeof half, MSG_NOSIGNAL);
    held[n++] = c;
  }
  while (n)
    close(held[--n]);
  return NULL;
}

START_TEST(kdc_link_half_a_reply_by_tcp_does_not_hold_up_another_kdcs)
{
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons(kdc_lab_free_port()),
                          .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  pthread_t tcp;
  char lines[128];
  int64_t ns;
  stand_in_tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(bind(stand_in_tcp, (struct sockaddr *)&a, sizeof a), 0);
  ck_assert_int_eq(listen(stand_in_tcp, 8), 0);
  ck_assert_int_eq(pthread_create(&tcp, NULL, stall_halfway, NULL), 0);
  snprintf(lines, sizeof lines, " kdc = tcp/127.0.0.1:%u\n kdc = tcp/127.0.0.1:%%1$u\n", ntohs(a.sin_port));
  use_kdcs(lines);
  ck_assert_int_eq(obtain(&ns), ERR_OK);
  assert_answered_by_kdc();
  shutdown(stand_in_tcp, SHUT_RDWR);
  pthread_join(tcp, NULL);
  close(stand_in_tcp);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("kdc_link");
  TCase *t = tcase_create("kdc_link");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, kdc_link_first_of_two_dead_uses_the_second_at_once);
  tcase_add_test(t, kdc_link_silent_first_uses_the_second_soon);
  tcase_add_test(t, kdc_link_tcp_alone_works);
  tcase_add_test(t, kdc_link_udp_alone_works);
  tcase_add_test(t, kdc_link_host_name_is_resolved);
  tcase_add_test(t, kdc_link_second_address_of_a_name_is_used);
  tcase_add_test(t, kdc_link_all_dead_is_unreachable_at_once);
  tcase_add_test(t, kdc_link_silent_everywhere_is_a_timeout);
  tcase_add_test(t, kdc_link_silent_by_tcp_is_a_timeout);
  tcase_add_test(t, kdc_link_silent_kdc_that_comes_back_is_asked_at_once);
  tcase_add_test(t, kdc_addresses_end_who_answered_is_first_from_then_on);
  tcase_add_test(t, kdc_addresses_begin_after_silence_lets_one_in_until_it_is_answered);
  tcase_add_test(t, kdc_link_reply_too_big_for_udp_comes_by_tcp);
  tcase_add_test(t, kdc_link_half_a_reply_by_tcp_does_not_hold_up_another_kdcs);
  suite_add_tcase(s, t);
  return run(s);
}

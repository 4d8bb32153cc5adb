/* Connections that speak another protocol behind a 101. */
#include "client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASK "GET /shout HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n"

static struct httpd *server;
static _Atomic int freed;

/* Says everything again in capitals; ends at a full stop. */
static bool shout(void *arg, const uint8_t *data, size_t n, struct buf *out)
{
  const uint8_t *stop = memchr(data, '.', n);
  size_t said = stop ? (size_t)(stop - data) + 1 : n;
  uint8_t *at;
  (void)arg;
  ck_assert_int_eq(buf_reserve(out, said, &at), ERR_OK);
  for (size_t i = 0; i < said; i++)
    at[i] = (uint8_t)(data[i] >= 'a' && data[i] <= 'z' ? data[i] - 32 : data[i]);
  out->len += said;
  return !stop;
}

static void count_free(void *arg)
{
  free(arg);
  atomic_fetch_add(&freed, 1);
}

static void handle_shout(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  r->status = 101;
  r->protocol = (struct httpd_protocol){shout, count_free, malloc(10)};
  ck_assert_int_eq(fields_add(&r->fields, "Upgrade", "shout"), ERR_OK);
}

static void handle_broken(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  r->status = 101;
}

static const struct httpd_route routes[] = {{.method = "GET", .path = "/shout", .handle = handle_shout},
                                            {.method = "GET", .path = "/broken", .handle = handle_broken},
                                            {0}};
static const struct httpd_config config = {.listen = {"127.0.0.1", 0}, .routes = routes, .upgrades = true};

static void setup(void)
{
  struct failure f;
  freed = 0;
  ck_assert_msg(httpd_start(&config, &server, &f) == ERR_OK, "%s", f.why);
}

static void teardown(void)
{
  httpd_stop(server);
}

static int shouting(void)
{
  int fd = client_connect(server);
  client_puts(fd, ASK);
  assert_answer(client_read_until(fd, "\r\n\r\n"), "101", "\r\nUpgrade: shout\r\n");
  return fd;
}

static void assert_said(int fd, const char *until)
{
  char *answer = client_read_until(fd, until);
  ck_assert_msg(strstr(answer, until) != NULL, "wanted %s, got: %s", until, answer);
  free(answer);
}

START_TEST(upgrade_hands_the_connection_over)
{
  int fd = shouting();
  client_puts(fd, "hello ");
  assert_said(fd, "HELLO ");
  client_puts(fd, "again");
  assert_said(fd, "AGAIN");
  close(fd);
}
END_TEST

START_TEST(upgrade_keeps_the_bytes_behind_the_head)
{
  int fd = client_connect(server);
  client_puts(fd, ASK "early");
  assert_said(fd, "EARLY");
  client_puts(fd, "late");
  assert_said(fd, "LATE");
  close(fd);
}
END_TEST

START_TEST(upgrade_says_connection_upgrade)
{
  int fd = client_connect(server);
  client_puts(fd, ASK);
  assert_answer(client_read_until(fd, "\r\n\r\n"), "101", "\r\nConnection: Upgrade\r\n");
  close(fd);
}
END_TEST

START_TEST(protocol_that_ends_sends_its_last_word_and_closes)
{
  int fd = shouting();
  client_puts(fd, "bye. not heard");
  char *rest = client_read_all(fd);
  ck_assert_str_eq(rest, "BYE.");
  free(rest);
}
END_TEST

START_TEST(client_that_ends_its_side_is_answered_first)
{
  int fd = shouting();
  client_puts(fd, "last");
  shutdown(fd, SHUT_WR);
  char *rest = client_read_all(fd);
  ck_assert_str_eq(rest, "LAST");
  free(rest);
}
END_TEST

/* More than all queues on the way hold. */
enum { PIECE = 64 * 1024, PIECES = 512 };

static void *send_much(void *arg)
{
  static char piece[PIECE];
  int fd = *(int *)arg;
  memset(piece, 'x', sizeof piece);
  for (int i = 0; i < PIECES; i++)
    client_send(fd, piece, PIECE);
  shutdown(fd, SHUT_WR);
  return NULL;
}

START_TEST(client_that_sends_more_than_it_reads_loses_nothing)
{
  static char piece[PIECE];
  int fd = shouting();
  size_t got = 0, wrong = 0;
  pthread_t writer;
  ck_assert_int_eq(pthread_create(&writer, NULL, send_much, &fd), 0);
  for (ssize_t n; (n = recv(fd, piece, PIECE, 0)) > 0; got += (size_t)n)
    for (ssize_t i = 0; i < n; i++)
      wrong += piece[i] != 'X';
  pthread_join(writer, NULL);
  ck_assert_uint_eq(got, (size_t)PIECE * PIECES);
  ck_assert_uint_eq(wrong, 0);
  close(fd);
}
END_TEST

START_TEST(stop_with_open_connections_ends_them)
{
  int fd = shouting(), other = shouting();
  httpd_stop(server);
  ck_assert_int_eq(freed, 2);
  char byte;
  ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
  close(fd);
  close(other);
  setup();
}
END_TEST

START_TEST(client_that_leaves_frees_the_protocol)
{
  close(shouting());
  int fd = shouting();
  client_puts(fd, ".");
  free(client_read_all(fd));
  httpd_stop(server);
  ck_assert_int_eq(freed, 2);
  setup();
}
END_TEST

START_TEST(answer_101_without_a_protocol_is_500)
{
  assert_answer(client_talk(server, "GET /broken HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "500",
                "");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("upgrade");
  TCase *c = tcase_create("upgrade");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, upgrade_hands_the_connection_over);
  tcase_add_test(c, upgrade_keeps_the_bytes_behind_the_head);
  tcase_add_test(c, upgrade_says_connection_upgrade);
  tcase_add_test(c, protocol_that_ends_sends_its_last_word_and_closes);
  tcase_add_test(c, client_that_ends_its_side_is_answered_first);
  tcase_add_test(c, client_that_sends_more_than_it_reads_loses_nothing);
  tcase_add_test(c, stop_with_open_connections_ends_them);
  tcase_add_test(c, client_that_leaves_frees_the_protocol);
  tcase_add_test(c, answer_101_without_a_protocol_is_500);
  suite_add_tcase(s, c);
  return run(s);
}

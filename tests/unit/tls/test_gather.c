#include "gather.h"

#include "run.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];
static BIO *sink;

static void set_up(void)
{
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  sink = gather_new(ends[0]);
  ck_assert_ptr_nonnull(sink);
}

static void tear_down(void)
{
  BIO_free(sink);
  close(ends[0]);
  if (ends[1] >= 0) close(ends[1]);
}

/* What has left so far, each byte the low one of its place; *at counts. */
static void take(size_t *at)
{
  uint8_t got[65536];
  ssize_t n;
  while ((n = recv(ends[1], got, sizeof got, 0)) > 0)
    for (ssize_t i = 0; i < n; i++)
      ck_assert_uint_eq(got[i], (uint8_t)(*at)++);
}

static void fill(uint8_t *record, size_t n, size_t at)
{
  for (size_t i = 0; i < n; i++)
    record[i] = (uint8_t)(at + i);
}

START_TEST(gather_write_without_flush_sends_nothing)
{
  size_t got = 0;
  uint8_t record[100];
  fill(record, sizeof record, 0);
  ck_assert_int_eq(BIO_write(sink, record, sizeof record), sizeof record);
  take(&got);
  ck_assert_uint_eq(got, 0);
  ck_assert_int_eq(BIO_flush(sink), 1);
  take(&got);
  ck_assert_uint_eq(got, sizeof record);
}
END_TEST

START_TEST(gather_write_beyond_the_high_mark_sends_by_itself)
{
  size_t got = 0;
  static uint8_t record[40000];
  for (size_t at = 0; at < 3 * sizeof record; at += sizeof record) {
    fill(record, sizeof record, at);
    ck_assert_int_eq(BIO_write(sink, record, sizeof record), sizeof record);
  }
  take(&got);
  ck_assert_uint_eq(got, 2 * sizeof record);
}
END_TEST

START_TEST(gather_full_socket_asks_for_a_retry_and_loses_nothing)
{
  size_t put = 0, got = 0;
  static uint8_t record[16406];
  for (;;) {
    fill(record, sizeof record, put);
    int n = BIO_write(sink, record, sizeof record);
    if (n < 0) break;
    put += (size_t)n;
    ck_assert_uint_lt(put, 64u << 20);
  }
  ck_assert_int_ne(BIO_should_retry(sink), 0);
  ck_assert_int_ne(BIO_flush(sink), 1);
  ck_assert_int_ne(BIO_should_retry(sink), 0);
  do
    take(&got);
  while (BIO_flush(sink) != 1);
  take(&got);
  ck_assert_uint_eq(got, put);
}
END_TEST

START_TEST(gather_lost_connection_fails_without_retry)
{
  uint8_t record[10] = {0};
  close(ends[1]);
  ends[1] = -1;
  ck_assert_int_eq(BIO_write(sink, record, sizeof record), sizeof record);
  ck_assert_int_ne(BIO_flush(sink), 1);
  ck_assert_int_eq(BIO_should_retry(sink), 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("gather");
  TCase *c = tcase_create("gather");
  tcase_add_checked_fixture(c, set_up, tear_down);
  tcase_add_test(c, gather_write_without_flush_sends_nothing);
  tcase_add_test(c, gather_write_beyond_the_high_mark_sends_by_itself);
  tcase_add_test(c, gather_full_socket_asks_for_a_retry_and_loses_nothing);
  tcase_add_test(c, gather_lost_connection_fails_without_retry);
  suite_add_tcase(suite, c);
  return run(suite);
}

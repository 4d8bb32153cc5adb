/* The record of exchanges: its bytes, when there is one, and its end. That Wireshark reads it,
 * scenarios/wire.bats shows. */
#include "kdc_record.h"

#include "run.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96];
static struct buf out;

static void setup(void)
{
  snprintf(folder, sizeof folder, "/tmp/sevenstep-record.XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/recording.pcap", folder);
  buf_init(&out, 1 << 20);
}

static void teardown(void)
{
  buf_clear(&out);
  unlink(path);
  rmdir(folder);
}

static struct sockaddr_storage v4(uint16_t port)
{
  struct sockaddr_storage s = {0};
  struct sockaddr_in a = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  memcpy(&s, &a, sizeof a);
  return s;
}

static struct sockaddr_storage v6(uint16_t port)
{
  struct sockaddr_storage s = {0};
  struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
  memcpy(&s, &a, sizeof a);
  return s;
}

/* The tags of the only packet in out, as hexadecimal text, without those that name the dissector. */
static const char *tags(void)
{
  static char text[512];
  size_t from = 16 + 4 + 8 + 4 + 4, n = out.len - from - 3;
  for (size_t i = 0; i < n; i++)
    snprintf(text + 2 * i, 3, "%02x", out.data[from + i]);
  return text;
}

static size_t size_now(void)
{
  struct stat st;
  return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static void make_file(size_t size)
{
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
  close(fd);
}

START_TEST(kdc_record_begin_is_a_pcap_of_exported_pdus)
{
  uint32_t word[6];
  ck_assert_int_eq(kdc_record_begin(&out), ERR_OK);
  ck_assert_uint_eq(out.len, sizeof word);
  memcpy(word, out.data, sizeof word);
  ck_assert_uint_eq(word[0], 0xa1b23c4d);
  ck_assert_uint_eq(word[5], 252);
}
END_TEST

START_TEST(kdc_record_put_has_time_length_and_bytes)
{
  struct sockaddr_storage from = v4(1000), to = v4(88);
  const struct kdc_message m = {"abc", 3, 5000000007, &from, &to, false};
  uint32_t head[4];
  ck_assert_int_eq(kdc_record_put(&m, &out), ERR_OK);
  memcpy(head, out.data, sizeof head);
  ck_assert_uint_eq(head[0], 5);
  ck_assert_uint_eq(head[1], 7);
  ck_assert_uint_eq(head[2], out.len - 16);
  ck_assert_uint_eq(head[3], out.len - 16);
  ck_assert_mem_eq(out.data + 16, "\0\x0e\0\x08udp.port\0\x20\0\x04\0\0\0\x58", 20);
  ck_assert_mem_eq(out.data + out.len - 3, "abc", 3);
}
END_TEST

START_TEST(kdc_record_put_names_the_addresses)
{
  struct sockaddr_storage from = v4(1000), to = v4(88);
  struct kdc_message m = {"abc", 3, 0, &from, &to, false};
  ck_assert_int_eq(kdc_record_put(&m, &out), ERR_OK);
  ck_assert_str_eq(tags(), "001400047f00000100190004000003e8"
                           "001500047f000001001a000400000058"
                           "001800040000000300000000");
  buf_reset(&out);
  from = v6(1000), to = v6(88), m.tcp = true;
  ck_assert_int_eq(kdc_record_put(&m, &out), ERR_OK);
  ck_assert_str_eq(tags(), "001600100000000000000000000000000000000100190004000003e8"
                           "0017001000000000000000000000000000000001001a000400000058"
                           "001800040000000200000000");
}
END_TEST

START_TEST(kdc_record_put_without_our_address_names_neither)
{
  struct sockaddr_storage from = {.ss_family = AF_UNSPEC}, to = v4(88);
  const struct kdc_message m = {"abc", 3, 0, &from, &to, false};
  ck_assert_int_eq(kdc_record_put(&m, &out), ERR_OK);
  ck_assert_str_eq(tags(), "00000000");
}
END_TEST

START_TEST(kdc_record_put_without_room_leaves_what_was)
{
  struct sockaddr_storage from = v4(1000), to = v4(88);
  const struct kdc_message m = {"abc", 3, 0, &from, &to, false};
  buf_init(&out, 50);
  ck_assert_int_eq(buf_puts(&out, "before"), ERR_OK);
  ck_assert_int_eq(kdc_record_put(&m, &out), ERR_TOO_LARGE);
  ck_assert_uint_eq(out.len, 6);
}
END_TEST

/* One exchange to the file. */
static void record(void)
{
  struct sockaddr_storage from = v4(1000), to = v4(88);
  const struct kdc_message both[] = {{"ask", 3, 0, &from, &to, false}, {"answer", 6, 1, &to, &from, false}};
  kdc_record(path, both, 2);
}

START_TEST(kdc_record_without_a_file_makes_none)
{
  record();
  ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(kdc_record_begins_the_file_once)
{
  make_file(0);
  record();
  size_t first = size_now();
  record();
  ck_assert_uint_gt(first, 24);
  ck_assert_uint_eq(size_now() - first, first - 24);
}
END_TEST

START_TEST(kdc_record_full_file_grows_no_more)
{
  make_file(KDC_RECORD_MAX - 100);
  record();
  ck_assert_uint_eq(size_now(), KDC_RECORD_MAX - 100);
}
END_TEST

START_TEST(kdc_record_follows_no_link)
{
  char target[128];
  snprintf(target, sizeof target, "%s.other", folder);
  make_file(0);
  ck_assert_int_eq(rename(path, target), 0);
  ck_assert_int_eq(symlink(target, path), 0);
  record();
  ck_assert_uint_eq(size_now(), 0);
  unlink(target);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("kdc_record");
  TCase *t = tcase_create("kdc_record");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, kdc_record_begin_is_a_pcap_of_exported_pdus);
  tcase_add_test(t, kdc_record_put_has_time_length_and_bytes);
  tcase_add_test(t, kdc_record_put_names_the_addresses);
  tcase_add_test(t, kdc_record_put_without_our_address_names_neither);
  tcase_add_test(t, kdc_record_put_without_room_leaves_what_was);
  tcase_add_test(t, kdc_record_without_a_file_makes_none);
  tcase_add_test(t, kdc_record_begins_the_file_once);
  tcase_add_test(t, kdc_record_full_file_grows_no_more);
  tcase_add_test(t, kdc_record_follows_no_link);
  suite_add_tcase(s, t);
  return run(s);
}

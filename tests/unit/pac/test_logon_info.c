#include "logon_info.h"

#include "run.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An NDR writer, small enough to see that it is right (MS-PAC 2.5, MS-RPCE 2.2.6). */
static uint8_t bytes[16384];
static size_t len;

static void u8(unsigned v)
{
  bytes[len++] = (uint8_t)v;
}

static void u16(unsigned v)
{
  u8(v & 0xff);
  u8(v >> 8 & 0xff);
}

static void u32(uint32_t v)
{
  while (len % 4)
    u8(0);
  u16(v & 0xffff);
  u16(v >> 16);
}

static void zeros(size_t n)
{
  while (n--)
    u8(0);
}

static void head_of(const char *text)
{
  u16((unsigned)(2 * strlen(text)));
  u16((unsigned)(2 * strlen(text)));
  u32(*text ? 0x20004 : 0);
}

static void units_of(const char *text)
{
  for (; *text; text++)
    u16((unsigned char)*text);
}

static void text_of(const char *text)
{
  if (!*text) return;
  u32((uint32_t)strlen(text));
  u32(0);
  u32((uint32_t)strlen(text));
  units_of(text);
}

/* S-1-5-21-1-2-RID */
static void sid(uint32_t rid)
{
  static const uint8_t head[] = {1, 4, 0, 0, 0, 0, 0, 5};
  for (size_t i = 0; i < sizeof head; i++)
    u8(head[i]);
  u32(21);
  u32(1);
  u32(2);
  u32(rid);
}

static const uint64_t never = 0x7fffffffffffffffULL, then = 133444736000000000ULL; /* 2023-11-14T22:13:20Z */

static void filetime(uint64_t v)
{
  u32((uint32_t)v);
  u32((uint32_t)(v >> 32));
}

static void make(uint32_t groups, uint32_t sids)
{
  static const uint8_t header[] = {1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc, 0, 0, 0, 0, 0, 0, 0, 0};
  static const char *const names[] = {"alice", "Alice A.", "", "", "", ""};
  memcpy(bytes, header, sizeof header);
  len = sizeof header;
  u32(0x20000);
  filetime(then);
  for (int i = 0; i < 5; i++)
    filetime(never);
  for (int i = 0; i < 6; i++)
    head_of(names[i]);
  u16(3); /* logons */
  u16(0); /* bad passwords */
  u32(1104);
  u32(513);
  u32(groups);
  u32(groups ? 0x20008 : 0);
  u32(32); /* flags: extra sids */
  zeros(16);
  head_of("DC");
  head_of("CORP");
  u32(0x2000c);
  zeros(8);
  u32(16); /* account control: normal */
  zeros(28);
  u32(sids);
  u32(sids ? 0x20010 : 0);
  zeros(12);
  for (int i = 0; i < 6; i++)
    text_of(names[i]);
  if (groups) u32(groups);
  for (uint32_t i = 0; i < groups; i++) {
    u32(513 + i);
    u32(7);
  }
  text_of("DC");
  text_of("CORP");
  u32(4);
  sid(3);
  if (sids) u32(sids);
  for (uint32_t i = 0; i < sids; i++) {
    u32(0x20014 + i);
    u32(7);
  }
  for (uint32_t i = 0; i < sids; i++) {
    u32(4);
    sid(100 + i);
  }
  bytes[8] = (uint8_t)(len - 16);
  bytes[9] = (uint8_t)((len - 16) >> 8);
}

START_TEST(logon_info_parse_right_one_tells_who_it_is)
{
  struct logon_info i;
  make(2, 1);
  ck_assert_int_eq(logon_info_parse(bytes, len, &i), ERR_OK);
  ck_assert_str_eq(i.account, "alice");
  ck_assert_str_eq(i.full_name, "Alice A.");
  ck_assert_str_eq(i.server, "DC");
  ck_assert_str_eq(i.domain, "CORP");
  ck_assert_str_eq(i.domain_sid, "S-1-5-21-1-2-3");
  ck_assert_int_eq(i.logon_time_s, 1700000000);
  ck_assert_uint_eq(i.user_rid, 1104);
  ck_assert_uint_eq(i.primary_group_rid, 513);
  ck_assert_uint_eq(i.account_control, 16);
  ck_assert_uint_eq(i.groups, 2);
  ck_assert_uint_eq(i.group_rid[1], 514);
  ck_assert_uint_eq(i.sids, 1);
  ck_assert_str_eq(i.sid[0], "S-1-5-21-1-2-100");
}
END_TEST

START_TEST(logon_info_parse_without_groups_and_sids_is_right)
{
  struct logon_info i;
  make(0, 0);
  ck_assert_int_eq(logon_info_parse(bytes, len, &i), ERR_OK);
  ck_assert_uint_eq(i.groups, 0);
  ck_assert_uint_eq(i.sids, 0);
}
END_TEST

START_TEST(logon_info_parse_more_than_is_kept_is_counted)
{
  struct logon_info i;
  make(PAC_GROUPS_MAX + 3, PAC_SIDS_MAX + 2);
  ck_assert_int_eq(logon_info_parse(bytes, len, &i), ERR_OK);
  ck_assert_uint_eq(i.groups, PAC_GROUPS_MAX + 3);
  ck_assert_uint_eq(i.group_rid[PAC_GROUPS_MAX - 1], 513 + PAC_GROUPS_MAX - 1);
  ck_assert_uint_eq(i.sids, PAC_SIDS_MAX + 2);
}
END_TEST

START_TEST(logon_info_parse_cut_anywhere_is_refused)
{
  struct logon_info i;
  make(2, 1);
  for (size_t n = 0; n < len; n++) {
    uint8_t *copy = malloc(n + 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, n);
    ck_assert_msg(logon_info_parse(copy, n, &i) == ERR_SYNTAX, "%zu", n);
    free(copy);
  }
}
END_TEST

START_TEST(logon_info_parse_count_that_differs_from_the_list_is_refused)
{
  struct logon_info i;
  size_t group_count = 16 + 4 + 6 * 8 + 6 * 8 + 4 + 8;
  make(2, 1);
  ck_assert_uint_eq(bytes[group_count], 2);
  bytes[group_count] = 1;
  ck_assert_int_eq(logon_info_parse(bytes, len, &i), ERR_SYNTAX);
}
END_TEST

START_TEST(client_info_parse_right_one_has_name_and_time)
{
  struct client_info i;
  len = 0;
  filetime(then);
  u16(10);
  units_of("alice");
  ck_assert_int_eq(client_info_parse(bytes, len, &i), ERR_OK);
  ck_assert_str_eq(i.name, "alice");
  ck_assert_int_eq(i.auth_time_s, 1700000000);
  ck_assert_int_eq(client_info_parse(bytes, len - 1, &i), ERR_SYNTAX);
}
END_TEST

/* UPN_DNS_INFO with these flags; the texts lie behind the head of 24 bytes, the sid behind them. */
static void make_upn(uint32_t flags)
{
  len = 0;
  u16(8);
  u16(24);
  u16(4);
  u16(32);
  u32(flags);
  u16(2);
  u16(36);
  u16(24);
  u16(40);
  zeros(4);
  units_of("a@bc");
  units_of("BC");
  units_of("a");
  zeros(2);
  sid(7);
}

START_TEST(upn_info_parse_extended_one_has_account_and_sid)
{
  struct upn_info i;
  make_upn(2);
  ck_assert_int_eq(upn_info_parse(bytes, len, &i), ERR_OK);
  ck_assert_str_eq(i.upn, "a@bc");
  ck_assert_str_eq(i.dns_domain, "BC");
  ck_assert_str_eq(i.account, "a");
  ck_assert_str_eq(i.sid, "S-1-5-21-1-2-7");
}
END_TEST

START_TEST(upn_info_parse_short_one_has_neither)
{
  struct upn_info i;
  make_upn(0);
  ck_assert_int_eq(upn_info_parse(bytes, len, &i), ERR_OK);
  ck_assert_str_eq(i.upn, "a@bc");
  ck_assert_str_eq(i.account, "");
  ck_assert_str_eq(i.sid, "");
}
END_TEST

START_TEST(upn_info_parse_place_outside_is_refused)
{
  struct upn_info i;
  make_upn(2);
  ck_assert_int_eq(upn_info_parse(bytes, len - 1, &i), ERR_SYNTAX);
  make_upn(0);
  bytes[2] = 0xff;
  bytes[3] = 0xff;
  ck_assert_int_eq(upn_info_parse(bytes, len, &i), ERR_SYNTAX);
}
END_TEST

START_TEST(requester_sid_parse_right_one_is_text)
{
  char text[PAC_SID_MAX];
  len = 0;
  sid(9);
  ck_assert_int_eq(requester_sid_parse(bytes, len, text), ERR_OK);
  ck_assert_str_eq(text, "S-1-5-21-1-2-9");
  bytes[1] = 16;
  ck_assert_int_eq(requester_sid_parse(bytes, len, text), ERR_SYNTAX);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("logon_info");
  TCase *t = tcase_create("buffers");
  tcase_add_test(t, logon_info_parse_right_one_tells_who_it_is);
  tcase_add_test(t, logon_info_parse_without_groups_and_sids_is_right);
  tcase_add_test(t, logon_info_parse_more_than_is_kept_is_counted);
  tcase_add_test(t, logon_info_parse_cut_anywhere_is_refused);
  tcase_add_test(t, logon_info_parse_count_that_differs_from_the_list_is_refused);
  tcase_add_test(t, client_info_parse_right_one_has_name_and_time);
  tcase_add_test(t, upn_info_parse_extended_one_has_account_and_sid);
  tcase_add_test(t, upn_info_parse_short_one_has_neither);
  tcase_add_test(t, upn_info_parse_place_outside_is_refused);
  tcase_add_test(t, requester_sid_parse_right_one_is_text);
  suite_add_tcase(s, t);
  return run(s);
}

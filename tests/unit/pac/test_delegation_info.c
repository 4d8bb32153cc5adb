#include "delegation_info.h"

#include "run.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An NDR writer, small enough to see that it is right (MS-PAC 2.9, MS-RPCE 2.2.6). */
static uint8_t bytes[4096];
static size_t len;

static void u16(unsigned v)
{
  bytes[len++] = (uint8_t)v;
  bytes[len++] = (uint8_t)(v >> 8);
}

static void u32(uint32_t v)
{
  while (len % 4)
    bytes[len++] = 0;
  u16(v & 0xffff);
  u16(v >> 16);
}

static void head_of(const char *text)
{
  u16((unsigned)(2 * strlen(text)));
  u16((unsigned)(2 * strlen(text)));
  u32(0x20004);
}

static void text_of(const char *text)
{
  u32((uint32_t)strlen(text));
  u32(0);
  u32((uint32_t)strlen(text));
  for (; *text; text++)
    u16((unsigned char)*text);
}

static void make(const char *target, const char *const *services, uint32_t n)
{
  static const uint8_t header[] = {1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc, 0, 0, 0, 0, 0, 0, 0, 0};
  memcpy(bytes, header, sizeof header);
  len = sizeof header;
  u32(0x20000);
  head_of(target);
  u32(n);
  u32(n ? 0x20008 : 0);
  text_of(target);
  if (n) u32(n);
  for (uint32_t i = 0; i < n; i++)
    head_of(services[i]);
  for (uint32_t i = 0; i < n; i++)
    text_of(services[i]);
  bytes[8] = (uint8_t)(len - 16);
  bytes[9] = (uint8_t)((len - 16) >> 8);
}

static const char *const two[] = {"HTTP/c1@R", "HTTP/c2@R"};

START_TEST(delegation_info_parse_right_one_gives_names)
{
  struct delegation_info d;
  make("HTTP/web", two, 2);
  ck_assert_int_eq(delegation_info_parse(bytes, len, &d), ERR_OK);
  ck_assert_str_eq(d.target, "HTTP/web");
  ck_assert_str_eq(d.transited, "HTTP/c1@R,HTTP/c2@R");
}
END_TEST

START_TEST(delegation_info_parse_without_services_is_right)
{
  struct delegation_info d;
  make("HTTP/web", NULL, 0);
  ck_assert_int_eq(delegation_info_parse(bytes, len, &d), ERR_OK);
  ck_assert_str_eq(d.transited, "");
}
END_TEST

START_TEST(delegation_info_parse_cut_anywhere_is_refused)
{
  struct delegation_info d;
  make("HTTP/web", two, 2);
  for (size_t n = 0; n < len; n++) {
    uint8_t *copy = malloc(n + 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, n);
    ck_assert_msg(delegation_info_parse(copy, n, &d) == ERR_SYNTAX, "%zu", n);
    free(copy);
  }
}
END_TEST

static const struct {
  size_t at;
  uint8_t value;
} refused[] = {
    {1, 0x00}, /* big-endian */
    {28, 65},  /* more services than are allowed */
    {28, 1},   /* a count that differs from the array's */
    {20, 15},  /* an odd length */
};

START_TEST(delegation_info_parse_one_byte_wrong_is_refused)
{
  struct delegation_info d;
  make("HTTP/web", two, 2);
  bytes[refused[_i].at] = refused[_i].value;
  ck_assert_int_eq(delegation_info_parse(bytes, len, &d), ERR_SYNTAX);
}
END_TEST

START_TEST(delegation_info_parse_control_characters_do_not_come_through)
{
  struct delegation_info d;
  make("a\nb", NULL, 0);
  ck_assert_int_eq(delegation_info_parse(bytes, len, &d), ERR_OK);
  ck_assert_str_eq(d.target, "a?b");
}
END_TEST

START_TEST(delegation_info_parse_long_list_is_cut_at_a_whole_name)
{
  static const char *const many[] = {"HTTP/"
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@R",
                                     "HTTP/"
                                     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                                     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@R",
                                     "HTTP/"
                                     "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
                                     "cccccccccccccccccccccccccccccccccccccccc@R",
                                     "HTTP/"
                                     "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
                                     "dddddddddddddddddddddddddddddddddddddddd@R",
                                     "HTTP/"
                                     "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
                                     "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee@R"};
  struct delegation_info d;
  make("HTTP/web", many, 5);
  ck_assert_int_eq(delegation_info_parse(bytes, len, &d), ERR_OK);
  ck_assert_str_eq(d.transited + strlen(d.transited) - 3, "d@R");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("delegation_info");
  TCase *t = tcase_create("ndr");
  tcase_add_test(t, delegation_info_parse_right_one_gives_names);
  tcase_add_test(t, delegation_info_parse_without_services_is_right);
  tcase_add_test(t, delegation_info_parse_cut_anywhere_is_refused);
  tcase_add_loop_test(t, delegation_info_parse_one_byte_wrong_is_refused, 0,
                      (int)(sizeof refused / sizeof *refused));
  tcase_add_test(t, delegation_info_parse_control_characters_do_not_come_through);
  tcase_add_test(t, delegation_info_parse_long_list_is_cut_at_a_whole_name);
  suite_add_tcase(s, t);
  return run(s);
}

#include "json_text.h"
#include "suites.h"

#include <jansson.h>
#include <string.h>

static const struct {
  const char *text, *json;
} cases[] = {
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"a\"b\\c", "\"a\\\"b\\\\c\""},
    {"line\nfeed\r\t", "\"line\\nfeed\\r\\t\""},
    {"\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\""},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
    {"\xff", "\"\xef\xbf\xbd\""},
    {"a\xc3", "\"a\xef\xbf\xbd\""},                                               /* cut sequence */
    {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                                 /* overlong */
    {"\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
    {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},                 /* surrogate */
    {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* beyond U+10FFFF */
    {"\xe2\x28\xa1", "\"\xef\xbf\xbd(\xef\xbf\xbd\""},                            /* bad second byte */
    {"\xe2\x82\x28", "\"\xef\xbf\xbd\xef\xbf\xbd(\""},                            /* bad third byte */
};

START_TEST(json_text_append_any_bytes_gives_json)
{
  struct buf b;
  buf_init(&b, 1000);
  ck_assert_int_eq(json_text_append(&b, cases[_i].text, strlen(cases[_i].text)), ERR_OK);
  ck_assert_str_eq(buf_str(&b), cases[_i].json);
  json_t *v = json_loads(buf_str(&b), JSON_DECODE_ANY, NULL);
  ck_assert_ptr_nonnull(v);
  json_decref(v);
  buf_clear(&b);
}
END_TEST

START_TEST(json_text_append_nul_byte_is_escaped)
{
  struct buf b;
  buf_init(&b, 1000);
  ck_assert_int_eq(json_text_append(&b, "a\0b", 3), ERR_OK);
  ck_assert_str_eq(buf_str(&b), "\"a\\u0000b\"");
  buf_clear(&b);
}
END_TEST

START_TEST(json_text_append_no_room_says_too_large)
{
  struct buf b;
  buf_init(&b, 6);
  ck_assert_int_eq(json_text_append(&b, "12345", 5), ERR_TOO_LARGE);
  buf_clear(&b);
}
END_TEST

Suite *json_text_suite(void)
{
  Suite *s = suite_create("json_text");
  TCase *t = tcase_create("json_text");
  tcase_add_loop_test(t, json_text_append_any_bytes_gives_json, 0, sizeof cases / sizeof *cases);
  tcase_add_test(t, json_text_append_nul_byte_is_escaped);
  tcase_add_test(t, json_text_append_no_room_says_too_large);
  suite_add_tcase(s, t);
  return s;
}

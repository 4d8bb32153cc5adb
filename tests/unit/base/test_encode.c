#include "encode.h"
#include "suites.h"

#include <string.h>

static struct buf b;

static void set_up(void)
{
  buf_init(&b, 4096);
}

static void tear_down(void)
{
  buf_clear(&b);
}

/* RFC 4648 section 10, and the two characters in which the alphabets differ. */
static const struct {
  const char *plain, *base64, *base64url;
} vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/", "-_-_"},
};

START_TEST(base64_encode_vector_gives_its_text)
{
  ck_assert_int_eq(base64_encode(&b, vectors[_i].plain, strlen(vectors[_i].plain)), ERR_OK);
  ck_assert_str_eq(buf_str(&b), vectors[_i].base64);
}
END_TEST

START_TEST(base64url_encode_vector_gives_its_text)
{
  ck_assert_int_eq(base64url_encode(&b, vectors[_i].plain, strlen(vectors[_i].plain)), ERR_OK);
  ck_assert_str_eq(buf_str(&b), vectors[_i].base64url);
}
END_TEST

START_TEST(base64_decode_vector_gives_its_bytes)
{
  ck_assert_int_eq(base64_decode(&b, vectors[_i].base64, strlen(vectors[_i].base64)), ERR_OK);
  ck_assert_str_eq(buf_str(&b), vectors[_i].plain);
}
END_TEST

START_TEST(base64url_decode_vector_gives_its_bytes)
{
  ck_assert_int_eq(base64url_decode(&b, vectors[_i].base64url, strlen(vectors[_i].base64url)), ERR_OK);
  ck_assert_str_eq(buf_str(&b), vectors[_i].plain);
}
END_TEST

static const char *const bad_base64url[] = {
    "Z",     /* no encoding has this length */
    "Zm9vY", /* nor this */
    "Zh",    /* unused bits set */
    "Zm9",   /* unused bits set */
    "Zg==",  /* padding */
    "Zm8=",  "Zm 8", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zm9v.", "Zm\xc3\xa9",
};

START_TEST(base64url_decode_not_exact_is_refused)
{
  ck_assert_int_eq(buf_puts(&b, "kept"), ERR_OK);
  ck_assert_msg(base64url_decode(&b, bad_base64url[_i], strlen(bad_base64url[_i])) == ERR_SYNTAX,
                "accepted: %s", bad_base64url[_i]);
  ck_assert_str_eq(buf_str(&b), "kept");
}
END_TEST

static const char *const bad_base64[] = {
    "Zg",    "Zg=",  "Zm8",      "=",        "==",   "===",  "====",   "A===",  "Zh==", "Zm9=",
    "Zg==A", "Zg=A", "Zg==Zg==", "Zm9vZg=A", "Zm-v", "Zm_v", "Zm9v\n", "Zm9v=", "Z===",
};

START_TEST(base64_decode_not_exact_is_refused)
{
  ck_assert_int_eq(buf_puts(&b, "kept"), ERR_OK);
  ck_assert_msg(base64_decode(&b, bad_base64[_i], strlen(bad_base64[_i])) == ERR_SYNTAX, "accepted: %s",
                bad_base64[_i]);
  ck_assert_str_eq(buf_str(&b), "kept");
}
END_TEST

START_TEST(base64url_decode_embedded_nul_is_refused)
{
  ck_assert_int_eq(base64url_decode(&b, "Zm\0v", 4), ERR_SYNTAX);
}
END_TEST

START_TEST(base64url_decode_exact_maximum_fits)
{
  for (size_t n = 1; n <= 20; n++) {
    struct buf text, exact;
    char bytes[20];
    memset(bytes, 0xa5, sizeof bytes);
    buf_init(&text, 100);
    buf_init(&exact, n);
    ck_assert_int_eq(base64url_encode(&text, bytes, n), ERR_OK);
    ck_assert_int_eq(base64url_decode(&exact, buf_str(&text), text.len), ERR_OK);
    ck_assert_uint_eq(exact.len, n);
    buf_reset(&exact);
    ck_assert_int_eq(buf_putc(&exact, 'x'), ERR_OK);
    ck_assert_int_eq(base64url_decode(&exact, buf_str(&text), text.len), ERR_TOO_LARGE);
    buf_clear(&text);
    buf_clear(&exact);
  }
}
END_TEST

START_TEST(hex_encode_bytes_gives_lower_case)
{
  char out[9];
  hex_encode(out, "\x00\x7f\xab\xff", 4);
  ck_assert_str_eq(out, "007fabff");
}
END_TEST

START_TEST(hex_decode_digits_gives_bytes)
{
  uint8_t out[4];
  ck_assert_int_eq(hex_decode(out, 4, "007fabff"), ERR_OK);
  ck_assert_mem_eq(out, "\x00\x7f\xab\xff", 4);
}
END_TEST

static const char *const bad_hex[] = {"007FABFF", "007fabf",  "007fabfg", "",
                                      "0x7fabff", "007fab f", " 07fabff"};

START_TEST(hex_decode_other_text_is_refused)
{
  uint8_t out[4] = {9, 9, 9, 9};
  ck_assert_int_eq(hex_decode(out, 4, bad_hex[_i]), ERR_SYNTAX);
  ck_assert_mem_eq(out, "\x09\x09\x09\x09", 4);
}
END_TEST

START_TEST(html_escape_markup_becomes_references)
{
  const char *text = "<a href=\"x\" id='y'>&amp;";
  ck_assert_int_eq(html_escape(&b, text, strlen(text)), ERR_OK);
  ck_assert_str_eq(buf_str(&b), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;");
}
END_TEST

START_TEST(html_escape_no_room_says_too_large)
{
  struct buf small;
  buf_init(&small, 4);
  ck_assert_int_eq(html_escape(&small, "ab<", 3), ERR_TOO_LARGE);
  buf_clear(&small);
}
END_TEST

START_TEST(percent_encode_keeps_the_unreserved_only)
{
  const char *text = "AZaz09-._~ /?#[]@!$&'()*+,;=%\xc3\xa9";
  ck_assert_int_eq(percent_encode(&b, text, strlen(text)), ERR_OK);
  ck_assert_str_eq(buf_str(&b), "AZaz09-._~%20%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%25%C3%A9");
}
END_TEST

START_TEST(percent_encode_nul_is_encoded)
{
  ck_assert_int_eq(percent_encode(&b, "\0", 1), ERR_OK);
  ck_assert_str_eq(buf_str(&b), "%00");
}
END_TEST

START_TEST(constant_time_equal_compares_all)
{
  ck_assert(constant_time_equal("abc", 3, "abc", 3));
  ck_assert(constant_time_equal("", 0, "", 0));
  ck_assert(!constant_time_equal("abc", 3, "abd", 3));
  ck_assert(!constant_time_equal("Abc", 3, "abc", 3));
  ck_assert(!constant_time_equal("abc", 3, "ab", 2));
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))

Suite *encode_suite(void)
{
  Suite *s = suite_create("encode");
  TCase *t = tcase_create("encode");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_loop_test(t, base64_encode_vector_gives_its_text, 0, COUNT(vectors));
  tcase_add_loop_test(t, base64url_encode_vector_gives_its_text, 0, COUNT(vectors));
  tcase_add_loop_test(t, base64_decode_vector_gives_its_bytes, 0, COUNT(vectors));
  tcase_add_loop_test(t, base64url_decode_vector_gives_its_bytes, 0, COUNT(vectors));
  tcase_add_loop_test(t, base64url_decode_not_exact_is_refused, 0, COUNT(bad_base64url));
  tcase_add_loop_test(t, base64_decode_not_exact_is_refused, 0, COUNT(bad_base64));
  tcase_add_test(t, base64url_decode_embedded_nul_is_refused);
  tcase_add_test(t, base64url_decode_exact_maximum_fits);
  tcase_add_test(t, hex_encode_bytes_gives_lower_case);
  tcase_add_test(t, hex_decode_digits_gives_bytes);
  tcase_add_loop_test(t, hex_decode_other_text_is_refused, 0, COUNT(bad_hex));
  tcase_add_test(t, html_escape_markup_becomes_references);
  tcase_add_test(t, html_escape_no_room_says_too_large);
  tcase_add_test(t, percent_encode_keeps_the_unreserved_only);
  tcase_add_test(t, percent_encode_nul_is_encoded);
  tcase_add_test(t, constant_time_equal_compares_all);
  suite_add_tcase(s, t);
  return s;
}

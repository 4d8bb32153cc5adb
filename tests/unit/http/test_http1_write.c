#include "http1.h"
#include "run.h"

#include <string.h>

static struct fields f;
static struct buf out;

static void setup(void)
{
  fields_init(&f, 16, 4096);
  buf_init(&out, 65536);
  ck_assert_int_eq(buf_puts(&out, "before|"), ERR_OK);
}

static void teardown(void)
{
  fields_clear(&f);
  buf_clear(&out);
}

static void add(const char *name, const char *value)
{
  ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
}

static enum err request(const char *method, const char *target)
{
  return http1_write_request(&out, method, target, strlen(target), &f);
}

static void refused(enum err e)
{
  ck_assert_int_eq(e, ERR_INTERNAL);
  ck_assert_str_eq(buf_str(&out), "before|");
  ck_assert_uint_eq(out.len, 7);
}

START_TEST(write_request_as_given)
{
  add("Host", "a");
  add("X", "");
  ck_assert_int_eq(request("GET", "/a?b"), ERR_OK);
  ck_assert_str_eq(buf_str(&out), "before|GET /a?b HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n");
}
END_TEST

START_TEST(write_request_method_refused)
{
  refused(request("", "/"));
  refused(request("G T", "/"));
  refused(request("GET\r\nX:", "/"));
  refused(request("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", "/"));
}
END_TEST

START_TEST(write_request_target_refused)
{
  refused(request("GET", ""));
  refused(request("GET", "/ HTTP/1.1"));
  refused(request("GET", "/\r\nX: 1"));
  refused(request("GET", "/#f"));
  refused(http1_write_request(&out, "GET", "/\0a", 3, &f));
}
END_TEST

START_TEST(write_request_name_refused)
{
  add("X Y", "1");
  refused(request("GET", "/"));
}
END_TEST

START_TEST(write_request_empty_name_refused)
{
  add("", "1");
  refused(request("GET", "/"));
}
END_TEST

START_TEST(write_request_value_refused)
{
  add("X", "1\r\nY: 2");
  refused(request("GET", "/"));
}
END_TEST

START_TEST(write_request_value_with_nul_refused)
{
  ck_assert_int_eq(fields_addn(&f, "X", 1, "a\0b", 3), ERR_OK);
  refused(request("GET", "/"));
}
END_TEST

START_TEST(write_request_beyond_maximum_refused)
{
  struct buf small;
  buf_init(&small, 20);
  add("Host", "a");
  ck_assert_int_eq(http1_write_request(&small, "GET", "/", 1, &f), ERR_TOO_LARGE);
  ck_assert_uint_eq(small.len, 0);
  buf_clear(&small);
}
END_TEST

START_TEST(write_response_with_standard_reason)
{
  add("Content-Length", "0");
  ck_assert_int_eq(http1_write_response(&out, 1, 404, NULL, &f), ERR_OK);
  ck_assert_str_eq(buf_str(&out), "before|HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}
END_TEST

START_TEST(write_response_with_own_or_no_reason)
{
  ck_assert_int_eq(http1_write_response(&out, 0, 299, NULL, NULL), ERR_OK);
  ck_assert_int_eq(http1_write_response(&out, 1, 200, "Fine", NULL), ERR_OK);
  ck_assert_str_eq(buf_str(&out), "before|HTTP/1.0 299 \r\n\r\nHTTP/1.1 200 Fine\r\n\r\n");
}
END_TEST

START_TEST(write_response_status_refused)
{
  refused(http1_write_response(&out, 1, 99, NULL, &f));
  refused(http1_write_response(&out, 1, 600, NULL, &f));
}
END_TEST

START_TEST(write_response_minor_refused)
{
  refused(http1_write_response(&out, 2, 200, NULL, &f));
}
END_TEST

START_TEST(write_response_reason_refused)
{
  refused(http1_write_response(&out, 1, 200, "a\r\nX: 1", &f));
}
END_TEST

START_TEST(write_chunks)
{
  add("X-Sum", "1");
  ck_assert_int_eq(http1_write_chunk_head(&out, 255), ERR_OK);
  ck_assert_int_eq(http1_write_chunk_tail(&out), ERR_OK);
  ck_assert_int_eq(http1_write_last_chunk(&out, NULL), ERR_OK);
  ck_assert_int_eq(http1_write_last_chunk(&out, &f), ERR_OK);
  ck_assert_str_eq(buf_str(&out), "before|ff\r\n\r\n0\r\n\r\n0\r\nX-Sum: 1\r\n\r\n");
}
END_TEST

START_TEST(write_chunk_of_nothing_refused)
{
  refused(http1_write_chunk_head(&out, 0));
}
END_TEST

/* What is written is read back as it was. */
START_TEST(write_then_parse_is_the_same)
{
  struct http1_parser p;
  const uint8_t *at;
  size_t used, n;
  buf_reset(&out);
  add("Host", "a.test");
  add("X-Empty", "");
  add("X-High", "\xff\t\x80");
  ck_assert_int_eq(request("PATCH", "/a%00?{|}"), ERR_OK);
  http1_parser_init(&p, HTTP1_REQUEST, NULL);
  ck_assert_int_eq(http1_parse(&p, out.data, out.len, &used, &at, &n), HTTP1_HEAD);
  ck_assert_uint_eq(used, out.len);
  ck_assert_str_eq(p.head.method, "PATCH");
  ck_assert_str_eq(buf_str(&p.head.target), "/a%00?{|}");
  ck_assert_uint_eq(fields_count(&p.head.fields), 3);
  ck_assert_str_eq(fields_get(&p.head.fields, "x-high"), "\xff\t\x80");
  ck_assert_str_eq(fields_get(&p.head.fields, "x-empty"), "");
  http1_parser_clear(&p);
}
END_TEST

START_TEST(reason_phrase_unknown_empty)
{
  ck_assert_str_eq(http_reason_phrase(502), "Bad Gateway");
  ck_assert_str_eq(http_reason_phrase(299), "");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("http1_write");
  TCase *t = tcase_create("http1_write");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, write_request_as_given);
  tcase_add_test(t, write_request_method_refused);
  tcase_add_test(t, write_request_target_refused);
  tcase_add_test(t, write_request_name_refused);
  tcase_add_test(t, write_request_empty_name_refused);
  tcase_add_test(t, write_request_value_refused);
  tcase_add_test(t, write_request_value_with_nul_refused);
  tcase_add_test(t, write_request_beyond_maximum_refused);
  tcase_add_test(t, write_response_with_standard_reason);
  tcase_add_test(t, write_response_with_own_or_no_reason);
  tcase_add_test(t, write_response_status_refused);
  tcase_add_test(t, write_response_minor_refused);
  tcase_add_test(t, write_response_reason_refused);
  tcase_add_test(t, write_chunks);
  tcase_add_test(t, write_chunk_of_nothing_refused);
  tcase_add_test(t, write_then_parse_is_the_same);
  tcase_add_test(t, reason_phrase_unknown_empty);
  suite_add_tcase(s, t);
  return run(s);
}

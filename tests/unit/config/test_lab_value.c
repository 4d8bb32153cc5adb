#include "lab_value.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

static struct arena arena;

static void set_up(void)
{
  arena_init(&arena, 1 << 20);
}

static void tear_down(void)
{
  arena_clear(&arena);
}

/* A rule with what it takes and what it refuses; both lists end with NULL. */
static const struct rule_case {
  const struct lab_rule *rule;
  const char *good[6], *bad[14];
} rule_cases[] = {
    {&rule_name,
     {"a", "hello", "connector-1", "0x"},
     {"", "-a", "a-", "A", "a.b", "a_b", "a b", "../a", "a/b", "ä"}},
    {&rule_user_name,
     {"alice", "A.B_c-d", "x1"},
     {"", ".a", "a.", "a@b", "a/b", "a b", "a'b", "a\tb", "$x", "a\\b"}},
    {&rule_upn,
     {"alice@test.example", "o'neil@a.b", "A.b-c_d@x"},
     {"", "alice", "@a", "a@", "a@b@c", "a b@c", "a@b..c", "a@-b", "a/b@c", "a@b/", "'a@b"}},
    {&rule_spn,
     {"HTTP/web.corp.test", "http/x", "MSSQLSvc/db.test"},
     {"", "HTTP", "HTTP/", "/web", "HTTP/web@REALM", "HTTP/Web", "HTTP/web/x", "HTTP/web:80", "HT TP/x",
      "HTTP/a_b"}},
    {&rule_realm,
     {"CORP.TEST", "A", "X-1.Y"},
     {"", "corp.test", "CORP..TEST", ".A", "A.", "A/B", "-A", "A@B"}},
    {&rule_host_name,
     {"a", "a.b-c.d0", "127.0.0.1"},
     {"", "A", "a..b", "a.", ".a", "-a", "a-", "a_b", "a:1", "a/b"}},
    {&rule_line, {"x", "two words", "ä€"}, {"", "a\nb", "a\tb", "\x7f"}},
    {&rule_secret, {"12345678", "with spaces in it"}, {"", "1234567", "1234567\n8"}},
    {&rule_redirect_uri,
     {"https://a/b", "http://localhost:1/x?y=1", "https://a.b"},
     {"", "a", "ftp://a/", "https://", "https:///a", "https://a/#f", "https://a b", "javascript:x",
      "https://a\"", "//a"}},
};

START_TEST(lab_rule_takes_the_good_and_refuses_the_bad)
{
  const struct rule_case *c = &rule_cases[_i];
  ck_assert_ptr_nonnull(c->rule->expected);
  for (size_t i = 0; c->good[i]; i++)
    ck_assert_msg(c->rule->ok(c->good[i]), "%s: \"%s\" was refused", c->rule->expected, c->good[i]);
  for (size_t i = 0; c->bad[i]; i++)
    ck_assert_msg(!c->rule->ok(c->bad[i]), "%s: \"%s\" was taken", c->rule->expected, c->bad[i]);
}
END_TEST

START_TEST(lab_rule_long_name_is_refused)
{
  char text[300];
  memset(text, 'a', sizeof text);
  text[64] = 0;
  ck_assert(!rule_name.ok(text));
  ck_assert(!rule_host_name.ok(text));
  text[63] = 0;
  ck_assert(rule_name.ok(text));
  text[63] = text[64] = 'a';
  text[257] = 0;
  ck_assert(!rule_line.ok(text));
}
END_TEST

START_TEST(lab_parse_addr_host_and_port_are_split)
{
  struct lab_addr a;
  ck_assert_ptr_null(lab_parse_addr(&arena, "127.0.0.1:80", &a));
  ck_assert_str_eq(a.host, "127.0.0.1");
  ck_assert_uint_eq(a.port, 80);
  ck_assert_ptr_null(lab_parse_addr(&arena, "[::1]:65535", &a));
  ck_assert_str_eq(a.host, "::1");
  ck_assert_uint_eq(a.port, 65535);
}
END_TEST

START_TEST(lab_parse_addr_malformed_is_refused)
{
  static const char *const bad[] = {"",       "a",      "a:",       ":1",      "a:0",   "a:65536",
                                    "a:-1",   "a:+1",   "a:1x",     "a: 1",    "a:01",  "a:1:2",
                                    "[::1]",  "[]:1",   "[::1:1",   "[x]:1",   "A:1",   "a/b:1",
                                    "[::1]1", "[::1]:", "a:999999", "a b:123", "a\n:1", "::1:80"};
  struct lab_addr untouched = {"x", 1};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_msg(lab_parse_addr(&arena, bad[i], &untouched) != NULL, "\"%s\" was taken", bad[i]);
    ck_assert_str_eq(untouched.host, "x");
  }
}
END_TEST

START_TEST(lab_parse_time_date_or_time_is_seconds)
{
  int64_t t;
  char text[21];
  ck_assert_ptr_null(lab_parse_time("2033-05-18", &t));
  ck_assert_int_eq(t, 1999987200);
  ck_assert_ptr_null(lab_parse_time("2033-05-18T03:33:20Z", &t));
  ck_assert_int_eq(t, 2000000000);
  lab_format_time(t, text);
  ck_assert_str_eq(text, "2033-05-18T03:33:20Z");
}
END_TEST

START_TEST(lab_parse_time_malformed_is_refused)
{
  static const char *const bad[] = {"",
                                    "tomorrow",
                                    "2033-5-18",
                                    "2033-02-30",
                                    "2033-13-01",
                                    "1970-01-01",
                                    "2106-01-01",
                                    "2033-05-18T03:33:20",
                                    "2033-05-18T24:00:00Z",
                                    "2033-05-18T03:33:20Z ",
                                    "2033-05-18 03:33:20",
                                    " 033-05-18",
                                    "2033-05-18T03:33:20+01"};
  int64_t untouched = 7;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(lab_parse_time(bad[i], &untouched) != NULL, "\"%s\" was taken", bad[i]);
  ck_assert_int_eq(untouched, 7);
}
END_TEST

START_TEST(lab_parse_url_parts_are_split)
{
  struct lab_url u;
  ck_assert_ptr_null(lab_parse_url(&arena, "https://login.localhost:8444/a/b", &u));
  ck_assert_str_eq(u.text, "https://login.localhost:8444/a/b");
  ck_assert_str_eq(u.scheme, "https");
  ck_assert_str_eq(u.host, "login.localhost");
  ck_assert_uint_eq(u.port, 8444);
  ck_assert_str_eq(u.path, "/a/b");
}
END_TEST

START_TEST(lab_parse_url_absent_parts_have_the_scheme_s_defaults)
{
  struct lab_url u;
  ck_assert_ptr_null(lab_parse_url(&arena, "https://a", &u));
  ck_assert_uint_eq(u.port, 443);
  ck_assert_str_eq(u.path, "/");
  ck_assert_ptr_null(lab_parse_url(&arena, "http://[::1]/", &u));
  ck_assert_uint_eq(u.port, 80);
  ck_assert_str_eq(u.host, "::1");
}
END_TEST

START_TEST(lab_parse_url_malformed_is_refused)
{
  static const char *const bad[] = {
      "",           "a",          "ftp://a/",    "https:/a",    "https://",      "https:///",
      "HTTPS://a/", "https://A/", "https://a:/", "https://a:0", "https://u@a/",  "https://a/?q",
      "https://a?", "https://a#", "https://a/#", "https://a/ ", "https://a/<x>", "https://a:99999/"};
  struct lab_url u;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(lab_parse_url(&arena, bad[i], &u) != NULL, "\"%s\" was taken", bad[i]);
}
END_TEST

START_TEST(lab_expand_ports_each_name_becomes_its_port)
{
  const char *out;
  for (const struct lab_port *p = lab_ports; p->name; p++) {
    char text[64], wanted[64];
    snprintf(text, sizeof text, "h:{%s}/{%s}", p->name, p->name);
    snprintf(wanted, sizeof wanted, "h:%u/%u", 60000 + p->offset, 60000 + p->offset);
    ck_assert_ptr_null(lab_expand_ports(&arena, 60000, text, &out));
    ck_assert_str_eq(out, wanted);
  }
}
END_TEST

START_TEST(lab_expand_ports_unknown_name_is_refused)
{
  const char *out = "x";
  ck_assert_ptr_nonnull(lab_expand_ports(&arena, 8440, "h:{clod}", &out));
  ck_assert_ptr_nonnull(lab_expand_ports(&arena, 8440, "h:{}", &out));
  ck_assert_ptr_nonnull(lab_expand_ports(&arena, 8440, "h:{cloud", &out));
  ck_assert_str_eq(out, "x");
}
END_TEST

START_TEST(lab_parse_count_beyond_its_bounds_is_refused)
{
  unsigned v = 7;
  ck_assert(lab_parse_count("10", 10, 20, &v) && v == 10);
  ck_assert(lab_parse_count("20", 10, 20, &v) && v == 20);
  ck_assert(lab_parse_count("0", 0, 20, &v) && v == 0);
  v = 7;
  static const char *const bad[] = {"9",   "21",  "",    "1e1", "0x10",
                                    "+10", " 10", "10 ", "010", "99999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(!lab_parse_count(bad[i], 10, 20, &v), "\"%s\" was taken", bad[i]);
  ck_assert_uint_eq(v, 7);
}
END_TEST

START_TEST(lab_word_distance_counts_changes)
{
  ck_assert_uint_eq(lab_word_distance("realm", "realm"), 0);
  ck_assert_uint_eq(lab_word_distance("relm", "realm"), 1);
  ck_assert_uint_eq(lab_word_distance("listn", "lists"), 1);
  ck_assert_uint_eq(lab_word_distance("", "abc"), 3);
  ck_assert_uint_eq(lab_word_distance("a_word_far_longer_than_any_key_that_we_know", "a"), 99);
  ck_assert_uint_eq(lab_word_slack("x"), 0);
  ck_assert_uint_eq(lab_word_slack("session_lifetime"), 3);
}
END_TEST

START_TEST(arena_alloc_beyond_the_maximum_is_null)
{
  struct arena small;
  arena_init(&small, 100);
  ck_assert_ptr_nonnull(arena_alloc(&small, 60));
  ck_assert_ptr_null(arena_alloc(&small, 60));
  ck_assert_ptr_null(arena_alloc(&small, (size_t)-1));
  ck_assert_ptr_nonnull(arena_strndup(&small, "abc", 3));
  arena_clear(&small);
  arena_clear(&small);
}
END_TEST

Suite *lab_value_suite(void)
{
  Suite *s = suite_create("lab_value");
  TCase *t = tcase_create("lab_value");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_loop_test(t, lab_rule_takes_the_good_and_refuses_the_bad, 0,
                      sizeof rule_cases / sizeof *rule_cases);
  tcase_add_test(t, lab_rule_long_name_is_refused);
  tcase_add_test(t, lab_parse_addr_host_and_port_are_split);
  tcase_add_test(t, lab_parse_addr_malformed_is_refused);
  tcase_add_test(t, lab_parse_time_date_or_time_is_seconds);
  tcase_add_test(t, lab_parse_time_malformed_is_refused);
  tcase_add_test(t, lab_parse_url_parts_are_split);
  tcase_add_test(t, lab_parse_url_absent_parts_have_the_scheme_s_defaults);
  tcase_add_test(t, lab_parse_url_malformed_is_refused);
  tcase_add_test(t, lab_expand_ports_each_name_becomes_its_port);
  tcase_add_test(t, lab_expand_ports_unknown_name_is_refused);
  tcase_add_test(t, lab_parse_count_beyond_its_bounds_is_refused);
  tcase_add_test(t, lab_word_distance_counts_changes);
  tcase_add_test(t, arena_alloc_beyond_the_maximum_is_null);
  suite_add_tcase(s, t);
  return s;
}

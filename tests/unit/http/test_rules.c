#include "rules.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

static struct fields f;

static void setup(void)
{
  fields_init(&f, 64, 65536);
}

static void teardown(void)
{
  fields_clear(&f);
}

static void add(const char *name, const char *value)
{
  ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
}

static const char *text(void)
{
  static char out[4096];
  out[0] = 0;
  for (size_t i = 0; i < fields_count(&f); i++)
    sprintf(out + strlen(out), "%s: %s|", fields_at(&f, i).name, fields_at(&f, i).value);
  return out;
}

/* -- hop-by-hop
 * ---------------------------------------------------------------------------------------------- */

START_TEST(strip_hop_by_hop_fixed_names)
{
  static const char *const names[] = {"Connection",
                                      "Keep-Alive",
                                      "proxy-connection",
                                      "TE",
                                      "Upgrade",
                                      "Transfer-Encoding",
                                      "Trailer",
                                      "Proxy-Authenticate",
                                      "Proxy-Authorization",
                                      "Proxy-Authentication-Info"};
  add("Host", "a");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    add(names[i], "x");
  add("Te-st", "stays");
  rules_strip_hop_by_hop(&f);
  ck_assert_str_eq(text(), "Host: a|Te-st: stays|");
}
END_TEST

START_TEST(strip_hop_by_hop_named_by_connection)
{
  add("X-One", "1");
  add("Connection", "close, x-one ,X-TWO");
  add("X-Two", "2");
  add("X-Three", "3");
  add("connection", "X-Three, connection");
  add("x-one", "again");
  add("X-Four", "4");
  rules_strip_hop_by_hop(&f);
  ck_assert_str_eq(text(), "X-Four: 4|");
}
END_TEST

/* HT-03: the rule runs before the cloud adds its fields, so that they stay. */
START_TEST(strip_hop_by_hop_cannot_strip_what_is_added_later)
{
  add("Connection", "X-Forwarded-For, Via, Forwarded");
  add("X-Forwarded-For", "6.6.6.6");
  rules_strip_hop_by_hop(&f);
  ck_assert_int_eq(rules_add_forwarding(&f, "sevenstep", 1, "127.0.0.1", "https", "a.test"), ERR_OK);
  ck_assert_str_eq(fields_get(&f, "x-forwarded-for"), "127.0.0.1");
  ck_assert_ptr_nonnull(fields_get(&f, "via"));
  ck_assert_ptr_nonnull(fields_get(&f, "forwarded"));
}
END_TEST

/* -- identity
 * ------------------------------------------------------------------------------------------------ */

START_TEST(strip_identity_every_spelling)
{
  static const char *const names[] = {"X-MS-Client-Principal",
                                      "x_ms_proxy",
                                      "X-Forwarded-For",
                                      "X_FORWARDED_PROTO",
                                      "x-forwarded",
                                      "Forwarded",
                                      "X-Real-IP",
                                      "X_Real_IP",
                                      "Remote-User",
                                      "REMOTE_USER",
                                      "remote_user",
                                      "X-Remote-User",
                                      "X-Auth-Request-User",
                                      "x-auth_user",
                                      "Sevenstep-Upn",
                                      "SEVENSTEP_APP",
                                      "sevenstep"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    add(names[i], "mallory");
  rules_strip_identity(&f);
  ck_assert_str_eq(text(), "");
}
END_TEST

START_TEST(strip_identity_takes_what_is_read_as_more_than_a_field)
{
  static const char *const names[] = {"Proxy", "PROXY", "X-Original-URL", "x_original_url", "X-Rewrite-URL",
                                      "X.Rewrite.Url"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    add(names[i], "/admin");
  add("X-Original-Title", "1");
  add("Proxy-Hint", "2");
  add("XProxy", "3");
  rules_strip_identity(&f);
  ck_assert_str_eq(text(), "X-Original-Title: 1|Proxy-Hint: 2|XProxy: 3|");
}
END_TEST

START_TEST(strip_identity_leaves_the_rest)
{
  add("X-MSG", "1");
  add("Authorization", "2");
  add("X-Authx", "3");
  add("Remote-Users", "4");
  add("Forward", "5");
  rules_strip_identity(&f);
  ck_assert_str_eq(text(), "X-MSG: 1|Authorization: 2|X-Authx: 3|Remote-Users: 4|Forward: 5|");
}
END_TEST

START_TEST(strip_identity_knows_what_cgi_makes_of_other_characters)
{
  add("X.Forwarded.For", "1");
  add("X-MS.Proxy", "2");
  add("Remote.User", "3");
  add("Sevenstep!Upn", "4");
  add("X.Forward", "5");
  rules_strip_identity(&f);
  ck_assert_str_eq(text(), "X.Forward: 5|");
}
END_TEST

START_TEST(strip_spellings_removes_every_one_and_nothing_else)
{
  static const char *const names[] = {"X-User_Name", "x-user-name", "X_USER_NAME", "x_User-name",
                                      "X.User.Name", "X-User~Name", "x!user|name"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    add(names[i], "mallory");
  add("X-User-Names", "1");
  add("XX-User-Name", "2");
  add("X-UserName", "3");
  rules_strip_spellings(&f, "X-User-Name");
  ck_assert_str_eq(text(), "X-User-Names: 1|XX-User-Name: 2|X-UserName: 3|");
}
END_TEST

START_TEST(count_forward_one_less_and_nothing_else)
{
  static const struct {
    const char *text, *after;
    int n;
  } cases[] = {{"5", "4", 5},
               {"1", "0", 1},
               {"0", "0", 0},
               {"-1", "-1", -1},
               {"x", "x", -1},
               {"", "", -1},
               {"1 ", "1 ", -1},
               {"0000000001", "0000000001", -1},
               {"999999999", "999999998", 999999999}};
  ck_assert_int_eq(rules_max_forwards(&f), -1);
  ck_assert_int_eq(rules_count_forward(&f), ERR_OK);
  ck_assert_str_eq(text(), "");
  add("Max-Forwards", cases[_i].text);
  ck_assert_int_eq(rules_max_forwards(&f), cases[_i].n);
  ck_assert_int_eq(rules_count_forward(&f), ERR_OK);
  ck_assert_str_eq(fields_get(&f, "max-forwards"), cases[_i].after);
}
END_TEST

START_TEST(max_forwards_twice_is_none)
{
  add("Max-Forwards", "0");
  add("max-forwards", "0");
  ck_assert_int_eq(rules_max_forwards(&f), -1);
}
END_TEST

/* -- forwarding
 * ---------------------------------------------------------------------------------------------- */

START_TEST(add_forwarding_all_fields)
{
  add("Via", "1.0 other");
  ck_assert_int_eq(rules_add_forwarding(&f, "sevenstep", 1, "192.0.2.1", "https", "a.test:8443"), ERR_OK);
  ck_assert_str_eq(text(),
                   "Via: 1.0 other|Via: 1.1 sevenstep|"
                   "Forwarded: for=192.0.2.1;proto=https;host=\"a.test:8443\"|X-Forwarded-For: 192.0.2.1|"
                   "X-Forwarded-Proto: https|X-Forwarded-Host: a.test:8443|X-MS-Proxy: sevenstep|");
}
END_TEST

START_TEST(add_forwarding_ipv6_quoted)
{
  ck_assert_int_eq(rules_add_forwarding(&f, "p", 2, "2001:db8::1", "https", "a"), ERR_OK);
  ck_assert_str_eq(fields_get(&f, "forwarded"), "for=\"[2001:db8::1]\";proto=https;host=\"a\"");
  ck_assert_str_eq(fields_get(&f, "via"), "2.0 p");
}
END_TEST

START_TEST(add_forwarding_host_too_long_refused)
{
  char host[600];
  memset(host, 'a', sizeof host - 1);
  host[sizeof host - 1] = 0;
  ck_assert_int_eq(rules_add_forwarding(&f, "p", 1, "::1", "https", host), ERR_TOO_LARGE);
}
END_TEST

/* -- cookies
 * ------------------------------------------------------------------------------------------------- */

static void cookie_is(const char *name, const char *want)
{
  const char *value;
  size_t n;
  ck_assert_int_eq(rules_cookie_get(&f, name, &value, &n), ERR_OK);
  ck_assert_uint_eq(n, strlen(want));
  ck_assert(memcmp(value, want, n) == 0);
}

static enum err cookie_error(const char *name)
{
  const char *value;
  size_t n;
  return rules_cookie_get(&f, name, &value, &n);
}

START_TEST(cookie_get_over_all_fields)
{
  add("Cookie", "a=1; b = 2 ;c=x=y");
  add("cookie", "d=; e=\"q\"");
  cookie_is("a", "1");
  cookie_is("b", "2");
  cookie_is("c", "x=y");
  cookie_is("d", "");
  cookie_is("e", "\"q\"");
}
END_TEST

START_TEST(cookie_get_absent)
{
  add("Cookie", "a=1; bare; ab=2");
  add("X-Cookie", "b=1");
  ck_assert_int_eq(cookie_error("b"), ERR_NOT_FOUND);
  ck_assert_int_eq(cookie_error("A"), ERR_NOT_FOUND);
  ck_assert_int_eq(cookie_error("bare"), ERR_NOT_FOUND);
}
END_TEST

START_TEST(cookie_get_twice_in_one_field_refused)
{
  add("Cookie", "a=1; b=2; a=1");
  ck_assert_int_eq(cookie_error("a"), ERR_SYNTAX);
}
END_TEST

START_TEST(cookie_get_twice_in_two_fields_refused)
{
  add("Cookie", "a=1");
  add("Cookie", "a=2");
  ck_assert_int_eq(cookie_error("a"), ERR_SYNTAX);
}
END_TEST

static void stripped(const char *cookie, const char *want)
{
  fields_reset(&f);
  add("Cookie", cookie);
  ck_assert_int_eq(rules_cookie_strip(&f, "__Host-sevenstep"), ERR_OK);
  const char *got = fields_get(&f, "cookie");
  if (want)
    ck_assert_str_eq(got, want);
  else
    ck_assert_ptr_null(got);
}

START_TEST(cookie_strip_keeps_other_bytes)
{
  stripped("a=1;  b=2;c", "a=1;  b=2;c");
  stripped("__Host-sevenstep=1; a=1;  b=2", "a=1;  b=2");
  stripped("a=1; __Host-sevenstep=1;  b=2", "a=1;  b=2");
  stripped("a=1; __Host-sevenstep=1", "a=1");
  stripped("a=1; __Host-sevenstep=1; __Host-sevenstep-state=2; b=3; __HOST-SEVENSTEP=4", "a=1; b=3");
}
END_TEST

START_TEST(cookie_strip_drops_empty_fields)
{
  stripped("__Host-sevenstep=1", NULL);
  stripped("__Host-sevenstep=1; __Host-sevenstep-nonce=2;", NULL);
}
END_TEST

START_TEST(cookie_strip_nameless_value)
{
  stripped("a=1; __Host-sevenstep; =__Host-sevenstep=1", "a=1");
}
END_TEST

START_TEST(cookie_strip_all_fields)
{
  add("Cookie", "a=1; __Host-sevenstep=1");
  add("Other", "__Host-sevenstep=1");
  add("cookie", "__Host-sevenstep=2");
  ck_assert_int_eq(rules_cookie_strip(&f, "__Host-sevenstep"), ERR_OK);
  ck_assert_str_eq(text(), "Cookie: a=1|Other: __Host-sevenstep=1|");
}
END_TEST

START_TEST(strip_negotiate_in_any_list_and_nothing_else)
{
  static const struct {
    const char *value;
    bool goes;
  } cases[] = {{"Negotiate", true},
               {"negotiate oYIB", true},
               {"Basic realm=\"x\", Negotiate", true},
               {"NTLM,Negotiate oYIB,Basic realm=\"x\"", true},
               {"Basic realm=\"x\"", false},
               {"NegotiateToo abc", false},
               {"", false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fields one;
    fields_init(&one, 4, 1024);
    ck_assert_int_eq(fields_add(&one, "www-authenticate", cases[i].value), ERR_OK);
    ck_assert_int_eq(fields_add(&one, "X-Other", "Negotiate"), ERR_OK);
    rules_strip_negotiate(&one);
    ck_assert_uint_eq(fields_count(&one), cases[i].goes ? 1 : 2);
    fields_clear(&one);
  }
}
END_TEST

START_TEST(strip_trailers_leaves_what_is_safe_there)
{
  static const char *const gone[] = {"Set-Cookie",
                                     "strict-transport-security",
                                     "Content-Length",
                                     "Transfer-Encoding",
                                     "Keep-Alive",
                                     "WWW-Authenticate",
                                     "Content-Security-Policy",
                                     "Access-Control-Allow-Origin",
                                     "Cross-Origin-Opener-Policy",
                                     "Location",
                                     "Sevenstep-Trace",
                                     "sevenstep_error",
                                     "X-Hop"};
  add("Connection", "x-hop");
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
    add(gone[i], "1");
  add("Server-Timing", "db;dur=53");
  add("grpc-status", "0");
  add("X-Sum", "1");
  rules_strip_trailers(&f);
  ck_assert_str_eq(text(), "Server-Timing: db;dur=53|grpc-status: 0|X-Sum: 1|");
}
END_TEST

START_TEST(set_cookie_strip_ours_only)
{
  add("Set-Cookie", "__Host-sevenstep=evil; Path=/");
  add("Set-Cookie", "session=1; Path=/");
  add("set-cookie", "  __host-SEVENSTEP-state=evil");
  add("Set-Cookie", "=__Host-sevenstep=evil");
  add("Set-Cookie", "__Host-sevenstep");
  add("Set-Cookie", "a=__Host-sevenstep");
  rules_set_cookie_strip(&f, "__Host-sevenstep");
  ck_assert_str_eq(text(), "Set-Cookie: session=1; Path=/|Set-Cookie: a=__Host-sevenstep|");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("rules");
  TCase *t = tcase_create("rules");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, strip_hop_by_hop_fixed_names);
  tcase_add_test(t, strip_hop_by_hop_named_by_connection);
  tcase_add_test(t, strip_hop_by_hop_cannot_strip_what_is_added_later);
  tcase_add_test(t, strip_identity_every_spelling);
  tcase_add_test(t, strip_identity_takes_what_is_read_as_more_than_a_field);
  tcase_add_test(t, strip_identity_leaves_the_rest);
  tcase_add_test(t, strip_identity_knows_what_cgi_makes_of_other_characters);
  tcase_add_loop_test(t, count_forward_one_less_and_nothing_else, 0, 9);
  tcase_add_test(t, max_forwards_twice_is_none);
  tcase_add_test(t, strip_spellings_removes_every_one_and_nothing_else);
  tcase_add_test(t, add_forwarding_all_fields);
  tcase_add_test(t, add_forwarding_ipv6_quoted);
  tcase_add_test(t, add_forwarding_host_too_long_refused);
  tcase_add_test(t, cookie_get_over_all_fields);
  tcase_add_test(t, cookie_get_absent);
  tcase_add_test(t, cookie_get_twice_in_one_field_refused);
  tcase_add_test(t, cookie_get_twice_in_two_fields_refused);
  tcase_add_test(t, cookie_strip_keeps_other_bytes);
  tcase_add_test(t, cookie_strip_drops_empty_fields);
  tcase_add_test(t, cookie_strip_nameless_value);
  tcase_add_test(t, cookie_strip_all_fields);
  tcase_add_test(t, set_cookie_strip_ours_only);
  tcase_add_test(t, strip_trailers_leaves_what_is_safe_there);
  tcase_add_test(t, strip_negotiate_in_any_list_and_nothing_else);
  suite_add_tcase(s, t);
  return run(s);
}

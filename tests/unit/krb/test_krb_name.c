#include "krb_name.h"

#include "run.h"

#include <string.h>

static enum err account(const char *upn, char out[KRB_ACCOUNT_MAX + 1])
{
  return krb_account_of_upn(upn, "test", out, NULL);
}

START_TEST(krb_account_of_upn_right_ones_give_the_account)
{
  char out[KRB_ACCOUNT_MAX + 1];
  ck_assert_int_eq(account("alice@test", out), ERR_OK);
  ck_assert_str_eq(out, "alice");
  ck_assert_int_eq(account("a.b-c_d'e@TEST", out), ERR_OK);
  ck_assert_str_eq(out, "a.b-c_d'e");
}
END_TEST

static const char *const malformed[] = {
    "",
    "alice",
    "@test",
    "alice@",
    "alice@other",
    "alice@test.other",
    "alice@@test",
    "a@b@test",
    "a\\@b@test",
    "a/b@test",
    "a b@test",
    "a\tb@test",
    "alice@test ",
    "al\xc3\xa9@test",
    "a\x7f@test",
    "a:b@test",
    "a,b@test",
    "alice@test\\",
    "alice@test@test",
    "../alice@test",
    "a\"b@test",
};

START_TEST(krb_account_of_upn_malformed_is_refused)
{
  char out[KRB_ACCOUNT_MAX + 1];
  ck_assert_msg(account(malformed[_i], out) == ERR_KRB_NAME_MALFORMED, "%s", malformed[_i]);
}
END_TEST

START_TEST(krb_account_of_upn_of_300_characters_is_refused)
{
  char upn[310], out[KRB_ACCOUNT_MAX + 1];
  memset(upn, 'a', 300);
  strcpy(upn + 300, "@test");
  ck_assert_int_eq(account(upn, out), ERR_KRB_NAME_MALFORMED);
}
END_TEST

START_TEST(krb_account_of_any_upn_suffix_is_dropped)
{
  char out[KRB_ACCOUNT_MAX + 1];
  ck_assert_int_eq(krb_account_of_any_upn("alice@contoso.example", out, NULL), ERR_OK);
  ck_assert_str_eq(out, "alice");
}
END_TEST

static const char *const malformed_anywhere[] = {
    "",           "alice",      "@a.test",      "alice@",       "a@b@c.test",      "a\\@b@c.test",
    "a/b@c.test", "a b@c.test", "a@c.test ",    "a@c.test.",    "a@.test",         "al\xc3\xa9@c.test",
    "a@c/d",      "a@c\\d",     "a\x01@c.test", "a@c.test\x01", "krbtgt/R@c.test", "a@\xc3\xa9.test",
};

START_TEST(krb_account_of_any_upn_malformed_is_refused)
{
  char out[KRB_ACCOUNT_MAX + 1] = "untouched";
  ck_assert_msg(krb_account_of_any_upn(malformed_anywhere[_i], out, NULL) == ERR_KRB_NAME_MALFORMED, "%s",
                malformed_anywhere[_i]);
  ck_assert_str_eq(out, "untouched");
}
END_TEST

START_TEST(krb_account_check_only_an_account_s_name_is_right)
{
  static const char *const bad[] = {"", "a@b", "a/b", "a\\b", "a b", "a ", "CORP\\a", "\xc3\xa9", "a\n"};
  ck_assert_int_eq(krb_account_check("a.b-c_d'e$", NULL), ERR_OK);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(krb_account_check(bad[i], NULL) == ERR_KRB_NAME_MALFORMED, "%s", bad[i]);
}
END_TEST

START_TEST(krb_spn_split_one_or_two_components)
{
  struct krb_spn s;
  ck_assert_int_eq(krb_spn_split("HTTP/web.test", &s, NULL), ERR_OK);
  ck_assert_str_eq(s.first, "HTTP");
  ck_assert_str_eq(s.second, "web.test");
  ck_assert_int_eq(krb_spn_split("connector$", &s, NULL), ERR_OK);
  ck_assert_str_eq(s.first, "connector$");
  ck_assert_str_eq(s.second, "");
}
END_TEST

static const char *const bad_spns[] = {"",           "/",        "HTTP/",      "/web",     "a/b/c",
                                       "HTTP/web@R", "HTTP/w b", "HTTP\\/web", "HTTP/\x01"};

START_TEST(krb_spn_split_malformed_is_refused)
{
  struct krb_spn s;
  ck_assert_msg(krb_spn_split(bad_spns[_i], &s, NULL) == ERR_KRB_SPN_UNKNOWN, "%s", bad_spns[_i]);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("krb_name");
  TCase *t = tcase_create("names");
  tcase_add_test(t, krb_account_of_upn_right_ones_give_the_account);
  tcase_add_loop_test(t, krb_account_of_upn_malformed_is_refused, 0, sizeof malformed / sizeof *malformed);
  tcase_add_test(t, krb_account_of_upn_of_300_characters_is_refused);
  tcase_add_test(t, krb_account_of_any_upn_suffix_is_dropped);
  tcase_add_loop_test(t, krb_account_of_any_upn_malformed_is_refused, 0,
                      sizeof malformed_anywhere / sizeof *malformed_anywhere);
  tcase_add_test(t, krb_account_check_only_an_account_s_name_is_right);
  tcase_add_test(t, krb_spn_split_one_or_two_components);
  tcase_add_loop_test(t, krb_spn_split_malformed_is_refused, 0, sizeof bad_spns / sizeof *bad_spns);
  suite_add_tcase(s, t);
  return run(s);
}

#include "lockout.h"

#include "browser.h"
#include "clock.h"
#include "suites.h"

static int64_t left;

static enum err check(const char *name)
{
  struct failure f;
  const struct lab *lab = provider_lab();
  const struct lab_user *u = lab_user_by_upn(lab, name);
  return lockout_check(provider.store, u ? u : lab_user_by_name(lab, name), name, &left, &f);
}

static void fail_times(const char *name, int n)
{
  int64_t count;
  const struct lab *lab = provider_lab();
  const struct lab_user *u = lab_user_by_upn(lab, name);
  for (int i = 0; i < n; i++)
    ck_assert_int_eq(lockout_failed(provider.store, u ? u : lab_user_by_name(lab, name), name, &count),
                     ERR_OK);
}

START_TEST(lockout_check_before_the_last_failure_ok)
{
  fail_times("alice", LOCKOUT_FAILURES - 1);
  ck_assert_int_eq(check("alice"), ERR_OK);
}
END_TEST

START_TEST(lockout_check_after_the_last_failure_locked_for_a_while)
{
  fail_times("alice", LOCKOUT_FAILURES);
  ck_assert_int_eq(check("alice"), ERR_LOGON_LOCKED_OUT);
  ck_assert(left > 0 && left <= LOCKOUT_S);
  clock_shift_wall(LOCKOUT_S + 1);
  ck_assert_int_eq(check("alice"), ERR_OK);
}
END_TEST

START_TEST(lockout_check_upn_and_account_name_share_a_counter)
{
  fail_times("alice", LOCKOUT_FAILURES / 2);
  fail_times("ALICE@sevenstep.test", LOCKOUT_FAILURES - LOCKOUT_FAILURES / 2);
  ck_assert_int_eq(check("alice@sevenstep.test"), ERR_LOGON_LOCKED_OUT);
  ck_assert_int_eq(check("bob"), ERR_OK);
}
END_TEST

START_TEST(lockout_check_stranger_locked_too)
{
  fail_times("nobody", LOCKOUT_FAILURES);
  ck_assert_int_eq(check("Nobody"), ERR_LOGON_LOCKED_OUT);
  ck_assert_int_eq(check("nobody2"), ERR_OK);
}
END_TEST

START_TEST(lockout_succeeded_forgets_failures)
{
  fail_times("alice", LOCKOUT_FAILURES - 1);
  ck_assert_int_eq(lockout_succeeded(provider.store, lab_user_by_name(provider_lab(), "alice")), ERR_OK);
  fail_times("alice", LOCKOUT_FAILURES - 1);
  ck_assert_int_eq(check("alice"), ERR_OK);
}
END_TEST

Suite *lockout_suite(void)
{
  Suite *s = suite_create("lockout");
  TCase *t = tcase_create("lockout");
  tcase_add_checked_fixture(t, provider_setup, provider_teardown);
  tcase_add_test(t, lockout_check_before_the_last_failure_ok);
  tcase_add_test(t, lockout_check_after_the_last_failure_locked_for_a_while);
  tcase_add_test(t, lockout_check_upn_and_account_name_share_a_counter);
  tcase_add_test(t, lockout_check_stranger_locked_too);
  tcase_add_test(t, lockout_succeeded_forgets_failures);
  suite_add_tcase(s, t);
  return s;
}

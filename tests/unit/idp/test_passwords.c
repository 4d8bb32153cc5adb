#include "passwords.h"

#include "browser.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char path[96];

static struct passwords *opened(void)
{
  struct passwords *p = NULL;
  struct failure f = {0};
  ck_assert_msg(!passwords_open(provider_lab(), path, &p, &f), "%s", f.why);
  return p;
}

static const struct lab_user *user(const char *name)
{
  return lab_user_by_name(provider_lab(), name);
}

/* The file that provider_prepare() made is complete. */
static void use_prepared(void)
{
  snprintf(path, sizeof path, "%s/passwords", provider_folder);
}

static void use_own(void)
{
  snprintf(path, sizeof path, "%s/own-passwords", provider_folder);
}

static void remove_own(void)
{
  use_own();
  unlink(path);
}

START_TEST(passwords_open_with_file_nothing_pending)
{
  struct passwords *p = opened();
  ck_assert_uint_eq(passwords_pending(p), 0);
  passwords_free(p);
}
END_TEST

START_TEST(passwords_check_right_password_true)
{
  struct passwords *p = opened();
  ck_assert(passwords_check(p, user("alice"), "alice-password"));
  passwords_free(p);
}
END_TEST

START_TEST(passwords_check_wrong_password_false)
{
  struct passwords *p = opened();
  ck_assert(!passwords_check(p, user("alice"), "bob-password"));
  ck_assert(!passwords_check(p, user("alice"), ""));
  ck_assert(!passwords_check(p, user("alice"), "alice-passwor"));
  ck_assert(!passwords_check(p, user("alice"), "alice-password "));
  passwords_free(p);
}
END_TEST

START_TEST(passwords_check_nobody_false)
{
  struct passwords *p = opened();
  ck_assert(!passwords_check(p, NULL, "alice-password"));
  ck_assert(!passwords_check(p, NULL, ""));
  passwords_free(p);
}
END_TEST

static double seconds_of_check(struct passwords *p, const struct lab_user *u)
{
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  ck_assert(!passwords_check(p, u, "wrong"));
  clock_gettime(CLOCK_MONOTONIC, &b);
  return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

/* Coarse on purpose: on a busy machine times vary, but no hash at all would be a thousand times faster. */
START_TEST(passwords_check_nobody_takes_as_long)
{
  struct passwords *p = opened();
  ck_assert_double_gt(seconds_of_check(p, NULL), seconds_of_check(p, user("alice")) / 20);
  passwords_free(p);
}
END_TEST

START_TEST(passwords_check_while_hashing_right)
{
  struct passwords *p = opened();
  ck_assert_uint_gt(passwords_pending(p), 0);
  ck_assert(passwords_check(p, user("frank"), "frank-password"));
  ck_assert(!passwords_check(p, user("frank"), "alice-password"));
  passwords_free(p);
}
END_TEST

START_TEST(passwords_free_in_the_middle_writes_no_file)
{
  passwords_free(opened());
  ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(passwords_open_damaged_file_ignored)
{
  FILE *f = fopen(path, "w");
  fputs("rubbish\nalice AAAA BBBB\n", f);
  fclose(f);
  chmod(path, 0600);
  struct passwords *p = opened();
  ck_assert_uint_gt(passwords_pending(p), 0);
  ck_assert(passwords_check(p, user("alice"), "alice-password"));
  passwords_free(p);
}
END_TEST

START_TEST(passwords_open_file_others_may_write_ignored)
{
  char prepared[128];
  snprintf(prepared, sizeof prepared, "%s/passwords", provider_folder);
  ck_assert_int_eq(link(prepared, path), 0);
  ck_assert_int_eq(chmod(path, 0666), 0);
  struct passwords *p = opened();
  ck_assert_uint_gt(passwords_pending(p), 0);
  passwords_free(p);
  ck_assert_int_eq(chmod(path, 0600), 0);
}
END_TEST

START_TEST(passwords_file_is_private_and_tells_no_password)
{
  struct stat st;
  char text[4096] = "";
  FILE *f = fopen(path, "r");
  ck_assert_ptr_nonnull(f);
  ck_assert_uint_gt(fread(text, 1, sizeof text - 1, f), 0);
  fclose(f);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0600);
  ck_assert_ptr_null(strstr(text, "-password "));
  ck_assert_ptr_null(strstr(text, "alice-password"));
}
END_TEST

START_TEST(passwords_free_null_accepted)
{
  passwords_free(NULL);
}
END_TEST

Suite *passwords_suite(void)
{
  Suite *s = suite_create("passwords");
  TCase *t = tcase_create("kept");
  tcase_add_checked_fixture(t, use_prepared, NULL);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, passwords_open_with_file_nothing_pending);
  tcase_add_test(t, passwords_check_right_password_true);
  tcase_add_test(t, passwords_check_wrong_password_false);
  tcase_add_test(t, passwords_check_nobody_false);
  tcase_add_test(t, passwords_check_nobody_takes_as_long);
  tcase_add_test(t, passwords_file_is_private_and_tells_no_password);
  tcase_add_test(t, passwords_free_null_accepted);
  suite_add_tcase(s, t);
  t = tcase_create("made");
  tcase_add_checked_fixture(t, remove_own, remove_own);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, passwords_check_while_hashing_right);
  tcase_add_test(t, passwords_free_in_the_middle_writes_no_file);
  tcase_add_test(t, passwords_open_damaged_file_ignored);
  tcase_add_test(t, passwords_open_file_others_may_write_ignored);
  suite_add_tcase(s, t);
  return s;
}

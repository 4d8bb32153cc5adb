/* What a connector holds of what the cloud told it. How it comes and is answered is scenarios' to show. */
#include "configure.h"

#include "lab_write.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

static struct configurations c;

static void tear_down(void)
{
  configurations_clear(&c);
}

/* One application, named by the version. */
static void put(unsigned version)
{
  char text[300];
  struct lab *lab;
  struct failure f;
  int n = snprintf(
      text, sizeof text,
      "applications: {app-%u: {external_url: https://a.apps.localhost/, internal_url: http://a.test/}}",
      version);
  ck_assert_msg(lab_read_applications("t", text, (size_t)n, &lab, &f) == ERR_OK, "%s", f.why);
  configurations_put(&c, version, lab);
}

static const char *found(unsigned version)
{
  const struct lab *lab = configurations_find(&c, version);
  return lab ? lab->apps[0].name : "";
}

START_TEST(configurations_find_before_the_first_is_null)
{
  ck_assert_ptr_null(configurations_find(&c, 1));
}
END_TEST

START_TEST(configurations_find_the_version_asked_for)
{
  put(1);
  put(2);
  ck_assert_str_eq(found(1), "app-1");
  ck_assert_str_eq(found(2), "app-2");
}
END_TEST

START_TEST(configurations_find_an_unknown_version_is_the_newest)
{
  put(4);
  put(5);
  ck_assert_str_eq(found(0), "app-5");
  ck_assert_str_eq(found(6), "app-5");
}
END_TEST

START_TEST(configurations_put_beyond_the_maximum_the_oldest_goes)
{
  const struct lab *held;
  put(1);
  held = lab_ref(configurations_find(&c, 1));
  for (unsigned v = 2; v <= CONFIGURATIONS_MAX + 1; v++)
    put(v);
  ck_assert_str_eq(found(1), "app-5");
  ck_assert_str_eq(found(2), "app-2");
  /* Whoever began with it has it still. */
  ck_assert_str_eq(held->apps[0].name, "app-1");
  lab_free(held);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("configure");
  TCase *t = tcase_create("configure");
  tcase_add_checked_fixture(t, NULL, tear_down);
  tcase_add_test(t, configurations_find_before_the_first_is_null);
  tcase_add_test(t, configurations_find_the_version_asked_for);
  tcase_add_test(t, configurations_find_an_unknown_version_is_the_newest);
  tcase_add_test(t, configurations_put_beyond_the_maximum_the_oldest_goes);
  suite_add_tcase(s, t);
  return run(s);
}

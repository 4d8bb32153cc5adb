/* How long the loop looks before it sleeps. */
#include "run.h"
#include "vigil.h"

/* Waits of this length from here on, one after the other; how long was looked in the last. */
static int64_t look(struct vigil *v, int times, int64_t wait_ns)
{
  static int64_t now = 1;
  int64_t looked = 0;
  for (; times > 0; times--) {
    int64_t begin = now;
    while (vigil_goes_on(v, now) && now - begin < wait_ns)
      now += 1000;
    looked = now - begin;
    now = begin + wait_ns;
    vigil_end(v, now);
  }
  return looked;
}

START_TEST(vigil_is_learned_from_short_waits)
{
  struct vigil v = {0};
  ck_assert_int_eq(look(&v, 1, 50000), 0);
  ck_assert_int_eq(look(&v, 10, 50000), 50000); /* and nobody slept */
  ck_assert_int_eq(v.limit_ns, VIGIL_MAX_NS);
}
END_TEST

START_TEST(vigil_that_is_in_vain_becomes_none)
{
  struct vigil v = {.limit_ns = VIGIL_MAX_NS};
  ck_assert_int_eq(look(&v, 1, 1000000), VIGIL_MAX_NS);
  ck_assert_int_eq(look(&v, 1, 1000000), VIGIL_MAX_NS / 2);
  ck_assert_int_eq(look(&v, 10, 1000000), 0);
  ck_assert_int_eq(v.limit_ns, 0);
}
END_TEST

START_TEST(vigil_outlasts_a_long_wait_now_and_then)
{
  struct vigil v = {0};
  for (int i = 0; i < 20; i++) {
    look(&v, 4, 20000);
    look(&v, 1, 1000000);
  }
  ck_assert_int_ge(v.limit_ns, VIGIL_MAX_NS / 2);
}
END_TEST

/* A client that sends a byte a millisecond keeps nobody awake. */
START_TEST(vigil_costs_what_comes_rarely_nothing)
{
  struct vigil v = {0};
  int64_t looked = 0;
  for (int i = 0; i < 1000; i++)
    looked += look(&v, 1, 1000000);
  ck_assert_int_eq(looked, 0);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("vigil");
  TCase *c = tcase_create("vigil");
  tcase_add_test(c, vigil_is_learned_from_short_waits);
  tcase_add_test(c, vigil_that_is_in_vain_becomes_none);
  tcase_add_test(c, vigil_outlasts_a_long_wait_now_and_then);
  tcase_add_test(c, vigil_costs_what_comes_rarely_nothing);
  suite_add_tcase(s, c);
  return run(s);
}

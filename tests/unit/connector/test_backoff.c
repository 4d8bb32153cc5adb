#include "backoff.h"

#include "run.h"

START_TEST(backoff_first_failures_are_retried_fast)
{
  ck_assert_uint_eq(backoff_ms(0, 7), 0);
  ck_assert_uint_eq(backoff_ms(1, 7), 20);
  ck_assert_uint_eq(backoff_ms(2, 7), 50);
  ck_assert_uint_eq(backoff_ms(3, 7), 100);
}
END_TEST

START_TEST(backoff_later_failures_are_spread_over_the_whole_range)
{
  static const unsigned bounds[] = {500, 1000, 2000, 4000, 8000, 10000, 10000};
  for (unsigned i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
    unsigned low = ~0u, high = 0;
    for (uint32_t dice = 0; dice < 20000; dice++) {
      unsigned ms = backoff_ms(4 + i, dice);
      if (ms < low) low = ms;
      if (ms > high) high = ms;
    }
    ck_assert_uint_eq(low, 100);
    ck_assert_uint_eq(high, bounds[i]);
  }
}
END_TEST

START_TEST(backoff_after_very_many_failures_stays_bounded)
{
  ck_assert_uint_le(backoff_ms(1000000, 0xffffffff), 10000);
  ck_assert_uint_ge(backoff_ms(1000000, 0), 100);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("backoff");
  TCase *c = tcase_create("backoff");
  tcase_add_test(c, backoff_first_failures_are_retried_fast);
  tcase_add_test(c, backoff_later_failures_are_spread_over_the_whole_range);
  tcase_add_test(c, backoff_after_very_many_failures_stays_bounded);
  suite_add_tcase(suite, c);
  return run(suite);
}

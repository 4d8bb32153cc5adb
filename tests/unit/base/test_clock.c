#include "clock.h"
#include "suites.h"

#include <string.h>
#include <time.h>

START_TEST(clock_wall_s_agrees_with_the_system)
{
  int64_t before = (int64_t)time(NULL), ours = clock_wall_s(), after = (int64_t)time(NULL);
  /* time() may lag by a tick of the coarse clock. */
  ck_assert_int_ge(ours, before);
  ck_assert_int_le(ours, after + 1);
  ck_assert_int_le(ours, clock_wall_ns() / 1000000000);
}
END_TEST

START_TEST(clock_shift_wall_moves_the_wall_clock_only)
{
  int64_t wall = clock_wall_s(), mono = clock_mono_ns();
  clock_shift_wall(3600);
  ck_assert_int_ge(clock_wall_s(), wall + 3600);
  ck_assert_int_le(clock_wall_s(), wall + 3600 + 60);
  ck_assert_int_lt(clock_mono_ns() - mono, 60000000000);
  clock_shift_wall(-3600);
  ck_assert_int_le(clock_wall_s(), wall - 3600 + 60);
  clock_shift_wall(0);
  ck_assert_int_ge(clock_wall_s(), wall);
}
END_TEST

START_TEST(clock_mono_ns_never_goes_back)
{
  int64_t last = clock_mono_ns();
  for (int i = 0; i < 1000; i++) {
    int64_t now = clock_mono_ns();
    ck_assert_int_ge(now, last);
    last = now;
  }
}
END_TEST

START_TEST(random_bytes_fills_everything)
{
  unsigned char a[600] = {0}, b[600] = {0};
  int zero = 0;
  random_bytes(a, sizeof a);
  random_bytes(b, sizeof b);
  ck_assert_mem_ne(a, b, sizeof a);
  for (size_t i = 0; i < sizeof a; i++)
    zero += a[i] == 0;
  ck_assert_int_lt(zero, 30); /* 2.3 expected */
  random_bytes(a, 0);
}
END_TEST

Suite *clock_suite(void)
{
  Suite *s = suite_create("clock");
  TCase *t = tcase_create("clock");
  tcase_add_test(t, clock_wall_s_agrees_with_the_system);
  tcase_add_test(t, clock_shift_wall_moves_the_wall_clock_only);
  tcase_add_test(t, clock_mono_ns_never_goes_back);
  tcase_add_test(t, random_bytes_fills_everything);
  suite_add_tcase(s, t);
  return s;
}

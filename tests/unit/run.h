/* How every program of tests ends: main() returns what run() returns for its suites. */
#ifndef SEVENSTEP_TEST_RUN_H
#define SEVENSTEP_TEST_RUN_H

#include <check.h>

/* 0 when all have passed. NULL is behind the last. */
static inline int run_suites(Suite *const *suites)
{
  SRunner *r = srunner_create(*suites);
  while (*++suites)
    srunner_add_suite(r, *suites);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}

#define run(...) run_suites((Suite *[]){__VA_ARGS__, NULL})

#endif

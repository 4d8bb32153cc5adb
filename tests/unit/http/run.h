/* Runs a suite; main() returns what it returns. */
#ifndef SEVENSTEP_TEST_RUN_H
#define SEVENSTEP_TEST_RUN_H

#include <check.h>

static inline int run(Suite *s)
{
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}

#endif

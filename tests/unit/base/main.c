#include "suites.h"

#include <stdlib.h>

int main(void)
{
  SRunner *runner = srunner_create(buf_suite());
  srunner_add_suite(runner, clock_suite());
  srunner_add_suite(runner, encode_suite());
  srunner_add_suite(runner, err_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#include "view_suites.h"

#include <stdlib.h>

int main(void)
{
  SRunner *runner = srunner_create(spans_suite());
  srunner_add_suite(runner, story_suite());
  srunner_add_suite(runner, page_suite());
  srunner_add_suite(runner, show_suite());
  srunner_add_suite(runner, tables_suite());
  srunner_add_suite(runner, follow_suite());
  srunner_add_suite(runner, exchanges_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

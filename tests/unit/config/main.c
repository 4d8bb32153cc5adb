#include "suites.h"

int main(void)
{
  SRunner *r = srunner_create(yaml_tree_suite());
  srunner_add_suite(r, lab_value_suite());
  srunner_add_suite(r, lab_load_suite());
  srunner_add_suite(r, lab_check_suite());
  srunner_add_suite(r, yaml_change_suite());
  srunner_add_suite(r, lab_write_suite());
  srunner_add_suite(r, lab_suite());
  srunner_add_suite(r, lab_host_suite());
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}

#include "run.h"
#include "suites.h"

int main(void)
{
  return run(yaml_tree_suite(), lab_value_suite(), lab_load_suite(), lab_check_suite(), yaml_change_suite(),
             lab_write_suite(), lab_suite(), lab_host_suite());
}

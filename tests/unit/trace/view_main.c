#include "run.h"
#include "view_suites.h"

int main(void)
{
  return run(spans_suite(), story_suite(), page_suite(), show_suite(), tables_suite(), follow_suite(),
             exchanges_suite());
}

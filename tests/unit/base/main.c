#include "run.h"
#include "suites.h"

int main(void)
{
  return run(buf_suite(), clock_suite(), encode_suite(), err_suite());
}

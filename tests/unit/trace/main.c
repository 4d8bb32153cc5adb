#include "suites.h"

#include <stdlib.h>

int main(void)
{
  unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
  unsetenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  unsetenv("SEVENSTEP_TRACE_FILE_BYTES");
  SRunner *runner = srunner_create(context_suite());
  srunner_add_suite(runner, json_text_suite());
  srunner_add_suite(runner, span_suite());
  srunner_add_suite(runner, tracer_suite());
  srunner_add_suite(runner, otlp_suite());
  srunner_add_suite(runner, otlp_body_suite());
  srunner_add_suite(runner, wire_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

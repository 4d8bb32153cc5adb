#include "run.h"
#include "suites.h"

#include <stdlib.h>

int main(void)
{
  unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
  unsetenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  unsetenv("SEVENSTEP_TRACE_FILE_BYTES");
  return run(context_suite(), json_text_suite(), span_suite(), tracer_suite(), otlp_suite(),
             otlp_body_suite(), wire_suite());
}

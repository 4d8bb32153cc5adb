/* Answers as the connector reads them from the application. The same events must come however the input is
 * cut. */
#include "http1_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  static const struct http1_limits small = {.target = 16, .head = 128, .fields = 4, .chunk_ext = 24};
  http1_events_compare(HTTP1_RESPONSE, NULL, false, data, n);
  http1_events_compare(HTTP1_RESPONSE, NULL, true, data, n);
  http1_events_compare(HTTP1_RESPONSE, &small, false, data, n);
  return 0;
}

/* What KDCs and applications send, and what is sent to them, as the wire view reads it: two bytes tell how
 * much of the input is the request, the rest is the reply. Without keys; what keys open goes through the same
 * reader. */
#include "wire.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  static struct wire *w;
  struct failure f;
  if (n < 2) return 0;
  if (!w && wire_new(&w, &f)) abort();
  size_t sent = (size_t)(data[0] << 8 | data[1]), left = n - 2;
  if (sent > left) sent = left;
  json_t *x = wire_decode(w, data + 2, sent, data + 2 + sent, left - sent);
  char *text = json_dumps(x, JSON_COMPACT);
  if (!text) abort();
  free(text);
  json_decref(x);
  return 0;
}

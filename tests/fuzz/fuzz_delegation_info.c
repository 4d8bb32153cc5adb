/* S4U_DELEGATION_INFO, the NDR that names who delegated. */
#include "delegation_info.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct delegation_info info;
  if (delegation_info_parse(data, n, &info)) return 0;
  if (!memchr(info.target, 0, sizeof info.target) || !memchr(info.transited, 0, sizeof info.transited))
    abort();
  for (const char *p = info.transited; *p; p++)
    if ((unsigned char)*p < 0x20) abort();
  return 0;
}

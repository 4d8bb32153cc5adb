#include "backoff.h"

unsigned backoff_ms(unsigned failures, uint32_t dice)
{
  static const unsigned fast[] = {20, 50, 100};
  enum { LOW = 100, FIRST = 500, MAX = 10000 };
  if (failures < 1) return 0;
  if (failures <= sizeof fast / sizeof fast[0]) return fast[failures - 1];
  unsigned doublings = failures - sizeof fast / sizeof fast[0] - 1;
  unsigned bound = doublings > 5 || (unsigned)FIRST << doublings > MAX ? MAX : (unsigned)FIRST << doublings;
  return LOW + dice % (bound - LOW + 1);
}

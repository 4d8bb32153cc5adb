#include "utf8.h"

#include <string.h>

/* The first byte of a character says how many follow, and bounds the first of these, so that overlong forms,
 * surrogates and what is beyond U+10FFFF are refused (RFC 3629 4). */
static bool begin(struct utf8 *u, uint8_t c)
{
  u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
  u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  if (c >= 0xc2 && c <= 0xdf)
    u->left = 1;
  else if (c >= 0xe0 && c <= 0xef)
    u->left = 2;
  else if (c >= 0xf0 && c <= 0xf4)
    u->left = 3;
  return c < 0x80 || u->left;
}

/* Most text is ASCII: eight bytes a step. */
static size_t ascii(const uint8_t *data, size_t n)
{
  size_t i = 0;
  for (uint64_t word; n - i >= sizeof word; i += sizeof word) {
    memcpy(&word, data + i, sizeof word);
    if (word & 0x8080808080808080u) break;
  }
  return i;
}

bool utf8_take(struct utf8 *u, const uint8_t *data, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (u->left == 0) {
      i += ascii(data + i, n - i);
      if (i < n && !begin(u, data[i])) return false;
    } else {
      if (data[i] < u->low || data[i] > u->high) return false;
      u->left--;
      u->low = 0x80;
      u->high = 0xbf;
    }
  }
  return true;
}

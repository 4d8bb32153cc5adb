/* Is it UTF-8 (RFC 3629)? Asked as the bytes come, so that text can be refused at its first bad byte. Pure.
 */
#ifndef SEVENSTEP_UTF8_H
#define SEVENSTEP_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Between two pieces of a text: what the next byte may be, inside of a character. Zeroed: at its beginning.
 */
struct utf8 {
  uint8_t left; /* continuation bytes to come */
  uint8_t low, high;
};

/* False as soon as no continuation could make it valid. */
bool utf8_take(struct utf8 *u, const uint8_t *data, size_t n);
/* May the text end here? */
static inline bool utf8_complete(const struct utf8 *u)
{
  return u->left == 0;
}

#endif

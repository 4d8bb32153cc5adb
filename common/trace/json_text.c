#include "json_text.h"

/* The length of the well-formed UTF-8 sequence at s (Unicode, table 3-7), or 0. */
static size_t utf8_sequence(const uint8_t *s, size_t n)
{
  uint8_t c = s[0], low = 0x80, high = 0xbf;
  size_t len;
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) {
    len = 2;
  } else if (c >= 0xe0 && c <= 0xef) {
    len = 3;
    if (c == 0xe0) low = 0xa0;  /* overlong */
    if (c == 0xed) high = 0x9f; /* surrogates */
  } else if (c >= 0xf0 && c <= 0xf4) {
    len = 4;
    if (c == 0xf0) low = 0x90;
    if (c == 0xf4) high = 0x8f; /* beyond U+10FFFF */
  } else {
    return 0;
  }
  if (n < len || s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < len; i++)
    if (s[i] < 0x80 || s[i] > 0xbf) return 0;
  return len;
}

static enum err append_escaped(struct buf *out, uint8_t c)
{
  switch (c) {
  case '"':
    return buf_puts(out, "\\\"");
  case '\\':
    return buf_puts(out, "\\\\");
  case '\n':
    return buf_puts(out, "\\n");
  case '\r':
    return buf_puts(out, "\\r");
  case '\t':
    return buf_puts(out, "\\t");
  default:
    return buf_printf(out, "\\u%04x", c);
  }
}

enum err json_text_append(struct buf *out, const char *text, size_t n)
{
  const uint8_t *at = (const uint8_t *)text, *end = at + n, *plain = at;
  enum err e = buf_putc(out, '"');
  while (!e && at < end) {
    size_t len = utf8_sequence(at, (size_t)(end - at));
    if (len && *at >= 0x20 && *at != '"' && *at != '\\' && *at != 0x7f) {
      at += len;
      continue;
    }
    e = buf_append(out, plain, (size_t)(at - plain));
    if (!e) e = len ? append_escaped(out, *at) : buf_puts(out, "\xef\xbf\xbd");
    plain = ++at;
  }
  if (!e) e = buf_append(out, plain, (size_t)(at - plain));
  if (!e) e = buf_putc(out, '"');
  return e;
}

#include "encode.h"

#include <string.h>

static const char ALPHABET[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

static enum err encode64(struct buf *out, const uint8_t *in, size_t n, bool url)
{
  const char *abc = ALPHABET[url];
  uint8_t *at;
  enum err e = buf_reserve(out, (n + 2) / 3 * 4, &at);
  if (e) return e;
  uint8_t *start = at;
  for (size_t i = 0; i < n; i += 3) {
    size_t left = n - i;
    unsigned v =
        (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
    *at++ = (uint8_t)abc[v >> 18];
    *at++ = (uint8_t)abc[v >> 12 & 63];
    if (left > 1 || !url) *at++ = left > 1 ? (uint8_t)abc[v >> 6 & 63] : '=';
    if (left > 2 || !url) *at++ = left > 2 ? (uint8_t)abc[v & 63] : '=';
  }
  *at = 0;
  out->len += (size_t)(at - start);
  return ERR_OK;
}

/* Each character's six bits. Bit 6 marks those of base64 alone, bit 7 those of base64url alone, both together
 * what belongs to neither; so one test serves four characters (tokens of some kilobytes come with every
 * request). */
static const uint8_t VALUES[128] = {
    /* clang-format off */
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7e, 0xff, 0xbe, 0xff, 0x7f,
    0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
    0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0xff, 0xff, 0xff, 0xff, 0xbf,
    0xff, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0xff, 0xff, 0xff, 0xff, 0xff,
    /* clang-format on */
};

static unsigned value64(char c)
{
  return (unsigned char)c < 128 ? VALUES[(unsigned char)c] : 0xff;
}

/* The last group, of two or three characters; the bits it does not use must be zero. */
static bool decode_tail(const char *text, size_t n, unsigned foreign, uint8_t *at)
{
  if (n == 0) return true;
  unsigned a = value64(text[0]), b = value64(text[1]), c = n > 2 ? value64(text[2]) : 0;
  if ((a | b | c) & foreign) return false;
  unsigned v = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6;
  at[0] = (uint8_t)(v >> 16);
  if (n > 2) at[1] = (uint8_t)(v >> 8);
  return (n > 2 ? v & 0xff : v & 0xffff) == 0;
}

static enum err decode64(struct buf *out, const char *text, size_t n, bool url)
{
  const unsigned foreign = url ? 0x40 : 0x80;
  if (!url) {
    if (n % 4) return ERR_SYNTAX;
    if (n && text[n - 1] == '=') n -= text[n - 2] == '=' ? 2 : 1;
  }
  if (n % 4 == 1) return ERR_SYNTAX;
  uint8_t *at;
  size_t len = n / 4 * 3 + n % 4 * 3 / 4;
  enum err e = buf_reserve(out, len, &at);
  if (e) return e;
  uint8_t *start = at;
  for (; n >= 4; n -= 4, text += 4, at += 3) {
    unsigned a = value64(text[0]), b = value64(text[1]), c = value64(text[2]), d = value64(text[3]);
    if ((a | b | c | d) & foreign) goto bad;
    unsigned v = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
    at[0] = (uint8_t)(v >> 16);
    at[1] = (uint8_t)(v >> 8);
    at[2] = (uint8_t)v;
  }
  if (!decode_tail(text, n, foreign, at)) goto bad;
  start[len] = 0;
  out->len += len;
  return ERR_OK;
bad:
  *start = 0;
  return ERR_SYNTAX;
}

enum err base64url_encode(struct buf *out, const void *data, size_t n)
{
  return encode64(out, data, n, true);
}

enum err base64_encode(struct buf *out, const void *data, size_t n)
{
  return encode64(out, data, n, false);
}

enum err base64url_decode(struct buf *out, const char *text, size_t n)
{
  return decode64(out, text, n, true);
}

enum err base64_decode(struct buf *out, const char *text, size_t n)
{
  return decode64(out, text, n, false);
}

void hex_encode(char *out, const void *data, size_t n)
{
  static const char digits[] = "0123456789abcdef";
  const uint8_t *in = data;
  for (size_t i = 0; i < n; i++) {
    *out++ = digits[in[i] >> 4];
    *out++ = digits[in[i] & 15];
  }
  *out = 0;
}

/* One more than its value; 0: not a lower-case hex digit. */
static const uint8_t hex_values[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

enum err hex_decode(void *out, size_t n, const char *text)
{
  uint8_t *at = out;
  for (size_t i = 0; i < 2 * n; i++)
    if (!hex_values[(uint8_t)text[i]]) return ERR_SYNTAX; /* stops at a NUL too */
  for (size_t i = 0; i < n; i++)
    at[i] = (uint8_t)((hex_values[(uint8_t)text[2 * i]] - 1) << 4 |
                      (hex_values[(uint8_t)text[2 * i + 1]] - 1));
  return ERR_OK;
}

enum err html_escape(struct buf *out, const char *text, size_t n)
{
  enum err e = ERR_OK;
  for (size_t i = 0; i < n && !e; i++) {
    switch (text[i]) {
    case '&':
      e = buf_puts(out, "&amp;");
      break;
    case '<':
      e = buf_puts(out, "&lt;");
      break;
    case '>':
      e = buf_puts(out, "&gt;");
      break;
    case '"':
      e = buf_puts(out, "&quot;");
      break;
    case '\'':
      e = buf_puts(out, "&#39;");
      break;
    default:
      e = buf_putc(out, text[i]);
    }
  }
  return e;
}

enum err percent_encode(struct buf *out, const char *text, size_t n)
{
  static const char digits[] = "0123456789ABCDEF";
  enum err e = ERR_OK;
  for (size_t i = 0; i < n && !e; i++) {
    unsigned char c = (unsigned char)text[i];
    bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                 (c && strchr("-._~", c));
    if (plain) {
      e = buf_putc(out, (char)c);
    } else {
      char hex[3] = {'%', digits[c >> 4], digits[c & 15]};
      e = buf_append(out, hex, 3);
    }
  }
  return e;
}

bool constant_time_equal(const void *a, size_t na, const void *b, size_t nb)
{
  if (na != nb) return false;
  const volatile uint8_t *x = a, *y = b;
  uint8_t diff = 0;
  for (size_t i = 0; i < na; i++)
    diff |= x[i] ^ y[i];
  return diff == 0;
}

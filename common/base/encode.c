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

static int value64(char c, bool url)
{
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == (url ? '-' : '+')) return 62;
  if (c == (url ? '_' : '/')) return 63;
  return -1;
}

static enum err decode64(struct buf *out, const char *text, size_t n, bool url)
{
  if (!url) {
    if (n % 4) return ERR_SYNTAX;
    if (n && text[n - 1] == '=') n -= text[n - 2] == '=' ? 2 : 1;
  }
  if (n % 4 == 1) return ERR_SYNTAX;
  uint8_t *at;
  enum err e = buf_reserve(out, n / 4 * 3 + n % 4 * 3 / 4, &at);
  if (e) return e;
  uint8_t *start = at;
  unsigned bits = 0;
  int have = 0;
  for (size_t i = 0; i < n; i++) {
    int v = value64(text[i], url);
    if (v < 0) goto bad;
    bits = bits << 6 | (unsigned)v;
    have += 6;
    if (have >= 8) {
      have -= 8;
      *at++ = (uint8_t)(bits >> have);
      bits &= (1u << have) - 1;
    }
  }
  if (bits) goto bad;
  *at = 0;
  out->len += (size_t)(at - start);
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

static int hex_value(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

enum err hex_decode(void *out, size_t n, const char *text)
{
  uint8_t *at = out;
  for (size_t i = 0; i < 2 * n; i++)
    if (hex_value(text[i]) < 0) return ERR_SYNTAX; /* stops at a NUL too */
  for (size_t i = 0; i < n; i++)
    at[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
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

#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
  *b = (struct buf){.max = max};
}

void buf_clear(struct buf *b)
{
  free(b->data);
  *b = (struct buf){.max = b->max};
}

void buf_wipe(struct buf *b)
{
  if (b->data) explicit_bzero(b->data, b->cap);
  buf_clear(b);
}

void buf_reset(struct buf *b)
{
  b->len = 0;
  if (b->data) b->data[0] = 0;
}

void buf_consume(struct buf *b, size_t n)
{
  if (n == 0) return;
  b->len -= n;
  memmove(b->data, b->data + n, b->len);
  b->data[b->len] = 0;
}

enum err buf_reserve(struct buf *b, size_t n, uint8_t **ret_at)
{
  if (n > b->max - b->len) return ERR_TOO_LARGE;
  size_t need = b->len + n + 1;
  if (need > b->cap) {
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
      cap *= 2;
    uint8_t *data = realloc(b->data, cap);
    if (!data) return ERR_NOMEM;
    b->data = data;
    b->cap = cap;
  }
  *ret_at = b->data + b->len;
  return ERR_OK;
}

enum err buf_append(struct buf *b, const void *data, size_t n)
{
  uint8_t *at;
  enum err e = buf_reserve(b, n, &at);
  if (e) return e;
  if (n) memcpy(at, data, n);
  b->len += n;
  b->data[b->len] = 0;
  return ERR_OK;
}

enum err buf_puts(struct buf *b, const char *s)
{
  return buf_append(b, s, strlen(s));
}

enum err buf_putc(struct buf *b, char c)
{
  return buf_append(b, &c, 1);
}

enum err buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, again);
  va_end(again);
  if (n < 0) return ERR_INTERNAL;
  uint8_t *at;
  enum err e = buf_reserve(b, (size_t)n, &at);
  if (e) return e;
  vsnprintf((char *)at, (size_t)n + 1, fmt, ap);
  b->len += (size_t)n;
  return ERR_OK;
}

enum err buf_printf(struct buf *b, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  enum err e = buf_vprintf(b, fmt, ap);
  va_end(ap);
  return e;
}

const char *buf_str(const struct buf *b)
{
  return b->data ? (const char *)b->data : "";
}

enum err text_join_all(char *out, size_t size, const char *const *parts, size_t n)
{
  size_t at = 0;
  for (size_t i = 0; i < n; i++) {
    size_t k = strlen(parts[i]);
    if (k >= size - at) {
      out[0] = 0;
      return ERR_TOO_LARGE;
    }
    memcpy(out + at, parts[i], k);
    at += k;
  }
  out[at] = 0;
  return ERR_OK;
}

const char *text_number(uint64_t n, char out[static TEXT_NUMBER_SIZE])
{
  char digits[TEXT_NUMBER_SIZE - 1];
  size_t at = sizeof digits;
  do
    digits[--at] = (char)('0' + n % 10);
  while ((n /= 10) != 0);
  memcpy(out, digits + at, sizeof digits - at);
  out[sizeof digits - at] = 0;
  return out;
}

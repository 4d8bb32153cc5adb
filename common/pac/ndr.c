#include "ndr.h"

#include <stdio.h>
#include <string.h>

bool ndr_begin(struct ndr *d, const void *data, size_t n)
{
  static const uint8_t common_header[] = {0x01, 0x10, 0x08, 0x00}; /* version 1, little-endian, 8 bytes */
  const uint8_t *bytes = data;
  uint32_t filler, length, top;
  *d = (struct ndr){bytes, bytes, bytes + n};
  if (n < 24 || memcmp(bytes, common_header, sizeof common_header) != 0) return false;
  d->p += sizeof common_header;
  if (!ndr_u32(d, &filler) || !ndr_u32(d, &length) || !ndr_u32(d, &filler) || length > n - 16) return false;
  d->end = d->p + length;
  return ndr_u32(d, &top) && top != 0;
}

void ndr_plain(struct ndr *d, const void *data, size_t n)
{
  const uint8_t *bytes = data;
  *d = (struct ndr){bytes, bytes, bytes + n};
}

static bool ndr_align(struct ndr *d, size_t to)
{
  size_t over = (size_t)(d->p - d->start) % to, skip = over ? to - over : 0;
  if ((size_t)(d->end - d->p) < skip) return false;
  d->p += skip;
  return true;
}

bool ndr_u16(struct ndr *d, uint16_t *ret)
{
  if (!ndr_align(d, 2) || d->end - d->p < 2) return false;
  *ret = (uint16_t)(d->p[0] | d->p[1] << 8);
  d->p += 2;
  return true;
}

bool ndr_u32(struct ndr *d, uint32_t *ret)
{
  if (!ndr_align(d, 4) || d->end - d->p < 4) return false;
  *ret = (uint32_t)d->p[0] | (uint32_t)d->p[1] << 8 | (uint32_t)d->p[2] << 16 | (uint32_t)d->p[3] << 24;
  d->p += 4;
  return true;
}

bool ndr_string_head(struct ndr *d, struct ndr_string *s)
{
  uint16_t maximum;
  return ndr_align(d, 4) && ndr_u16(d, &s->length) && ndr_u16(d, &maximum) && ndr_u32(d, &s->pointer) &&
         s->length % 2 == 0 && s->length <= maximum;
}

static size_t put_utf8(char *out, uint32_t c)
{
  if (c < 0x80) {
    out[0] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    return 1;
  }
  size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = n - 1; i > 0; i--, c >>= 6)
    out[i] = (char)(0x80 | (c & 0x3f));
  out[0] = (char)(first[n] | c);
  return n;
}

void ndr_convert(const uint8_t *from, size_t units, char *out, size_t size)
{
  size_t at = 0;
  for (size_t i = 0; i < units; i++) {
    uint32_t c = (uint32_t)(from[2 * i] | from[2 * i + 1] << 8);
    if (c >= 0xd800 && c < 0xdc00 && i + 1 < units) {
      uint32_t low = (uint32_t)(from[2 * i + 2] | from[2 * i + 3] << 8);
      if (low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        i++;
      }
    }
    if (c >= 0xd800 && c < 0xe000) c = 0xfffd;
    if (at + 4 >= size) break;
    at += put_utf8(out + at, c);
  }
  out[at] = '\0';
}

bool ndr_string_text(struct ndr *d, const struct ndr_string *s, char *out, size_t size)
{
  uint32_t maximum, offset, actual;
  out[0] = '\0';
  if (!s->pointer) return s->length == 0;
  if (!ndr_u32(d, &maximum) || !ndr_u32(d, &offset) || !ndr_u32(d, &actual)) return false;
  if (offset != 0 || actual > maximum || actual != s->length / 2u || (size_t)(d->end - d->p) / 2 < actual)
    return false;
  ndr_convert(d->p, actual, out, size);
  d->p += 2 * (size_t)actual;
  return true;
}

bool ndr_skip(struct ndr *d, size_t n)
{
  if ((size_t)(d->end - d->p) < n) return false;
  d->p += n;
  return true;
}

bool ndr_time(struct ndr *d, int64_t *ret)
{
  static const uint64_t second = 10000000, epoch = 11644473600ULL;
  uint32_t low, high;
  if (!ndr_u32(d, &low) || !ndr_u32(d, &high)) return false;
  uint64_t s = ((uint64_t)high << 32 | low) / second;
  *ret = s > epoch && high < 0x7fffffff ? (int64_t)(s - epoch) : 0;
  return true;
}

bool ndr_sid(struct ndr *d, char out[static NDR_SID_MAX])
{
  enum { HEAD = 8, PARTS_MAX = 15 };
  const uint8_t *head = d->p;
  if (!ndr_skip(d, HEAD) || head[0] != 1 || head[1] > PARTS_MAX) return false;
  uint64_t authority = 0;
  for (size_t i = 2; i < HEAD; i++)
    authority = authority << 8 | head[i];
  int at = snprintf(out, NDR_SID_MAX, "S-1-%llu", (unsigned long long)authority);
  for (unsigned i = 0; i < head[1]; i++) {
    uint32_t part;
    if (!ndr_u32(d, &part)) return false;
    at += snprintf(out + at, NDR_SID_MAX - (size_t)at, "-%u", part); /* 15 parts of 11 and 20: they fit */
  }
  return true;
}

bool ndr_counted_sid(struct ndr *d, char out[static NDR_SID_MAX])
{
  uint32_t count;
  return ndr_u32(d, &count) && d->end - d->p > 1 && count == d->p[1] && ndr_sid(d, out);
}

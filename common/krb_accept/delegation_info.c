#include "delegation_info.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ndr {
  const uint8_t *start, *p, *end;
};

static bool ndr_align(struct ndr *d, size_t to)
{
  size_t over = (size_t)(d->p - d->start) % to, skip = over ? to - over : 0;
  if ((size_t)(d->end - d->p) < skip) return false;
  d->p += skip;
  return true;
}

static bool ndr_u16(struct ndr *d, uint16_t *ret)
{
  if (!ndr_align(d, 2) || d->end - d->p < 2) return false;
  *ret = (uint16_t)(d->p[0] | d->p[1] << 8);
  d->p += 2;
  return true;
}

static bool ndr_u32(struct ndr *d, uint32_t *ret)
{
  if (!ndr_align(d, 4) || d->end - d->p < 4) return false;
  *ret = (uint32_t)d->p[0] | (uint32_t)d->p[1] << 8 | (uint32_t)d->p[2] << 16 | (uint32_t)d->p[3] << 24;
  d->p += 4;
  return true;
}

/* RPC_UNICODE_STRING's fixed part: the text follows later, if there is one. */
struct ndr_string {
  uint16_t length; /* bytes */
  uint32_t pointer;
};

static bool ndr_string_head(struct ndr *d, struct ndr_string *s)
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

/* UTF-16LE to UTF-8; a lone surrogate becomes U+FFFD. Cut at size. */
static void convert(const uint8_t *from, size_t units, char *out, size_t size)
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

/* The text of a string whose head was read: a conformant varying array of 16-bit units. */
static bool ndr_string_text(struct ndr *d, const struct ndr_string *s, char *out, size_t size)
{
  uint32_t maximum, offset, actual;
  out[0] = '\0';
  if (!s->pointer) return s->length == 0;
  if (!ndr_u32(d, &maximum) || !ndr_u32(d, &offset) || !ndr_u32(d, &actual)) return false;
  if (offset != 0 || actual > maximum || actual != s->length / 2u || (size_t)(d->end - d->p) / 2 < actual)
    return false;
  convert(d->p, actual, out, size);
  d->p += 2 * (size_t)actual;
  return true;
}

static bool append_name(struct delegation_info *info, const char *name)
{
  size_t have = strlen(info->transited), n = strlen(name);
  if (have + n + 2 > sizeof info->transited) return false;
  if (have) info->transited[have++] = ',';
  memcpy(info->transited + have, name, n + 1);
  return true;
}

static bool parse_transited(struct ndr *d, uint32_t count, struct delegation_info *info)
{
  enum { SERVICES_MAX = 64 };
  struct ndr_string head[SERVICES_MAX];
  uint32_t maximum;
  if (count > SERVICES_MAX || !ndr_u32(d, &maximum) || maximum != count) return false;
  for (uint32_t i = 0; i < count; i++)
    if (!ndr_string_head(d, &head[i])) return false;
  bool room = true;
  for (uint32_t i = 0; i < count; i++) {
    char name[256];
    if (!ndr_string_text(d, &head[i], name, sizeof name)) return false;
    room = room && append_name(info, name);
  }
  return true;
}

enum err delegation_info_parse(const void *data, size_t n, struct delegation_info *ret)
{
  static const uint8_t common_header[] = {0x01, 0x10, 0x08, 0x00}; /* version 1, little-endian, 8 bytes */
  const uint8_t *bytes = data;
  struct ndr d = {bytes, bytes, bytes + n};
  struct delegation_info info = {{0}, {0}};
  struct ndr_string target;
  uint32_t filler, length, top, count, list;
  if (n < 24 || memcmp(bytes, common_header, sizeof common_header) != 0) return ERR_SYNTAX;
  d.p += sizeof common_header;
  if (!ndr_u32(&d, &filler) || !ndr_u32(&d, &length) || !ndr_u32(&d, &filler) || length > n - 16)
    return ERR_SYNTAX;
  d.end = d.p + length;
  if (!ndr_u32(&d, &top) || top == 0 || !ndr_string_head(&d, &target) || !ndr_u32(&d, &count) ||
      !ndr_u32(&d, &list) || !ndr_string_text(&d, &target, info.target, sizeof info.target))
    return ERR_SYNTAX;
  if (count && (!list || !parse_transited(&d, count, &info))) return ERR_SYNTAX;
  *ret = info;
  return ERR_OK;
}

/* Classes of bytes, one table for parser, serialiser and validators. Private to this folder. */
#ifndef SEVENSTEP_HTTP_CHARS_H
#define SEVENSTEP_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
  CH_TOKEN = 1,  /* RFC 9110 5.6.2 tchar */
  CH_VALUE = 2,  /* RFC 9110 5.5: HTAB, SP, VCHAR, obs-text */
  CH_TARGET = 4, /* VCHAR but '#': what browsers send raw in a target, and never a fragment */
  CH_HOST = 8,   /* letters, digits, '-', '.', '_' */
  CH_HEX = 16,
  CH_DIGIT = 32,
};

extern const uint8_t http_chars[256];

static inline bool char_is(char c, unsigned classes)
{
  return http_chars[(uint8_t)c] & classes;
}

static inline char char_lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The value of a CH_HEX byte. */
static inline unsigned char_hex(char c)
{
  return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The first byte from s on that may not stand in a field value, or end. Eight bytes a step, because values
 * are most of what a proxy reads and writes: a word is passed when no byte of it is below SP, and none is
 * DEL. */
static inline const char *char_skip_value(const char *s, const char *end)
{
  const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
  for (; end - s >= 8; s += 8) {
    uint64_t v;
    memcpy(&v, s, 8);
    uint64_t del = v ^ 0x7f * ones;
    if ((((v - 0x20 * ones) & ~v) | ((del - ones) & ~del)) & tops) break;
  }
  while (s < end && char_is(*s, CH_VALUE))
    s++;
  return s;
}

#endif

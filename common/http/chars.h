/* Classes of bytes, one table for parser, serialiser and validators. Private to this folder. */
#ifndef SEVENSTEP_HTTP_CHARS_H
#define SEVENSTEP_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

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

#endif

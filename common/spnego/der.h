/* Just enough DER (X.690) for Kerberos and SPNEGO tokens: a strict reader and a writer that works from the
 * end.
 *
 * The reader accepts definite, minimal lengths only and never leaves the bytes it was given. The writer fills
 * a caller's buffer backwards, contents before their header, so that every length is known when it is
 * written; running out of room sets overflow and writes nothing further. Neither allocates. */
#ifndef SEVENSTEP_DER_H
#define SEVENSTEP_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct der {
  const uint8_t *p, *end;
};

enum {
  DER_INTEGER = 0x02,
  DER_BIT_STRING = 0x03,
  DER_OCTET_STRING = 0x04,
  DER_OID = 0x06,
  DER_ENUMERATED = 0x0a,
  DER_GENERALIZED_TIME = 0x18,
  DER_GENERAL_STRING = 0x1b,
  DER_SEQUENCE = 0x30,
};
#define DER_CONTEXT(n)     ((uint8_t)(0xa0 | (n)))
#define DER_APPLICATION(n) ((uint8_t)(0x60 | (n)))

struct der der_of(const void *data, size_t n);
size_t der_left(const struct der *d);
/* Is the next element's tag this one? */
bool der_at(const struct der *d, uint8_t tag);
/* Takes the next element, which must have this tag; *ret is its contents. */
bool der_take(struct der *d, uint8_t tag, struct der *ret);
/* The same for an element that is the last one: nothing may follow. */
bool der_take_last(struct der *d, uint8_t tag, struct der *ret);
/* Takes [n] EXPLICIT tag, e.g. [0] INTEGER; nothing else may be inside. */
bool der_take_field(struct der *d, unsigned n, uint8_t tag, struct der *ret);
/* Takes an INTEGER (or ENUMERATED); the shortest form, within 32 bits, unsigned or signed. */
bool der_take_integer(struct der *d, int64_t *ret);
/* Takes [n] EXPLICIT such an integer; nothing else may be inside. */
bool der_take_int(struct der *d, unsigned n, int64_t *ret);
bool der_equals(const struct der *d, const void *data, size_t n);

struct der_writer {
  uint8_t *start, *at, *end; /* what is written so far is at..end */
  bool overflow;
};

void der_writer_init(struct der_writer *w, void *buffer, size_t n);
size_t der_written(const struct der_writer *w);
/* Puts bytes in front of what is written. */
void der_put(struct der_writer *w, const void *data, size_t n);
/* Puts an element with these contents. */
void der_put_element(struct der_writer *w, uint8_t tag, const void *data, size_t n);
void der_put_int(struct der_writer *w, uint8_t tag, int64_t value);
/* Puts [n] EXPLICIT INTEGER, or an element of that tag. */
void der_put_int_field(struct der_writer *w, unsigned n, int64_t value);
void der_put_field(struct der_writer *w, unsigned n, uint8_t tag, const void *data, size_t len);
/* Puts a header around what was written since der_written() was mark. */
void der_wrap(struct der_writer *w, uint8_t tag, size_t mark);

#endif

/* A growable byte buffer with a maximum set at creation. Caller storage: buf_init/buf_clear. A failed append
 * leaves the buffer as it was and returns ERR_TOO_LARGE or ERR_NOMEM. data is always NUL-terminated behind
 * len once something was appended, so that text can be read as a C string. Not thread safe. */
#ifndef SEVENSTEP_BUF_H
#define SEVENSTEP_BUF_H

#include "err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
  uint8_t *data; /* NULL until the first append */
  size_t len;
  size_t cap;
  size_t max; /* len never exceeds it */
};

void buf_init(struct buf *b, size_t max);
/* Frees; *b is empty and usable again with the same maximum. Accepts a zeroed struct. */
void buf_clear(struct buf *b);
/* The same after wiping the contents, for secrets. */
void buf_wipe(struct buf *b);
/* Forgets the contents, keeps the memory. */
void buf_reset(struct buf *b);
/* Removes the first n bytes (n <= len). O(rest). */
void buf_consume(struct buf *b, size_t n);

/* Room for n more bytes behind len; *ret_at points there. The caller then adds to len what it wrote. */
enum err buf_reserve(struct buf *b, size_t n, uint8_t **ret_at) MUST_CHECK;
enum err buf_append(struct buf *b, const void *data, size_t n) MUST_CHECK;
enum err buf_puts(struct buf *b, const char *s) MUST_CHECK;
enum err buf_putc(struct buf *b, char c) MUST_CHECK;
enum err buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
enum err buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0) MUST_CHECK;

/* The contents as a C string ("" when empty). Valid until the next change. */
const char *buf_str(const struct buf *b);

/* Writes the texts one behind the other, and a NUL: what snprintf() with "%s%s" does, for paths where its
 * time counts. ERR_TOO_LARGE, and "" in out, when they need more than size bytes. */
#define text_join(out, size, ...)                                                                            \
  text_join_all(out, size, (const char *const[]){__VA_ARGS__},                                               \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
enum err text_join_all(char *out, size_t size, const char *const *parts, size_t n) MUST_CHECK;
/* n in decimal digits; returns out. */
#define TEXT_NUMBER_SIZE 21
const char *text_number(uint64_t n, char out[static TEXT_NUMBER_SIZE]);

#endif

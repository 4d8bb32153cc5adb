/* Content codings (RFC 9110 8.4.1) as streams: gzip (RFC 1952, also of several members) and deflate, which is
 * zlib (RFC 1950), and in practice deflate alone (RFC 1951), which is understood too. Bytes in, bytes out, in
 * pieces of any size. Not thread safe. */
#ifndef SEVENSTEP_CODING_H
#define SEVENSTEP_CODING_H

#include "buf.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_DEFLATE };

/* By its name, without case. ERR_NOT_FOUND: one that is not known here. */
enum err coding_parse(const char *name, size_t n, enum coding *ret) MUST_CHECK;

/* Beyond this size what is decoded may be this many times as large as what came. */
enum { CODING_GROWTH_FREE = 1024 * 1024, CODING_GROWTH_MAX = 128 };

struct decoder;
enum err decoder_new(enum coding coding, struct decoder **ret) MUST_CHECK;
void decoder_free(struct decoder *d); /* accepts NULL */
/* Calls take() with what n more bytes become, in pieces. ERR_SYNTAX: they are not of this coding.
 * ERR_TOO_LARGE: they grow too much. Errors of take() come back. */
enum err decoder_put(struct decoder *d, const void *data, size_t n,
                     enum err (*take)(void *arg, const uint8_t *piece, size_t n), void *arg,
                     struct failure *f) MUST_CHECK;
/* Nothing more comes. ERR_SYNTAX when something is missing. */
enum err decoder_end(const struct decoder *d, struct failure *f) MUST_CHECK;

struct encoder;
enum err encoder_new(enum coding coding, struct encoder **ret) MUST_CHECK;
void encoder_free(struct encoder *e); /* accepts NULL */
/* Appends to out what may be sent already. */
enum err encoder_put(struct encoder *e, const void *data, size_t n, struct buf *out) MUST_CHECK;
/* Appends the rest of what was put, so that the receiver can decode all of it. */
enum err encoder_flush(struct encoder *e, struct buf *out) MUST_CHECK;
enum err encoder_end(struct encoder *e, struct buf *out) MUST_CHECK;

#endif

#include "coding.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#define ZLIB_CONST /* its input is not changed */
#include <zlib.h>

enum { PIECE = 16 * 1024, GZIP = 16 + MAX_WBITS, ZLIB = MAX_WBITS, RAW = -MAX_WBITS };

enum err coding_parse(const char *name, size_t n, enum coding *ret)
{
  static const struct {
    const char *name;
    enum coding coding;
  } known[] = {{"identity", CODING_IDENTITY},
               {"gzip", CODING_GZIP},
               {"x-gzip", CODING_GZIP}, /* RFC 9110 8.4.1.3 */
               {"deflate", CODING_DEFLATE}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i].name) == n && strncasecmp(known[i].name, name, n) == 0) {
      *ret = known[i].coding;
      return ERR_OK;
    }
  return ERR_NOT_FOUND;
}

/* -- decoding ------------------------------------------------------------------------------------------ */

struct decoder {
  enum coding coding;
  bool open;  /* z holds zlib's state */
  bool ended; /* the last member is complete */
  uint64_t in, out;
  z_stream z;
};

enum err decoder_new(enum coding coding, struct decoder **ret)
{
  struct decoder *d = calloc(1, sizeof *d);
  if (!d) return ERR_NOMEM;
  d->coding = coding;
  *ret = d;
  return ERR_OK;
}

void decoder_free(struct decoder *d)
{
  if (!d) return;
  if (d->open) inflateEnd(&d->z);
  free(d);
}

/* zlib's header begins with method 8 and a window of at most 32 KiB (RFC 1950 2.2); what is deflated begins
 * so only when it pads what nobody pads. */
static enum err open_decoder(struct decoder *d, uint8_t first)
{
  int bits = d->coding == CODING_GZIP ? GZIP : (first & 0x8f) == 0x08 ? ZLIB : RAW;
  if (inflateInit2(&d->z, bits) != Z_OK) return ERR_NOMEM;
  d->open = true;
  return ERR_OK;
}

static enum err inflate_piece(struct decoder *d, uint8_t *out, size_t *ret_n, struct failure *f)
{
  if (d->ended && d->coding != CODING_GZIP)
    return failure_set(f, ERR_SYNTAX, "there are bytes behind its end");
  if (d->ended) inflateReset(&d->z);
  d->ended = false;
  d->z.next_out = out;
  d->z.avail_out = PIECE;
  int r = inflate(&d->z, Z_NO_FLUSH);
  if (r == Z_MEM_ERROR) return failure_set(f, ERR_NOMEM, "no memory");
  if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
    return failure_set(f, ERR_SYNTAX, "%s", d->z.msg ? d->z.msg : "it needs a dictionary");
  d->ended = r == Z_STREAM_END;
  *ret_n = PIECE - d->z.avail_out;
  d->out += *ret_n;
  if (d->out > CODING_GROWTH_FREE && d->out / CODING_GROWTH_MAX > d->in)
    return failure_set(f, ERR_TOO_LARGE, "it grows more than %d times when it is decoded", CODING_GROWTH_MAX);
  return ERR_OK;
}

enum err decoder_put(struct decoder *d, const void *data, size_t n,
                     enum err (*take)(void *arg, const uint8_t *piece, size_t n), void *arg,
                     struct failure *f)
{
  uint8_t out[PIECE];
  enum err e = ERR_OK;
  size_t made;
  if (n == 0) return ERR_OK;
  if (d->coding == CODING_IDENTITY) return take(arg, data, n);
  if (!d->open) e = open_decoder(d, *(const uint8_t *)data);
  if (e) return failure_set(f, e, "no memory");
  d->in += n;
  d->z.next_in = data;
  d->z.avail_in = (uInt)n;
  do {
    made = 0;
    e = inflate_piece(d, out, &made, f);
    if (!e && made) e = take(arg, out, made);
  } while (!e && (d->z.avail_in || (made == PIECE && !d->ended)));
  return e;
}

enum err decoder_end(const struct decoder *d, struct failure *f)
{
  if (!d->open || d->ended) return ERR_OK; /* nothing at all is no stream, and was none to begin with */
  return failure_set(f, ERR_SYNTAX, "it ends too early");
}

/* -- encoding ------------------------------------------------------------------------------------------ */

struct encoder {
  bool identity;
  z_stream z;
};

enum { LEVEL = 3 }; /* twice as fast as zlib's default, and a tenth larger */

enum err encoder_new(enum coding coding, struct encoder **ret)
{
  struct encoder *e = calloc(1, sizeof *e);
  if (!e) return ERR_NOMEM;
  e->identity = coding == CODING_IDENTITY;
  if (!e->identity && deflateInit2(&e->z, LEVEL, Z_DEFLATED, coding == CODING_GZIP ? GZIP : ZLIB, 8,
                                   Z_DEFAULT_STRATEGY) != Z_OK) {
    free(e);
    return ERR_NOMEM;
  }
  *ret = e;
  return ERR_OK;
}

void encoder_free(struct encoder *e)
{
  if (!e) return;
  if (!e->identity) deflateEnd(&e->z);
  free(e);
}

static enum err deflate_all(struct encoder *e, const void *data, size_t n, int flush, struct buf *out)
{
  if (e->identity) return buf_append(out, data, n);
  e->z.next_in = data;
  e->z.avail_in = (uInt)n;
  do {
    uint8_t *at;
    enum err err = buf_reserve(out, 1024, &at);
    if (err) return err;
    e->z.next_out = at;
    e->z.avail_out = 1024;
    (void)deflate(&e->z,
                  flush); /* has no error while there is room; nothing left to do is none (Z_BUF_ERROR) */
    out->len += 1024 - e->z.avail_out;
    out->data[out->len] = 0;
  } while (e->z.avail_out == 0);
  return ERR_OK;
}

enum err encoder_put(struct encoder *e, const void *data, size_t n, struct buf *out)
{
  return n ? deflate_all(e, data, n, Z_NO_FLUSH, out) : ERR_OK;
}

enum err encoder_flush(struct encoder *e, struct buf *out)
{
  return deflate_all(e, NULL, 0, Z_SYNC_FLUSH, out);
}

enum err encoder_end(struct encoder *e, struct buf *out)
{
  return deflate_all(e, NULL, 0, Z_FINISH, out);
}

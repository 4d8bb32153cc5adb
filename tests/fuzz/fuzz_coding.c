/* Compressed bodies as the cloud reads them from applications. However the input is cut, the same comes out,
 * or the same is wrong with it. */
#include "coding.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum err take(void *arg, const uint8_t *piece, size_t n)
{
  return buf_append(arg, piece, n);
}

static enum err run(enum coding coding, const uint8_t *data, size_t n, size_t step, struct buf *out)
{
  struct decoder *d;
  struct failure f;
  enum err e = ERR_OK;
  buf_init(out, 2 * CODING_GROWTH_FREE + CODING_GROWTH_MAX * n);
  if (decoder_new(coding, &d)) abort();
  for (size_t at = 0; at < n && !e; at += step)
    e = decoder_put(d, data + at, n - at < step ? n - at : step, take, out, &f);
  if (!e) e = decoder_end(d, &f);
  decoder_free(d);
  return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  for (enum coding coding = CODING_GZIP; coding <= CODING_DEFLATE; coding++) {
    struct buf whole, cut;
    enum err e = run(coding, data, n, n + 1, &whole);
    enum err again = run(coding, data, n, 1, &cut);
    if (e == ERR_OK &&
        (again || whole.len != cut.len || (cut.len && memcmp(whole.data, cut.data, cut.len) != 0)))
      abort();
    if (e == ERR_SYNTAX && again == ERR_OK) abort();
    buf_clear(&whole);
    buf_clear(&cut);
  }
  return 0;
}

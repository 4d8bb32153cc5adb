/* Pages and style sheets as the cloud reads them from applications. However the input is cut the same comes
 * out; and where nothing is translated, what went in. */
#include "markup.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t nothing(void *arg, const char *url, const char **ret_with)
{
  (void)arg, (void)url, (void)ret_with;
  return 0;
}

static size_t inside(void *arg, const char *url, const char **ret_with)
{
  (void)arg;
  *ret_with = "https://outside.test/";
  return strncmp(url, "http://in/", 10) == 0 ? 10 : url[0] == '/';
}

static void run(enum markup_language language, markup_map *map, const uint8_t *data, size_t n, size_t step,
                struct buf *out)
{
  struct markup *m;
  buf_init(out, 64 * (n + 1));
  if (markup_new(language, map, NULL, &m)) abort();
  for (size_t at = 0; at < n; at += step)
    if (markup_put(m, data + at, n - at < step ? n - at : step, out)) abort();
  if (markup_end(m, out)) abort();
  markup_free(m);
}

static void expect(const struct buf *a, const void *data, size_t n)
{
  if (a->len != n || (n && memcmp(a->data, data, n) != 0)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  for (enum markup_language language = MARKUP_HTML; language <= MARKUP_CSS; language++) {
    struct buf whole, cut;
    run(language, nothing, data, n, n + 1, &whole);
    expect(&whole, data, n);
    buf_clear(&whole);
    run(language, inside, data, n, n + 1, &whole);
    run(language, inside, data, n, 1, &cut);
    expect(&cut, whole.data, whole.len);
    buf_clear(&cut);
    run(language, inside, data, n, 7, &cut);
    expect(&cut, whole.data, whole.len);
    buf_clear(&cut);
    buf_clear(&whole);
  }
  return 0;
}

/* What the tests of the codec share: the events of an input as text, which must not depend on how it is cut.
 */
#ifndef SEVENSTEP_TEST_CODEC_H
#define SEVENSTEP_TEST_CODEC_H

#include "http1_events.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
  enum http1_kind kind;
  const struct http1_limits *limits; /* NULL: the default */
  bool head_only;
  const char *data;
  size_t n;
};

static inline void events(struct buf *log, const struct input *in, size_t cut, size_t step)
{
  buf_init(log, 8 << 20);
  http1_events(log, in->kind, in->limits, in->head_only, (const uint8_t *)in->data, in->n, cut, step);
}

/* The events of the input given whole; fails when any other way of giving it tells another story. */
static inline char *story(const struct input *in)
{
  struct buf whole, cut;
  events(&whole, in, 0, 0);
  for (size_t i = 0; i < in->n && i < 400; i++) {
    events(&cut, in, i, i % 2);
    ck_assert_msg(cut.len == whole.len && memcmp(cut.data, whole.data, cut.len) == 0,
                  "cut at %zu:%s\nbut whole:%s", i, buf_str(&cut), buf_str(&whole));
    buf_clear(&cut);
  }
  char *text = strdup(buf_str(&whole));
  buf_clear(&whole);
  return text;
}

/* The last event is this failure, for this reason. */
static inline void assert_refused(const struct input *in, const char *error, const char *why)
{
  char *text = story(in), want[300];
  snprintf(want, sizeof want, "error %s %s", error, why);
  const char *last = strrchr(text, '\n');
  ck_assert_ptr_nonnull(last);
  ck_assert_str_eq(last + 1, want);
  free(text);
}

static inline void assert_story(const struct input *in, const char *want)
{
  char *text = story(in);
  ck_assert_str_eq(text, want);
  free(text);
}

#endif

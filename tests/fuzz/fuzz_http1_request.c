/* Requests as the front reads them. The same events must come however the input is cut, and what is accepted
 * must be what it is again after it was written for the next hop. */
#include "http1_events.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct http1_limits small = {.target = 16, .head = 128, .fields = 4, .chunk_ext = 24};

static bool parse_head(struct http1_parser *p, const uint8_t *data, size_t n)
{
  size_t used, piece;
  const uint8_t *at;
  http1_parser_init(p, HTTP1_REQUEST, NULL);
  return http1_parse(p, data, n, &used, &at, &piece) == HTTP1_HEAD;
}

static void compare_heads(const struct http1_head *a, const struct http1_head *b)
{
  if (strcmp(a->method, b->method) != 0 || a->target.len != b->target.len || a->body != b->body) abort();
  if (memcmp(a->target.data, b->target.data, a->target.len) != 0) abort();
  if (fields_count(&a->fields) != fields_count(&b->fields)) abort();
  for (size_t i = 0; i < fields_count(&a->fields); i++) {
    struct field x = fields_at(&a->fields, i), y = fields_at(&b->fields, i);
    if (strcmp(x.name, y.name) != 0 || strcmp(x.value, y.value) != 0) abort();
  }
}

static void write_and_read_again(const uint8_t *data, size_t n)
{
  struct http1_parser p, again;
  struct buf out;
  buf_init(&out, 1 << 20);
  if (parse_head(&p, data, n) && p.head.minor == 1) {
    if (http1_write_request(&out, p.head.method, buf_str(&p.head.target), p.head.target.len, &p.head.fields))
      abort();
    if (!parse_head(&again, out.data, out.len)) abort();
    compare_heads(&p.head, &again.head);
    http1_parser_clear(&again);
  }
  http1_parser_clear(&p);
  buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  http1_events_compare(HTTP1_REQUEST, NULL, false, data, n);
  http1_events_compare(HTTP1_REQUEST, &small, false, data, n);
  write_and_read_again(data, n);
  return 0;
}

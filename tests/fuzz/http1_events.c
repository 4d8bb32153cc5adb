#include "http1_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(enum err e)
{
  if (e) abort();
}

static void log_fields(struct buf *log, const char *what, const struct fields *f)
{
  for (size_t i = 0; i < fields_count(f); i++) {
    struct field one = fields_at(f, i);
    must(buf_printf(log, "\n%s %s=", what, one.name));
    must(buf_append(log, one.value, one.value_len));
  }
}

static void log_head(struct buf *log, const struct http1_head *h)
{
  must(buf_printf(log, "\nhead 1.%d %s %s @%s %d %s body=%d:%llu keep=%d upgrade=%d expect=%d abs=%d%d",
                  h->minor, h->method, buf_str(&h->target), buf_str(&h->authority), h->status,
                  buf_str(&h->reason), h->body,
                  h->body == BODY_LENGTH ? (unsigned long long)h->content_length : 0, h->keep_alive,
                  h->upgrade, h->expect_continue, h->absolute_http, h->absolute_https));
  log_fields(log, "field", &h->fields);
  must(buf_puts(log, "\ndata "));
}

/* False: the log is complete. */
static bool log_event(struct buf *log, struct http1_parser *p, enum http1_event ev, bool head_only)
{
  switch (ev) {
  case HTTP1_HEAD:
    log_head(log, &p->head);
    return true;
  case HTTP1_END:
    log_fields(log, "trailer", &p->trailers);
    must(buf_puts(log, "\nend"));
    if (p->head.upgrade || !p->head.keep_alive) return false;
    http1_parser_next(p);
    if (head_only) http1_parser_expect_head_response(p);
    return true;
  case HTTP1_ERROR:
    must(buf_printf(log, "\nerror %s %s", err_info(p->failure.err)->name, p->failure.why));
    return false;
  default:
    return true;
  }
}

/* One piece. False: the log is complete. */
static bool feed(struct buf *log, struct http1_parser *p, const uint8_t *data, size_t n, bool head_only)
{
  for (;;) {
    size_t used = 0, piece = 0;
    const uint8_t *at = NULL;
    enum http1_event ev = http1_parse(p, data, n, &used, &at, &piece);
    if (used > n) abort();
    if (ev == HTTP1_DATA) {
      if (piece == 0 || at < data || at + piece != data + used) abort();
      must(buf_append(log, at, piece));
    }
    data += used;
    n -= used;
    if (ev == HTTP1_NEED_MORE) {
      if (n) abort();
      return true;
    }
    if (!log_event(log, p, ev, head_only)) return false;
  }
}

void http1_events(struct buf *log, enum http1_kind kind, const struct http1_limits *limits, bool head_only,
                  const uint8_t *data, size_t n, size_t cut, size_t step)
{
  struct http1_parser p;
  http1_parser_init(&p, kind, limits);
  if (head_only) http1_parser_expect_head_response(&p);
  bool open = true;
  for (size_t at = 0; open && at < n;) {
    size_t piece = at == 0 && cut ? cut : step ? step : n;
    if (piece > n - at) piece = n - at;
    /* A copy of its own size, so that the sanitizer sees a read past the piece. */
    uint8_t *copy = malloc(piece);
    if (!copy) abort();
    for (size_t i = 0; i < piece; i++)
      copy[i] = data[at + i];
    open = feed(log, &p, copy, piece, head_only);
    free(copy);
    at += piece;
  }
  if (open) {
    enum http1_event ev = http1_parse_eof(&p);
    if (ev == HTTP1_NEED_MORE)
      must(buf_puts(log, "\nidle"));
    else
      log_event(log, &p, ev, head_only);
  }
  http1_parser_clear(&p);
}

static void compare_one(const struct buf *whole, enum http1_kind kind, const struct http1_limits *limits,
                        bool head_only, const uint8_t *data, size_t n, size_t cut, size_t step)
{
  struct buf other;
  buf_init(&other, whole->max);
  http1_events(&other, kind, limits, head_only, data, n, cut, step);
  if (other.len != whole->len || memcmp(other.data, whole->data, whole->len) != 0) {
    fprintf(stderr, "whole:%s\ncut at %zu, by %zu:%s\n", buf_str(whole), cut, step, buf_str(&other));
    abort();
  }
  buf_clear(&other);
}

void http1_events_compare(enum http1_kind kind, const struct http1_limits *limits, bool head_only,
                          const uint8_t *data, size_t n)
{
  struct buf whole;
  size_t hash = 2166136261u;
  for (size_t i = 0; i < n; i++)
    hash = (hash ^ data[i]) * 16777619u;
  buf_init(&whole, (size_t)1 << 30);
  must(buf_puts(&whole, "")); /* so that data is never NULL */
  http1_events(&whole, kind, limits, head_only, data, n, 0, 0);
  compare_one(&whole, kind, limits, head_only, data, n, 0, 1);
  compare_one(&whole, kind, limits, head_only, data, n, hash % (n + 1), 0);
  compare_one(&whole, kind, limits, head_only, data, n, hash / 7 % (n + 1), 1 + hash % 13);
  buf_clear(&whole);
}

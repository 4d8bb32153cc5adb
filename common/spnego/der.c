#include "der.h"

#include <string.h>

struct der der_of(const void *data, size_t n)
{
  const uint8_t *p = data;
  return (struct der){p, p + n};
}

size_t der_left(const struct der *d)
{
  return (size_t)(d->end - d->p);
}

bool der_at(const struct der *d, uint8_t tag)
{
  return d->p < d->end && *d->p == tag;
}

/* The length octets at p, minimal form only (X.690 10.1). False when they or the contents do not fit. */
static bool read_length(struct der *d, size_t *ret)
{
  if (d->p == d->end) return false;
  uint8_t first = *d->p++;
  if (first < 0x80) {
    *ret = first;
    return *ret <= der_left(d);
  }
  size_t count = first & 0x7f, n = 0;
  if (count == 0 || count > 3 || der_left(d) < count || *d->p == 0) return false;
  while (count--)
    n = n << 8 | *d->p++;
  if (n < 0x80 || n > der_left(d)) return false;
  *ret = n;
  return true;
}

bool der_take(struct der *d, uint8_t tag, struct der *ret)
{
  struct der in = *d;
  size_t n;
  if (!der_at(&in, tag)) return false;
  in.p++;
  if (!read_length(&in, &n)) return false;
  *ret = der_of(in.p, n);
  d->p = in.p + n;
  return true;
}

bool der_take_last(struct der *d, uint8_t tag, struct der *ret)
{
  return der_take(d, tag, ret) && der_left(d) == 0;
}

bool der_take_field(struct der *d, unsigned n, uint8_t tag, struct der *ret)
{
  struct der field;
  return der_take(d, DER_CONTEXT(n), &field) && der_take_last(&field, tag, ret);
}

bool der_take_integer(struct der *d, int64_t *ret)
{
  struct der v;
  uint8_t tag = der_at(d, DER_ENUMERATED) ? DER_ENUMERATED : DER_INTEGER;
  if (!der_take(d, tag, &v)) return false;
  size_t len = der_left(&v);
  if (len == 0 || len > 5) return false;
  if (len > 1 && ((v.p[0] == 0 && v.p[1] < 0x80) || (v.p[0] == 0xff && v.p[1] >= 0x80))) return false;
  uint64_t value = v.p[0] & 0x80 ? UINT64_MAX : 0;
  for (size_t i = 0; i < len; i++)
    value = value << 8 | v.p[i];
  if ((int64_t)value > UINT32_MAX || (int64_t)value < INT32_MIN) return false;
  *ret = (int64_t)value;
  return true;
}

bool der_take_int(struct der *d, unsigned n, int64_t *ret)
{
  struct der field;
  return der_take(d, DER_CONTEXT(n), &field) && der_take_integer(&field, ret) && der_left(&field) == 0;
}

bool der_equals(const struct der *d, const void *data, size_t n)
{
  return der_left(d) == n && memcmp(d->p, data, n) == 0;
}

void der_writer_init(struct der_writer *w, void *buffer, size_t n)
{
  w->start = buffer;
  w->end = w->at = w->start + n;
  w->overflow = false;
}

size_t der_written(const struct der_writer *w)
{
  return (size_t)(w->end - w->at);
}

void der_put(struct der_writer *w, const void *data, size_t n)
{
  if (w->overflow || (size_t)(w->at - w->start) < n) {
    w->overflow = true;
    return;
  }
  w->at -= n;
  if (n) memcpy(w->at, data, n);
}

static void put_header(struct der_writer *w, uint8_t tag, size_t n)
{
  uint8_t h[6];
  size_t at = sizeof h;
  if (n < 0x80) {
    h[--at] = (uint8_t)n;
  } else {
    size_t count = 0;
    for (size_t rest = n; rest; rest >>= 8, count++) {
      if (count == 4) {
        w->overflow = true;
        return;
      }
      h[--at] = (uint8_t)rest;
    }
    h[--at] = (uint8_t)(0x80 | count);
  }
  der_put(w, h + at, sizeof h - at);
  der_put(w, &tag, 1);
}

void der_put_element(struct der_writer *w, uint8_t tag, const void *data, size_t n)
{
  der_put(w, data, n);
  put_header(w, tag, n);
}

void der_put_int(struct der_writer *w, uint8_t tag, int64_t value)
{
  uint8_t v[8];
  for (size_t i = 0; i < sizeof v; i++)
    v[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
  size_t at = 0;
  while (at < 7 && ((v[at] == 0 && v[at + 1] < 0x80) || (v[at] == 0xff && v[at + 1] >= 0x80)))
    at++;
  der_put_element(w, tag, v + at, sizeof v - at);
}

void der_wrap(struct der_writer *w, uint8_t tag, size_t mark)
{
  if (!w->overflow) put_header(w, tag, der_written(w) - mark);
}

void der_put_int_field(struct der_writer *w, unsigned n, int64_t value)
{
  size_t mark = der_written(w);
  der_put_int(w, DER_INTEGER, value);
  der_wrap(w, DER_CONTEXT(n), mark);
}

void der_put_field(struct der_writer *w, unsigned n, uint8_t tag, const void *data, size_t len)
{
  size_t mark = der_written(w);
  der_put_element(w, tag, data, len);
  der_wrap(w, DER_CONTEXT(n), mark);
}

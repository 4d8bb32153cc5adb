#include "form.h"

#include "chars.h"
#include "encode.h"

#include <string.h>

/* Decodes s[0..n) to *to, which moves behind it; there is room for n bytes. */
static enum err decode(uint8_t **to, const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    unsigned c = (uint8_t)s[i];
    if (c == '+') {
      c = ' ';
    } else if (c == '%') {
      if (n - i < 3 || !char_is(s[i + 1], CH_HEX) || !char_is(s[i + 2], CH_HEX)) return ERR_SYNTAX;
      c = char_hex(s[i + 1]) << 4 | char_hex(s[i + 2]);
      i += 2;
    }
    if (c == 0) return ERR_SYNTAX;
    *(*to)++ = (uint8_t)c;
  }
  return ERR_OK;
}

static enum err add_pair(struct fields *list, struct buf *scratch, const char *s, size_t n)
{
  uint8_t *at;
  buf_reset(scratch);
  enum err e = buf_reserve(scratch, n, &at);
  if (e) return e;
  const char *equals = memchr(s, '=', n);
  size_t name_len = equals ? (size_t)(equals - s) : n;
  const char *name = (const char *)at;
  if ((e = decode(&at, s, name_len))) return e;
  const char *value = (const char *)at;
  if (equals && (e = decode(&at, equals + 1, n - name_len - 1))) return e;
  return fields_addn(list, name, (size_t)(value - name), value, (size_t)((const char *)at - value));
}

enum err form_parse(struct fields *list, const char *text, size_t n)
{
  struct buf scratch;
  buf_init(&scratch, n);
  enum err e = ERR_OK;
  const char *end = text + n;
  while (!e && text < end) {
    const char *amp = memchr(text, '&', (size_t)(end - text));
    const char *stop = amp ? amp : end;
    if (stop > text) e = add_pair(list, &scratch, text, (size_t)(stop - text));
    text = stop + 1;
  }
  buf_wipe(&scratch); /* passwords come this way */
  return e;
}

enum err form_get(const struct fields *list, const char *name, const char **ret_value)
{
  const char *found = NULL;
  size_t nn = strlen(name);
  for (size_t i = 0; i < fields_count(list); i++) {
    struct field one = fields_at(list, i);
    /* Unlike header fields, parameters differ by case. */
    if (one.name_len != nn || memcmp(one.name, name, nn) != 0) continue;
    if (found) return ERR_SYNTAX;
    found = one.value;
  }
  if (!found || !*found) return ERR_NOT_FOUND;
  *ret_value = found;
  return ERR_OK;
}

static const char *separator(const struct buf *out)
{
  if (out->len == 0) return "";
  char last = (char)out->data[out->len - 1];
  if (last == '?' || last == '&') return "";
  bool url = memchr(out->data, '/', out->len), query = memchr(out->data, '?', out->len);
  return url && !query ? "?" : "&";
}

enum err form_add(struct buf *out, const char *name, const char *value)
{
  size_t before = out->len;
  enum err e = buf_puts(out, separator(out));
  if (!e) e = percent_encode(out, name, strlen(name));
  if (!e) e = buf_putc(out, '=');
  if (!e) e = percent_encode(out, value, strlen(value));
  if (e && out->data) {
    out->len = before;
    out->data[before] = 0;
  }
  return e;
}

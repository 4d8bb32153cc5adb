/* One reader for all messages: it goes through the bytes along the tables, so that a message is said once,
 * the way its RFC says it. */
#include "wire_private.h"

#include "encode.h"
#include "spnego.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SHOWN_MAX = 64 }; /* bytes of what is not understood */

json_t *json_hex(const void *data, size_t n)
{
  char text[2 * SHOWN_MAX + 40];
  size_t shown = n < SHOWN_MAX ? n : SHOWN_MAX;
  hex_encode(text, data, shown);
  if (shown < n) snprintf(text + 2 * shown, 40, "... (%zu bytes)", n);
  return json_string(text);
}

json_t *json_time(int64_t s)
{
  char text[40];
  time_t t = (time_t)s;
  struct tm tm;
  if (!gmtime_r(&t, &tm)) return json_integer(s);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
  return json_string(text);
}

static const char *word_for(const struct word *words, int64_t v)
{
  for (; words->text; words++)
    if (words->value == v) return words->text;
  return NULL;
}

json_t *json_number(const struct word *words, int64_t v)
{
  char text[96];
  const char *name = word_for(words, v);
  if (name)
    snprintf(text, sizeof text, "%s (%" PRId64 ")", name, v);
  else
    snprintf(text, sizeof text, "%" PRId64, v);
  return json_string(text);
}

json_t *json_flags(const struct word *words, uint32_t flags)
{
  json_t *list = json_array();
  for (int bit = 0; bit < 32; bit++) {
    char text[16];
    if (!(flags & 0x80000000u >> bit)) continue;
    const char *name = word_for(words, bit);
    snprintf(text, sizeof text, "bit %d", bit);
    json_array_append_new(list, json_string(name ? name : text));
  }
  return list;
}

json_t *json_key(const struct key *k)
{
  return json_pack("{s:o,s:o}", "enctype", json_number(enctype_names, k->type), "value",
                   json_hex(k->bytes, k->n));
}

/* -- fields ---------------------------------------------------------------------------------------------- */

json_t *field_nothing(struct wire *w, const struct field *f, struct der in)
{
  (void)w, (void)f, (void)in;
  return json_true();
}

json_t *field_integer(struct wire *w, const struct field *f, struct der in)
{
  int64_t v;
  (void)w, (void)f;
  return der_take_integer(&in, &v) && der_left(&in) == 0 ? json_integer(v) : NULL;
}

json_t *field_number(struct wire *w, const struct field *f, struct der in)
{
  int64_t v;
  (void)w;
  return der_take_integer(&in, &v) && der_left(&in) == 0 ? json_number(f->words, v) : NULL;
}

json_t *field_numbers(struct wire *w, const struct field *f, struct der in)
{
  struct der list;
  int64_t v;
  (void)w;
  if (!der_take_last(&in, DER_SEQUENCE, &list)) return NULL;
  json_t *all = json_array();
  while (der_left(&list)) {
    if (!der_take_integer(&list, &v)) {
      json_decref(all);
      return NULL;
    }
    json_array_append_new(all, json_number(f->words, v));
  }
  return all;
}

json_t *field_flags(struct wire *w, const struct field *f, struct der in)
{
  struct der bits;
  uint32_t flags = 0;
  (void)w;
  if (!der_take_last(&in, DER_BIT_STRING, &bits) || !der_left(&bits) || *bits.p++ > 7) return NULL;
  for (int shift = 24; shift >= 0 && der_left(&bits); shift -= 8)
    flags |= (uint32_t)*bits.p++ << shift;
  return json_flags(f->words, flags);
}

/* Text that is none is shown as bytes. */
static json_t *json_text(const struct der *d)
{
  json_t *text = json_stringn((const char *)d->p, der_left(d));
  return text && !memchr(d->p, 0, der_left(d)) ? text : (json_decref(text), json_hex(d->p, der_left(d)));
}

json_t *field_text(struct wire *w, const struct field *f, struct der in)
{
  struct der text;
  (void)w, (void)f;
  return der_take_last(&in, DER_GENERAL_STRING, &text) ? json_text(&text) : NULL;
}

json_t *field_time(struct wire *w, const struct field *f, struct der in)
{
  struct der text;
  int64_t s;
  (void)w, (void)f;
  if (!der_take_last(&in, DER_GENERALIZED_TIME, &text)) return NULL;
  return spnego_parse_time(&text, &s) ? json_time(s) : NULL;
}

json_t *field_bytes(struct wire *w, const struct field *f, struct der in)
{
  struct der bytes;
  (void)w, (void)f;
  return der_take_last(&in, DER_OCTET_STRING, &bytes) ? json_hex(bytes.p, der_left(&bytes)) : NULL;
}

/* PrincipalName (RFC 4120 5.2.2): its components with "/" between them, as it is written everywhere. */
json_t *field_name(struct wire *w, const struct field *f, struct der in)
{
  struct der seq, list, part;
  int64_t type;
  char text[1024];
  size_t at = 0;
  (void)w, (void)f;
  if (!der_take_last(&in, DER_SEQUENCE, &seq) || !der_take_int(&seq, 0, &type) ||
      !der_take_field(&seq, 1, DER_SEQUENCE, &list) || der_left(&seq))
    return NULL;
  while (der_left(&list)) {
    if (!der_take(&list, DER_GENERAL_STRING, &part) || at + der_left(&part) + 1 > sizeof text) return NULL;
    if (at) text[at++] = '/';
    if (der_left(&part)) memcpy(text + at, part.p, der_left(&part));
    at += der_left(&part);
  }
  struct der whole = der_of(text, at);
  return json_text(&whole);
}

json_t *field_sequence(struct wire *w, const struct field *f, struct der in)
{
  return schema_read(w, f->type, in);
}

json_t *field_list(struct wire *w, const struct field *f, struct der in)
{
  struct der list;
  if (!der_take_last(&in, DER_SEQUENCE, &list)) return NULL;
  json_t *all = json_array();
  while (der_left(&list)) {
    struct der whole = list, item;
    if (!der_take(&list, DER_SEQUENCE, &item)) {
      json_decref(all);
      return NULL;
    }
    whole.end = list.p;
    json_array_append_new(all, schema_read(w, f->type, whole));
  }
  return all;
}

/* -- messages -------------------------------------------------------------------------------------------- */

/* False: what is there is no such field. */
static bool read_field(struct wire *w, const struct field *f, struct der in, json_t *out)
{
  json_t *v = f->read(w, f, in);
  if (v && f->name)
    json_object_set_new(out, f->name, v);
  else
    json_decref(v);
  return v != NULL;
}

static bool enter(const struct type *t, struct der in, struct der *ret_fields)
{
  struct der inside = in;
  if (t->tag && !der_take_last(&in, t->tag, &inside)) return false;
  return der_take_last(&inside, DER_SEQUENCE, ret_fields);
}

static void malformed(json_t *out, const char *where)
{
  json_object_set_new(out, "malformed", json_string(where));
}

json_t *schema_read(struct wire *w, const struct type *t, struct der in)
{
  json_t *out = json_object();
  struct der fields, inside;
  if (w->depth >= DEPTH_MAX) {
    malformed(out, "it lies too deep");
    return out;
  }
  if (!enter(t, in, &fields)) {
    malformed(out, "the whole");
    return out;
  }
  w->depth++;
  for (size_t i = 0; i < t->n && der_left(&fields); i++) {
    const struct field *f = &t->fields[i];
    if (!der_at(&fields, DER_CONTEXT(f->n))) continue;
    if (der_take(&fields, DER_CONTEXT(f->n), &inside) && read_field(w, f, inside, out)) continue;
    malformed(out, f->name ? f->name : "the head");
    break;
  }
  w->depth--;
  if (der_left(&fields) && !json_object_get(out, "malformed")) malformed(out, "what follows these");
  return out;
}

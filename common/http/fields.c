#include "fields.h"

#include "chars.h"

#include <stdlib.h>
#include <string.h>

void fields_init(struct fields *f, size_t max_fields, size_t max_bytes)
{
  *f = (struct fields){.max = max_fields};
  buf_init(&f->store, max_bytes < UINT32_MAX ? max_bytes : UINT32_MAX);
}

void fields_clear(struct fields *f)
{
  buf_wipe(&f->store);
  free(f->v);
  f->v = NULL;
  f->n = f->cap = 0;
}

void fields_reset(struct fields *f)
{
  f->n = 0;
  buf_reset(&f->store);
}

size_t fields_count(const struct fields *f)
{
  return f->n;
}

struct field fields_at(const struct fields *f, size_t i)
{
  const struct field_ref *r = &f->v[i];
  const char *store = (const char *)f->store.data;
  return (struct field){store + r->name, store + r->value, r->name_len, r->value_len};
}

/* Removed fields leave holes in the store. The references ascend, so the bytes can be moved down one by one.
 */
static void compact(struct fields *f)
{
  uint8_t *store = f->store.data;
  size_t at = 0;
  for (size_t i = 0; i < f->n; i++) {
    struct field_ref *r = &f->v[i];
    memmove(store + at, store + r->name, r->name_len + 1);
    r->name = (uint32_t)at;
    at += r->name_len + 1;
    memmove(store + at, store + r->value, r->value_len + 1);
    r->value = (uint32_t)at;
    at += r->value_len + 1;
  }
  f->store.len = at;
}

static enum err room_for_one(struct fields *f)
{
  if (f->n >= f->max) return ERR_TOO_LARGE;
  if (f->n < f->cap) return ERR_OK;
  size_t cap = f->cap ? f->cap * 2 : 16;
  struct field_ref *v = realloc(f->v, cap * sizeof *v);
  if (!v) return ERR_NOMEM;
  f->v = v;
  f->cap = cap;
  return ERR_OK;
}

/* name and value lie outside the store. */
static enum err append(struct fields *f, const char *name, size_t nn, const char *value, size_t nv)
{
  enum err e = room_for_one(f);
  if (e) return e;
  if (nn > f->store.max || nv > f->store.max) return ERR_TOO_LARGE;
  uint8_t *at;
  e = buf_reserve(&f->store, nn + nv + 2, &at);
  if (e == ERR_TOO_LARGE && f->store.len) {
    compact(f);
    e = buf_reserve(&f->store, nn + nv + 2, &at);
  }
  if (e) return e;
  uint32_t start = (uint32_t)f->store.len;
  memcpy(at, name, nn);
  at[nn] = 0;
  if (nv) memcpy(at + nn + 1, value, nv);
  at[nn + 1 + nv] = 0;
  f->store.len += nn + nv + 2;
  f->v[f->n++] = (struct field_ref){start, (uint32_t)nn, start + (uint32_t)nn + 1, (uint32_t)nv};
  return ERR_OK;
}

static bool inside(const struct fields *f, const char *s)
{
  uintptr_t p = (uintptr_t)s, start = (uintptr_t)f->store.data;
  return f->store.data && p >= start && p < start + f->store.cap;
}

static enum err append_copied(struct fields *f, const char *name, size_t nn, const char *value, size_t nv)
{
  char *copy = malloc(nn + nv + 1);
  if (!copy) return ERR_NOMEM;
  memcpy(copy, name, nn);
  memcpy(copy + nn, value, nv);
  enum err e = append(f, copy, nn, copy + nn, nv);
  explicit_bzero(copy, nn + nv);
  free(copy);
  return e;
}

enum err fields_addn(struct fields *f, const char *name, size_t nn, const char *value, size_t nv)
{
  if (inside(f, name) || inside(f, value)) return append_copied(f, name, nn, value, nv);
  return append(f, name, nn, value, nv);
}

enum err fields_add(struct fields *f, const char *name, const char *value)
{
  return fields_addn(f, name, strlen(name), value, strlen(value));
}

enum err fields_set(struct fields *f, const char *name, const char *value)
{
  size_t nn = strlen(name), nv = strlen(value);
  if (!inside(f, name) && !inside(f, value)) {
    fields_remove(f, name);
    return append(f, name, nn, value, nv);
  }
  char *copy = malloc(nn + nv + 2);
  if (!copy) return ERR_NOMEM;
  memcpy(copy, name, nn + 1);
  memcpy(copy + nn + 1, value, nv + 1);
  fields_remove(f, copy);
  enum err e = append(f, copy, nn, copy + nn + 1, nv);
  explicit_bzero(copy, nn + nv + 2);
  free(copy);
  return e;
}

bool http_name_is(const char *s, size_t n, const char *name)
{
  for (size_t i = 0; i < n; i++)
    if (char_lower(s[i]) != char_lower(name[i]) || !name[i]) return false;
  return name[n] == 0;
}

/* Length and first letter tell most names apart. */
static size_t find(const struct fields *f, const char *name, size_t from)
{
  size_t nn = strlen(name);
  for (; from < f->n; from++) {
    const struct field_ref *r = &f->v[from];
    const char *one = (const char *)f->store.data + r->name;
    if (r->name_len == nn && ((one[0] ^ name[0]) & 0x5f) == 0 && http_name_is(one, nn, name)) break;
  }
  return from;
}

const char *fields_get(const struct fields *f, const char *name)
{
  size_t i = find(f, name, 0);
  return i < f->n ? fields_at(f, i).value : NULL;
}

size_t fields_count_of(const struct fields *f, const char *name)
{
  size_t count = 0;
  for (size_t i = find(f, name, 0); i < f->n; i = find(f, name, i + 1))
    count++;
  return count;
}

size_t fields_remove_if(struct fields *f, bool (*drop)(const struct field *, void *), void *arg)
{
  size_t kept = 0, all = f->n;
  for (size_t i = 0; i < all; i++) {
    struct field one = fields_at(f, i);
    if (!drop(&one, arg)) f->v[kept++] = f->v[i];
  }
  f->n = kept;
  return all - kept;
}

static bool drop_named(const struct field *one, void *arg)
{
  const char **name = arg;
  return http_name_is(one->name, one->name_len, *name);
}

size_t fields_remove(struct fields *f, const char *name)
{
  if (find(f, name, 0) == f->n) return 0; /* as most often; lengths tell quickly */
  return fields_remove_if(f, drop_named, &name);
}

void fields_edit(struct fields *f, size_t i, size_t (*edit)(char *value, size_t n, void *arg), void *arg)
{
  struct field_ref *r = &f->v[i];
  char *value = (char *)f->store.data + r->value;
  r->value_len = (uint32_t)edit(value, r->value_len, arg);
  value[r->value_len] = 0;
}

bool http_list_has(const char *list, size_t n, const char *token)
{
  const char *end = list + n;
  while (list < end) {
    const char *comma = memchr(list, ',', (size_t)(end - list));
    const char *stop = comma ? comma : end, *last = stop;
    while (list < last && (*list == ' ' || *list == '\t'))
      list++;
    while (last > list && (last[-1] == ' ' || last[-1] == '\t'))
      last--;
    if (last > list && http_name_is(list, (size_t)(last - list), token)) return true;
    list = stop + 1;
  }
  return false;
}

bool fields_has_token(const struct fields *f, const char *name, const char *token)
{
  for (size_t i = find(f, name, 0); i < f->n; i = find(f, name, i + 1)) {
    struct field one = fields_at(f, i);
    if (http_list_has(one.value, one.value_len, token)) return true;
  }
  return false;
}

bool http_is_token(const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!char_is(s[i], CH_TOKEN)) return false;
  return n > 0;
}

bool http_is_field_value(const char *s, size_t n)
{
  return char_skip_value(s, s + n) == s + n;
}

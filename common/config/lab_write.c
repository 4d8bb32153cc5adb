#include "lab_write.h"

#include "lab_keys.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 64 * 1024 };

/* After the first failure nothing more is written. */
struct writing {
  struct buf *out;
  enum err e;
  const char *group; /* for connectors: of this group only, and nothing private; NULL: everything */
};

static void put(struct writing *w, const char *text)
{
  if (!w->e) w->e = buf_puts(w->out, text);
}

static void put_number(struct writing *w, unsigned n)
{
  if (!w->e) w->e = buf_printf(w->out, "%u", n);
}

static void indent_by(struct writing *w, int indent)
{
  if (!w->e) w->e = buf_printf(w->out, "%*s", indent, "");
}

static void put_quoted(struct writing *w, const char *text)
{
  put(w, "\"");
  for (; *text && !w->e; text++) {
    if (*text == '"' || *text == '\\') put(w, "\\");
    if (!w->e) w->e = buf_putc(w->out, *text);
  }
  put(w, "\"");
}

static void put_texts(struct writing *w, const struct lab_strings *list)
{
  put(w, "[");
  for (size_t i = 0; i < list->n; i++) {
    if (i) put(w, ", ");
    put_quoted(w, list->v[i]);
  }
  put(w, "]");
}

static void put_addr(struct writing *w, const struct lab_addr *addr)
{
  bool v6 = strchr(addr->host, ':') != NULL;
  if (!w->e) w->e = buf_printf(w->out, "\"%s%s%s:%u\"", v6 ? "[" : "", addr->host, v6 ? "]" : "", addr->port);
}

static void put_time(struct writing *w, int64_t time_s)
{
  char text[21];
  lab_format_time(time_s, text);
  put_quoted(w, text);
}

static const char *choice_word(const struct lab_key *key, unsigned value)
{
  const struct lab_choice *c = key->choices;
  while (c->word && c->value != value)
    c++;
  return c->word;
}

static bool is_absent(const struct lab_key *key, const char *field, const char *row)
{
  switch (key->type) {
  case KEY_TEXT:
  case KEY_ADDR: /* begins with its host */
  case KEY_URL:  /* begins with its text */
    return *(const char *const *)(const void *)field == NULL;
  case KEY_TEXTS:
    return !key->required && ((const struct lab_strings *)(const void *)field)->n == 0;
  case KEY_TIME:
    return *(const int64_t *)(const void *)field == 0;
  case KEY_TABLE:
  case KEY_ROWS:
    return *(const size_t *)(const void *)(row + key->count) == 0;
  default:
    return false;
  }
}

static void put_value(struct writing *w, const struct lab_key *key, const void *field)
{
  switch (key->type) {
  case KEY_TEXT:
    put_quoted(w, *(const char *const *)field);
    break;
  case KEY_TEXTS:
    put_texts(w, field);
    break;
  case KEY_BOOL:
    put(w, *(const bool *)field ? "true" : "false");
    break;
  case KEY_COUNT:
    put_number(w, *(const unsigned *)field);
    break;
  case KEY_PORT:
    put_number(w, *(const uint16_t *)field);
    break;
  case KEY_CHOICE:
    put_quoted(w, choice_word(key, *(const unsigned *)field));
    break;
  case KEY_TIME:
    put_time(w, *(const int64_t *)field);
    break;
  case KEY_ADDR:
    put_addr(w, field);
    break;
  case KEY_URL:
    put_quoted(w, ((const struct lab_url *)field)->text);
    break;
  default:
    break;
  }
}

static void put_keys(struct writing *w, const struct lab_keys *keys, const char *row, int indent,
                     const char *first);

/* Only applications are ever written for a group, with what is in them. */
static bool is_left_out(const struct writing *w, const char *row)
{
  return w->group && strcmp(((const struct lab_app *)(const void *)row)->connector_group, w->group) != 0;
}

static void put_rows(struct writing *w, const struct lab_key *key, const char *row, int indent)
{
  const char *rows = *(const char *const *)(const void *)(row + key->offset);
  size_t n = *(const size_t *)(const void *)(row + key->count);
  for (size_t i = 0; i < n; i++, rows += key->members->size) {
    if (key->type == KEY_ROWS) {
      put_keys(w, key->members, rows, indent + 2, "- ");
      continue;
    }
    if (key->count == offsetof(struct lab, n_apps) && key->members->size == sizeof(struct lab_app) &&
        is_left_out(w, rows))
      continue;
    indent_by(w, indent);
    put_quoted(w, *(const char *const *)(const void *)(rows + key->members->name_offset));
    put(w, ":\n");
    put_keys(w, key->members, rows, indent + 2, "");
  }
}

/* first stands before the first key, at the place of the last columns of its indent. */
static void put_keys(struct writing *w, const struct lab_keys *keys, const char *row, int indent,
                     const char *first)
{
  for (const struct lab_key *key = keys->keys; key->name; key++) {
    const char *field = row + key->offset;
    if (w->group && (key->kept_by || key->private)) continue;
    if (key->type != KEY_SECTION && is_absent(key, field, row)) continue;
    indent_by(w, indent - (int)strlen(first));
    put(w, first);
    put(w, key->name);
    put(w, ":");
    first = "";
    if (key->type == KEY_SECTION) {
      put(w, "\n");
      put_keys(w, key->members, row, indent + 2, "");
    } else if (key->members) {
      put(w, "\n");
      put_rows(w, key, row, indent + 2);
    } else {
      put(w, " ");
      put_value(w, key, field);
      put(w, "\n");
    }
  }
}

enum err lab_write(const struct lab *lab, struct buf *out)
{
  struct writing w = {.out = out};
  put_keys(&w, &lab_top_keys, (const char *)lab, 0, "");
  return w.e;
}

enum err lab_write_applications(const struct lab *lab, const char *group, struct buf *out)
{
  struct writing w = {.out = out, .group = group};
  bool any = false;
  for (size_t i = 0; i < lab->n_apps && !any; i++)
    any = !is_left_out(&w, (const char *)&lab->apps[i]);
  if (any)
    put_keys(&w, &lab_pushed_keys, (const char *)lab, 0, "");
  else
    put(&w, "{}\n");
  return w.e;
}

/* -- what is fixed while a lab runs ---------------------------------------------------------------------- */

static enum err same_value(const struct lab_key *key, const char *section, const struct lab *from,
                           const struct lab *to, struct failure *f)
{
  struct buf a, b;
  buf_init(&a, VALUE_MAX);
  buf_init(&b, VALUE_MAX);
  struct writing wa = {.out = &a}, wb = {.out = &b};
  const struct lab_key one[] = {*key, {.name = NULL}};
  const struct lab_keys keys = {.keys = one};
  put_keys(&wa, &keys, (const char *)from, 0, "");
  put_keys(&wb, &keys, (const char *)to, 0, "");
  enum err e = wa.e ? wa.e : wb.e;
  if (e)
    failure_set(f, e, "%s", key->name);
  else if (strcmp(buf_str(&a), buf_str(&b)) != 0)
    e = failure_set(f, ERR_CONFIG,
                    "%s: %s%s%s has been edited, which takes effect at the next start of the lab only "
                    "(./sevenstep down, up)",
                    to->path, section, *section ? "." : "", key->name);
  buf_wipe(&a);
  buf_wipe(&b);
  return e;
}

static enum err same_keys(const struct lab_keys *keys, const char *section, const struct lab *from,
                          const struct lab *to, struct failure *f)
{
  enum err e = ERR_OK;
  for (const struct lab_key *k = keys->keys; k->name && !e; k++) {
    if (k->type == KEY_SECTION)
      e = same_keys(k->members, k->name, from, to, f);
    else if (k->type != KEY_TABLE)
      e = same_value(k, section, from, to, f);
  }
  return e;
}

enum err lab_can_become(const struct lab *from, const struct lab *to, struct failure *f)
{
  return same_keys(&lab_top_keys, "", from, to, f);
}

#include "yaml_change.h"

#include <string.h>

struct yaml_node *yaml_new(struct arena *a, enum yaml_kind kind, struct yaml_place at)
{
  struct yaml_node *node = arena_alloc(a, sizeof *node);
  if (node) *node = (struct yaml_node){.kind = kind, .at = at, .key_at = at, .text = ""};
  return node;
}

/* Links node itself, which is nobody else's. */
static void link_last(struct yaml_node *parent, struct yaml_node *node)
{
  struct yaml_node **end = &parent->first;
  while (*end)
    end = &(*end)->next;
  *end = node;
  parent->n++;
}

static struct yaml_node *copy_of(struct arena *a, const struct yaml_node *node)
{
  struct yaml_node *copy = arena_alloc(a, sizeof *copy);
  if (!copy) return NULL;
  *copy = *node;
  copy->next = NULL;
  return copy;
}

bool yaml_append(struct arena *a, struct yaml_node *parent, const char *key, const struct yaml_node *node)
{
  struct yaml_node *copy = copy_of(a, node);
  if (!copy) return false;
  copy->key = key;
  link_last(parent, copy);
  return true;
}

bool yaml_is_null(const struct yaml_node *node)
{
  return node->kind == YAML_SCALAR && !node->quoted && strcmp(node->text, "null") == 0;
}

/* -- merge ----------------------------------------------------------------------------------------------- */

/* What becomes of one member: base may be NULL, patch may be NULL, not both. */
static bool merge_member(struct arena *a, struct yaml_node *into, const struct yaml_node *base,
                         const struct yaml_node *patch)
{
  if (patch && yaml_is_null(patch)) return true;
  struct yaml_node *node = patch ? yaml_merge(a, base, patch) : copy_of(a, base);
  if (!node) return false;
  /* A row is found where it is named first; its values where they are written. */
  node->key = base ? base->key : patch->key;
  node->key_at = base && (!patch || node->kind == YAML_MAP) ? base->key_at : patch->key_at;
  link_last(into, node);
  return true;
}

struct yaml_node *yaml_merge(struct arena *a, const struct yaml_node *base, const struct yaml_node *patch)
{
  if (patch->kind != YAML_MAP) return copy_of(a, patch);
  if (base && base->kind != YAML_MAP) base = NULL;
  struct yaml_node *node = copy_of(a, base ? base : patch);
  if (!node) return NULL;
  node->first = NULL;
  node->n = 0;
  for (const struct yaml_node *m = base ? base->first : NULL; m; m = m->next)
    if (!merge_member(a, node, m, yaml_get(patch, m->key))) return NULL;
  for (const struct yaml_node *m = patch->first; m; m = m->next)
    if (!yaml_get(base, m->key) && !merge_member(a, node, NULL, m)) return NULL;
  return node;
}

/* -- diff ------------------------------------------------------------------------------------------------ */

bool yaml_equal(const struct yaml_node *a, const struct yaml_node *b)
{
  if (a->kind != b->kind || a->n != b->n) return false;
  if (a->kind == YAML_SCALAR) return strcmp(a->text, b->text) == 0 && yaml_is_null(a) == yaml_is_null(b);
  const struct yaml_node *other = b->first;
  for (const struct yaml_node *m = a->first; m; m = m->next) {
    if (a->kind == YAML_MAP) other = yaml_get(b, m->key);
    if (!other || !yaml_equal(m, other)) return false;
    other = other->next;
  }
  return true;
}

static bool diff_member(struct arena *a, struct yaml_node *into, const struct yaml_node *base,
                        const struct yaml_node *target)
{
  if (!base || base->kind != YAML_MAP || target->kind != YAML_MAP)
    return yaml_append(a, into, target->key, target);
  struct yaml_node *inner = yaml_diff(a, base, target);
  return inner && yaml_append(a, into, target->key, inner);
}

struct yaml_node *yaml_diff(struct arena *a, const struct yaml_node *base, const struct yaml_node *target)
{
  struct yaml_node *patch = yaml_new(a, YAML_MAP, target->at);
  if (!patch) return NULL;
  for (const struct yaml_node *m = target->first; m; m = m->next) {
    const struct yaml_node *before = yaml_get(base, m->key);
    if (before && yaml_equal(before, m)) continue;
    if (!diff_member(a, patch, before, m)) return NULL;
  }
  struct yaml_node none = {.kind = YAML_SCALAR, .text = "null", .at = target->at, .key_at = target->at};
  for (const struct yaml_node *m = base->first; m; m = m->next)
    if (!yaml_get(target, m->key) && !yaml_append(a, patch, m->key, &none)) return NULL;
  return patch;
}

/* -- text ------------------------------------------------------------------------------------------------ */

static enum err write_quoted(const char *text, struct buf *out)
{
  enum err e = buf_putc(out, '"');
  for (; *text && !e; text++) {
    char name = *text == '\n' ? 'n' : *text == '\r' ? 'r' : *text == '\t' ? 't' : 0;
    if (*text == '"' || *text == '\\' || name) e = buf_putc(out, '\\');
    if (!e) e = buf_putc(out, name ? name : *text);
  }
  return e ? e : buf_putc(out, '"');
}

static enum err write_word(const char *text, bool quoted, struct buf *out)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
  bool safe = !quoted && *text && *text != '-' && text[strspn(text, plain)] == 0;
  return safe ? buf_puts(out, text) : write_quoted(text, out);
}

static enum err write_inline(const struct yaml_node *node, struct buf *out)
{
  if (node->kind == YAML_SCALAR) return write_word(node->text, node->quoted, out);
  bool map = node->kind == YAML_MAP;
  enum err e = buf_putc(out, map ? '{' : '[');
  for (const struct yaml_node *m = node->first; m && !e; m = m->next) {
    if (m != node->first) e = buf_puts(out, ", ");
    if (!e && map) e = write_word(m->key, false, out);
    if (!e && map) e = buf_puts(out, ": ");
    if (!e) e = write_inline(m, out);
  }
  return e ? e : buf_putc(out, map ? '}' : ']');
}

static enum err write_block(const struct yaml_node *node, int indent, struct buf *out)
{
  enum err e = ERR_OK;
  for (const struct yaml_node *m = node->first; m && !e; m = m->next) {
    bool block = m->kind == YAML_MAP && m->n > 0;
    e = buf_printf(out, "%*s", indent, "");
    if (!e) e = write_word(m->key, false, out);
    if (!e) e = buf_puts(out, block ? ":\n" : ": ");
    if (!e) e = block ? write_block(m, indent + 2, out) : write_inline(m, out);
    if (!e && !block) e = buf_putc(out, '\n');
  }
  return e;
}

enum err yaml_write(const struct yaml_node *node, struct buf *out)
{
  if (node->kind == YAML_MAP && node->n > 0) return write_block(node, 0, out);
  enum err e = write_inline(node, out);
  return e ? e : buf_putc(out, '\n');
}

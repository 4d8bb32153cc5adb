/* Walks the parsed file along the table of keys and fills struct lab. The walk is generic: what a key is
 * called, what it may hold and where that goes is lab_keys.c's to say. */
#include "lab_load.h"
#include "lab_write.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The public struct first, so that one pointer leads to both. */
struct lab_box {
  struct lab lab;
  struct arena arena;
};

struct loading {
  struct lab_box *box;
  const char *path;
  unsigned flags;
  unsigned port_base; /* from the environment; 0: the file's */
  struct failure *f;
};

/* Where in the file's structure we are, for messages: "applications.hello.spn". */
struct trail {
  const struct trail *up;
  const char *name;
};

static void trail_text(const struct trail *t, char *out, size_t size)
{
  if (t->up && t->up->name) {
    trail_text(t->up, out, size);
    size_t n = strlen(out);
    snprintf(out + n, size - n, ".%s", t->name);
  } else {
    snprintf(out, size, "%s", t->name ? t->name : "the lab file");
  }
}

static enum err fail_nomem(const struct loading *l)
{
  return failure_set(l->f, ERR_NOMEM, "%s", l->path);
}

static enum err fail_expected(const struct loading *l, const struct trail *t, const struct yaml_node *node,
                              bool secret, const char *expected)
{
  char where[160];
  trail_text(t, where, sizeof where);
  if (node->kind == YAML_SCALAR && *node->text && !secret)
    return failure_set(l->f, ERR_CONFIG, "%s:%u:%u: %s: expected %s, found \"%.60s\"", node->at.file,
                       node->at.line, node->at.column, where, expected, node->text);
  return failure_set(l->f, ERR_CONFIG, "%s:%u:%u: %s: expected %s, found %s", node->at.file, node->at.line,
                     node->at.column, where, expected,
                     node->kind == YAML_SCALAR && *node->text ? "something else" : yaml_kind_name(node));
}

/* -- single values ------------------------------------------------------------------------------------- */

/* text as the value of key, into the field; NULL, or what was expected. */
static const char *set_text(struct loading *l, const struct lab_key *key, const char *text, void *field)
{
  if (!key->rule->ok(text)) return key->rule->expected;
  if (key->kept_by && !(key->kept_by & l->flags)) return NULL;
  const char *copy = arena_strndup(&l->box->arena, text, strlen(text));
  if (!copy) return "a shorter file (out of memory)";
  *(const char **)field = copy;
  return NULL;
}

static const char *set_bool(const char *text, void *field)
{
  bool yes = strcmp(text, "true") == 0;
  if (!yes && strcmp(text, "false") != 0) return "true or false";
  *(bool *)field = yes;
  return NULL;
}

static const char *set_count(const struct lab_key *key, const char *text, void *field)
{
  static _Thread_local char expected[64];
  unsigned v;
  if (!lab_parse_count(text, key->min, key->max, &v)) {
    if (key->min == key->max)
      snprintf(expected, sizeof expected, "%u", key->min);
    else
      snprintf(expected, sizeof expected, "a whole number from %u to %u", key->min, key->max);
    return expected;
  }
  if (key->type == KEY_PORT)
    *(uint16_t *)field = (uint16_t)v;
  else
    *(unsigned *)field = v;
  return NULL;
}

static const char *set_choice(const struct lab_key *key, const char *text, void *field)
{
  static _Thread_local char expected[256];
  size_t n = 0;
  for (const struct lab_choice *c = key->choices; c->word; c++) {
    if (strcmp(c->word, text) == 0) {
      *(unsigned *)field = c->value;
      return NULL;
    }
    n += (size_t)snprintf(expected + n, sizeof expected - n, "%s%s", n ? " or " : "", c->word);
  }
  return expected;
}

static const char *set_url(struct loading *l, const struct lab_key *key, const char *text,
                           struct lab_url *field)
{
  struct lab_url url;
  const char *expected = lab_parse_url(&l->box->arena, text, &url);
  if (expected) return expected;
  if (key->url_rule && !key->url_rule->ok(&url)) return key->url_rule->expected;
  *field = url;
  return NULL;
}

static const char *set_scalar(struct loading *l, const struct lab_key *key, const char *text, void *field)
{
  if (key->type == KEY_ADDR || key->type == KEY_URL || key->ports) {
    const char *expected = lab_expand_ports(&l->box->arena, l->box->lab.port_base, text, &text);
    if (expected) return expected;
  }
  switch (key->type) {
  case KEY_BOOL:
    return set_bool(text, field);
  case KEY_COUNT:
  case KEY_PORT:
    return set_count(key, text, field);
  case KEY_CHOICE:
    return set_choice(key, text, field);
  case KEY_TIME:
    return lab_parse_time(text, field);
  case KEY_ADDR:
    return lab_parse_addr(&l->box->arena, text, field);
  case KEY_URL:
    return set_url(l, key, text, field);
  default:
    return set_text(l, key, text, field);
  }
}

static enum err load_texts(struct loading *l, const struct lab_key *key, const struct trail *t,
                           const struct yaml_node *node, void *field)
{
  if (node->kind != YAML_LIST) return fail_expected(l, t, node, false, "a list: [one, two]");
  struct lab_strings list = {arena_alloc(&l->box->arena, node->n * sizeof(char *)), 0};
  if (!list.v) return fail_nomem(l);
  for (const struct yaml_node *item = node->first; item; item = item->next) {
    if (item->kind != YAML_SCALAR || !*item->text)
      return fail_expected(l, t, item, false, key->rule->expected);
    const char *expected = set_scalar(l, key, item->text, &list.v[list.n]);
    if (expected) return fail_expected(l, t, item, false, expected);
    for (size_t i = 0; i < list.n; i++)
      if (strcmp(list.v[i], list.v[list.n]) == 0)
        return fail_expected(l, t, item, false, "each one once in the list");
    list.n++;
  }
  *(struct lab_strings *)field = list;
  return ERR_OK;
}

/* -- mappings ------------------------------------------------------------------------------------------ */

static enum err load_keys(struct loading *l, const struct lab_keys *keys, const struct trail *t,
                          const struct yaml_node *node, void *row);

static enum err load_value(struct loading *l, const struct lab_key *key, const struct trail *t,
                           const struct yaml_node *node, void *row);

static enum err load_row(struct loading *l, const struct lab_keys *keys, const struct trail *t,
                         const struct yaml_node *node, void *row)
{
  if (keys->name_rule) {
    if (!keys->name_rule->ok(node->key)) {
      char where[160];
      trail_text(t->up, where, sizeof where);
      return failure_set(l->f, ERR_CONFIG, "%s:%u:%u: %s: expected %s, found \"%.60s\"", node->key_at.file,
                         node->key_at.line, node->key_at.column, where, keys->name_rule->expected, node->key);
    }
    const char *name = arena_strndup(&l->box->arena, node->key, strlen(node->key));
    if (!name) return fail_nomem(l);
    *(const char **)((char *)row + keys->name_offset) = name;
  }
  if (node->kind != YAML_MAP && keys->short_key) {
    const struct lab_key *key = keys->keys;
    while (strcmp(key->name, keys->short_key) != 0)
      key++;
    return load_value(l, key, t, node, row);
  }
  return load_keys(l, keys, t, node, row);
}

static enum err load_rows(struct loading *l, const struct lab_key *key, const struct trail *t,
                          const struct yaml_node *node, void *base)
{
  enum yaml_kind kind = key->type == KEY_TABLE ? YAML_MAP : YAML_LIST;
  if (node->kind != kind)
    return fail_expected(l, t, node, false,
                         kind == YAML_MAP ? "a mapping from names to settings" : "a list of mappings");
  char *rows = arena_alloc(&l->box->arena, node->n * key->members->size);
  if (!rows) return fail_nomem(l);
  size_t i = 0;
  for (const struct yaml_node *item = node->first; item; item = item->next) {
    char number[24];
    snprintf(number, sizeof number, "%zu", i + 1);
    struct trail inner = {t, item->key ? item->key : number};
    enum err e = load_row(l, key->members, &inner, item, rows + i++ * key->members->size);
    if (e) return e;
  }
  memcpy((char *)base + key->offset, &rows, sizeof rows);
  memcpy((char *)base + key->count, &i, sizeof i);
  return ERR_OK;
}

static enum err load_value(struct loading *l, const struct lab_key *key, const struct trail *t,
                           const struct yaml_node *node, void *row)
{
  switch (key->type) {
  case KEY_SECTION:
    return load_keys(l, key->members, t, node, row);
  case KEY_TABLE:
  case KEY_ROWS:
    return load_rows(l, key, t, node, row);
  case KEY_TEXTS:
    return load_texts(l, key, t, node, (char *)row + key->offset);
  default:
    break;
  }
  /* An empty value is refused whatever the key: it is a forgotten one. */
  bool text = node->kind == YAML_SCALAR && (*node->text || node->quoted);
  const char *expected = text        ? set_scalar(l, key, node->text, (char *)row + key->offset)
                         : key->rule ? key->rule->expected
                                     : "a value";
  return expected ? fail_expected(l, t, node, key->kept_by != 0, expected) : ERR_OK;
}

static enum err load_default(struct loading *l, const struct lab_key *key, void *row)
{
  if (key->type == KEY_SECTION) {
    /* A section that is not there is one in which nothing is written. */
    for (const struct lab_key *k = key->members->keys; k->name; k++) {
      enum err e = load_default(l, k, row);
      if (e) return e;
    }
    return ERR_OK;
  }
  if (!key->fallback) return ERR_OK;
  const char *expected = set_scalar(l, key, key->fallback, (char *)row + key->offset);
  return expected ? failure_set(l->f, ERR_INTERNAL, "the default of %s: expected %s", key->name, expected)
                  : ERR_OK;
}

static const struct lab_key *key_by_name(const struct lab_keys *keys, const char *name)
{
  for (const struct lab_key *k = keys->keys; k->name; k++)
    if (strcmp(k->name, name) == 0) return k;
  return NULL;
}

static enum err fail_unknown(const struct loading *l, const struct lab_keys *keys, const struct trail *t,
                             const struct yaml_node *member)
{
  char where[160], known[240] = "";
  const char *nearest = NULL;
  unsigned best = lab_word_slack(member->key) + 1;
  size_t n = 0;
  for (const struct lab_key *k = keys->keys; k->name; k++) {
    unsigned distance = lab_word_distance(member->key, k->name);
    if (distance < best) best = distance, nearest = k->name;
    if (n < sizeof known) n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", k->name);
  }
  trail_text(t, where, sizeof where);
  if (nearest)
    return failure_set(l->f, ERR_CONFIG, "%s:%u:%u: unknown key \"%.60s\" in %s; did you mean \"%s\"?",
                       member->key_at.file, member->key_at.line, member->key_at.column, member->key, where,
                       nearest);
  return failure_set(l->f, ERR_CONFIG, "%s:%u:%u: unknown key \"%.60s\" in %s; known are: %s",
                     member->key_at.file, member->key_at.line, member->key_at.column, member->key, where,
                     known);
}

static enum err load_keys(struct loading *l, const struct lab_keys *keys, const struct trail *t,
                          const struct yaml_node *node, void *row)
{
  if (node->kind != YAML_MAP) return fail_expected(l, t, node, false, "a mapping of settings");
  for (const struct yaml_node *member = node->first; member; member = member->next)
    if (!key_by_name(keys, member->key)) return fail_unknown(l, keys, t, member);

  for (const struct lab_key *key = keys->keys; key->name; key++) {
    const struct yaml_node *value = yaml_get(node, key->name);
    struct trail inner = {t, key->name};
    enum err e = ERR_OK;
    if (value) {
      e = load_value(l, key, &inner, value, row);
    } else if (key->required) {
      char where[160];
      trail_text(t, where, sizeof where);
      struct yaml_place at = node->key ? node->key_at : node->at;
      return failure_set(l->f, ERR_CONFIG, "%s:%u:%u: %s: \"%s\" is missing: %s", at.file, at.line, at.column,
                         where, key->name, key->rule ? key->rule->expected : key->help);
    } else {
      e = load_default(l, key, row);
    }
    if (e) return e;
    if (key->type == KEY_PORT && l->port_base) l->box->lab.port_base = (uint16_t)l->port_base;
  }
  return ERR_OK;
}

/* -- the whole ----------------------------------------------------------------------------------------- */

/* Accepts NULL. */
static void box_unref(struct lab_box *box)
{
  if (!box || atomic_fetch_sub_explicit(&box->lab.refs, 1, memory_order_acq_rel) != 1) return;
  arena_clear(&box->arena);
  explicit_bzero(box, sizeof *box);
  free(box);
}

static enum err fail_external(struct loading *l)
{
  const struct lab_app *app = l->box->lab.apps;
  while (app->external_url.text)
    app++;
  return failure_set(l->f, ERR_CONFIG,
                     "%s: applications.%s: \"external_url\" is missing, and cannot be derived from the name, "
                     "the tenant and cloud.home_url",
                     l->path, app->name);
}

/* root as a mapping of these keys, into a new lab; nothing across the lab is checked yet. */
static enum err load_mapping(struct loading *l, const struct lab_keys *keys, const struct yaml_node *root)
{
  struct trail top = {NULL, NULL};
  l->box = calloc(1, sizeof *l->box);
  if (!l->box) return fail_nomem(l);
  atomic_init(&l->box->lab.refs, 1);
  arena_init(&l->box->arena, LAB_ARENA_MAX);
  struct lab *lab = &l->box->lab;
  enum err e = load_keys(l, keys, &top, root, lab);
  if (e) return e;
  lab->path = arena_strndup(&l->box->arena, l->path, strlen(l->path));
  e = lab->path ? lab_derive(lab, &l->box->arena) : ERR_NOMEM;
  if (e == ERR_CONFIG) return fail_external(l);
  return e ? fail_nomem(l) : ERR_OK;
}

enum err lab_load_tree(const char *path, const char *changes, const struct yaml_node *root,
                       unsigned port_base, unsigned flags, struct lab **ret, struct failure *f)
{
  struct loading l = {.path = path, .flags = flags, .port_base = port_base, .f = f};
  enum err e = load_mapping(&l, &lab_top_keys, root);
  if (!e && changes) {
    l.box->lab.changes = arena_strndup(&l.box->arena, changes, strlen(changes));
    if (!l.box->lab.changes) e = fail_nomem(&l);
  }
  if (!e) e = lab_check(&l.box->lab, root, f);
  if (e)
    box_unref(l.box);
  else
    *ret = &l.box->lab;
  return e;
}

enum err lab_load_text(const char *path, const char *text, size_t n, unsigned port_base, unsigned flags,
                       struct lab **ret, struct failure *f)
{
  struct arena tree;
  struct yaml_node *root;
  arena_init(&tree, LAB_ARENA_MAX);
  enum err e = yaml_parse(&tree, path, text, n, &root, f);
  if (!e) e = lab_load_tree(path, NULL, root, port_base, flags, ret, f);
  arena_clear(&tree);
  return e;
}

enum err lab_read_applications(const char *name, const char *text, size_t n, struct lab **ret,
                               struct failure *f)
{
  struct arena tree;
  struct yaml_node *root;
  struct loading l = {.path = name, .f = f};
  arena_init(&tree, LAB_ARENA_MAX);
  enum err e = yaml_parse(&tree, name, text, n, &root, f);
  if (!e) e = load_mapping(&l, &lab_pushed_keys, root);
  if (e)
    box_unref(l.box);
  else
    *ret = &l.box->lab;
  arena_clear(&tree);
  return e;
}

struct lab *lab_ref(const struct lab *lab)
{
  struct lab *own = (struct lab *)(uintptr_t)lab;
  atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
  return own;
}

void lab_free(const struct lab *lab)
{
  box_unref((struct lab_box *)(uintptr_t)lab);
}

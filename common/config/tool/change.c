/* Changing a lab: one row of a table of the lab file is added, changed or removed, and what the user wrote
 * stays as it is. The lab in force is the lab file with RUN/changes.yaml merged into it; here the next one of
 * these files is made. Nothing is written unless the lab that results is right as a whole. */
#include "lab_keys.h"
#include "lab_load.h"
#include "tool.h"
#include "yaml_change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3 };

struct changing {
  const struct tool_change *what;
  struct arena *a;
  struct failure *f;
  const struct yaml_node *base, *before; /* the lab file; the lab as it is now */
  const struct yaml_node *row;           /* in the table as it is now; NULL: there is none */
};

static enum err no_memory(struct changing *c)
{
  return failure_set(c->f, ERR_NOMEM, "%s", c->what->path);
}

static const char *singular(const char *table)
{
  static char word[32];
  snprintf(word, sizeof word, "%.*s", (int)strlen(table) - 1, table);
  return word;
}

/* -- KEY=VALUE ------------------------------------------------------------------------------------------- */

/* Text, or what YAML's flow form says where it begins like that. An empty one, and null, is the default
 * again. */
static enum err read_value(struct changing *c, const char *name, const char *text, struct yaml_node **ret)
{
  if (*text && strchr("[{\"'", *text)) return yaml_parse(c->a, name, text, strlen(text), ret, c->f);
  struct yaml_node *node = yaml_new(c->a, YAML_SCALAR, (struct yaml_place){name, 1, 1});
  if (!node) return no_memory(c);
  node->text = *text ? text : "null";
  *ret = node;
  return ERR_OK;
}

static bool list_has(const struct yaml_node *list, const struct yaml_node *item)
{
  for (const struct yaml_node *m = list ? list->first : NULL; m; m = m->next)
    if (yaml_equal(m, item)) return true;
  return false;
}

/* KEY+=VALUE and KEY-=VALUE: the list as it is, with or without the value (or each item of it). */
static enum err change_list(struct changing *c, const struct yaml_node *list, char sign,
                            struct yaml_node *value, struct yaml_node **ret)
{
  struct yaml_node *items = yaml_new(c->a, YAML_LIST, value->at),
                   *result = yaml_new(c->a, YAML_LIST, value->at);
  if (!items || !result) return no_memory(c);
  if (value->kind == YAML_LIST)
    items = value;
  else if (!yaml_append(c->a, items, NULL, value))
    return no_memory(c);
  for (const struct yaml_node *m = list ? list->first : NULL; m; m = m->next)
    if ((sign == '+' || !list_has(items, m)) && !yaml_append(c->a, result, NULL, m)) return no_memory(c);
  for (const struct yaml_node *m = sign == '+' ? items->first : NULL; m; m = m->next)
    if (!list_has(list, m) && !yaml_append(c->a, result, NULL, m)) return no_memory(c);
  /* A list without items is as good as none, and leaves no trace. */
  if (result->n == 0) *result = (struct yaml_node){.kind = YAML_SCALAR, .text = "null", .at = value->at};
  *ret = result;
  return ERR_OK;
}

/* Hangs value below row at KEY, or at KEY.KEY... in sections. */
static enum err hang(struct changing *c, struct yaml_node *row, char *path, const struct yaml_node *value)
{
  for (char *dot; (dot = strchr(path, '.')); path = dot + 1) {
    *dot = 0;
    struct yaml_node *inner = (struct yaml_node *)(uintptr_t)yaml_get(row, path);
    if (!inner) {
      struct yaml_node *section = yaml_new(c->a, YAML_MAP, value->at);
      if (!section || !yaml_append(c->a, row, path, section)) return no_memory(c);
      inner = (struct yaml_node *)(uintptr_t)yaml_get(row, path);
    }
    row = inner;
  }
  if (yaml_get(row, path)) return failure_set(c->f, ERR_USAGE, "%s is given twice", path);
  return yaml_append(c->a, row, path, value) ? ERR_OK : no_memory(c);
}

static const struct yaml_node *find_path(const struct yaml_node *node, const char *path)
{
  char key[128];
  for (;; path++) {
    size_t n = strcspn(path, ".");
    snprintf(key, sizeof key, "%.*s", (int)n, path);
    node = yaml_get(node, key);
    path += n;
    if (!*path || !node) return node;
  }
}

static enum err read_setting(struct changing *c, const char *setting, struct yaml_node *row)
{
  const char *equals = strchr(setting, '=');
  if (!equals || equals == setting)
    return failure_set(c->f, ERR_USAGE, "expected KEY=VALUE, found \"%.60s\"", setting);
  char sign = strchr("+-", equals[-1]) ? equals[-1] : 0;
  char *path = arena_strndup(c->a, setting, (size_t)(equals - setting) - (sign ? 1 : 0));
  const char *name = arena_strndup(c->a, setting, (size_t)(equals - setting) - (sign ? 1 : 0));
  const char *text = arena_strndup(c->a, equals + 1, strlen(equals + 1));
  struct yaml_node *value;
  if (!path || !name || !text) return no_memory(c);
  enum err e = read_value(c, name, text, &value);
  if (!e && sign) e = change_list(c, find_path(c->row, name), sign, value, &value);
  if (!e) value->key_at = value->at;
  return e ? e : hang(c, row, path, value);
}

/* -- the patch ------------------------------------------------------------------------------------------- */

/* Hangs table.name.key: value (key NULL: table.name: value) below the patch. */
static enum err patch_row(struct changing *c, struct yaml_node *patch, const char *table, const char *name,
                          const char *key, const struct yaml_node *value)
{
  const struct yaml_node *rows = yaml_get(patch, table);
  struct yaml_node *fresh = yaml_new(c->a, YAML_MAP, value->at);
  if (!fresh || (!rows && !yaml_append(c->a, patch, table, fresh))) return no_memory(c);
  struct yaml_node *in = (struct yaml_node *)(uintptr_t)yaml_get(patch, table);
  if (key) {
    fresh->first = NULL;
    fresh->n = 0;
    if (!yaml_append(c->a, fresh, key, value)) return no_memory(c);
    value = fresh;
  }
  return yaml_append(c->a, in, name, value) ? ERR_OK : no_memory(c);
}

static enum err find_row(struct changing *c)
{
  const struct tool_change *w = c->what;
  const struct yaml_node *table = yaml_get(c->before, w->table);
  c->row = yaml_get(table, w->name);
  if (c->row && strcmp(w->verb, "add") == 0)
    return failure_set(c->f, ERR_CONFIG, "%s \"%s\" is there already; \"set\" changes it", singular(w->table),
                       w->name);
  if (c->row || strcmp(w->verb, "add") == 0) return ERR_OK;
  const char *nearest = NULL;
  unsigned best = lab_word_slack(w->name) + 1;
  for (const struct yaml_node *m = table ? table->first : NULL; m; m = m->next) {
    unsigned distance = lab_word_distance(w->name, m->key);
    if (distance < best) best = distance, nearest = m->key;
  }
  return failure_set(c->f, ERR_CONFIG, "there is no %s \"%.60s\"%s%s%s", singular(w->table), w->name,
                     nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static enum err make_patch(struct changing *c, struct yaml_node *patch)
{
  const struct tool_change *w = c->what;
  bool remove = strcmp(w->verb, "remove") == 0;
  struct yaml_place at = {w->name, 1, 1};
  struct yaml_node *row = yaml_new(c->a, remove ? YAML_SCALAR : YAML_MAP, at);
  if (!row) return no_memory(c);
  if (remove) row->text = "null";
  enum err e = ERR_OK;
  for (int i = 0; i < w->n_settings && !e; i++)
    e = read_setting(c, w->settings[i], row);
  return e ? e : patch_row(c, patch, w->table, w->name, NULL, row);
}

/* -- what an application's SPN means for connectors ------------------------------------------------------ */

static const struct yaml_node *spn_of(const struct yaml_node *app)
{
  const struct yaml_node *spn = yaml_get(app, "spn");
  return spn && spn->kind == YAML_SCALAR ? spn : NULL;
}

static bool is_published(const struct yaml_node *root, const struct yaml_node *spn)
{
  const struct yaml_node *apps = yaml_get(root, "applications");
  for (const struct yaml_node *m = apps ? apps->first : NULL; m; m = m->next)
    if (yaml_get(m, "spn") && yaml_equal(yaml_get(m, "spn"), spn)) return true;
  return false;
}

static const char *group_of(const struct yaml_node *row, const char *key)
{
  const struct yaml_node *group = yaml_get(row, key);
  return group && group->kind == YAML_SCALAR ? group->text : "default";
}

/* A connector may not delegate to what no application is any more; with --delegate those of the application's
 * group may from now on. */
static enum err patch_delegation(struct changing *c, const struct yaml_node *after, struct yaml_node *patch)
{
  static const char key[] = "allowed_to_delegate_to";
  const struct yaml_node *app = yaml_get(yaml_get(after, "applications"), c->what->name);
  const struct yaml_node *old = spn_of(c->row), *fresh = c->what->delegate ? spn_of(app) : NULL;
  const struct yaml_node *connectors = yaml_get(after, "connectors");
  if (old && is_published(after, old)) old = NULL;
  if (c->what->delegate && !fresh)
    return failure_set(c->f, ERR_CONFIG, "%s: --delegate needs an spn to delegate to", c->what->name);
  for (const struct yaml_node *m = connectors ? connectors->first : NULL; m; m = m->next) {
    const struct yaml_node *list = yaml_get(m, key);
    bool take = old && list_has(list, old);
    bool give = fresh && !list_has(list, fresh) &&
                strcmp(group_of(m, "group"), group_of(app, "connector_group")) == 0;
    struct yaml_node *next = (struct yaml_node *)(uintptr_t)list;
    enum err e = ERR_OK;
    if (take) e = change_list(c, next, '-', (struct yaml_node *)(uintptr_t)old, &next);
    if (give && !e) e = change_list(c, next, '+', (struct yaml_node *)(uintptr_t)fresh, &next);
    if (!e && (take || give)) e = patch_row(c, patch, "connectors", m->key, key, next);
    if (e) return e;
  }
  return ERR_OK;
}

/* -- the whole ------------------------------------------------------------------------------------------- */

static enum err write_file(struct changing *c, const struct yaml_node *patch, const char *path)
{
  struct buf text;
  buf_init(&text, YAML_MAX_BYTES);
  enum err e = buf_puts(
      &text, "# What was changed while the lab ran; merged into the lab file. Written by ./sevenstep.\n");
  if (!e) e = yaml_write(patch, &text);
  if (e) {
    failure_set(c->f, e, "%s: the changes are too many", path);
  } else {
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len;
    if ((fd >= 0 && close(fd)) || !ok) e = failure_set(c->f, ERR_IO, "%s: %s", path, strerror(errno));
  }
  buf_wipe(&text);
  return e;
}

static enum err change(struct changing *c)
{
  const struct tool_change *w = c->what;
  const struct yaml_node *changes, *diff;
  struct lab *lab;
  unsigned port_base;
  enum err e = lab_environment_port_base(&port_base, c->f);
  if (!e) e = lab_parse_files(c->a, w->path, w->changes, &c->base, &changes, c->f);
  if (e) return e;
  struct yaml_node *patch = yaml_new(c->a, YAML_MAP, c->base->at);
  c->before = lab_merge(c->a, c->base, changes, NULL);
  if (!patch || !c->before) return no_memory(c);
  e = find_row(c);
  if (!e) e = make_patch(c, patch);
  if (e) return e;
  const struct yaml_node *after = yaml_merge(c->a, c->before, patch);
  if (!after) return no_memory(c);
  if (strcmp(w->table, "applications") == 0) {
    e = patch_delegation(c, after, patch);
    if (!e) after = yaml_merge(c->a, c->before, patch);
  }
  if (!e && !after) e = no_memory(c);
  if (!e) e = lab_load_tree(w->path, NULL, after, port_base, 0, &lab, c->f);
  if (e) return e;
  lab_free(lab);
  diff = lab_diff(c->a, c->base, after);
  return diff ? write_file(c, diff, w->out) : no_memory(c);
}

int tool_change(const struct tool_change *what)
{
  struct arena a;
  struct failure f = {0};
  struct changing c = {.what = what, .a = &a, .f = &f};
  arena_init(&a, LAB_ARENA_MAX);
  enum err e = change(&c);
  arena_clear(&a);
  if (!e) return 0;
  fprintf(stderr, "%s\n", f.why);
  return e == ERR_USAGE ? EXIT_USAGE : e == ERR_CONFIG ? EXIT_CONFIG : EXIT_FAILED;
}

int tool_check(const struct lab *lab)
{
  struct arena a;
  struct failure f = {0};
  const struct yaml_node *base, *changes, *idle = NULL;
  arena_init(&a, LAB_ARENA_MAX);
  enum err e = lab_parse_files(&a, lab->path, lab->changes, &base, &changes, &f);
  if (!e && !lab_merge(&a, base, changes, &idle)) e = failure_set(&f, ERR_NOMEM, "%s", lab->path);
  if (e) fprintf(stderr, "%s\n", f.why);
  for (const struct yaml_node *m = idle ? idle->first : NULL; m; m = m->next)
    fprintf(stderr, "%s:%u:%u: %s: the change has no effect\n", m->at.file, m->at.line, m->at.column,
            m->text);
  arena_clear(&a);
  if (!e) printf("configuration OK\n");
  return e ? EXIT_FAILED : 0;
}

static const char *said_by(const char *name, const struct yaml_node *base, const struct yaml_node *changes)
{
  if (!yaml_get(yaml_get(base, "applications"), name)) return "added";
  return yaml_get(yaml_get(changes, "applications"), name) ? "changed" : "file";
}

int tool_published(const struct lab *lab)
{
  struct arena a;
  struct failure f = {0};
  const struct yaml_node *base, *changes;
  arena_init(&a, LAB_ARENA_MAX);
  enum err e = lab_parse_files(&a, lab->path, lab->changes, &base, &changes, &f);
  if (e) fprintf(stderr, "%s\n", f.why);
  for (size_t i = 0; i < lab->n_apps && !e; i++)
    printf("%s %s %s\n", lab->apps[i].name, lab->apps[i].external_url.text,
           said_by(lab->apps[i].name, base, changes));
  arena_clear(&a);
  return e ? EXIT_FAILED : 0;
}

int tool_export(const char *path, const char *changes)
{
  struct arena a;
  struct failure f = {0};
  struct buf text;
  const struct yaml_node *base, *patch;
  arena_init(&a, LAB_ARENA_MAX);
  buf_init(&text, YAML_MAX_BYTES);
  enum err e = lab_parse_files(&a, path, changes, &base, &patch, &f);
  const struct yaml_node *root = e ? NULL : lab_merge(&a, base, patch, NULL);
  if (!e && !root) e = failure_set(&f, ERR_NOMEM, "%s", path);
  if (!e && yaml_write(root, &text)) e = failure_set(&f, ERR_TOO_LARGE, "%s", path);
  if (e)
    fprintf(stderr, "%s\n", f.why);
  else
    fputs(buf_str(&text), stdout);
  buf_wipe(&text);
  arena_clear(&a);
  if (e) return e == ERR_CONFIG ? EXIT_CONFIG : EXIT_FAILED;
  return fflush(stdout) ? EXIT_FAILED : 0;
}

/* Changes beside a lab file: a patch (yaml_change.h), and what it was made for. The lab file is edited by its
 * user meanwhile, and what a change says of rows that are gone must not make the lab a wrong one. */
#include "lab_load.h"
#include "yaml_change.h"

#include <stdio.h>
#include <string.h>

static const char CHANGED[] = "changed";

static bool is_list_of_names(const struct yaml_node *list)
{
  for (const struct yaml_node *m = list->first; m; m = m->next)
    if (m->kind != YAML_SCALAR) return false;
  return list->kind == YAML_LIST;
}

enum err lab_check_changes(const char *path, const struct yaml_node *changes, struct failure *f)
{
  if (changes->kind != YAML_MAP)
    return failure_set(f, ERR_CONFIG, "%s:1:1: expected a mapping of changes", path);
  const struct yaml_node *changed = yaml_get(changes, CHANGED);
  bool ok = !changed || changed->kind == YAML_MAP;
  for (const struct yaml_node *m = ok && changed ? changed->first : NULL; m && ok; m = m->next)
    ok = is_list_of_names(m);
  if (ok) return ERR_OK;
  return failure_set(f, ERR_CONFIG, "%s:%u:%u: changed: expected TABLE: [NAME, ...]", path, changed->at.line,
                     changed->at.column);
}

/* -- merging --------------------------------------------------------------------------------------------- */

struct merging {
  struct arena *a;
  const struct yaml_node *base, *changes;
  struct yaml_node *idle; /* what has no effect: texts, each with its place */
};

static bool list_has(const struct yaml_node *list, const struct yaml_node *item)
{
  for (const struct yaml_node *m = list ? list->first : NULL; m; m = m->next)
    if (yaml_equal(m, item)) return true;
  return false;
}

static bool list_names(const struct yaml_node *list, const char *name)
{
  for (const struct yaml_node *m = list ? list->first : NULL; m; m = m->next)
    if (strcmp(m->text, name) == 0) return true;
  return false;
}

static bool add_idle(struct merging *g, const char *text, struct yaml_place at)
{
  struct yaml_node *node = yaml_new(g->a, YAML_SCALAR, at);
  if (!node || !(node->text = arena_strndup(g->a, text, strlen(text)))) return false;
  return yaml_append(g->a, g->idle, NULL, node);
}

/* The rows of a table of the changes, but for those that were changed, and that the lab file has no more. */
static bool add_rows(struct merging *g, const struct yaml_node *table, struct yaml_node *patch)
{
  const struct yaml_node *base = yaml_get(g->base, table->key),
                         *changed = yaml_get(yaml_get(g->changes, CHANGED), table->key);
  char text[300];
  if (table->kind != YAML_MAP || !changed) return yaml_append(g->a, patch, table->key, table);
  struct yaml_node *rows = yaml_new(g->a, YAML_MAP, table->at);
  bool ok = rows != NULL;
  for (const struct yaml_node *m = table->first; m && ok; m = m->next) {
    bool gone = list_names(changed, m->key) && !yaml_get(base, m->key);
    snprintf(text, sizeof text, "%.100s.%.100s was changed, and is no more in the lab file", table->key,
             m->key);
    ok = gone ? add_idle(g, text, m->key_at) : yaml_append(g->a, rows, m->key, m);
  }
  return ok && yaml_append(g->a, patch, table->key, rows);
}

/* Lists of rows' names; of: NULL means the spn of an application. */
static const struct reference {
  const char *table, *key, *of;
} references[] = {{"applications", "assigned_users", "users"},
                  {"applications", "assigned_groups", "groups"},
                  {"applications", "allowed_to_act", "connectors"},
                  {"connectors", "allowed_to_delegate_to", NULL},
                  {"groups", "members", "users"}};

static bool is_there(const struct yaml_node *lab, const struct reference *r, const struct yaml_node *item)
{
  if (item->kind != YAML_SCALAR) return true; /* for the check to refuse */
  if (r->of) return yaml_get(yaml_get(lab, r->of), item->text) != NULL;
  const struct yaml_node *apps = yaml_get(lab, "applications");
  for (const struct yaml_node *m = apps ? apps->first : NULL; m; m = m->next) {
    const struct yaml_node *spn = yaml_get(m, "spn");
    if (spn && spn->kind == YAML_SCALAR && lab_spn_matches(spn->text, item->text)) return true;
  }
  return false;
}

static void remove_member(struct yaml_node *map, const struct yaml_node *member)
{
  struct yaml_node **at = &map->first;
  while (*at != member)
    at = &(*at)->next;
  *at = member->next;
  map->n--;
}

/* One list of a row of the lab, without what only the change has in it, and what is there no more. A list
 * without items is as good as none. */
static bool prune_list(struct merging *g, const struct reference *r, const struct yaml_node *lab,
                       struct yaml_node *row, struct yaml_node *list)
{
  const struct yaml_node *base = yaml_get(yaml_get(yaml_get(g->base, r->table), row->key), r->key);
  struct yaml_node *rest = yaml_new(g->a, YAML_LIST, list->at);
  char text[400];
  bool ok = rest != NULL;
  for (const struct yaml_node *m = list->first; m && ok; m = m->next) {
    bool gone = !is_there(lab, r, m) && !list_has(base, m);
    snprintf(text, sizeof text, "%s.%.100s.%s has \"%.100s\", which is there no more", r->table, row->key,
             r->key, m->text);
    ok = gone ? add_idle(g, text, m->at) : yaml_append(g->a, rest, NULL, m);
  }
  if (ok) list->first = rest->first, list->n = rest->n;
  if (ok && list->n == 0 && !base) remove_member(row, list);
  return ok;
}

/* lab: of the merge, whose rows that the patch has are its own. */
static bool prune(struct merging *g, const struct yaml_node *patch, const struct yaml_node *lab)
{
  bool ok = true;
  for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
    const struct reference *r = &references[i];
    const struct yaml_node *rows = yaml_get(patch, r->table);
    for (const struct yaml_node *m = rows ? rows->first : NULL; m && ok; m = m->next) {
      const struct yaml_node *row = yaml_get(yaml_get(lab, r->table), m->key), *list = yaml_get(row, r->key);
      if (yaml_get(m, r->key) && list && list->kind == YAML_LIST)
        ok = prune_list(g, r, lab, (struct yaml_node *)(uintptr_t)row, (struct yaml_node *)(uintptr_t)list);
    }
  }
  return ok;
}

const struct yaml_node *lab_merge(struct arena *a, const struct yaml_node *base,
                                  const struct yaml_node *changes, const struct yaml_node **ret_idle)
{
  struct merging g = {a, base, changes, yaml_new(a, YAML_LIST, changes->at)};
  struct yaml_node *patch = yaml_new(a, YAML_MAP, changes->at);
  bool ok = patch && g.idle;
  for (const struct yaml_node *m = changes->first; m && ok; m = m->next)
    ok = strcmp(m->key, CHANGED) == 0 || add_rows(&g, m, patch);
  const struct yaml_node *lab = ok ? yaml_merge(a, base, patch) : NULL;
  if (!lab || !prune(&g, patch, lab)) return NULL;
  if (ret_idle) *ret_idle = g.idle;
  return lab;
}

/* -- the difference -------------------------------------------------------------------------------------- */

const struct yaml_node *lab_diff(struct arena *a, const struct yaml_node *base, const struct yaml_node *lab)
{
  struct yaml_node *patch = yaml_diff(a, base, lab), *changed = yaml_new(a, YAML_MAP, lab->at);
  if (!patch || !changed) return NULL;
  for (const struct yaml_node *table = patch->first; table; table = table->next) {
    struct yaml_node *names = yaml_new(a, YAML_LIST, table->at);
    if (!names) return NULL;
    for (const struct yaml_node *m = table->kind == YAML_MAP ? table->first : NULL; m; m = m->next) {
      struct yaml_node name = {.kind = YAML_SCALAR, .text = m->key, .at = m->at, .key_at = m->at};
      if (!yaml_is_null(m) && yaml_get(yaml_get(base, table->key), m->key) &&
          !yaml_append(a, names, NULL, &name))
        return NULL;
    }
    if (names->n > 0 && !yaml_append(a, changed, table->key, names)) return NULL;
  }
  return changed->n == 0 || yaml_append(a, patch, CHANGED, changed) ? patch : NULL;
}

/* The lab file and the changes beside it: read, parsed and merged into the lab that is in force. */
#include "lab_load.h"
#include "yaml_change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err read_file(const char *path, char **ret, size_t *ret_n, struct failure *f)
{
  enum err e = ERR_CONFIG;
  char *text = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0) {
    failure_set(f, e, "%s:1:1: %s", path, strerror(errno));
    goto out;
  }
  if (!S_ISREG(st.st_mode) || st.st_size > YAML_MAX_BYTES) {
    failure_set(f, e, "%s:1:1: expected a file of at most 1 MiB", path);
    goto out;
  }
  text = malloc((size_t)st.st_size + 1);
  ssize_t n = text ? read(fd, text, (size_t)st.st_size) : 0;
  if (!text || n < 0) {
    e = failure_set(f, text ? ERR_IO : ERR_NOMEM, "%s:1:1: %s", path, strerror(errno));
    goto out;
  }
  text[n] = 0;
  *ret_n = (size_t)n;
  *ret = text;
  text = NULL;
  e = ERR_OK;

out:
  if (fd >= 0) close(fd);
  free(text);
  return e;
}

enum err lab_environment_port_base(unsigned *ret, struct failure *f)
{
  const char *text = getenv("SEVENSTEP_PORT_BASE");
  *ret = 0;
  if (!text || !*text || lab_parse_count(text, 1024, LAB_PORT_BASE_MAX, ret)) return ERR_OK;
  return failure_set(f, ERR_CONFIG,
                     "SEVENSTEP_PORT_BASE:1:1: expected a whole number from 1024 to %d, found \"%.40s\"",
                     LAB_PORT_BASE_MAX, text);
}

static enum err parse_file(struct arena *a, const char *path, const struct yaml_node **ret, struct failure *f)
{
  char *text = NULL;
  size_t n = 0;
  struct yaml_node *root;
  enum err e = read_file(path, &text, &n, f);
  if (e) return e;
  e = yaml_parse(a, path, text, n, &root, f);
  if (!e) *ret = root;
  explicit_bzero(text, n);
  free(text);
  return e;
}

/* -- changes --------------------------------------------------------------------------------------------- */

static const char CHANGED[] = "changed";

static bool is_list_of_names(const struct yaml_node *list)
{
  for (const struct yaml_node *m = list->first; m; m = m->next)
    if (m->kind != YAML_SCALAR) return false;
  return list->kind == YAML_LIST;
}

/* Changes may be written by hand, too. */
static enum err check_changes(const char *path, const struct yaml_node *changes, struct failure *f)
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

static bool list_names(const struct yaml_node *list, const char *name)
{
  for (const struct yaml_node *m = list ? list->first : NULL; m; m = m->next)
    if (strcmp(m->text, name) == 0) return true;
  return false;
}

/* Appends a table of the changes to patch, but for rows in changed that base has no more: those to idle. */
static bool sort_rows(struct arena *a, const struct yaml_node *base, const struct yaml_node *changed,
                      const struct yaml_node *table, struct yaml_node *patch, struct yaml_node *idle)
{
  if (table->kind != YAML_MAP || !changed) return yaml_append(a, patch, table->key, table);
  struct yaml_node *live = yaml_new(a, YAML_MAP, table->at), *gone = yaml_new(a, YAML_MAP, table->at);
  bool ok = live && gone;
  for (const struct yaml_node *m = table->first; m && ok; m = m->next)
    ok = yaml_append(a, list_names(changed, m->key) && !yaml_get(base, m->key) ? gone : live, m->key, m);
  return ok && yaml_append(a, patch, table->key, live) &&
         (gone->n == 0 || yaml_append(a, idle, table->key, gone));
}

const struct yaml_node *lab_merge(struct arena *a, const struct yaml_node *base,
                                  const struct yaml_node *changes, const struct yaml_node **ret_idle)
{
  const struct yaml_node *changed = yaml_get(changes, CHANGED);
  struct yaml_node *patch = yaml_new(a, YAML_MAP, changes->at), *idle = yaml_new(a, YAML_MAP, changes->at);
  bool ok = patch && idle;
  for (const struct yaml_node *m = changes->first; m && ok; m = m->next)
    ok = m == changed || sort_rows(a, yaml_get(base, m->key), yaml_get(changed, m->key), m, patch, idle);
  if (ok && ret_idle) *ret_idle = idle;
  return ok ? yaml_merge(a, base, patch) : NULL;
}

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

/* -- files ----------------------------------------------------------------------------------------------- */

enum err lab_parse_files(struct arena *a, const char *path, const char *changes,
                         const struct yaml_node **ret_base, const struct yaml_node **ret_changes,
                         struct failure *f)
{
  enum err e = parse_file(a, path, ret_base, f);
  if (e) return e;
  if (changes && (access(changes, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))) {
    e = parse_file(a, changes, ret_changes, f);
    return e ? e : check_changes(changes, *ret_changes, f);
  }
  *ret_changes = yaml_new(a, YAML_MAP, (*ret_base)->at);
  return *ret_changes ? ERR_OK : failure_set(f, ERR_NOMEM, "%s", path);
}

enum err lab_changes_path(const char *run, char out[static LAB_CHANGES_MAX], struct failure *f)
{
  if ((size_t)snprintf(out, LAB_CHANGES_MAX, "%s/changes.yaml", run) < LAB_CHANGES_MAX) return ERR_OK;
  return failure_set(f, ERR_CONFIG, "%.60s...: the path is too long", run);
}

enum err lab_load_changed(const char *path, const char *run, unsigned flags, struct lab **ret,
                          struct failure *f)
{
  unsigned port_base;
  struct arena tree;
  const struct yaml_node *base, *patch;
  char changes[LAB_CHANGES_MAX];
  arena_init(&tree, LAB_ARENA_MAX);
  enum err e = lab_environment_port_base(&port_base, f);
  if (!e && run) e = lab_changes_path(run, changes, f);
  if (!e) e = lab_parse_files(&tree, path, run ? changes : NULL, &base, &patch, f);
  const struct yaml_node *root = e ? NULL : lab_merge(&tree, base, patch, NULL);
  if (!e && !root) e = failure_set(f, ERR_NOMEM, "%s", path);
  if (!e) e = lab_load_tree(path, run ? changes : NULL, root, port_base, flags, ret, f);
  arena_clear(&tree);
  return e;
}

enum err lab_load(const char *path, unsigned flags, struct lab **ret, struct failure *f)
{
  return lab_load_changed(path, NULL, flags, ret, f);
}

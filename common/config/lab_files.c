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

enum err lab_parse_files(struct arena *a, const char *path, const char *changes,
                         const struct yaml_node **ret_base, const struct yaml_node **ret_changes,
                         struct failure *f)
{
  enum err e = parse_file(a, path, ret_base, f);
  if (e) return e;
  if (changes && (access(changes, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))) {
    e = parse_file(a, changes, ret_changes, f);
    return e ? e : lab_check_changes(changes, *ret_changes, f);
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

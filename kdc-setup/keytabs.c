#include "keytabs.h"

#include "rotate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file, and what it should hold; keys of one principal are looked at and written together. */
struct work {
  const struct database *db;
  krb5_keytab keytab;
  bool keep_others; /* keys of other realms */
  struct failure *f;
};

static enum err failed(const struct work *w, krb5_error_code code, const char *path)
{
  const char *text = krb5_get_error_message(w->db->ctx, code);
  failure_set(w->f, ERR_IO, "keytab %s: %s", path, text);
  krb5_free_error_message(w->db->ctx, text);
  return ERR_IO;
}

static enum err parse(const struct work *w, const char *name, krb5_principal *ret)
{
  if (krb5_parse_name_flags(w->db->ctx, name, KRB5_PRINCIPAL_PARSE_NO_REALM, ret) == 0 &&
      krb5_set_principal_realm(w->db->ctx, *ret, w->db->realm) == 0)
    return ERR_OK;
  return failure_set(w->f, ERR_CONFIG, "%s is not a principal's name", name);
}

/* Does the open keytab hold all these keys? Counts them in *n_right. */
static bool holds_keys(const struct work *w, krb5_principal name, const kadm5_key_data *keys, int n,
                       size_t *n_right)
{
  for (int i = 0; i < n; i++) {
    krb5_keytab_entry entry = {0};
    if (krb5_kt_get_entry(w->db->ctx, w->keytab, name, keys[i].kvno, keys[i].key.enctype, &entry) != 0)
      return false;
    bool same = entry.key.length == keys[i].key.length &&
                memcmp(entry.key.contents, keys[i].key.contents, entry.key.length) == 0;
    krb5_free_keytab_entry_contents(w->db->ctx, &entry);
    if (!same) return false;
    ++*n_right;
  }
  return true;
}

static krb5_error_code add_keys(const struct work *w, krb5_principal name, const kadm5_key_data *keys, int n)
{
  krb5_error_code code = 0;
  for (int i = 0; i < n && !code; i++) {
    krb5_keytab_entry entry = {.principal = name, .vno = keys[i].kvno, .key = keys[i].key};
    code = krb5_kt_add_entry(w->db->ctx, w->keytab, &entry);
  }
  return code;
}

static bool is_own(const struct work *w, const krb5_keytab_entry *entry)
{
  const krb5_data *realm = &entry->principal->realm;
  return realm->length == strlen(w->db->realm) && memcmp(realm->data, w->db->realm, realm->length) == 0;
}

/* The other realms' keys of the file that is to be replaced, if there is one. */
static krb5_error_code copy_others(const struct work *w, const char *path)
{
  char name[4096 + 160];
  krb5_keytab old = NULL;
  krb5_kt_cursor cursor;
  krb5_keytab_entry entry;
  snprintf(name, sizeof name, "FILE:%s", path);
  krb5_error_code code = krb5_kt_resolve(w->db->ctx, name, &old);
  if (code) return code;
  if (krb5_kt_start_seq_get(w->db->ctx, old, &cursor) == 0) {
    while (!code && krb5_kt_next_entry(w->db->ctx, old, &entry, &cursor) == 0) {
      if (!is_own(w, &entry)) code = krb5_kt_add_entry(w->db->ctx, w->keytab, &entry);
      krb5_free_keytab_entry_contents(w->db->ctx, &entry);
    }
    krb5_kt_end_seq_get(w->db->ctx, old, &cursor);
  }
  krb5_kt_close(w->db->ctx, old);
  return code;
}

static size_t count_entries(const struct work *w)
{
  krb5_kt_cursor cursor;
  krb5_keytab_entry entry;
  size_t n = 0;
  if (krb5_kt_start_seq_get(w->db->ctx, w->keytab, &cursor) != 0) return 0;
  while (krb5_kt_next_entry(w->db->ctx, w->keytab, &entry, &cursor) == 0) {
    if (!w->keep_others || is_own(w, &entry)) n++;
    krb5_free_keytab_entry_contents(w->db->ctx, &entry);
  }
  krb5_kt_end_seq_get(w->db->ctx, w->keytab, &cursor);
  return n;
}

/* Looks at (or writes, when write is set) the keys of one principal: those in the database, and those to
 * come.
 */
static enum err visit(const struct work *w, const char *principal, const char *path, bool write,
                      bool *ret_right, size_t *n_right)
{
  krb5_principal name = NULL;
  kadm5_key_data *keys = NULL;
  int n = 0;
  enum err e = parse(w, principal, &name);
  if (e) return e;
  kadm5_ret_t code = kadm5_get_principal_keys(w->db->handle, name, 0, &keys, &n);
  const struct rotated *coming = rotation_find(w->db, name);
  if (code) {
    e = database_error(w->db, code, "reading the keys of", principal, w->f);
  } else if (write) {
    krb5_error_code written = add_keys(w, name, keys, n);
    if (!written && coming) written = add_keys(w, name, coming->keys, coming->n_keys);
    if (written) e = failed(w, written, path);
  } else {
    *ret_right = holds_keys(w, name, keys, n, n_right) &&
                 (!coming || holds_keys(w, name, coming->keys, coming->n_keys, n_right));
  }
  kadm5_free_kadm5_key_data(w->db->ctx, n, keys);
  krb5_free_principal(w->db->ctx, name);
  return e;
}

static enum err is_right(struct work *w, const char *path, const struct lab_strings *principals, bool *ret)
{
  char name[4096 + 160];
  struct stat st;
  *ret = false;
  if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077)) return ERR_OK;
  snprintf(name, sizeof name, "FILE:%s", path);
  krb5_error_code code = krb5_kt_resolve(w->db->ctx, name, &w->keytab);
  if (code) return failed(w, code, path);
  enum err e = ERR_OK;
  bool right = true;
  size_t n = 0;
  for (size_t i = 0; i < principals->n && right && !e; i++)
    e = visit(w, principals->v[i], path, false, &right, &n);
  *ret = !e && right && n == count_entries(w);
  krb5_kt_close(w->db->ctx, w->keytab);
  return e;
}

static enum err write_new(struct work *w, const char *temp, const char *path,
                          const struct lab_strings *principals)
{
  char name[4096 + 160];
  unlink(temp);
  snprintf(name, sizeof name, "FILE:%s", temp);
  krb5_error_code code = krb5_kt_resolve(w->db->ctx, name, &w->keytab);
  if (code) return failed(w, code, path);
  code = w->keep_others ? copy_others(w, path) : 0;
  enum err e = code ? failed(w, code, path) : ERR_OK;
  for (size_t i = 0; i < principals->n && !e; i++)
    e = visit(w, principals->v[i], path, true, NULL, NULL);
  krb5_kt_close(w->db->ctx, w->keytab);
  if (e) return e;
  if (chmod(temp, 0600) != 0 || rename(temp, path) != 0)
    return failure_set(w->f, ERR_IO, "%s: %s", path, strerror(errno));
  return ERR_OK;
}

enum err keytab_sync(const struct database *db, const char *path, const struct lab_strings *principals,
                     bool keep_others, bool *ret_written, struct failure *f)
{
  struct work w = {.db = db, .keep_others = keep_others, .f = f};
  bool right = false;
  char temp[4096 + 140];
  enum err e = is_right(&w, path, principals, &right);
  if (e) return e;
  *ret_written = !right;
  if (right) return ERR_OK;
  snprintf(temp, sizeof temp, "%s.new", path);
  mode_t before = umask(077);
  e = write_new(&w, temp, path, principals);
  umask(before);
  if (e) unlink(temp);
  return e;
}

/* names have the realm behind their last "@", which is cut off; the database's master key is nobody's. */
static enum err export_these(const struct database *db, const char *path, bool keep_others, char **names,
                             size_t n, struct failure *f)
{
  struct lab_strings all = {.v = calloc(n + 1, sizeof(char *))};
  bool written;
  if (!all.v) return failure_set(f, ERR_NOMEM, "keytab");
  for (size_t i = 0; i < n; i++) {
    char *at = strrchr(names[i], '@');
    if (at) *at = '\0';
    if (strcmp(names[i], "K/M") != 0) all.v[all.n++] = names[i];
  }
  enum err e = keytab_sync(db, path, &all, keep_others, &written, f);
  free(all.v);
  return e;
}

enum err keytab_export(const struct database *db, const char *path, bool keep_others, struct failure *f)
{
  char **names = NULL;
  int n = 0;
  kadm5_ret_t code = kadm5_get_principals(db->handle, NULL, &names, &n);
  if (code) return database_error(db, code, "listing", "the principals", f);
  enum err e = export_these(db, path, keep_others, names, (size_t)n, f);
  kadm5_free_name_list(db->handle, names, n);
  return e;
}

#include "provision.h"

#include "clock.h"
#include "conf.h"
#include "database.h"
#include "encode.h"
#include "keytabs.h"
#include "principals.h"
#include "rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 + 128 };

enum err provision_environment(const struct lab *lab, const char *run, struct failure *f)
{
  char krb5_conf[PATH_SIZE], kdc_conf[PATH_SIZE];
  snprintf(krb5_conf, sizeof krb5_conf, "%s/krb5.conf", run);
  conf_kdc_path(lab, run, kdc_conf, sizeof kdc_conf);
  if (setenv("KRB5_CONFIG", krb5_conf, 1) != 0 || setenv("KRB5_KDC_PROFILE", kdc_conf, 1) != 0)
    return failure_set(f, ERR_NOMEM, "environment");
  return ERR_OK;
}

static enum err make_folder(const char *run, const char *name, char out[PATH_SIZE], struct failure *f)
{
  snprintf(out, PATH_SIZE, "%s%s%s", run, *name ? "/" : "", name);
  if (mkdir(out, 0700) != 0 && errno != EEXIST) return failure_set(f, ERR_IO, "%s: %s", out, strerror(errno));
  return ERR_OK;
}

/* Held by the returned descriptor. */
static enum err lock_folder(const char *dir, int *ret, struct failure *f)
{
  char path[PATH_SIZE + 8];
  snprintf(path, sizeof path, "%s/lock", dir);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX) == 0) {
    *ret = fd;
    return ERR_OK;
  }
  failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  if (fd >= 0) close(fd);
  return ERR_IO;
}

/* Every realm's, so that two KDCs which start at once would write it at once. */
static enum err write_clients_conf(const struct lab *lab, const char *run, const char *keytabs,
                                   struct failure *f)
{
  char path[PATH_SIZE];
  struct buf text;
  int lock = -1;
  buf_init(&text, 32 * 1024);
  snprintf(path, sizeof path, "%s/krb5.conf", run);
  enum err e = lab->partner.realm ? lock_folder(keytabs, &lock, f) : ERR_OK;
  if (!e && conf_clients(lab->whole ? lab->whole : lab, &text))
    e = failure_set(f, ERR_TOO_LARGE, "%s", path);
  else if (!e)
    e = conf_write(path, &text, f);
  if (lock >= 0) close(lock);
  buf_clear(&text);
  return e;
}

static enum err write_conf(const struct lab *lab, const char *run, struct failure *f)
{
  char module_dir[4096] = "", path[PATH_SIZE];
  struct buf text;
  buf_init(&text, 32 * 1024);
  enum err e = lab->kdc.database == DATABASE_DB2 ? conf_module_dir(module_dir, f) : ERR_OK;
  if (e) return e;
  conf_kdc_path(lab, run, path, sizeof path);
  if (conf_kdc(lab, run, module_dir, &text))
    e = failure_set(f, ERR_TOO_LARGE, "%s", path);
  else
    e = conf_write(path, &text, f);
  buf_clear(&text);
  return e;
}

static bool contains(const struct lab_strings *list, const char *text)
{
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->v[i], text) == 0) return true;
  return false;
}

/* DIR/NAME.keytab with the keys of these. */
static enum err sync_keytab(const struct database *db, const char *dir, const char *name,
                            const struct lab_strings *principals, bool keep_others,
                            struct provision_result *counts, struct failure *f)
{
  char path[PATH_SIZE + 128];
  bool written = false;
  snprintf(path, sizeof path, "%s/%s.keytab", dir, name);
  enum err e = keytab_sync(db, path, principals, keep_others, &written, f);
  if (!e) counts->keytabs += written;
  return e;
}

static enum err sync_connectors(const struct database *db, const struct lab *lab, const char *dir,
                                struct provision_result *counts, struct failure *f)
{
  enum err e = ERR_OK;
  for (size_t i = 0; i < lab->n_connectors && !e; i++) {
    if (!lab_is_member(lab, &lab->connectors[i])) continue;
    struct lab_strings own = {.v = (const char **)(uintptr_t)&lab->connectors[i].principal, .n = 1};
    e = sync_keytab(db, dir, lab->connectors[i].name, &own, false, counts, f);
  }
  return e;
}

/* The keytab of an application that somebody else's program plays; of one that it plays no more the file is
 * removed. */
static enum err sync_guest(const struct database *db, const char *dir, const struct lab_app *app,
                           const struct lab_strings *spns, struct provision_result *counts, struct failure *f)
{
  char old[PATH_SIZE + 128];
  if (app->played_by == SEAT_GUEST && spns->n) return sync_keytab(db, dir, app->name, spns, false, counts, f);
  snprintf(old, sizeof old, "%s/%s.keytab", dir, app->name);
  if (unlink(old) == 0 || errno == ENOENT) return ERR_OK;
  return failure_set(f, ERR_IO, "%s: %s", old, strerror(errno));
}

/* Guests have keytabs of their own. The backend's has the keys of all other applications: each SPN once. */
static enum err sync_applications(const struct database *db, const struct lab *lab, const char *dir,
                                  struct provision_result *counts, struct failure *f)
{
  char guests[PATH_SIZE];
  struct lab_strings own = {.v = calloc(lab_spn_count_max(lab), sizeof(char *))};
  struct lab_strings all = {.v = calloc(lab->n_apps + lab_spn_count_max(lab), sizeof(char *))};
  enum err e = own.v && all.v ? make_folder(dir, "guests", guests, f) : failure_set(f, ERR_NOMEM, "keytab");
  for (size_t i = 0; i < lab->n_apps && !e; i++) {
    own.n = lab_spns(lab, &lab->apps[i], own.v);
    for (size_t k = 0; k < own.n && lab->apps[i].played_by == SEAT_LAB; k++)
      if (!contains(&all, own.v[k])) all.v[all.n++] = own.v[k];
    e = sync_guest(db, guests, &lab->apps[i], &own, counts, f);
  }
  if (!e && all.n) e = sync_keytab(db, dir, "backend", &all, lab->partner.realm != NULL, counts, f);
  free(own.v);
  free(all.v);
  return e;
}

static enum err sync_keytabs(const struct database *db, const struct lab *lab, const char *dir,
                             struct provision_result *counts, struct failure *f)
{
  enum err e = sync_connectors(db, lab, dir, counts, f);
  return e ? e : sync_applications(db, lab, dir, counts, f);
}

/* One secret for both sides: whoever comes first makes it. */
static enum err read_trust(const char *run, char out[65], struct failure *f)
{
  char path[PATH_SIZE + 8];
  uint8_t fresh[32];
  snprintf(path, sizeof path, "%s/trust", run);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  bool ok = fd >= 0 && flock(fd, LOCK_EX) == 0;
  if (ok && read(fd, out, 64) != 64) {
    random_bytes(fresh, sizeof fresh);
    hex_encode(out, fresh, sizeof fresh);
    explicit_bzero(fresh, sizeof fresh);
    ok = ftruncate(fd, 0) == 0 && pwrite(fd, out, 64, 0) == 64;
  }
  out[64] = '\0';
  if (!ok) failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  if (fd >= 0) close(fd);
  return ok ? ERR_OK : ERR_IO;
}

static enum err keytabs_locked(const struct database *db, const struct lab *lab, const char *keytabs,
                               struct provision_result *counts, struct failure *f)
{
  int lock = -1;
  enum err e = lab->partner.realm ? lock_folder(keytabs, &lock, f) : ERR_OK;
  if (!e) e = sync_keytabs(db, lab, keytabs, counts, f);
  if (lock >= 0) close(lock);
  return e;
}

static enum err fill_database(const struct lab *lab, const char *run, const char *keytabs,
                              struct provision_result *counts, struct failure *f)
{
  struct database db = {0};
  struct principal_list wanted = {0};
  char secret[65] = "";
  enum err e = principals_of_lab(lab, &wanted, f);
  if (!e && lab->partner.realm) e = read_trust(run, secret, f);
  if (!e && lab->partner.realm) e = principals_add_trust(lab, secret, &wanted, f);
  if (!e) e = database_open(lab, run, &db, f);
  if (!e) e = principals_sync(&db, lab, &wanted, counts, f);
  if (!e) e = keytabs_locked(&db, lab, keytabs, counts, f);
  database_close(&db);
  principals_clear(&wanted);
  explicit_bzero(secret, sizeof secret);
  return e;
}

static enum err create_and_fill(const struct lab *lab, const char *run, const char *dir, const char *keytabs,
                                struct provision_result *counts, struct failure *f)
{
  counts->new_database = true;
  counts->created = counts->changed = counts->unchanged = counts->removed = counts->keytabs = 0;
  enum err e = database_create(dir, run, lab, f);
  if (!e) e = fill_database(lab, run, keytabs, counts, f);
  return e ? e : database_complete(dir, lab, f);
}

static bool exists(const char *dir, const char *name)
{
  char path[PATH_SIZE + 32];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return access(path, F_OK) == 0;
}

static enum err provision_locked(const struct lab *lab, const char *run, const char *dir, const char *keytabs,
                                 bool running, struct provision_result *r, struct failure *f)
{
  r->why_new = "";
  if (running) return fill_database(lab, run, keytabs, r, f);
  if (!database_is_complete(dir, lab)) {
    if (exists(dir, "principal") || exists(dir, "stash"))
      r->why_new = exists(dir, "complete") ? "the old one was another realm's, or of another kind"
                                           : "the old one was not finished";
    return create_and_fill(lab, run, dir, keytabs, r, f);
  }
  struct failure first = {0};
  enum err e = fill_database(lab, run, keytabs, r, &first);
  if (e == ERR_KDC_DATABASE) {
    /* Everything in it comes from the lab file, so a damaged one is worth nothing. */
    r->why_new = "the old one was damaged";
    return create_and_fill(lab, run, dir, keytabs, r, f);
  }
  if (e && f) *f = first;
  return e;
}

/* Of a guest's KDC the lab writes where it is; what its administrator has to bring is looked for. */
static enum err expect_keytab(const char *dir, const char *name, struct failure *f)
{
  char path[PATH_SIZE + 128];
  snprintf(path, sizeof path, "%s/%s.keytab", dir, name);
  if (access(path, R_OK) == 0) return ERR_OK;
  return failure_set(f, ERR_CONFIG, "kdc.played_by is guest, and there is no %s: export it from that KDC",
                     path);
}

static enum err make_for_guest(const struct lab *lab, const char *run, const char *keytabs, struct failure *f)
{
  bool tickets = false;
  enum err e = write_clients_conf(lab, run, keytabs, f);
  for (size_t i = 0; i < lab->n_connectors && !e; i++)
    e = expect_keytab(keytabs, lab->connectors[i].name, f);
  for (size_t i = 0; i < lab->n_apps; i++)
    tickets |= lab->apps[i].spn && lab->apps[i].played_by == SEAT_LAB;
  return e || !tickets ? e : expect_keytab(keytabs, "backend", f);
}

static enum err make(const struct lab *lab, const char *run, bool running, struct provision_result *ret,
                     struct failure *f)
{
  char dir[PATH_SIZE], keytabs[PATH_SIZE], top[PATH_SIZE];
  struct provision_result r = {0};
  int lock = -1;
  int64_t start = clock_mono_ns();
  enum err e = make_folder(run, "", top, f);
  if (!e) e = make_folder(run, "keytabs", keytabs, f);
  if (!e && lab->kdc.played_by == SEAT_GUEST) {
    *ret = r;
    return make_for_guest(lab, run, keytabs, f);
  }
  if (!e) e = make_folder(run, conf_kdc_folder(lab), dir, f);
  if (!e) e = lock_folder(dir, &lock, f);
  if (e) return e;
  e = write_conf(lab, run, f);
  if (!e) e = write_clients_conf(lab, run, keytabs, f);
  if (!e) e = provision_locked(lab, run, dir, keytabs, running, &r, f);
  close(lock);
  if (e) return e;
  r.duration_ns = clock_mono_ns() - start;
  *ret = r;
  return ERR_OK;
}

enum err provision(const struct lab *lab, const char *run, struct provision_result *ret, struct failure *f)
{
  return make(lab, run, false, ret, f);
}

enum err provision_running(const struct lab *lab, const char *run, struct provision_result *ret,
                           struct failure *f)
{
  return make(lab, run, true, ret, f);
}

/* -- new keys -------------------------------------------------------------------------------------------- */

/* Whose keys these are. The list is the caller's to free. */
static enum err principals_named(const struct lab *lab, const char *name, struct lab_strings *ret,
                                 struct failure *f)
{
  const struct lab_connector *c = lab_connector_by_name(lab, name);
  if (c && !lab_is_member(lab, c)) c = NULL;
  const struct lab_app *app = c ? NULL : lab_app_by_name(lab, name);
  struct lab_strings all = {.v = calloc(1 + lab_spn_count_max(lab), sizeof(char *))};
  if (!all.v) return failure_set(f, ERR_NOMEM, "principals");
  if (c) all.v[all.n++] = c->principal;
  if (app) all.n = lab_spns(lab, app, all.v);
  *ret = all;
  if (all.n) return ERR_OK;
  return failure_set(f, ERR_NOT_FOUND, "realm %s has no connector and no application with an spn named %s",
                     lab->realm, name);
}

static enum err rotate_in(struct database *db, const struct lab *lab, const char *keytabs,
                          const struct lab_strings *names, char *text, size_t size, struct failure *f)
{
  struct rotation r = {0};
  struct provision_result counts = {0};
  enum err e = rotation_make(db, names, &r, f);
  db->rotation = &r;
  if (!e) e = keytabs_locked(db, lab, keytabs, &counts, f);
  if (!e) e = rotation_commit(db, &r, f);
  if (!e) snprintf(text, size, "%s: key version %u\n", names->v[0], r.v[0].kvno);
  db->rotation = NULL;
  rotation_clear(db, &r);
  return e;
}

enum err provision_rotate(const struct lab *lab, const char *run, const char *name, char *text, size_t size,
                          struct failure *f)
{
  char dir[PATH_SIZE], keytabs[PATH_SIZE];
  struct lab_strings names = {0};
  struct database db = {0};
  int lock = -1;
  enum err e = make_folder(run, conf_kdc_folder(lab), dir, f);
  if (!e) e = make_folder(run, "keytabs", keytabs, f);
  if (!e) e = lock_folder(dir, &lock, f);
  if (!e) e = principals_named(lab, name, &names, f);
  if (!e) e = database_open(lab, run, &db, f);
  if (!e) e = rotate_in(&db, lab, keytabs, &names, text, size, f);
  database_close(&db);
  free(names.v);
  if (lock >= 0) close(lock);
  return e;
}

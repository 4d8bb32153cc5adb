#include "database.h"

#include "clock.h"
#include "conf.h"
#include "encode.h"
#include "ldap_realm.h"
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The mark of a database whose making came to its end: our format's number, the realm, and where it is if not
 * in files. */
static void complete_text(const struct lab *lab, char *out, size_t size)
{
  snprintf(out, size, "sevenstep 1 %s%s\n", lab->realm, lab->kdc.database == DATABASE_LDAP ? " ldap" : "");
}

bool database_is_complete(const char *dir, const struct lab *lab)
{
  char path[4096 + 32], want[512], have[512];
  snprintf(path, sizeof path, "%s/complete", dir);
  complete_text(lab, want, sizeof want);
  FILE *f = fopen(path, "re");
  if (!f) return false;
  size_t n = fread(have, 1, sizeof have - 1, f);
  have[n] = '\0';
  fclose(f);
  return strcmp(have, want) == 0;
}

enum err database_complete(const char *dir, const struct lab *lab, struct failure *f)
{
  char path[4096 + 32], text[512];
  snprintf(path, sizeof path, "%s/complete", dir);
  complete_text(lab, text, sizeof text);
  struct buf b;
  buf_init(&b, sizeof text);
  enum err e = buf_puts(&b, text);
  if (!e) e = conf_write(path, &b, f);
  buf_clear(&b);
  return e;
}

/* "complete" goes first: what is left after a crash in here is incomplete. */
static enum err remove_files(const char *dir, struct failure *f)
{
  static const char *const names[] = {
      "complete",   "principal",     "principal.ok",     "principal.kadm5",       "principal.kadm5.lock",
      "principal~", "principal.ok~", "principal.kadm5~", "principal.kadm5.lock~", "stash"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[4096 + 32];
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    if (unlink(path) != 0 && errno != ENOENT)
      return failure_set(f, ERR_KDC_DATABASE, "%s: %s", path, strerror(errno));
  }
  return ERR_OK;
}

static enum err remove_from_directory(const char *run, const char *realm, struct failure *f)
{
  struct ldap_realm *directory;
  enum err e = ldap_realm_open(run, realm, &directory, f);
  if (e) return e;
  e = ldap_realm_remove(directory, f);
  ldap_realm_close(directory);
  return e;
}

enum err database_create(const char *dir, const char *run, const struct lab *lab, struct failure *f)
{
  /* The directory first: while it does not answer, all stays as it is. */
  enum err e = lab->kdc.database == DATABASE_LDAP ? remove_from_directory(run, lab->realm, f) : ERR_OK;
  if (!e) e = remove_files(dir, f);
  if (e) return e;
  /* The master password is random and told to kdb5_util on its standard input, twice as it asks; it is not
   * needed again, since the stash file holds the key. */
  uint8_t secret[24];
  char hex[2 * sizeof secret + 1], input[2 * sizeof hex + 2];
  random_bytes(secret, sizeof secret);
  hex_encode(hex, secret, sizeof secret);
  snprintf(input, sizeof input, "%s\n%s\n", hex, hex);
  const char *const argv[] = {"kdb5_util", "-r", lab->realm, "create", "-s", NULL};
  struct program_output out;
  e = program_run(argv, input, &out, f);
  explicit_bzero(secret, sizeof secret);
  explicit_bzero(hex, sizeof hex);
  explicit_bzero(input, sizeof input);
  if (e) return e;
  if (out.status != 0) return failure_set(f, ERR_KDC_DATABASE, "kdb5_util create: %s", out.text);
  return ERR_OK;
}

enum err database_error(const struct database *db, kadm5_ret_t code, const char *doing, const char *what,
                        struct failure *f)
{
  const char *text = krb5_get_error_message(db->ctx, (krb5_error_code)code);
  failure_set(f, ERR_KDC_DATABASE, "%s %s: %s", doing, what, text);
  krb5_free_error_message(db->ctx, text);
  return ERR_KDC_DATABASE;
}

static kadm5_ret_t open_by_kadm5(struct database *db)
{
  char name[600], realm[512], service[] = KADM5_ADMIN_SERVICE;
  snprintf(name, sizeof name, "sevenstep-kdc@%s", db->realm);
  snprintf(realm, sizeof realm, "%s", db->realm);
  kadm5_config_params params = {.mask = KADM5_CONFIG_REALM, .realm = realm};
  return kadm5_init_with_password(db->ctx, name, NULL, service, &params, KADM5_STRUCT_VERSION,
                                  KADM5_API_VERSION_4, NULL, &db->handle);
}

enum err database_open(const struct lab *lab, const char *run, struct database *ret, struct failure *f)
{
  struct database db = {.realm = lab->realm};
  enum err e = ERR_OK;
  if (kadm5_init_krb5_context(&db.ctx) != 0)
    return failure_set(f, ERR_KDC_DATABASE, "kdc.conf or krb5.conf cannot be read");
  /* First, as kldap loses memory when there is no directory. */
  if (lab->kdc.database == DATABASE_LDAP) e = ldap_realm_open(run, lab->realm, &db.directory, f);
  kadm5_ret_t code = e ? 0 : open_by_kadm5(&db);
  if (code) e = database_error(&db, code, "opening", "the database", f);
  if (e)
    database_close(&db);
  else
    *ret = db;
  return e;
}

void database_close(struct database *db)
{
  ldap_realm_close(db->directory);
  if (db->handle) kadm5_destroy(db->handle);
  if (db->ctx) krb5_free_context(db->ctx);
  *db = (struct database){0};
}

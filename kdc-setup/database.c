#include "database.h"

#include "clock.h"
#include "conf.h"
#include "encode.h"
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The mark of a database whose making came to its end: our format's number, and the realm. */
static void complete_text(const char *realm, char *out, size_t size)
{
  snprintf(out, size, "sevenstep 1 %s\n", realm);
}

bool database_is_complete(const char *dir, const char *realm)
{
  char path[4096 + 32], want[512], have[512];
  snprintf(path, sizeof path, "%s/complete", dir);
  complete_text(realm, want, sizeof want);
  FILE *f = fopen(path, "re");
  if (!f) return false;
  size_t n = fread(have, 1, sizeof have - 1, f);
  have[n] = '\0';
  fclose(f);
  return strcmp(have, want) == 0;
}

enum err database_complete(const char *dir, const char *realm, struct failure *f)
{
  char path[4096 + 32], text[512];
  snprintf(path, sizeof path, "%s/complete", dir);
  complete_text(realm, text, sizeof text);
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

enum err database_create(const char *dir, const char *realm, struct failure *f)
{
  enum err e = remove_files(dir, f);
  if (e) return e;
  /* The master password is random and told to kdb5_util on its standard input, twice as it asks; it is not
   * needed again, since the stash file holds the key. */
  uint8_t secret[24];
  char hex[2 * sizeof secret + 1], input[2 * sizeof hex + 2];
  random_bytes(secret, sizeof secret);
  hex_encode(hex, secret, sizeof secret);
  snprintf(input, sizeof input, "%s\n%s\n", hex, hex);
  const char *const argv[] = {"kdb5_util", "-r", realm, "create", "-s", NULL};
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

enum err database_open(const char *realm, struct database *ret, struct failure *f)
{
  struct database db = {.realm = realm};
  if (kadm5_init_krb5_context(&db.ctx) != 0)
    return failure_set(f, ERR_KDC_DATABASE, "kdc.conf or krb5.conf cannot be read");
  char name[600], realm_copy[512];
  snprintf(name, sizeof name, "sevenstep-kdc@%s", realm);
  snprintf(realm_copy, sizeof realm_copy, "%s", realm);
  char service[] = KADM5_ADMIN_SERVICE;
  kadm5_config_params params = {.mask = KADM5_CONFIG_REALM, .realm = realm_copy};
  kadm5_ret_t code = kadm5_init_with_password(db.ctx, name, NULL, service, &params, KADM5_STRUCT_VERSION,
                                              KADM5_API_VERSION_4, NULL, &db.handle);
  if (code) {
    enum err e = database_error(&db, code, "opening", "the database", f);
    krb5_free_context(db.ctx);
    return e;
  }
  *ret = db;
  return ERR_OK;
}

void database_close(struct database *db)
{
  if (db->handle) kadm5_destroy(db->handle);
  if (db->ctx) krb5_free_context(db->ctx);
  *db = (struct database){0};
}

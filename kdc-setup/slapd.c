#include "slapd.h"

#include "buf.h"
#include "conf.h"
#include "ldap_realm.h"
#include "program.h"

#include <dlfcn.h>
#include <errno.h>
#include <kdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PATH_SIZE = 4096 + 128, SCHEMA_MAX = 256 * 1024 };

/* Where Debian has it; with a package manager that leaves documentation out it is nowhere. */
static const char schema_source[] = "/usr/share/doc/krb5-kdc-ldap/kerberos.schema.gz";

/* Beside libkdb5, as db2.so (kdb_module.c). */
static enum err require_kldap(struct failure *f)
{
  Dl_info where;
  char path[PATH_SIZE];
  if (!dladdr((void *)(uintptr_t)krb5_db_fini, &where) || !where.dli_fname)
    return failure_set(f, ERR_PACKAGE_MISSING, "libkdb5 cannot be located");
  const char *slash = strrchr(where.dli_fname, '/');
  snprintf(path, sizeof path, "%.*s/krb5/plugins/kdb/kldap.so", slash ? (int)(slash - where.dli_fname) : 0,
           where.dli_fname);
  if (access(path, R_OK) == 0) return ERR_OK;
  return failure_set(f, ERR_PACKAGE_MISSING,
                     "MIT's kldap is not installed: apt-get install krb5-kdc-ldap (there is no %s)", path);
}

static enum err make_folder(const char *run, const char *name, struct failure *f)
{
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/" SLAPD_FOLDER "%s", run, name);
  if (mkdir(path, 0700) == 0 || errno == EEXIST) return ERR_OK;
  return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
}

static enum err write_file(const char *run, const char *name, const struct buf *text, struct failure *f)
{
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/" SLAPD_FOLDER "/%s", run, name);
  return conf_write(path, text, f);
}

static enum err read_schema(struct buf *out, struct failure *f)
{
  char piece[4096];
  int n = 0;
  gzFile in = gzopen(schema_source, "rbe");
  if (!in)
    return failure_set(
        f, ERR_PACKAGE_MISSING,
        "there is no %s: apt-get install krb5-kdc-ldap; where it is installed and documentation was left "
        "out: apt-get install --reinstall -o DPkg::Options::=--path-include=%s krb5-kdc-ldap",
        schema_source, schema_source);
  enum err e = ERR_OK;
  while (!e && (n = gzread(in, piece, sizeof piece)) > 0)
    e = buf_append(out, piece, (size_t)n);
  gzclose(in);
  return e || n < 0 ? failure_set(f, ERR_IO, "%s cannot be read", schema_source) : ERR_OK;
}

static enum err write_schema(const char *run, struct failure *f)
{
  struct buf text;
  buf_init(&text, SCHEMA_MAX);
  enum err e = read_schema(&text, f);
  if (!e) e = write_file(run, "kerberos.schema", &text, f);
  buf_clear(&text);
  return e;
}

/* The database file is sparse and grows to its maximum at most; a principal takes about 2 kB of it. */
static enum err write_conf(const char *run, struct failure *f)
{
  struct buf text;
  buf_init(&text, 4096);
  enum err e = buf_printf(&text,
                          "# Written by sevenstep-directory; changes are overwritten.\n"
                          "include kerberos.schema\n"
                          "modulepath /usr/lib/ldap\n"
                          "moduleload back_mdb\n"
                          "threads 4\n"
                          "access to * by * none\n"
                          "database mdb\n"
                          "suffix " LDAP_BASE "\n"
                          "rootdn gidNumber=%u+uidNumber=%u,cn=peercred,cn=external,cn=auth\n"
                          "directory data\n"
                          "maxsize 134217728\n"
                          "index objectClass,krbPrincipalName eq\n",
                          (unsigned)getegid(), (unsigned)geteuid());
  if (!e) e = write_file(run, "slapd.conf", &text, f);
  buf_clear(&text);
  return e;
}

enum err slapd_prepare(const char *run, struct failure *f)
{
  char path[4096];
  enum err e = program_find("slapd", path, f);
  if (!e) e = require_kldap(f);
  if (!e) e = make_folder(run, "", f);
  if (!e) e = make_folder(run, "/data", f);
  if (!e) e = write_schema(run, f);
  return e ? e : write_conf(run, f);
}

enum err slapd_forget(const char *run, struct failure *f)
{
  static const char *const names[] = {"data.mdb", "lock.mdb"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/" SLAPD_FOLDER "/data/%s", run, names[i]);
    if (unlink(path) != 0 && errno != ENOENT) return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  }
  return ERR_OK;
}

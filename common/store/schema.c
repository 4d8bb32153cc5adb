#include "schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  APPLICATION_ID = 0x37537470, /* "7Stp" */
  SCHEMA_VERSION = 1,
  BUSY_TIMEOUT_MS = 2000, /* another process writes: its transactions are microseconds long */
};

/* number: a counter's count. The index serves the purge. */
static const char SCHEMA[] = "BEGIN IMMEDIATE;"
                             "CREATE TABLE IF NOT EXISTS record("
                             " id BLOB PRIMARY KEY, value BLOB, number INTEGER NOT NULL DEFAULT 0,"
                             " expires INTEGER NOT NULL) WITHOUT ROWID;"
                             "CREATE INDEX IF NOT EXISTS record_expires ON record(expires);"
                             "PRAGMA application_id=%d;"
                             "PRAGMA user_version=%d;"
                             "COMMIT;";

enum err schema_failure(sqlite3 *db, int rc, const char *path, struct failure *f)
{
  const char *text = db && sqlite3_errcode(db) == rc ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
  switch (rc & 0xff) {
  case SQLITE_NOMEM:
    return failure_set(f, ERR_NOMEM, "%s: %s", path, text);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return failure_set(f, ERR_AGAIN, "%s: %s: another process writes to it", path, text);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return failure_set(f, ERR_IO, "%s is damaged (%s): remove it; what it held is lost", path, text);
  default:
    return failure_set(f, ERR_IO, "%s: %s", path, text);
  }
}

static bool is_damage(int rc)
{
  return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

static int read_int(sqlite3 *db, const char *pragma, int *ret)
{
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db, pragma, -1, &st, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) *ret = sqlite3_column_int(st, 0);
  sqlite3_finalize(st);
  return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

/* A page that does not fit shows here and not in the middle of a logon. Quick: the file holds what is alive,
 * no more. */
static int check_pages(sqlite3 *db)
{
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(st);
  const unsigned char *text = rc == SQLITE_ROW ? sqlite3_column_text(st, 0) : NULL;
  if (rc == SQLITE_ROW) rc = text && !strcmp((const char *)text, "ok") ? SQLITE_OK : SQLITE_CORRUPT;
  sqlite3_finalize(st);
  return rc;
}

static int create(sqlite3 *db)
{
  char sql[sizeof SCHEMA + 32];
  snprintf(sql, sizeof sql, SCHEMA, APPLICATION_ID, SCHEMA_VERSION);
  return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* SQLITE_MISMATCH: a sound file, but not of ours or not of this version. */
static int prepare_file(sqlite3 *db)
{
  int application = 0, version = 0, tables = 0, rc;
  sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  if ((rc = read_int(db, "SELECT count(*) FROM sqlite_schema", &tables))) return rc;
  if ((rc = read_int(db, "PRAGMA application_id", &application))) return rc;
  if ((rc = read_int(db, "PRAGMA user_version", &version))) return rc;
  if (tables && (application != APPLICATION_ID || version != SCHEMA_VERSION)) return SQLITE_MISMATCH;
  if ((rc = sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;", NULL, NULL, NULL)))
    return rc;
  return tables ? check_pages(db) : create(db);
}

/* SQLite gives its -wal and -shm files the mode of the database file, which we therefore make first. */
static enum err make_file(const char *path, struct failure *f)
{
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  bool ok = !fchmod(fd, 0600);
  close(fd);
  return ok ? ERR_OK : failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
}

static int open_once(const char *path, sqlite3 **ret, struct failure *f, enum err *ret_err)
{
  sqlite3 *db = NULL;
  *ret_err = make_file(path, f);
  if (*ret_err) return SQLITE_CANTOPEN;
  int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  if (rc == SQLITE_OK) rc = prepare_file(db);
  if (rc == SQLITE_OK) {
    *ret = db;
    return rc;
  }
  if (rc == SQLITE_MISMATCH)
    *ret_err = failure_set(f, ERR_IO, "%s is a database of another program or version: remove it", path);
  else
    *ret_err = schema_failure(db, rc, path, f);
  sqlite3_close(db);
  return rc;
}

static enum err set_aside(const char *path, struct failure *f)
{
  static const char *const side[] = {"-wal", "-shm"};
  char to[4096 + 32], from[4096 + 32];
  if (strlen(path) >= 4096) return failure_set(f, ERR_TOO_LARGE, "a path of %zu bytes", strlen(path));
  snprintf(to, sizeof to, "%s.damaged", path);
  if (rename(path, to)) return failure_set(f, ERR_IO, "%s: %s", to, strerror(errno));
  for (size_t i = 0; i < sizeof side / sizeof *side; i++) {
    snprintf(from, sizeof from, "%s%s", path, side[i]);
    unlink(from); /* they belong to the damaged file; a new one must not read them */
  }
  return ERR_OK;
}

enum err schema_open(const char *path, enum store_damage damage, sqlite3 **ret, bool *ret_set_aside,
                     struct failure *f)
{
  enum err e;
  int rc = open_once(path, ret, f, &e);
  bool aside = is_damage(rc) && damage == STORE_SET_ASIDE;
  if (aside) {
    e = set_aside(path, f);
    if (!e) open_once(path, ret, f, &e);
  }
  if (!e && ret_set_aside) *ret_set_aside = aside;
  return e;
}

enum err schema_open_reader(const char *path, sqlite3 **ret, struct failure *f)
{
  sqlite3 *db = NULL;
  int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
  if (rc == SQLITE_OK) rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_exec(db, "PRAGMA query_only=1", NULL, NULL, NULL);
  if (rc == SQLITE_OK) {
    *ret = db;
    return ERR_OK;
  }
  enum err e = schema_failure(db, rc, path, f);
  sqlite3_close(db);
  return e;
}

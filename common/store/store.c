#include "store.h"

#include "clock.h"
#include "schema.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
  ID_LEN = 32,
  WRITES_PER_PURGE = 1024, /* so that an ended record is gone soon, at no cost worth measuring */
};

enum statement { PUT, PUT_NEW, GET, TAKE, REMOVE, COUNT, COUNT_GET, PURGE, SIZE, LAST, STATEMENTS };

/* ?1 id, ?2 now, ?3 expires, ?4 value */
static const char *const SQL[STATEMENTS] = {
    [PUT] = "INSERT INTO record(id,value,expires) VALUES(?1,?4,?3)"
            " ON CONFLICT(id) DO UPDATE SET value=?4,number=0,expires=?3",
    [PUT_NEW] = "INSERT INTO record(id,value,expires) VALUES(?1,?4,?3)"
                " ON CONFLICT(id) DO UPDATE SET value=?4,number=0,expires=?3 WHERE expires<=?2",
    [GET] = "SELECT value FROM record WHERE id=?1 AND expires>?2",
    [TAKE] = "DELETE FROM record WHERE id=?1 AND expires>?2 RETURNING value",
    [REMOVE] = "DELETE FROM record WHERE id=?1",
    [COUNT] =
        "INSERT INTO record(id,number,expires) VALUES(?1,1,?3)"
        " ON CONFLICT(id) DO UPDATE SET number=CASE WHEN expires<=?2 THEN 1 ELSE number+1 END,expires=?3"
        " RETURNING number",
    [COUNT_GET] = "SELECT number,expires-?2 FROM record WHERE id=?1 AND expires>?2",
    [PURGE] = "DELETE FROM record WHERE expires<=?2",
    [SIZE] = "SELECT count(*) FROM record",
    [LAST] = "SELECT coalesce(max(expires),0) FROM record",
};

/* WAL lets a connection read while another one commits. */
struct store {
  pthread_mutex_t lock, reader_lock; /* over all that is below; over the reader and its statements */
  sqlite3 *db, *reader;
  sqlite3_stmt *st[STATEMENTS];
  unsigned writes; /* since the last purge */
  int64_t records; /* at the last purge */
};

static bool is_read(int which)
{
  return which == GET || which == COUNT_GET;
}

static pthread_mutex_t *lock_of(struct store *s, enum statement which)
{
  return is_read(which) ? &s->reader_lock : &s->lock;
}

enum err store_open(const char *path, enum store_damage damage, struct store **ret, bool *ret_set_aside,
                    struct failure *f)
{
  struct store *s = calloc(1, sizeof *s);
  if (!s) return failure_set(f, ERR_NOMEM, "%s", path);
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->reader_lock, NULL);
  enum err e = schema_open(path, damage, &s->db, ret_set_aside, f);
  if (!e) e = schema_open_reader(path, &s->reader, f);
  for (int i = 0; !e && i < STATEMENTS; i++) {
    sqlite3 *db = is_read(i) ? s->reader : s->db;
    int rc = sqlite3_prepare_v3(db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL);
    if (rc) e = schema_failure(db, rc, path, f);
  }
  if (!e) e = store_purge(s);
  if (e) {
    store_close(s);
    return f && f->err == e ? e : failure_set(f, e, "%s", path);
  }
  *ret = s;
  return ERR_OK;
}

void store_close(struct store *s)
{
  if (!s) return;
  for (int i = 0; i < STATEMENTS; i++)
    sqlite3_finalize(s->st[i]);
  sqlite3_close(s->reader);
  sqlite3_close(s->db);
  pthread_mutex_destroy(&s->reader_lock);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

/* Kind and key are told apart by the NUL between them, which neither can contain. */
static enum err make_id(const char *kind, const char *key, uint8_t id[static ID_LEN])
{
  size_t nk = strlen(kind) + 1, n = nk + strlen(key);
  char text[STORE_KEY_MAX];
  if (n > sizeof text) return ERR_TOO_LARGE;
  memcpy(text, kind, nk);
  memcpy(text + nk, key, n - nk);
  return EVP_Q_digest(NULL, "SHA256", NULL, text, n, id, NULL) ? ERR_OK : ERR_INTERNAL;
}

static enum err finish(sqlite3_stmt *st, int rc, struct failure *f)
{
  if (rc == SQLITE_ROW) rc = sqlite3_step(st); /* at most one row each; to the end, so that it commits */
  if (rc == SQLITE_DONE) rc = SQLITE_OK;
  /* A write commits here, and may fail here. */
  int reset = sqlite3_reset(st);
  sqlite3_clear_bindings(st);
  if (!rc) rc = reset;
  return rc ? schema_failure(sqlite3_db_handle(st), rc, "the store", f) : ERR_OK;
}

static void bind(sqlite3_stmt *st, const uint8_t *id, int64_t now, int64_t lifetime_s)
{
  if (id) sqlite3_bind_blob(st, 1, id, ID_LEN, SQLITE_STATIC);
  /* Indices that a statement does not have are refused, harmlessly. */
  sqlite3_bind_int64(st, 2, now);
  sqlite3_bind_int64(st, 3, now + lifetime_s);
}

static enum err purge_locked(struct store *s)
{
  sqlite3_stmt *st = s->st[PURGE];
  bind(st, NULL, clock_wall_s(), 0);
  enum err e = finish(st, sqlite3_step(st), NULL);
  if (e) return e;
  st = s->st[SIZE];
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) s->records = sqlite3_column_int64(st, 0);
  s->writes = 0;
  return finish(st, rc, NULL);
}

/* Before a write that may add a record: keeps the file bounded. */
static enum err make_room(struct store *s)
{
  enum err e = ERR_OK;
  bool full = s->records + s->writes >= STORE_RECORDS_MAX;
  if (full || s->writes >= WRITES_PER_PURGE) e = purge_locked(s);
  if (e) return e;
  if (s->records >= STORE_RECORDS_MAX) return ERR_AGAIN;
  s->writes++;
  return ERR_OK;
}

enum err store_purge(struct store *s)
{
  pthread_mutex_lock(&s->lock);
  enum err e = purge_locked(s);
  pthread_mutex_unlock(&s->lock);
  return e;
}

static enum err read_number(struct store *s, enum statement which, int64_t *ret_n)
{
  pthread_mutex_lock(&s->lock);
  sqlite3_stmt *st = s->st[which];
  int rc = sqlite3_step(st);
  int64_t n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
  enum err e = finish(st, rc, NULL);
  pthread_mutex_unlock(&s->lock);
  if (!e) *ret_n = n;
  return e;
}

enum err store_size(struct store *s, int64_t *ret_n)
{
  return read_number(s, SIZE, ret_n);
}

enum err store_last_end(struct store *s, int64_t *ret_s)
{
  return read_number(s, LAST, ret_s);
}

static enum err put(struct store *s, enum statement which, const char *kind, const char *key,
                    const void *value, size_t n, int64_t lifetime_s, struct failure *f)
{
  uint8_t id[ID_LEN];
  if (n > STORE_VALUE_MAX || lifetime_s <= 0) return ERR_TOO_LARGE;
  enum err e = make_id(kind, key, id);
  if (e) return e;
  pthread_mutex_lock(&s->lock);
  e = make_room(s);
  if (e) {
    failure_set(f, e, "the store has no room for a record");
  } else {
    sqlite3_stmt *st = s->st[which];
    bind(st, id, clock_wall_s(), lifetime_s);
    sqlite3_bind_blob(st, 4, n ? value : "", (int)n, SQLITE_STATIC);
    e = finish(st, sqlite3_step(st), f);
    if (!e && !sqlite3_changes(s->db)) e = ERR_EXISTS;
  }
  pthread_mutex_unlock(&s->lock);
  return e;
}

enum err store_put(struct store *s, const char *kind, const char *key, const void *value, size_t n,
                   int64_t lifetime_s)
{
  return put(s, PUT, kind, key, value, n, lifetime_s, NULL);
}

enum err store_put_new(struct store *s, const char *kind, const char *key, const void *value, size_t n,
                       int64_t lifetime_s)
{
  return put(s, PUT_NEW, kind, key, value, n, lifetime_s, NULL);
}

static enum err read_value(struct store *s, enum statement which, const char *kind, const char *key,
                           struct buf *out)
{
  uint8_t id[ID_LEN];
  enum err e = make_id(kind, key, id), append = ERR_OK;
  if (e) return e;
  pthread_mutex_lock(lock_of(s, which));
  sqlite3_stmt *st = s->st[which];
  bind(st, id, clock_wall_s(), 0);
  int rc = sqlite3_step(st);
  bool found = rc == SQLITE_ROW;
  if (found && out) {
    const void *value = sqlite3_column_blob(st, 0);
    append = buf_append(out, value ? value : "", (size_t)sqlite3_column_bytes(st, 0));
  }
  e = finish(st, rc, NULL);
  pthread_mutex_unlock(lock_of(s, which));
  if (e) return e;
  return found ? append : ERR_NOT_FOUND;
}

enum err store_get(struct store *s, const char *kind, const char *key, struct buf *out)
{
  return read_value(s, GET, kind, key, out);
}

enum err store_take(struct store *s, const char *kind, const char *key, struct buf *out)
{
  return read_value(s, TAKE, kind, key, out);
}

static enum err remove_record(struct store *s, const char *kind, const char *key, struct failure *f)
{
  uint8_t id[ID_LEN];
  enum err e = make_id(kind, key, id);
  if (e) return e;
  pthread_mutex_lock(&s->lock);
  bind(s->st[REMOVE], id, 0, 0);
  e = finish(s->st[REMOVE], sqlite3_step(s->st[REMOVE]), f);
  pthread_mutex_unlock(&s->lock);
  return e;
}

enum err store_remove(struct store *s, const char *kind, const char *key)
{
  return remove_record(s, kind, key, NULL);
}

enum err store_probe(struct store *s, struct failure *f)
{
  failure_set(f, ERR_INTERNAL, "the store");
  enum err e = put(s, PUT, "probe", "", "", 0, 1, f);
  return e ? e : remove_record(s, "probe", "", f);
}

enum err store_count(struct store *s, const char *kind, const char *key, int64_t lifetime_s,
                     int64_t *ret_count)
{
  uint8_t id[ID_LEN];
  int64_t count = 0;
  if (lifetime_s <= 0) return ERR_TOO_LARGE;
  enum err e = make_id(kind, key, id);
  if (e) return e;
  pthread_mutex_lock(&s->lock);
  e = make_room(s);
  if (!e) {
    sqlite3_stmt *st = s->st[COUNT];
    bind(st, id, clock_wall_s(), lifetime_s);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) count = sqlite3_column_int64(st, 0);
    e = finish(st, rc, NULL);
  }
  pthread_mutex_unlock(&s->lock);
  if (!e && ret_count) *ret_count = count;
  return e;
}

enum err store_count_get(struct store *s, const char *kind, const char *key, int64_t *ret_count,
                         int64_t *ret_left_s)
{
  uint8_t id[ID_LEN];
  int64_t count = 0, left = 0;
  enum err e = make_id(kind, key, id);
  if (e) return e;
  pthread_mutex_lock(&s->reader_lock);
  sqlite3_stmt *st = s->st[COUNT_GET];
  bind(st, id, clock_wall_s(), 0);
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) {
    count = sqlite3_column_int64(st, 0);
    left = sqlite3_column_int64(st, 1);
  }
  e = finish(st, rc, NULL);
  pthread_mutex_unlock(&s->reader_lock);
  if (e) return e;
  *ret_count = count;
  if (ret_left_s) *ret_left_s = left;
  return ERR_OK;
}

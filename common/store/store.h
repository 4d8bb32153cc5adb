/* Records that end: what must survive a restart or be agreed on by several threads, but only for a while:
 * authorization codes, sessions, used nonces, revocations, counters of failures. One embedded SQLite file
 * (WAL) behind a small interface, so that an engine for many nodes can take its place later.
 *
 * A record is kind + key -> value, until a time. A record whose time has come does not exist for any
 * function, whether or not it is still in the file. Keys are kept as SHA-256 of kind and key: who reads the
 * file learns no code and no session id. Values are kept as they are: no secrets there.
 *
 * Threads: a store may be used by many at once; calls take turns, but for store_get() and store_count_get(),
 * which wait for no write. Every call may touch the disk (tens of
 * microseconds, no fsync: after a crash of the process nothing is lost, after a crash of the machine perhaps
 * the last moments): a loop thread lets a worker call. Library code: nothing is logged. */
#ifndef SEVENSTEP_STORE_H
#define SEVENSTEP_STORE_H

#include "buf.h"

#define STORE_VALUE_MAX   65536   /* bytes of a value; beyond: ERR_TOO_LARGE */
#define STORE_KEY_MAX     4096    /* bytes of kind and key together; beyond: ERR_TOO_LARGE */
#define STORE_RECORDS_MAX 1000000 /* live records, about; beyond, new ones are refused: ERR_AGAIN */

struct store;

/* What to do with a file that is damaged, or is no database. After a crash of the process a file is not
 * damaged: SQLite recovers. */
enum store_damage {
  STORE_REFUSE,    /* ERR_IO, and f->why says to remove it: for records whose loss would let somebody in */
  STORE_SET_ASIDE, /* rename it to PATH.damaged and begin a new one: for records whose loss costs a logon */
};

/* Opens or creates (mode 0600) the file. A file of another schema version is refused whatever `damage` says.
 * *ret_set_aside (may be NULL) tells that a damaged file was renamed, for the caller to log. */
enum err store_open(const char *path, enum store_damage damage, struct store **ret, bool *ret_set_aside,
                    struct failure *f) MUST_CHECK;
void store_close(struct store *s); /* accepts NULL; wipes nothing: the file stays */

/* Writes a record for lifetime_s (> 0) seconds from now, in place of one that was there. */
enum err store_put(struct store *s, const char *kind, const char *key, const void *value, size_t n,
                   int64_t lifetime_s) MUST_CHECK;
/* The same if there is none; else ERR_EXISTS. Of many callers exactly one succeeds: for what may be used once
 * (nonces). */
enum err store_put_new(struct store *s, const char *kind, const char *key, const void *value, size_t n,
                       int64_t lifetime_s) MUST_CHECK;
/* Appends the value to out (may be NULL). ERR_NOT_FOUND. */
enum err store_get(struct store *s, const char *kind, const char *key, struct buf *out) MUST_CHECK;
/* Appends the value to out and removes the record, atomically: of many callers exactly one succeeds, the
 * others get ERR_NOT_FOUND: for authorization codes. */
enum err store_take(struct store *s, const char *kind, const char *key, struct buf *out) MUST_CHECK;
/* Removing what is not there is no error. */
enum err store_remove(struct store *s, const char *kind, const char *key) MUST_CHECK;

/* A counter (no value): adds one, and lets it live for lifetime_s from now. *ret_count (may be NULL): the new
 * count. */
enum err store_count(struct store *s, const char *kind, const char *key, int64_t lifetime_s,
                     int64_t *ret_count) MUST_CHECK;
/* The count now, and the seconds it has left (may be NULL); 0 and 0 when there is none. */
enum err store_count_get(struct store *s, const char *kind, const char *key, int64_t *ret_count,
                         int64_t *ret_left_s) MUST_CHECK;

/* Can it be written now? Writes a record and removes it. What the file system says is in f->why. */
enum err store_probe(struct store *s, struct failure *f) MUST_CHECK;
/* Deletes records whose time has come from the file. Writing calls do it now and then by themselves. */
enum err store_purge(struct store *s) MUST_CHECK;
/* Records in the file, including ended ones not yet purged: for metrics. */
enum err store_size(struct store *s, int64_t *ret_n) MUST_CHECK;
/* The time of the record in the file that lives longest, in seconds of the wall clock; 0: there is none. */
enum err store_last_end(struct store *s, int64_t *ret_s) MUST_CHECK;

#endif

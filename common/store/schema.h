/* Opening the file: the schema, its version, and what to do when the file is not what we left. Internal to
 * the store. */
#ifndef SEVENSTEP_STORE_SCHEMA_H
#define SEVENSTEP_STORE_SCHEMA_H

#include "store.h"

#include <sqlite3.h>

/* SQLite's code as ours, with its words in f. */
enum err schema_failure(sqlite3 *db, int rc, const char *path, struct failure *f);

/* As store_open, of which this is the part below the statements. */
enum err schema_open(const char *path, enum store_damage damage, sqlite3 **ret, bool *ret_set_aside,
                     struct failure *f) MUST_CHECK;
/* Another connection to a file that schema_open() has opened, which cannot write. */
enum err schema_open_reader(const char *path, sqlite3 **ret, struct failure *f) MUST_CHECK;

#endif

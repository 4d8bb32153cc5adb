/* Keytabs from the database's keys; a file whose keys are right already is left alone. */
#ifndef SEVENSTEP_KDC_KEYTABS_H
#define SEVENSTEP_KDC_KEYTABS_H

#include "database.h"
#include "lab.h"

/* Makes path hold exactly the keys of these principals, those to come included, (without realm), mode 0600,
 * replaced by rename. keep_others: keys of other realms in it stay. *ret_written says whether it had to. */
enum err keytab_sync(const struct database *db, const char *path, const struct lab_strings *principals,
                     bool keep_others, bool *ret_written, struct failure *f) MUST_CHECK;

/* The current keys of all principals of the realm, for whoever is to read its tickets. */
enum err keytab_export(const struct database *db, const char *path, bool keep_others,
                       struct failure *f) MUST_CHECK;

#endif

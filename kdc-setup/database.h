/* The realm's database as a whole: made once by kdb5_util, opened by libkadm5srv through our module. */
#ifndef SEVENSTEP_KDC_DATABASE_H
#define SEVENSTEP_KDC_DATABASE_H

#include "err.h"

#include <kadm5/admin.h>
#include <stdbool.h>

struct rotation;
struct database {
  krb5_context ctx;
  void *handle; /* libkadm5srv's */
  const char *realm;
  const struct rotation *rotation; /* keys that it will have: keytabs are given them already; or NULL */
};

/* Is there a complete database of this realm in dir? */
bool database_is_complete(const char *dir, const char *realm);
/* Removes what is there of one, if anything, and makes a new one with a random master key. It is incomplete
 * until database_complete. */
enum err database_create(const char *dir, const char *realm, struct failure *f) MUST_CHECK;
enum err database_complete(const char *dir, const char *realm, struct failure *f) MUST_CHECK;

enum err database_open(const char *realm, struct database *ret, struct failure *f) MUST_CHECK;
void database_close(struct database *db); /* accepts a zeroed one */
/* The failure of a libkadm5srv call. */
enum err database_error(const struct database *db, kadm5_ret_t code, const char *doing, const char *what,
                        struct failure *f) MUST_CHECK;

#endif

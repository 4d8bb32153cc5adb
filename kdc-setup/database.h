/* The realm's database as a whole: made once by kdb5_util, opened by libkadm5srv; through our module, or
 * through kldap where the lab wants it. */
#ifndef SEVENSTEP_KDC_DATABASE_H
#define SEVENSTEP_KDC_DATABASE_H

#include "lab.h"

#include <kadm5/admin.h>
#include <stdbool.h>

struct rotation;
struct ldap_realm;
struct database {
  krb5_context ctx;
  void *handle; /* libkadm5srv's */
  const char *realm;
  struct ldap_realm *directory;    /* which it is in; NULL: in db2's files */
  const struct rotation *rotation; /* keys that it will have: keytabs are given them already; or NULL */
};

/* Is there a complete database of this lab's realm, and of its kind, in dir, or for dir in the directory? */
bool database_is_complete(const char *dir, const struct lab *lab);
/* Removes what is there of one, if anything, and makes a new one with a random master key. It is incomplete
 * until database_complete. */
enum err database_create(const char *dir, const char *run, const struct lab *lab,
                         struct failure *f) MUST_CHECK;
enum err database_complete(const char *dir, const struct lab *lab, struct failure *f) MUST_CHECK;

enum err database_open(const struct lab *lab, const char *run, struct database *ret,
                       struct failure *f) MUST_CHECK;
void database_close(struct database *db); /* accepts a zeroed one */
/* The failure of a libkadm5srv call. */
enum err database_error(const struct database *db, kadm5_ret_t code, const char *doing, const char *what,
                        struct failure *f) MUST_CHECK;

#endif

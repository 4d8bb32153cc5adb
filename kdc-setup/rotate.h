/* New keys for services, in an order in which nobody meets a ticket that it cannot read: first the keytabs
 * hold old and new keys, then the KDC issues tickets with the new ones. The database keeps the old keys, too:
 * what was issued before stays good until it ends (kadmin: ktadd, randkey -keepold; Active Directory keeps
 * one old key). */
#ifndef SEVENSTEP_KDC_ROTATE_H
#define SEVENSTEP_KDC_ROTATE_H

#include "database.h"
#include "lab.h"

struct rotation {
  size_t n;
  struct rotated {
    krb5_principal name;
    krb5_kvno kvno; /* the new one */
    kadm5_key_data *keys;
    int n_keys;
  } * v;
};

/* A fresh key for each encryption type of each principal's newest ones. */
enum err rotation_make(const struct database *db, const struct lab_strings *principals, struct rotation *ret,
                       struct failure *f) MUST_CHECK;
/* The coming keys of this principal, or NULL. rotation may be NULL. */
const struct rotated *rotation_find(const struct database *db, krb5_const_principal name);
/* From now on the KDC uses them. */
enum err rotation_commit(const struct database *db, const struct rotation *r, struct failure *f) MUST_CHECK;
void rotation_clear(const struct database *db, struct rotation *r); /* wipes; accepts a zeroed one */

#endif

/* Which principals a lab has, and making the database agree. */
#ifndef SEVENSTEP_KDC_PRINCIPALS_H
#define SEVENSTEP_KDC_PRINCIPALS_H

#include "database.h"
#include "provision.h"

/* Attributes that the lab decides; others are left as they are. */
enum {
  PRINCIPAL_MANAGED = KRB5_KDB_REQUIRES_PRE_AUTH | KRB5_KDB_DISALLOW_FORWARDABLE | KRB5_KDB_DISALLOW_ALL_TIX |
                      KRB5_KDB_DISALLOW_SVR | KRB5_KDB_OK_TO_AUTH_AS_DELEGATE
};

struct principal_wanted {
  const char *name;     /* without realm */
  const char *realm;    /* NULL: the database's */
  const char *password; /* NULL: a random key */
  unsigned kvno;        /* of its key; 0: whatever it is */
  krb5_flags attributes;
  int64_t expires_s; /* 0: never */
  char *delegate_to; /* allowed_to_delegate_to, space-separated; NULL: none */
  char *act_from;    /* allowed_to_act_from, the same from the target's side */
};

struct principal_list {
  struct principal_wanted *v;
  size_t n;
  char trust[2][512];
};

/* Users, connectors, applications' SPNs, each name once. Points into lab. ERR_CONFIG when two of them clash.
 */
enum err principals_of_lab(const struct lab *lab, struct principal_list *ret, struct failure *f) MUST_CHECK;
/* With a partner: the principals that carry the trust, one each way, whose keys come of secret in both
 * databases, under the same version (RFC 4120 1.2). secret must live as long as the list. */
enum err principals_add_trust(const struct lab *lab, const char *secret, struct principal_list *list,
                              struct failure *f) MUST_CHECK;
void principals_clear(struct principal_list *list);

/* Creates, changes, and removes those that an earlier run made and the lab has no longer. Every other
 * principal of the database (krbtgt, kadmin) is made to require pre-authentication too. Counts into *counts.
 */
enum err principals_sync(const struct database *db, const struct lab *lab,
                         const struct principal_list *wanted, struct provision_result *counts,
                         struct failure *f) MUST_CHECK;

#endif

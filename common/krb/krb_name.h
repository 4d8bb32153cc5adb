/* From a user principal name to a Kerberos principal, strictly: a name that could be read as another
 * principal, another realm or more than one component is refused, and the principal is built from components,
 * never by parsing. */
#ifndef SEVENSTEP_KRB_NAME_H
#define SEVENSTEP_KRB_NAME_H

#include "err.h"

#include <stddef.h>

enum { KRB_ACCOUNT_MAX = 64 };

/* alice@sevenstep.test with suffix sevenstep.test (without case) gives "alice". ERR_KRB_NAME_MALFORMED. */
enum err krb_account_of_upn(const char *upn, const char *suffix, char ret[KRB_ACCOUNT_MAX + 1],
                            struct failure *f) MUST_CHECK;

/* account@anything gives "account"; the suffix must be a domain name all the same. */
enum err krb_account_of_any_upn(const char *upn, char ret[KRB_ACCOUNT_MAX + 1], struct failure *f) MUST_CHECK;
/* The account's name itself. */
enum err krb_account_check(const char *name, struct failure *f) MUST_CHECK;

/* service/host or an account name, for krb5_build_principal: splits spn into at most two components. */
struct krb_spn {
  char first[256], second[256]; /* second is "" when there is one component only */
};
enum err krb_spn_split(const char *spn, struct krb_spn *ret, struct failure *f) MUST_CHECK;

#endif

/* The realm in a directory, where kldap has no words for what is to be done: the connectors' lists of
 * targets, which it only reads (krbAllowedToDelegateTo), and taking a realm away. Over the directory's unix
 * socket, as the user whom the kernel names there (RFC 4513 5.2.3: SASL EXTERNAL), who is its administrator
 * (slapd.h).
 *
 * Not thread safe. Each call waits at most 5 s. */
#ifndef SEVENSTEP_KDC_LDAP_REALM_H
#define SEVENSTEP_KDC_LDAP_REALM_H

#include "err.h"

#include <stdbool.h>

/* Below it are the realms, each in an entry of its own: cn=REALM,cn=kerberos. */
#define LDAP_BASE "cn=kerberos"

struct ldap_realm;
/* ERR_KDC_DIRECTORY when the directory does not answer. */
enum err ldap_realm_open(const char *run, const char *realm, struct ldap_realm **ret,
                         struct failure *f) MUST_CHECK;
void ldap_realm_close(struct ldap_realm *l); /* accepts NULL */

/* Removes the realm with all its principals; there need be none. */
enum err ldap_realm_remove(struct ldap_realm *l, struct failure *f) MUST_CHECK;

/* principal (with its realm) may get tickets for these, space-separated and without realm, and for no others.
 * NULL: for none. */
enum err ldap_realm_set_targets(struct ldap_realm *l, const char *principal, const char *targets,
                                bool *ret_changed, struct failure *f) MUST_CHECK;

#endif

/* What OpenLDAP's slapd needs to hold realms for MIT's kldap, all of it in RUN/directory:
 *
 *   slapd.conf  kerberos.schema (MIT's, from Debian's package)  data/  ldapi
 *
 * ldapi, a unix socket, is its only door. There is no password: the kernel says who comes, and the user who
 * runs the lab is the directory's administrator; nobody else may do anything. Paths in slapd.conf are
 * relative to the folder, which slapd is started in. */
#ifndef SEVENSTEP_KDC_SLAPD_H
#define SEVENSTEP_KDC_SLAPD_H

#include "err.h"

#define SLAPD_FOLDER "directory"

/* Makes the folder with all of the above but the socket. ERR_PACKAGE_MISSING names the package. */
enum err slapd_prepare(const char *run, struct failure *f) MUST_CHECK;
/* Removes the data, so that slapd begins with an empty directory. It must not run. */
enum err slapd_forget(const char *run, struct failure *f) MUST_CHECK;

#endif

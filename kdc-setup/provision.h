/* From a lab to a realm: configuration files, database, principals, keytabs, all below RUN, as the lab file
 * says.
 *
 *   RUN/kdc/{kdc.conf,principal*,stash,complete,lock}   RUN/krb5.conf RUN/keytabs/{CONNECTOR,backend}.keytab
 *
 * It makes one KDC's side (lab_side). Those of one realm share all but their configuration files; the
 * partner's is in RUN/partner-kdc/, RUN/trust holds the secret of which both sides make the keys of their
 * trust, and backend.keytab gets the keys of both.
 *
 * Where somebody else's KDC has the seat (kdc.played_by: guest) it writes krb5.conf, and sees to it that the
 * keytabs are there, which that KDC's administrator brings.
 *
 * Idempotent: a second run changes what differs and nothing else; keys are kept, so that keytabs and tickets
 * stay good. A database that a crash left half made, or that belongs to another realm, is made anew. Runs
 * that overlap wait for each other. Needs no privileges. Not thread safe: MIT's libraries read their files'
 * places from the environment. */
#ifndef SEVENSTEP_PROVISION_H
#define SEVENSTEP_PROVISION_H

#include "lab.h"

struct provision_result {
  bool new_database;
  const char *why_new;                           /* static text; "" when there was none before */
  unsigned created, changed, unchanged, removed; /* principals */
  unsigned keytabs;                              /* written */
  int64_t duration_ns;
};

/* Sets KRB5_CONFIG and KRB5_KDC_PROFILE for this process and its children. Call before threads start. */
enum err provision_environment(const struct lab *lab, const char *run, struct failure *f) MUST_CHECK;

/* lab is a side when there is a partner. It must hold its
 * secrets (LAB_SECRETS); run is absolute. ERR_KDC_DATABASE, ERR_KDC_DIRECTORY, ERR_IO, ERR_CONFIG. */
enum err provision(const struct lab *lab, const char *run, struct provision_result *ret,
                   struct failure *f) MUST_CHECK;
/* The same while krb5kdc serves the realm: the database is changed in place, never made anew
 * (ERR_KDC_DATABASE when it is damaged). */
enum err provision_running(const struct lab *lab, const char *run, struct provision_result *ret,
                           struct failure *f) MUST_CHECK;

/* Gives the connector or application of this name new keys while krb5kdc serves; the old ones stay good
 * (rotate.h). text says what it did. ERR_NOT_FOUND when this realm has none of that name. */
enum err provision_rotate(const struct lab *lab, const char *run, const char *name, char *text, size_t size,
                          struct failure *f) MUST_CHECK;

#endif

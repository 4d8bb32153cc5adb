/* Which connectors there are, and which of their certificates are good: tokens that register them,
 * certificates issued, revocations, and when each was last seen. In memory, with every change that matters in
 * the store before it is told: a certificate works as long as its record says so, and no other does. Pure of
 * sockets; time comes from clock.h.
 *
 * Threads: all functions may be called by any. Those marked "disk" touch it: the loop lets a worker call. */
#ifndef SEVENSTEP_ROSTER_H
#define SEVENSTEP_ROSTER_H

#include "hello.h"
#include "lab.h"

#define ROSTER_ABSENT_S (10 * 86400) /* a connector that was not seen for so long is no longer listed */

struct roster;
/* folder: where the authority (connector-ca.crt, connector-ca.key) and the store (connectors.db) are, or are
 * made. lab must live as long. Disk. */
enum err roster_new(const struct lab *lab, const char *folder, struct roster **ret,
                    struct failure *f) MUST_CHECK;
void roster_free(struct roster *r); /* accepts NULL; disk */
/* From now on this lab is in force; takes a reference of its own. Who is in it no more, or in another group,
 * is not admitted any more. */
void roster_use(struct roster *r, const struct lab *lab);

/* A new token for a connector of the lab file: may be used once, within registration_token_lifetime, to
 * register this name in this group. group NULL: the connector's; another one is refused
 * (ERR_CONNECTOR_GROUP). Disk. */
enum err roster_token(struct roster *r, const char *name, const char *group, char ret[TOKEN_LEN + 1],
                      struct failure *f) MUST_CHECK;
/* Registers: checks token and request, uses the token up, appends the certificate (DER) to out. Certificates
 * that the connector had before are good no more. Each reason to refuse has an error of its own. Disk. */
enum err roster_register(struct roster *r, const struct hello *h, struct buf *out,
                         struct failure *f) MUST_CHECK;
/* Another certificate for the holder of this one, which is good until it ends, or the other one is renewed.
 * Disk. */
enum err roster_renew(struct roster *r, const struct certificate *old, const char *challenge,
                      const uint8_t *csr, size_t n, struct buf *out, struct failure *f) MUST_CHECK;
/* No certificate and no token that this connector has is good any more. Disk. */
enum err roster_revoke(struct roster *r, const char *name, struct failure *f) MUST_CHECK;

/* Is this certificate good now? ERR_CONNECTOR_TENANT, _UNKNOWN, _GROUP, _NOT_YET_VALID, _EXPIRED, _REVOKED,
 * _FORGOTTEN: the connector is not revoked, but there is no record that it was ever registered. */
enum err roster_admit(struct roster *r, const struct certificate *c, struct failure *f) MUST_CHECK;
/* The same of a certificate (DER) that came by another way than TLS: would this connector be admitted with
 * it? _FORGOTTEN, too, when it is none of this authority's for this name. */
enum err roster_check(struct roster *r, const char *name, const uint8_t *der, size_t n,
                      struct failure *f) MUST_CHECK;
/* The name of a connector that was admitted, at a place of its own that stays as long as the roster. NULL: no
 * memory. */
const char *roster_name(struct roster *r, const char *name);
/* How many connections of it take requests. */
unsigned roster_connections(struct roster *r, const char *name);
enum lab_balancing roster_balancing(struct roster *r, const char *group);
/* Is it old enough to be renewed? */
bool roster_is_old(struct roster *r, const struct certificate *c);

/* A connection of this connector takes requests; one does no more. */
void roster_came(struct roster *r, const struct certificate *c, const char *version, const char *from);
void roster_left(struct roster *r, const char *name);
/* Is there something to write of what came and left? Writes it (disk). */
bool roster_is_changed(struct roster *r);
enum err roster_save(struct roster *r) MUST_CHECK;

/* Appends {"connectors": [...]}: of each that is not absent too long its name, group, active or inactive,
 * version, address, connections, times. */
enum err roster_json(struct roster *r, struct buf *out) MUST_CHECK;

#endif

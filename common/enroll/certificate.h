/* What a connector's certificate says: who it is (common name), in which group (organizational unit), of
 * which tenant (organization), and when. Whether it was signed by the right authority is TLS's to check,
 * whether it is still wanted the roster's. Pure functions; library code: nothing is logged. */
#ifndef SEVENSTEP_CERTIFICATE_H
#define SEVENSTEP_CERTIFICATE_H

#include "buf.h"

#define CONNECTOR_NAME_MAX   63
#define CONNECTOR_TENANT_MAX 253
#define CERTIFICATE_MAX      8192 /* bytes, DER */

struct certificate {
  char name[CONNECTOR_NAME_MAX + 1], group[CONNECTOR_NAME_MAX + 1], tenant[CONNECTOR_TENANT_MAX + 1];
  char serial[41];         /* lower-case hex; RFC 5280 4.1.2.2: 20 octets at most */
  int64_t from_s, until_s; /* seconds since 1970: valid from <= now < until */
};

/* ERR_SYNTAX unless it is one certificate, and nothing behind it, whose subject has each of CN, OU and O
 * once. */
enum err certificate_read(const uint8_t *der, size_t n, struct certificate *ret,
                          struct failure *f) MUST_CHECK;
/* Writes the certificate as PEM behind out, if it was made for this private key (PEM) and this name; else
 * ERR_CONNECTOR_CERTIFICATE. */
enum err certificate_join(const uint8_t *der, size_t n, const struct buf *key, const char *name,
                          struct buf *out, struct failure *f) MUST_CHECK;

#endif

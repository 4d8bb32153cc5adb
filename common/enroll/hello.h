/* What cloud and connector say to each other on a tunnel besides requests. The cloud asks (it is the HTTP/2
 * client), on streams whose path begins with /.sevenstep/ and which name no application:
 *
 *   hello        who are you? The answer is JSON: name, group, tenant, version; of a connector that has no
 *                certificate yet also its registration token and a request for a certificate (base64).
 *   certificate  here is your certificate (CONTROL_DER, base64), which ends a registration or a renewal.
 *   renew        your certificate is old; make a request with the challenge in CONTROL_CHALLENGE. The answer
 *                is the request (DER).
 *   configuration  (PUT) what the connector serves, in its version CONTROL_VERSION; answered 204 when it can,
 *                else 422 with CONTROL_WHY.
 *   welcome      requests may come now.
 *   refused      requests will not come, and why: CONTROL_ERROR, CONTROL_WHY. The connection ends.
 *   purge        the user CONTROL_USER (a UPN) may do less than before, or nothing: forget his tickets.
 *
 * The parser is strict: unknown and repeated members, other types and values of other forms are refused. */
#ifndef SEVENSTEP_HELLO_H
#define SEVENSTEP_HELLO_H

#include "certificate.h"
#include "csr.h"

#define CONTROL_HELLO         "/.sevenstep/hello"
#define CONTROL_CERTIFICATE   "/.sevenstep/certificate"
#define CONTROL_RENEW         "/.sevenstep/renew"
#define CONTROL_CONFIGURATION "/.sevenstep/configuration"
#define CONTROL_WELCOME       "/.sevenstep/welcome"
#define CONTROL_REFUSED       "/.sevenstep/refused"
#define CONTROL_PURGE         "/.sevenstep/purge"
#define CONTROL_DER           "sevenstep-certificate"
#define CONTROL_CHALLENGE     "sevenstep-challenge"
#define CONTROL_ERROR         "sevenstep-error"
#define CONTROL_WHY           "sevenstep-why"
#define CONTROL_LEAVING       "sevenstep-leaving" /* behind a WebSocket's last byte: its connector stops */
#define CONTROL_USER          "sevenstep-user"
#define CONTROL_VERSION       "sevenstep-version" /* of the configuration */

#define HELLO_MAX 8192 /* bytes of JSON */
#define TOKEN_LEN 43   /* of a registration token: 256 random bits in base64url */

struct hello {
  char name[CONNECTOR_NAME_MAX + 1], group[CONNECTOR_NAME_MAX + 1], tenant[CONNECTOR_TENANT_MAX + 1],
      version[33];
  char token[TOKEN_LEN + 1]; /* "": it is registered */
  struct buf csr;            /* DER; empty without a token */
};

void hello_init(struct hello *h);
void hello_clear(struct hello *h); /* wipes */
enum err hello_write(const struct hello *h, struct buf *out) MUST_CHECK;
/* Fills h, which was initialised. ERR_SYNTAX. */
enum err hello_read(const char *text, size_t n, struct hello *h, struct failure *f) MUST_CHECK;

#endif

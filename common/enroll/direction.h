/* What the cloud tells a connector of a request besides the request: where step 3 directs it, for whom, and
 * whose it is, but for the user's name for the KDC where that is another (sevenstep-login). The field looks
 * like
 *
 *   sevenstep-direction: 3 app - - 192.0.2.1 1 alice@sevenstep.test
 *
 * version of the configuration, application, segment, label ("-": there is none), the user's address, minor
 * version of the HTTP/1 he spoke (2: HTTP/2), and as all of the rest his UPN, if he has one. Between one
 * user and one application nothing of it changes, so that HPACK makes a byte or two of it (RFC 7541 6.1). */
#ifndef SEVENSTEP_DIRECTION_H
#define SEVENSTEP_DIRECTION_H

#include "buf.h"

#define DIRECTION_FIELD "sevenstep-direction"
#define DIRECTION_MAX   2048 /* with the NUL */

/* Strings are NULL where there is nothing; app and client always are something. */
struct direction {
  unsigned version;                  /* of the configuration that the cloud began the request with; > 0 */
  const char *app, *segment, *label; /* and which of its places: of a complex application, of a wildcard */
  const char *client;                /* numeric; of this and the next, and of where the application is
                                        published, the connector makes the fields of forwarding */
  int http;                          /* 0 to 2 */
  const char *upn;
};

/* Words are names of the configuration, and an address: none has a space in it. ERR_TOO_LARGE. */
enum err direction_write(const struct direction *d, char out[static DIRECTION_MAX]) MUST_CHECK;
/* The strings of *ret are text's, which is cut up for it. ERR_SYNTAX: and *ret is void. */
enum err direction_read(char *text, struct direction *ret) MUST_CHECK;

#endif

/* Kerberos messages as they were sent (RFC 4120, RFC 6113, MS-SFU, and the tokens of RFC 4121 and RFC 4178
 * around them), as JSON for people and scripts: requests, padata, replies, errors, tickets and their PACs.
 *
 * What is encrypted is decrypted as far as there are keys: those of keytabs, and the session keys that come
 * to light on the way. So exchanges are to be given in the order in which they were had. Without the key a
 * part says "not_decrypted" and why. Of what is decrypted everything is shown, keys too: who has the keytabs
 * has them anyway.
 *
 * Trusts no byte: what is malformed is said to be so, and what stood before it is told. Checks no times,
 * replays or policies. Does no I/O but reading keytabs and krb5.conf. Not thread safe. */
#ifndef SEVENSTEP_WIRE_H
#define SEVENSTEP_WIRE_H

#include "err.h"

#include <jansson.h>
#include <stddef.h>

struct wire;
/* Without keys. */
enum err wire_new(struct wire **ret, struct failure *f) MUST_CHECK;
void wire_free(struct wire *w); /* accepts NULL; wipes the keys */
/* Adds the keys of the keytab at path. ERR_IO. */
enum err wire_add_keys(struct wire *w, const char *path, struct failure *f) MUST_CHECK;

/* What was sent and what came back; either may be empty. A new object, its members in docs/trace.md: "kind"
 * and "what" tell what the exchange was for, "request" and "reply" are the messages, null where there was
 * none. NULL: no memory. */
json_t *wire_decode(struct wire *w, const void *sent, size_t sent_len, const void *received,
                    size_t received_len);

#endif

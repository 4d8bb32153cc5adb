/* HTTP/2 at the front (RFC 9113): the exchanges of one user's connection, each on a stream of its own. The
 * session is the tunnel's, in its role for users; here is what joins it to a connection below and to
 * exchanges above. All on the loop's thread. */
#ifndef SEVENSTEP_H2_H
#define SEVENSTEP_H2_H

#include "exchange.h"

struct h2;
/* On a connection whose ALPN is h2. NULL: no memory. */
struct h2 *h2_new(struct cloud *c, struct stream *s);
/* The connection is gone: every exchange's user has left. Accepts NULL. */
void h2_free(struct h2 *h);
void h2_data(struct h2 *h, const uint8_t *data, size_t n);
void h2_drain(struct h2 *h);
/* What it has to send, once a turn of the loop: here, and in h2_data() and h2_free(), exchanges hear that
 * they have ended, and never from inside a call of their own. */
void h2_fill(struct h2 *h);
/* Once a second: deadlines. */
void h2_check(struct h2 *h, int64_t now_ns);
/* No new requests; those under way go on. */
void h2_shutdown(struct h2 *h);

#endif

/* Who a connector is to the cloud: its key and certificate in RUN/connectors/NAME.pem, and before it has them
 * the registration token in RUN/connectors/NAME.token, which an administrator puts there. The key is made
 * here and never leaves. A token takes precedence: it is there because the connector is to register anew.
 * Loop's thread, but for identity_store(). */
#ifndef SEVENSTEP_IDENTITY_H
#define SEVENSTEP_IDENTITY_H

#include "actor.h"
#include "buf.h"
#include "tls.h"

struct identity;
/* ERR_CONNECTOR_UNREGISTERED when there is neither a certificate nor a token. */
enum err identity_new(const struct actor *actor, const struct lab_connector *me, struct identity **ret,
                      struct failure *f) MUST_CHECK;
void identity_free(struct identity *i); /* wipes; accepts NULL */

/* A context to dial the cloud with, read from disk anew. *ret_registers: without a certificate, to register.
 */
enum err identity_tls(struct identity *i, struct tls_ctx **ret, bool *ret_registers,
                      struct failure *f) MUST_CHECK;
/* Would that succeed? */
enum err identity_check(struct identity *i, struct failure *f) MUST_CHECK;
/* Appends what the connector answers to hello: with token and request when it registers. */
enum err identity_hello(struct identity *i, bool registers, struct buf *out, struct failure *f) MUST_CHECK;
/* Appends a request for a new certificate in the place of the one in use. */
enum err identity_renew(struct identity *i, const char *challenge, struct buf *out,
                        struct failure *f) MUST_CHECK;

/* The certificate that came: must be for the key that was made last. From then on identity_store() is to be
 * called. */
enum err identity_accept(struct identity *i, const uint8_t *der, size_t n, struct failure *f) MUST_CHECK;
/* Writes it in the place of the one before; a token that it was got with is removed. For a worker: nothing
 * else of this identity is called meanwhile but identity_tls() and identity_hello(..., false). */
enum err identity_store(struct identity *i, struct failure *f) MUST_CHECK;

#endif

/* One token verified by GSSAPI, whole. Private to this library. */
#ifndef SEVENSTEP_GSS_VERIFY_H
#define SEVENSTEP_GSS_VERIFY_H

#include "krb_accept.h"

struct gss_acceptor; /* a credential; one thread at a time */
/* keytab: a name for krb5_kt_resolve. An unnamed credential: its messages tell more, and every service in the
 * keytab is served. */
enum err gss_acceptor_new(const char *keytab, struct gss_acceptor **ret, struct failure *f) MUST_CHECK;
void gss_acceptor_free(struct gss_acceptor *g); /* accepts NULL */

/* Fills context flags, channel and delegation of *info, as the ticket itself tells the rest: each question
 * to GSSAPI costs it a krb5_context of its own. Appends the reply token's bytes, if any. */
enum err gss_acceptor_verify(struct gss_acceptor *g, const struct krb_channel *channel, const void *token,
                             size_t n, struct buf *reply, struct krb_accepted *info,
                             struct failure *f) MUST_CHECK;

/* Names of GSS_C_*_FLAG bits, comma separated. */
void gss_acceptor_flags_text(unsigned flags, char *out, size_t size);

#endif

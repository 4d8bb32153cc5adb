/* An authenticator of a known ticket: verified and answered without GSSAPI. Private to this library. */
#ifndef SEVENSTEP_AUTHENTICATOR_H
#define SEVENSTEP_AUTHENTICATOR_H

#include "known.h"

struct authenticator {
  int64_t ctime;
  uint32_t cusec;
  uint32_t gss_flags;          /* RFC 4121 4.1.1.1 */
  uint8_t bnd[SPNEGO_BND_LEN]; /* channel bindings; zeros: none */
  bool plain;                  /* nothing in it asks for more than this library does */
};
enum { CLOCK_SKEW_S = 300 };

/* Decrypts it and compares its client with the ticket's. False: it is not right, or not understood. */
bool authenticator_read(struct known_ticket *t, const struct spnego_request *request,
                        struct authenticator *ret);
bool authenticator_is_bound(const struct authenticator *a);
/* May it have come by this channel? NULL: by any. */
bool authenticator_fits(const struct authenticator *a, const struct krb_channel *c);
/* Are authenticator and ticket valid now? */
bool authenticator_is_timely(const struct known_ticket *t, const struct authenticator *a, int64_t now_s);
/* Appends the answer's bytes (RFC 4120 5.5.2). */
enum err authenticator_answer(struct known_ticket *t, const struct spnego_request *request,
                              const struct authenticator *a, struct buf *reply) MUST_CHECK;

#endif

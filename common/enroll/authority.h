/* The authority that signs connectors' certificates. Its key stays in the cloud's own folder and this
 * process. May be used by many threads at once. Library code: nothing is logged. */
#ifndef SEVENSTEP_AUTHORITY_H
#define SEVENSTEP_AUTHORITY_H

#include "certificate.h"

struct authority;
/* key_path: PEM, 0600. Both files are made when there is no key yet (P-256, valid for ten years). */
enum err authority_open(const char *certificate_path, const char *key_path, struct authority **ret,
                        struct failure *f) MUST_CHECK;
void authority_free(struct authority *a); /* accepts NULL */

/* Signs a request (csr_check) for subject's name, group and tenant, valid for subject's times. Fills
 * subject's serial, a random one, and appends the certificate (DER) to out. */
enum err authority_sign(struct authority *a, const uint8_t *csr, size_t n, const char *challenge,
                        struct certificate *subject, struct buf *out, struct failure *f) MUST_CHECK;
/* Is this certificate (DER) signed by it? */
bool authority_has_signed(const struct authority *a, const uint8_t *der, size_t n);

#endif

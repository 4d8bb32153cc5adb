/* Certificate signing requests (PKCS #10, RFC 2986): a connector makes its key and asks; the cloud checks.
 * The challenge (RFC 2985 5.4.1) binds a request to one exchange: the registration token it is sent with, or
 * the cloud's own nonce when a certificate is renewed. A request that somebody else has seen is of no use to
 * him. Pure functions; library code: nothing is logged. */
#ifndef SEVENSTEP_CSR_H
#define SEVENSTEP_CSR_H

#include "buf.h"

#define CSR_MAX       4096 /* bytes, DER: an RSA key of 4096 bit needs 1200 */
#define CSR_KEY_MAX   4096 /* bytes, PEM */
#define CHALLENGE_LEN 43

/* The challenge that goes with a registration token; who reads the request does not learn the token. */
enum err csr_challenge(const char *token, char ret[CHALLENGE_LEN + 1]) MUST_CHECK;

/* A fresh P-256 key (PKCS #8, PEM, appended to key, which the caller wipes) and a request for it (DER,
 * appended to csr) with the common name `name`. */
enum err csr_new(const char *name, const char *challenge, struct buf *key, struct buf *csr,
                 struct failure *f) MUST_CHECK;

struct X509_req_st;
/* The request, if its sender holds the private key (its signature), it names `name` alone, carries this
 * challenge, and its key is P-256 or RSA of 2048 to 4096 bit. ERR_REGISTRATION_REQUEST;
 * ERR_REGISTRATION_POSSESSION when the signature or the challenge is wrong. ret is freed by X509_REQ_free().
 */
enum err csr_check(const uint8_t *der, size_t n, const char *name, const char *challenge,
                   struct X509_req_st **ret, struct failure *f) MUST_CHECK;

#endif

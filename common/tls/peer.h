/* Who is at the other end: what is checked of its certificate, and in plain words what is wrong with it.
 * Private to this folder. */
#ifndef SEVENSTEP_TLS_PEER_H
#define SEVENSTEP_TLS_PEER_H

#include <openssl/ssl.h>

enum { PEER_WHY_MAX = 240 };

/* For SSL_CTX_set_verify(): writes what is wrong to the connection's SSL_get_app_data(), char[PEER_WHY_MAX].
 */
int peer_on_verify(int ok, X509_STORE_CTX *store);
/* Client: the name to require in the certificate (RFC 9525 6.3: never the common name) and, unless it is an
 * address, to send (RFC 6066 3). 1 or 0 as OpenSSL's. */
int peer_expect(SSL *ssl, const char *name);

#endif

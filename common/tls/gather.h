/* Where OpenSSL writes to: gathers TLS records and sends them by one call where OpenSSL would call the kernel
 * for each, which costs more than a record's encryption. Non-blocking. Private to this folder. */
#ifndef SEVENSTEP_TLS_GATHER_H
#define SEVENSTEP_TLS_GATHER_H

#include <openssl/bio.h>

/* A sink for SSL_set0_wbio(); the socket stays the caller's. BIO_flush() sends what is there: 1 when all has
 * left, else BIO_should_retry() tells whether the socket was full or the connection is lost. NULL: no memory.
 */
BIO *gather_new(int fd);

#endif

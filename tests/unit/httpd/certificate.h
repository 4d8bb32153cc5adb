/* A key and a self-signed certificate for localhost, made for a test. */
#ifndef SEVENSTEP_TEST_CERTIFICATE_H
#define SEVENSTEP_TEST_CERTIFICATE_H

/* Writes both as PEM; fails the test when it cannot. */
void certificate_make(const char *cert_path, const char *key_path);

#endif

#include "certificate.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

void certificate_make(const char *cert_path, const char *key_path)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  ck_assert(key && cert);
  X509_NAME *name = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
  X509_set_issuer_name(cert, name);
  X509_set_version(cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, key);
  ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
  FILE *c = fopen(cert_path, "w"), *k = fopen(key_path, "w");
  ck_assert(c && k);
  ck_assert_int_eq(PEM_write_X509(c, cert), 1);
  ck_assert_int_eq(PEM_write_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL), 1);
  fclose(c);
  fclose(k);
  X509_free(cert);
  EVP_PKEY_free(key);
}

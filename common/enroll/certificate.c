#include "certificate.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The one value of this kind in the subject. A NUL inside must not pass for the end. */
static bool read_part(const X509_NAME *subject, int nid, char *out, size_t max)
{
  int at = X509_NAME_get_index_by_NID(subject, nid, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, nid, at) >= 0) return false;
  unsigned char *text = NULL;
  int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  bool ok = n > 0 && (size_t)n < max && !memchr(text, 0, (size_t)n);
  if (ok) {
    memcpy(out, text, (size_t)n);
    out[n] = 0;
  }
  OPENSSL_free(text);
  return ok;
}

static bool read_time(const ASN1_TIME *at, int64_t *ret)
{
  struct tm tm;
  if (ASN1_TIME_to_tm(at, &tm) != 1) return false;
  *ret = timegm(&tm);
  return true;
}

static bool read_serial(X509 *x, char out[static 41])
{
  BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
  unsigned char raw[20];
  int n = bn && !BN_is_negative(bn) ? BN_num_bytes(bn) : -1;
  bool ok = n > 0 && n <= (int)sizeof raw;
  if (ok) {
    BN_bn2bin(bn, raw);
    for (int i = 0; i < n; i++) {
      static const char digits[] = "0123456789abcdef";
      out[2 * i] = digits[raw[i] >> 4];
      out[2 * i + 1] = digits[raw[i] & 15];
    }
    out[2 * n] = 0;
  }
  BN_free(bn);
  return ok;
}

static X509 *decode(const uint8_t *der, size_t n)
{
  const unsigned char *at = der;
  if (n == 0 || n > CERTIFICATE_MAX) return NULL;
  X509 *x = d2i_X509(NULL, &at, (long)n);
  if (x && at != der + n) {
    X509_free(x);
    x = NULL;
  }
  ERR_clear_error();
  return x;
}

enum err certificate_read(const uint8_t *der, size_t n, struct certificate *ret, struct failure *f)
{
  struct certificate c = {0};
  X509 *x = decode(der, n);
  if (!x) return failure_set(f, ERR_SYNTAX, "%zu bytes that are no certificate", n);
  const X509_NAME *subject = X509_get_subject_name(x);
  bool ok = read_part(subject, NID_commonName, c.name, sizeof c.name) &&
            read_part(subject, NID_organizationalUnitName, c.group, sizeof c.group) &&
            read_part(subject, NID_organizationName, c.tenant, sizeof c.tenant) && read_serial(x, c.serial) &&
            read_time(X509_get0_notBefore(x), &c.from_s) && read_time(X509_get0_notAfter(x), &c.until_s);
  X509_free(x);
  ERR_clear_error();
  if (!ok)
    return failure_set(f, ERR_SYNTAX, "the certificate does not name connector, group and tenant, each once");
  *ret = c;
  return ERR_OK;
}

static EVP_PKEY *decode_key(const struct buf *pem)
{
  BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
  EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
  BIO_free(bio);
  return key;
}

static enum err append_pem(X509 *x, struct buf *out)
{
  BIO *bio = BIO_new(BIO_s_mem());
  char *text = NULL;
  long n = bio && PEM_write_bio_X509(bio, x) ? BIO_get_mem_data(bio, &text) : 0;
  enum err e = n > 0 ? buf_append(out, text, (size_t)n) : ERR_NOMEM;
  BIO_free(bio);
  return e;
}

enum err certificate_join(const uint8_t *der, size_t n, const struct buf *key, const char *name,
                          struct buf *out, struct failure *f)
{
  struct certificate c;
  enum err e = certificate_read(der, n, &c, f);
  if (e) return failure_set(f, ERR_CONNECTOR_CERTIFICATE, "%s", f->why);
  if (strcmp(c.name, name) != 0)
    return failure_set(f, ERR_CONNECTOR_CERTIFICATE, "it is for %s, not for %s", c.name, name);
  X509 *x = decode(der, n);
  EVP_PKEY *pkey = decode_key(key);
  if (!x || !pkey || X509_check_private_key(x, pkey) != 1)
    e = failure_set(f, ERR_CONNECTOR_CERTIFICATE, "it is not for the key that was asked for");
  else if (append_pem(x, out))
    e = failure_set(f, ERR_NOMEM, "no memory");
  EVP_PKEY_free(pkey);
  X509_free(x);
  ERR_clear_error();
  return e;
}

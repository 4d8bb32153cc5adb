#include "authority.h"

#include "clock.h"
#include "csr.h"
#include "secret_file.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_MAX = 16384, SERIAL_LEN = 16 };
#define LIFETIME_S (3650LL * 86400)

struct authority {
  X509 *certificate;
  EVP_PKEY *key;
};

static enum err openssl_failure(struct failure *f, const char *doing)
{
  const char *why = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return failure_set(f, ERR_INTERNAL, "%s: %s", doing, why ? why : "no reason given");
}

/* Random, positive, and never zero (RFC 5280 4.1.2.2). */
static bool set_serial(X509 *x)
{
  uint8_t raw[SERIAL_LEN];
  random_bytes(raw, sizeof raw);
  raw[0] = (uint8_t)((raw[0] & 0x7f) | 0x40);
  BIGNUM *bn = BN_bin2bn(raw, sizeof raw, NULL);
  bool ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
  BN_free(bn);
  return ok;
}

static bool add_name(X509_NAME *name, int nid, const char *text)
{
  return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
  X509V3_CTX ctx;
  X509V3_set_ctx_nodb(&ctx);
  X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
  X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
  bool ok = e && X509_add_ext(x, e, -1);
  X509_EXTENSION_free(e);
  return ok;
}

struct extension {
  int nid;
  const char *value;
};
static const struct extension of_authority[] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                                {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                                {NID_subject_key_identifier, "hash"},
                                                {0, NULL}};
static const struct extension of_connector[] = {{NID_basic_constraints, "critical,CA:FALSE"},
                                                {NID_key_usage, "critical,digitalSignature"},
                                                {NID_ext_key_usage, "clientAuth"},
                                                {NID_subject_key_identifier, "hash"},
                                                {NID_authority_key_identifier, "keyid"},
                                                {0, NULL}};

/* issuer NULL: it signs itself. */
static bool complete(X509 *x, X509 *issuer, EVP_PKEY *subject_key, EVP_PKEY *issuer_key, int64_t from_s,
                     int64_t until_s, const struct extension *extensions)
{
  bool ok = X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
            ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from_s) &&
            ASN1_TIME_set(X509_getm_notAfter(x), (time_t)until_s) &&
            X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x)) &&
            X509_set_pubkey(x, subject_key);
  for (; ok && extensions->value; extensions++)
    ok = add_extension(x, issuer ? issuer : x, extensions->nid, extensions->value);
  return ok && X509_sign(x, issuer_key, EVP_sha256()) > 0;
}

/* -- the authority's own key and certificate ------------------------------------------------------------- */

static enum err write_pem(const char *path, X509 *x, EVP_PKEY *key, struct failure *f)
{
  BIO *bio = BIO_new(BIO_s_secmem());
  char *text = NULL;
  bool ok = bio && (x ? PEM_write_bio_X509(bio, x)
                      : PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) == 1;
  long n = ok ? BIO_get_mem_data(bio, &text) : 0;
  enum err e = n > 0 ? secret_file_write(path, text, (size_t)n, f) : openssl_failure(f, path);
  BIO_free(bio);
  return e;
}

static enum err make(struct authority *a, const char *certificate_path, const char *key_path,
                     struct failure *f)
{
  int64_t now = clock_wall_s();
  a->key = EVP_EC_gen("P-256");
  a->certificate = X509_new();
  if (!a->key || !a->certificate ||
      !add_name(X509_get_subject_name(a->certificate), NID_organizationName, "Sevenstep lab") ||
      !add_name(X509_get_subject_name(a->certificate), NID_commonName, "Sevenstep connector CA") ||
      !complete(a->certificate, NULL, a->key, a->key, now, now + LIFETIME_S, of_authority))
    return openssl_failure(f, "making the connectors' authority");
  /* The key last: as long as it is not there, both are made anew. */
  enum err e = write_pem(certificate_path, a->certificate, NULL, f);
  return e ? e : write_pem(key_path, NULL, a->key, f);
}

static enum err read_pem(const char *path, bool is_key, struct authority *a, struct failure *f)
{
  struct buf text;
  buf_init(&text, PEM_MAX);
  enum err e = secret_file_read(path, &text, f);
  if (!e) {
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    if (bio && is_key)
      a->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    else if (bio)
      a->certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (is_key ? !a->key : !a->certificate) e = openssl_failure(f, path);
  }
  buf_wipe(&text);
  return e;
}

enum err authority_open(const char *certificate_path, const char *key_path, struct authority **ret,
                        struct failure *f)
{
  struct authority *a = calloc(1, sizeof *a);
  if (!a) return failure_set(f, ERR_NOMEM, "no memory");
  enum err e = read_pem(key_path, true, a, f);
  if (e == ERR_NOT_FOUND)
    e = make(a, certificate_path, key_path, f);
  else if (!e)
    e = read_pem(certificate_path, false, a, f);
  if (!e && X509_check_private_key(a->certificate, a->key) != 1)
    e = failure_set(f, ERR_IO, "%s does not belong to %s: remove both, and register all connectors anew",
                    key_path, certificate_path);
  ERR_clear_error();
  if (e)
    authority_free(a);
  else
    *ret = a;
  return e;
}

void authority_free(struct authority *a)
{
  if (!a) return;
  X509_free(a->certificate);
  EVP_PKEY_free(a->key); /* OpenSSL wipes it */
  free(a);
}

/* -- signing --------------------------------------------------------------------------------------------- */

static enum err append_der(X509 *x, struct buf *out, struct certificate *subject, struct failure *f)
{
  unsigned char *der = NULL;
  int n = i2d_X509(x, &der);
  struct certificate made;
  enum err e =
      n > 0 ? certificate_read(der, (size_t)n, &made, f) : openssl_failure(f, "encoding a certificate");
  if (!e && buf_append(out, der, (size_t)n)) e = failure_set(f, ERR_NOMEM, "no memory");
  if (!e) *subject = made;
  OPENSSL_free(der);
  return e;
}

enum err authority_sign(struct authority *a, const uint8_t *csr, size_t n, const char *challenge,
                        struct certificate *subject, struct buf *out, struct failure *f)
{
  X509_REQ *q;
  enum err e = csr_check(csr, n, subject->name, challenge, &q, f);
  if (e) return e;
  X509 *x = X509_new();
  if (x && add_name(X509_get_subject_name(x), NID_organizationName, subject->tenant) &&
      add_name(X509_get_subject_name(x), NID_organizationalUnitName, subject->group) &&
      add_name(X509_get_subject_name(x), NID_commonName, subject->name) &&
      complete(x, a->certificate, X509_REQ_get0_pubkey(q), a->key, subject->from_s, subject->until_s,
               of_connector))
    e = append_der(x, out, subject, f);
  else
    e = openssl_failure(f, "signing a certificate");
  X509_free(x);
  X509_REQ_free(q);
  return e;
}

bool authority_has_signed(const struct authority *a, const uint8_t *der, size_t n)
{
  X509 *x = d2i_X509(NULL, &der, (long)n);
  bool ok = x && X509_verify(x, a->key) == 1;
  X509_free(x);
  ERR_clear_error();
  return ok;
}

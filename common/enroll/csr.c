#include "csr.h"

#include "encode.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

enum { RSA_MIN_BITS = 2048, RSA_MAX_BITS = 4096 };

enum err csr_challenge(const char *token, char ret[CHALLENGE_LEN + 1])
{
  static const char purpose[] = "sevenstep connector registration ";
  uint8_t hash[32];
  struct buf text, out;
  buf_init(&text, 512);
  buf_init(&out, CHALLENGE_LEN + 1);
  enum err e = buf_printf(&text, "%s%s", purpose, token);
  if (!e && !EVP_Q_digest(NULL, "SHA256", NULL, text.data, text.len, hash, NULL)) e = ERR_INTERNAL;
  if (!e) e = base64url_encode(&out, hash, sizeof hash);
  if (!e) memcpy(ret, buf_str(&out), CHALLENGE_LEN + 1);
  buf_wipe(&text);
  buf_clear(&out);
  return e;
}

/* -- making ---------------------------------------------------------------------------------------------- */

static bool append_key(EVP_PKEY *pkey, struct buf *out)
{
  BIO *bio = BIO_new(BIO_s_secmem());
  char *text = NULL;
  long n = bio && PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
               ? BIO_get_mem_data(bio, &text)
               : 0;
  bool ok = n > 0 && buf_append(out, text, (size_t)n) == ERR_OK;
  BIO_free(bio);
  return ok;
}

static bool append_request(X509_REQ *q, struct buf *out)
{
  unsigned char *der = NULL;
  int n = i2d_X509_REQ(q, &der);
  bool ok = n > 0 && buf_append(out, der, (size_t)n) == ERR_OK;
  OPENSSL_free(der);
  return ok;
}

static bool fill(X509_REQ *q, EVP_PKEY *pkey, const char *name, const char *challenge)
{
  X509_NAME *subject = X509_NAME_new();
  bool ok = subject &&
            X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)name,
                                       -1, -1, 0) &&
            X509_REQ_set_subject_name(q, subject) && X509_REQ_set_pubkey(q, pkey) &&
            X509_REQ_add1_attr_by_NID(q, NID_pkcs9_challengePassword, MBSTRING_ASC,
                                      (const unsigned char *)challenge, (int)strlen(challenge)) &&
            X509_REQ_sign(q, pkey, EVP_sha256()) > 0;
  X509_NAME_free(subject);
  return ok;
}

enum err csr_new(const char *name, const char *challenge, struct buf *key, struct buf *csr, struct failure *f)
{
  EVP_PKEY *pkey = EVP_EC_gen("P-256");
  X509_REQ *q = X509_REQ_new();
  bool ok = pkey && q && fill(q, pkey, name, challenge) && append_key(pkey, key) && append_request(q, csr);
  EVP_PKEY_free(pkey);
  X509_REQ_free(q);
  if (ok) return ERR_OK;
  const char *why = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return failure_set(f, ERR_INTERNAL, "a key and a request for it: %s", why ? why : "no memory");
}

/* -- checking -------------------------------------------------------------------------------------------- */

static bool is_good_key(const EVP_PKEY *pkey)
{
  char group[32] = "";
  int bits = EVP_PKEY_get_bits(pkey);
  if (EVP_PKEY_is_a(pkey, "RSA")) return bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS;
  return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) == 1 &&
         strcmp(group, "prime256v1") == 0;
}

static bool is_good_digest(const X509_REQ *q)
{
  int digest = NID_undef;
  return OBJ_find_sigid_algs(X509_REQ_get_signature_nid(q), &digest, NULL) == 1 &&
         (digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512);
}

static bool names_alone(const X509_REQ *q, const char *name)
{
  X509_NAME *subject = X509_REQ_get_subject_name(q);
  if (X509_NAME_entry_count(subject) != 1) return false;
  X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, 0);
  if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName) return false;
  unsigned char *text = NULL;
  int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
  bool same = n >= 0 && (size_t)n == strlen(name) && memcmp(text, name, (size_t)n) == 0;
  OPENSSL_free(text);
  return same;
}

static bool carries(const X509_REQ *q, const char *challenge)
{
  int at = X509_REQ_get_attr_by_NID(q, NID_pkcs9_challengePassword, -1);
  if (at < 0 || X509_REQ_get_attr_by_NID(q, NID_pkcs9_challengePassword, at) >= 0) return false;
  X509_ATTRIBUTE *attr = X509_REQ_get_attr(q, at);
  const ASN1_TYPE *value = X509_ATTRIBUTE_count(attr) == 1 ? X509_ATTRIBUTE_get0_type(attr, 0) : NULL;
  if (!value || (value->type != V_ASN1_PRINTABLESTRING && value->type != V_ASN1_UTF8STRING &&
                 value->type != V_ASN1_T61STRING && value->type != V_ASN1_IA5STRING))
    return false;
  const ASN1_STRING *text = value->value.asn1_string;
  return constant_time_equal(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text), challenge,
                             strlen(challenge));
}

static enum err check(X509_REQ *q, const char *name, const char *challenge, struct failure *f)
{
  EVP_PKEY *pkey = X509_REQ_get0_pubkey(q);
  if (!pkey || !is_good_key(pkey))
    return failure_set(f, ERR_REGISTRATION_REQUEST, "its key is neither P-256 nor RSA of %d to %d bit",
                       RSA_MIN_BITS, RSA_MAX_BITS);
  if (!is_good_digest(q))
    return failure_set(f, ERR_REGISTRATION_REQUEST, "it is not signed with SHA-256, SHA-384 or SHA-512");
  if (!names_alone(q, name))
    return failure_set(f, ERR_REGISTRATION_REQUEST, "its subject is not CN=%s alone", name);
  if (X509_REQ_verify(q, pkey) != 1)
    return failure_set(f, ERR_REGISTRATION_POSSESSION, "its signature is not that of its own key");
  if (!carries(q, challenge))
    return failure_set(f, ERR_REGISTRATION_POSSESSION, "it was made for another exchange than this one");
  return ERR_OK;
}

enum err csr_check(const uint8_t *der, size_t n, const char *name, const char *challenge, X509_REQ **ret,
                   struct failure *f)
{
  const unsigned char *at = der;
  if (n > CSR_MAX)
    return failure_set(f, ERR_REGISTRATION_REQUEST, "%zu bytes; at most %d are taken", n, CSR_MAX);
  X509_REQ *q = n ? d2i_X509_REQ(NULL, &at, (long)n) : NULL;
  enum err e = q && at == der + n ? check(q, name, challenge, f)
                                  : failure_set(f, ERR_REGISTRATION_REQUEST, "it is not PKCS #10");
  ERR_clear_error();
  if (e)
    X509_REQ_free(q);
  else
    *ret = q;
  return e;
}

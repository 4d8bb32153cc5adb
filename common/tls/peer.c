#include "peer.h"

#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SHOWN = 128 };

static void time_text(const ASN1_TIME *at, char out[32])
{
  struct tm tm;
  if (!at || ASN1_TIME_to_tm(at, &tm) != 1 || strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
    snprintf(out, 32, "an unknown time");
}

/* The DNS names of a certificate, as many as fit. */
static void names_text(const X509 *cert, char out[SHOWN])
{
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  size_t used = 0;
  snprintf(out, SHOWN, "no name");
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS || used >= SHOWN - 1) continue;
    int n =
        snprintf(out + used, SHOWN - used, "%s%.*s", used ? ", " : "", ASN1_STRING_length(name->d.dNSName),
                 (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    used += n > 0 ? (size_t)n : 0;
  }
  GENERAL_NAMES_free(names);
}

static void issuer_text(const X509 *cert, char out[SHOWN])
{
  if (X509_NAME_get_text_by_NID(X509_get_issuer_name(cert), NID_commonName, out, SHOWN) < 0)
    snprintf(out, SHOWN, "without a name");
}

static void describe(X509_STORE_CTX *store, const SSL *ssl, char *why)
{
  char text[SHOWN], when[32];
  const X509 *cert = X509_STORE_CTX_get_current_cert(store), *leaf = X509_STORE_CTX_get0_cert(store);
  int code = X509_STORE_CTX_get_error(store);
  const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!cert) cert = leaf;
  switch (cert ? code : X509_V_ERR_UNSPECIFIED) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    time_text(X509_get0_notAfter(cert), when);
    snprintf(why, PEER_WHY_MAX, "it expired on %s", when);
    break;
  case X509_V_ERR_CERT_NOT_YET_VALID:
    time_text(X509_get0_notBefore(cert), when);
    snprintf(why, PEER_WHY_MAX, "it is not valid before %s", when);
    break;
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    names_text(leaf, text);
    snprintf(why, PEER_WHY_MAX, "it is for %s, not for %.80s", text, asked ? asked : "this address");
    break;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    issuer_text(cert, text);
    snprintf(why, PEER_WHY_MAX, "it comes from an authority that is not trusted here: %s", text);
    break;
  default:
    snprintf(why, PEER_WHY_MAX, "%s", X509_verify_cert_error_string(code));
  }
}

int peer_on_verify(int ok, X509_STORE_CTX *store)
{
  const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  char *why = ssl ? SSL_get_app_data(ssl) : NULL;
  if (!ok && why) describe(store, ssl, why);
  return ok;
}

/* OpenSSL's macro for it casts const away, which clang refuses. */
static long set_sni(SSL *ssl, const char *name)
{
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name);
}

int peer_expect(SSL *ssl, const char *name)
{
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1) return 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return set_sni(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

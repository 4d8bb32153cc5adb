#include "tls.h"

#include "gather.h"
#include "peer.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct tls_ctx {
  SSL_CTX *ssl_ctx;
  unsigned char alpn[64]; /* in wire form: length and name of each */
  unsigned alpn_len;
  bool resumes;         /* a client's: its next connection goes on with the last one's session */
  SSL_SESSION *session; /* or NULL */
};

/* What one read(2) may bring: several records of a tunnel or an upload. */
#define READ_BUFFER (64 * 1024 + 512)

struct tls {
  SSL *ssl;
  char peer_why[PEER_WHY_MAX]; /* what is wrong with its certificate */
  char protocol[16];
};

static const char TLS12_SUITES[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                   "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char TLS13_SUITES[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* Before a call whose outcome SSL_get_error() tells. Clearing takes a microsecond's third, looking does not. */
static void forget_errors(void)
{
  if (ERR_peek_error()) ERR_clear_error();
}

/* OpenSSL's queue of reasons, oldest first: the oldest names the cause. */
static enum err openssl_failure(struct failure *f, const char *doing)
{
  unsigned long code = ERR_get_error();
  char text[200];
  ERR_error_string_n(code, text, sizeof text);
  const char *reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return failure_set(f, ERR_TLS, "%s: %s", doing, reason ? reason : code ? text : "no reason given");
}

static enum err load_identity(SSL_CTX *c, const char *cert, const char *key, struct failure *f)
{
  if (SSL_CTX_use_certificate_chain_file(c, cert) != 1) return openssl_failure(f, cert);
  if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1) return openssl_failure(f, key);
  if (SSL_CTX_check_private_key(c) != 1)
    return failure_set(f, ERR_TLS, "%s does not belong to %s", key, cert);
  return ERR_OK;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                       unsigned in_len, void *arg)
{
  (void)ssl;
  const struct tls_ctx *c = arg;
  unsigned char *chosen;
  if (SSL_select_next_proto(&chosen, out_len, c->alpn, c->alpn_len, in, in_len) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/* What OpenSSL does not take would leave its defaults in force. */
static enum err restrict_versions_and_suites(SSL_CTX *c, struct failure *f)
{
  if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(c, TLS12_SUITES) != 1 || SSL_CTX_set_ciphersuites(c, TLS13_SUITES) != 1)
    return openssl_failure(f, "versions and suites");
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                             SSL_OP_PRIORITIZE_CHACHA);
  return ERR_OK;
}

static enum err ctx_new(const SSL_METHOD *method, const char *alpn, struct tls_ctx **ret, struct failure *f)
{
  struct tls_ctx *c = calloc(1, sizeof *c);
  if (!c) return ERR_NOMEM;
  c->ssl_ctx = SSL_CTX_new(method);
  if (!c->ssl_ctx) {
    free(c);
    return openssl_failure(f, "SSL_CTX_new");
  }
  enum err e = restrict_versions_and_suites(c->ssl_ctx, f);
  if (e) {
    tls_ctx_free(c);
    return e;
  }
  SSL_CTX_set_mode(c->ssl_ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(c->ssl_ctx, 1);
  SSL_CTX_set_default_read_buffer_len(c->ssl_ctx, READ_BUFFER);
  if (alpn) {
    size_t n = strlen(alpn);
    if (n >= sizeof c->alpn) abort();
    c->alpn_len = (unsigned)n + 1;
    for (const char *at = alpn; *at;) { /* where a comma was comes the next length */
      size_t length = strcspn(at, ",");
      c->alpn[at - alpn] = (unsigned char)length;
      memcpy(c->alpn + (at - alpn) + 1, at, length);
      at += length + (at[length] == ',');
    }
  }
  *ret = c;
  return ERR_OK;
}

/* -- trust ----------------------------------------------------------------------------------------------- */

struct tls_trust {
  X509_STORE *store;
};

enum err tls_trust_new(const char *ca, struct tls_trust **ret, struct failure *f)
{
  struct tls_trust *t = calloc(1, sizeof *t);
  if (t) t->store = X509_STORE_new();
  if (!t || !t->store) {
    tls_trust_free(t);
    return failure_set(f, ERR_NOMEM, "no memory for authorities");
  }
  if (X509_STORE_load_file(t->store, ca) != 1) {
    tls_trust_free(t);
    return openssl_failure(f, ca);
  }
  *ret = t;
  return ERR_OK;
}

void tls_trust_free(struct tls_trust *t)
{
  if (!t) return;
  X509_STORE_free(t->store);
  free(t);
}

enum err tls_ctx_trust(struct tls_ctx *c, const struct tls_trust *t)
{
  if (X509_STORE_up_ref(t->store) != 1) return ERR_NOMEM;
  SSL_CTX_set_cert_store(c->ssl_ctx, t->store); /* which takes the reference */
  SSL_CTX_set_verify(c->ssl_ctx, SSL_VERIFY_PEER, peer_on_verify);
  SSL_CTX_set_verify_depth(c->ssl_ctx, 4);
  SSL_SESSION_free(c->session);
  c->session = NULL;
  return ERR_OK;
}

static enum err trust(struct tls_ctx *c, const char *ca, struct failure *f)
{
  struct tls_trust *t;
  enum err e = tls_trust_new(ca, &t, f);
  if (e) return e;
  if (tls_ctx_trust(c, t)) e = failure_set(f, ERR_NOMEM, "no memory for authorities");
  tls_trust_free(t);
  return e;
}

enum err tls_server_ctx_new(const char *cert, const char *key, const char *client_ca, const char *alpn,
                            struct tls_ctx **ret, struct failure *f)
{
  struct tls_ctx *c;
  enum err e = ctx_new(TLS_server_method(), alpn, &c, f);
  if (e) return e;
  e = load_identity(c->ssl_ctx, cert, key, f);
  if (!e && client_ca && SSL_CTX_set_min_proto_version(c->ssl_ctx, TLS1_3_VERSION) != 1)
    e = openssl_failure(f, "TLS 1.3");
  if (!e && client_ca) {
    /* Resumption would skip the certificate check against an authority that may have changed its mind. */
    SSL_CTX_set_session_cache_mode(c->ssl_ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(c->ssl_ctx, 0);
    e = trust(c, client_ca, f);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c->ssl_ctx), X509_V_FLAG_NO_CHECK_TIME);
  }
  if (!e && alpn) SSL_CTX_set_alpn_select_cb(c->ssl_ctx, select_alpn, c);
  static const unsigned char context[] = "sevenstep";
  SSL_CTX_set_session_id_context(c->ssl_ctx, context, sizeof context - 1);
  if (e) {
    tls_ctx_free(c);
    return e;
  }
  *ret = c;
  return ERR_OK;
}

enum err tls_client_ctx_new(const char *ca, const char *cert, const char *key, const char *alpn,
                            struct tls_ctx **ret, struct failure *f)
{
  struct tls_ctx *c;
  enum err e = ctx_new(TLS_client_method(), alpn, &c, f);
  if (e) return e;
  if (ca) e = trust(c, ca, f);
  if (!e && cert) e = load_identity(c->ssl_ctx, cert, key, f);
  if (!e && alpn && SSL_CTX_set_alpn_protos(c->ssl_ctx, c->alpn, c->alpn_len) != 0)
    e = openssl_failure(f, "ALPN");
  if (e) {
    tls_ctx_free(c);
    return e;
  }
  *ret = c;
  return ERR_OK;
}

/* Read into a context of its own first, so that only what is right as a whole is taken. */
enum err tls_ctx_reload(struct tls_ctx *c, const char *cert, const char *key, struct failure *f)
{
  STACK_OF(X509) *chain = NULL;
  SSL_CTX *fresh = SSL_CTX_new(TLS_server_method());
  if (!fresh) return openssl_failure(f, "SSL_CTX_new");
  enum err e = load_identity(fresh, cert, key, f);
  X509 *leaf = SSL_CTX_get0_certificate(fresh);
  if (!e && X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
    e = failure_set(f, ERR_TLS, "%s has expired", cert);
  if (!e) SSL_CTX_get0_chain_certs(fresh, &chain);
  if (!e && SSL_CTX_use_cert_and_key(c->ssl_ctx, leaf, SSL_CTX_get0_privatekey(fresh), chain, 1) != 1)
    e = openssl_failure(f, cert);
  SSL_CTX_free(fresh);
  return e;
}

/* -- resumption ---------------------------------------------------------------------------------------- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
  struct tls_ctx *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  SSL_SESSION_free(c->session);
  c->session = session;
  return 1; /* it is ours now */
}

void tls_ctx_resume(struct tls_ctx *c)
{
  c->resumes = true;
  SSL_CTX_set_app_data(c->ssl_ctx, c);
  SSL_CTX_set_session_cache_mode(c->ssl_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(c->ssl_ctx, keep_session);
}

/* Certificates are not checked again when a session goes on, so one that has expired since ends it. Tickets
 * of TLS 1.3 are for one use (RFC 8446 C.4). */
static void resume(struct tls_ctx *c, SSL *ssl)
{
  const X509 *cert = c->session ? SSL_SESSION_get0_peer(c->session) : NULL;
  if (!c->session) return;
  bool checked = SSL_CTX_get_verify_mode(c->ssl_ctx) != SSL_VERIFY_NONE;
  bool expired = checked && (!cert || X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0);
  if (!expired) (void)SSL_set_session(ssl, c->session); /* without it the handshake is a full one */
  if (!expired && SSL_SESSION_get_protocol_version(c->session) != TLS1_3_VERSION) return;
  SSL_SESSION_free(c->session);
  c->session = NULL;
}

void tls_ctx_free(struct tls_ctx *c)
{
  if (!c) return;
  SSL_SESSION_free(c->session);
  SSL_CTX_free(c->ssl_ctx);
  free(c);
}

enum err tls_new(struct tls_ctx *c, int fd, const char *server_name, struct tls **ret)
{
  struct tls *t = calloc(1, sizeof *t);
  if (!t) return ERR_NOMEM;
  t->ssl = SSL_new(c->ssl_ctx);
  if (!t->ssl || SSL_set_rfd(t->ssl, fd) != 1) goto fail;
  BIO *out = gather_new(fd);
  if (!out) goto fail;
  SSL_set0_wbio(t->ssl, out);
  SSL_set_app_data(t->ssl, t->peer_why);
  if (SSL_is_server(t->ssl)) {
    SSL_set_accept_state(t->ssl);
  } else {
    if (server_name && peer_expect(t->ssl, server_name) != 1) goto fail;
    SSL_set_connect_state(t->ssl);
    resume(c, t->ssl);
  }
  *ret = t;
  return ERR_OK;
fail:
  tls_free(t);
  ERR_clear_error();
  return ERR_NOMEM;
}

void tls_free(struct tls *t)
{
  if (!t) return;
  SSL_free(t->ssl);
  free(t);
}

static enum tls_want outcome(struct tls *t, int result, const char *doing, struct failure *f)
{
  switch (SSL_get_error(t->ssl, result)) {
  case SSL_ERROR_WANT_READ:
    return TLS_WANT_READ;
  case SSL_ERROR_WANT_WRITE:
    return TLS_WANT_WRITE;
  case SSL_ERROR_ZERO_RETURN:
    return TLS_CLOSED;
  default:
    break;
  }
  if (t->peer_why[0]) {
    ERR_clear_error();
    failure_set(f, ERR_TLS_CERTIFICATE, "the peer's certificate: %s", t->peer_why);
  } else if (ERR_peek_error()) {
    openssl_failure(f, doing);
  } else {
    failure_set(f, ERR_CLOSED, "%s: the peer closed the connection", doing);
  }
  return TLS_FAILED;
}

enum tls_want tls_handshake(struct tls *t, struct failure *f)
{
  forget_errors();
  int r = SSL_do_handshake(t->ssl);
  return r == 1 ? TLS_DONE : outcome(t, r, "TLS handshake", f);
}

enum tls_want tls_read(struct tls *t, uint8_t *out, size_t max, size_t *ret_n, struct failure *f)
{
  forget_errors();
  int r = SSL_read(t->ssl, out, max > INT_MAX ? INT_MAX : (int)max);
  if (r <= 0) return outcome(t, r, "TLS read", f);
  *ret_n = (size_t)r;
  return TLS_DONE;
}

enum tls_want tls_write(struct tls *t, const uint8_t *data, size_t n, size_t *ret_n, struct failure *f)
{
  forget_errors();
  int r = SSL_write(t->ssl, data, n > INT_MAX ? INT_MAX : (int)n);
  if (r <= 0) return outcome(t, r, "TLS write", f);
  *ret_n = (size_t)r;
  return TLS_DONE;
}

enum tls_want tls_flush(struct tls *t, struct failure *f)
{
  BIO *out = SSL_get_wbio(t->ssl);
  if (BIO_flush(out) == 1) return TLS_DONE;
  if (BIO_should_retry(out)) return TLS_WANT_WRITE;
  failure_set(f, ERR_CLOSED, "TLS write: the peer closed the connection");
  return TLS_FAILED;
}

bool tls_pending(const struct tls *t)
{
  return SSL_has_pending(t->ssl) == 1;
}

void tls_close_notify(struct tls *t)
{
  /* OpenSSL forbids it before the handshake ended and after a fatal error; its refusal is of no consequence.
   */
  if (SSL_is_init_finished(t->ssl)) SSL_shutdown(t->ssl);
  (void)BIO_flush(SSL_get_wbio(t->ssl));
  ERR_clear_error();
}

enum err tls_peer_certificate(struct tls *t, struct buf *out)
{
  X509 *cert = SSL_get0_peer_certificate(t->ssl);
  unsigned char *der = NULL;
  int n = cert ? i2d_X509(cert, &der) : 0;
  enum err e = n < 0 ? ERR_NOMEM : n ? buf_append(out, der, (size_t)n) : ERR_OK;
  OPENSSL_free(der);
  return e;
}

const char *tls_server_name(struct tls *t)
{
  const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
  return name ? name : "";
}

const char *tls_protocol(struct tls *t)
{
  const unsigned char *name;
  unsigned n;
  SSL_get0_alpn_selected(t->ssl, &name, &n);
  if (n >= sizeof t->protocol) n = 0;
  if (n) memcpy(t->protocol, name, n);
  t->protocol[n] = 0;
  return t->protocol;
}

bool tls_resumed(const struct tls *t)
{
  return SSL_session_reused(t->ssl) == 1;
}

/* The hash of the certificate's signature, but SHA-256 for MD5 and SHA-1; not defined for signatures without
 * one hash of their own. */
static const EVP_MD *end_point_digest(const X509 *cert)
{
  int nid = NID_undef;
  if (X509_get_signature_info((X509 *)(uintptr_t)cert, &nid, NULL, NULL, NULL) != 1 || nid == NID_undef)
    return NULL;
  return nid == NID_md5 || nid == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(nid);
}

static enum err end_point(const X509 *cert, uint8_t out[static TLS_END_POINT_MAX], size_t *ret_n)
{
  unsigned n = 0;
  const EVP_MD *md = cert ? end_point_digest(cert) : NULL;
  if (!md || X509_digest(cert, md, out, &n) != 1) {
    ERR_clear_error();
    return ERR_NOT_FOUND;
  }
  *ret_n = n;
  return ERR_OK;
}

enum err tls_end_point(const struct tls *t, uint8_t out[static TLS_END_POINT_MAX], size_t *ret_n)
{
  return end_point(SSL_get0_peer_certificate(t->ssl), out, ret_n);
}

enum err tls_end_point_of_file(const char *cert, uint8_t out[static TLS_END_POINT_MAX], size_t *ret_n,
                               struct failure *f)
{
  BIO *file = BIO_new_file(cert, "r");
  X509 *x = file ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
  enum err e = x ? end_point(x, out, ret_n) : openssl_failure(f, cert);
  if (e == ERR_NOT_FOUND) failure_set(f, e, "%s: its signature has no hash to bind to (RFC 5929 4.1)", cert);
  X509_free(x);
  BIO_free(file);
  return e;
}

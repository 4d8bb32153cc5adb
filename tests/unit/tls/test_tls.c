/* Versions and suites of TLS (RFC 9325 3.1, 4.2): our ends against one of OpenSSL's that would take anything.
 */
#include "tls.h"

#include "../httpd/certificate.h"
#include "run.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[] = "/tmp/sevenstep-tls-XXXXXX", cert[64], key[64];
static int fds[2];
static struct tls_ctx *ours_ctx;
static struct tls *ours;
static SSL_CTX *other_ctx;
static SSL *other;

static void make_certificate(void)
{
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(cert, sizeof cert, "%s/crt", folder);
  snprintf(key, sizeof key, "%s/key", folder);
  certificate_make(cert, key);
}

static void remove_certificate(void)
{
  unlink(cert);
  unlink(key);
  rmdir(folder);
}

static void open_sockets(void)
{
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

static void close_all(void)
{
  tls_free(ours);
  tls_ctx_free(ours_ctx);
  SSL_free(other);
  SSL_CTX_free(other_ctx);
  ours = NULL;
  other = NULL;
  close(fds[0]);
  close(fds[1]);
}

enum role { FRONT, TUNNEL, CLIENT };

static void make_ours(enum role role)
{
  struct failure f;
  enum err e = role == CLIENT
                   ? tls_client_ctx_new(cert, NULL, NULL, NULL, &ours_ctx, &f)
                   : tls_server_ctx_new(cert, key, role == TUNNEL ? cert : NULL, NULL, &ours_ctx, &f);
  ck_assert_msg(e == ERR_OK, "%s", f.why);
  ck_assert_int_eq(tls_new(ours_ctx, fds[0], NULL, &ours), ERR_OK);
}

/* suites NULL: all of that version that there are. */
static void make_other(bool server, int version, const char *suites)
{
  other_ctx = SSL_CTX_new(TLS_method());
  ck_assert_ptr_nonnull(other_ctx);
  SSL_CTX_set_security_level(other_ctx, 0);
  ck_assert_int_eq(SSL_CTX_set_min_proto_version(other_ctx, version), 1);
  ck_assert_int_eq(SSL_CTX_set_max_proto_version(other_ctx, version), 1);
  if (!suites || version != TLS1_3_VERSION)
    ck_assert_int_eq(SSL_CTX_set_cipher_list(other_ctx, suites ? suites : "ALL"), 1);
  else
    ck_assert_int_eq(SSL_CTX_set_ciphersuites(other_ctx, suites), 1);
  if (server) {
    ck_assert_int_eq(SSL_CTX_use_certificate_file(other_ctx, cert, SSL_FILETYPE_PEM), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(other_ctx, key, SSL_FILETYPE_PEM), 1);
  }
  other = SSL_new(other_ctx);
  ck_assert_ptr_nonnull(other);
  ck_assert_int_eq(SSL_set_fd(other, fds[1]), 1);
  if (server)
    SSL_set_accept_state(other);
  else
    SSL_set_connect_state(other);
}

/* One step of the other end's: 1 done, 0 under way, -1 failed. */
static int step_other(void)
{
  ERR_clear_error();
  int r = SSL_do_handshake(other), why = SSL_get_error(other, r);
  return r == 1 ? 1 : why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* Are both ends through? */
static bool shake_hands(void)
{
  enum tls_want us = TLS_WANT_READ;
  int them = 0;
  struct failure f;
  for (int i = 0; i < 16 && (us != TLS_DONE || them != 1); i++) {
    if (us != TLS_DONE) us = tls_handshake(ours, &f);
    if (them != 1) them = step_other();
    if (us == TLS_FAILED || them < 0) return false;
  }
  ck_assert(us == TLS_DONE && them == 1);
  return true;
}

static bool agree(enum role role, int version, const char *suites)
{
  make_ours(role);
  make_other(role == CLIENT, version, suites);
  return shake_hands();
}

static const struct offer {
  int version;
  const char *suites;
} good[] = {
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
    {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
    {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
}, bad[] = {
    {TLS1_VERSION, NULL},
    {TLS1_1_VERSION, NULL},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384"},
    {TLS1_2_VERSION, "AECDH-AES128-SHA"},
};
enum { N_GOOD = sizeof good / sizeof *good, N_BAD = sizeof bad / sizeof *bad };

START_TEST(front_good_offer_is_taken)
{
  ck_assert(agree(FRONT, good[_i].version, good[_i].suites));
}
END_TEST

START_TEST(front_bad_offer_is_refused)
{
  ck_assert(!agree(FRONT, bad[_i].version, bad[_i].suites));
}
END_TEST

START_TEST(tunnel_takes_tls13_only)
{
  ck_assert(agree(TUNNEL, good[_i].version, good[_i].suites) == (good[_i].version == TLS1_3_VERSION));
}
END_TEST

START_TEST(client_good_server_is_taken)
{
  ck_assert(agree(CLIENT, good[_i].version, good[_i].suites));
}
END_TEST

START_TEST(client_bad_server_is_refused)
{
  ck_assert(!agree(CLIENT, bad[_i].version, bad[_i].suites));
}
END_TEST

/* -- the lists as a whole ------------------------------------------------------------------------------ */

static char offered[512];

static int note_offer(SSL *ssl, int *alert, void *arg)
{
  const unsigned char *at;
  (void)alert;
  (void)arg;
  size_t n = SSL_client_hello_get0_ciphers(ssl, &at);
  for (size_t i = 0; i + 1 < n && strlen(offered) + 6 < sizeof offered; i += 2)
    snprintf(offered + strlen(offered), 6, "%02x%02x ", at[i], at[i + 1]);
  return SSL_CLIENT_HELLO_SUCCESS;
}

START_TEST(client_offers_these_suites_and_no_other)
{
  offered[0] = 0;
  make_ours(CLIENT);
  make_other(true, TLS1_3_VERSION, NULL);
  SSL_CTX_set_client_hello_cb(other_ctx, note_offer, NULL);
  ck_assert(shake_hands());
  ck_assert_str_eq(offered, "1301 1302 1303 "           /* TLS 1.3: AES-128, AES-256, ChaCha20 */
                            "c02b c02f c02c c030 cca9 " /* TLS 1.2: GCM with ECDSA and RSA, and so on */
                            "cca8 00ff ");              /* RFC 5746 3.3 */
}
END_TEST

START_TEST(front_renegotiation_is_refused)
{
  uint8_t got[16];
  size_t n;
  struct failure f;
  ck_assert(agree(FRONT, TLS1_2_VERSION, NULL));
  ck_assert_int_eq(SSL_renegotiate(other), 1);
  ck_assert_int_eq(step_other(), 0);
  (void)tls_read(ours, got, sizeof got, &n, &f);
  ck_assert_int_eq(step_other(), -1);
  ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("tls");
  TCase *c = tcase_create("tls");
  setenv("OPENSSL_CONF", "/dev/null", 1); /* what a machine allows its programs is not what is tested */
  tcase_add_unchecked_fixture(c, make_certificate, remove_certificate);
  tcase_add_checked_fixture(c, open_sockets, close_all);
  tcase_add_loop_test(c, front_good_offer_is_taken, 0, N_GOOD);
  tcase_add_loop_test(c, front_bad_offer_is_refused, 0, N_BAD);
  tcase_add_loop_test(c, tunnel_takes_tls13_only, 0, N_GOOD);
  tcase_add_loop_test(c, client_good_server_is_taken, 0, N_GOOD);
  tcase_add_loop_test(c, client_bad_server_is_refused, 0, N_BAD);
  tcase_add_test(c, client_offers_these_suites_and_no_other);
  tcase_add_test(c, front_renegotiation_is_refused);
  suite_add_tcase(suite, c);
  return run(suite);
}

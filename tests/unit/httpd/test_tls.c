/* TLS: what is spoken, what is not, and that a client which stands still costs nothing. */
#include "certificate.h"
#include "client.h"

#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void hello(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  ck_assert_int_eq(buf_puts(&r->body, "hello by TLS"), ERR_OK);
}

static const struct httpd_route routes[] = {{.method = "GET", .path = "/", .handle = hello}, {0}};
static char folder[] = "/tmp/sevenstep-httpd-XXXXXX";
static char cert[64], key[64];
static struct httpd *server;
static struct failure f;

static bool strict;

static enum err start(const char *c, const char *k)
{
  struct httpd_config config = {
      .listen = {"127.0.0.1", 0}, .cert_path = c, .key_path = k, .strict_transport = strict,
      .routes = routes, .threads = 2};
  return httpd_start(&config, &server, &f);
}

static void setup(void)
{
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(cert, sizeof cert, "%s/a.crt", folder);
  snprintf(key, sizeof key, "%s/a.key", folder);
  certificate_make(cert, key);
  server = NULL;
  strict = false;
}

static void teardown(void)
{
  httpd_stop(server);
  unlink(cert);
  unlink(key);
  rmdir(folder);
  strcpy(folder, "/tmp/sevenstep-httpd-XXXXXX");
}

/* One request with these versions and, for TLS 1.2, these suites. False: the handshake failed. */
static bool ask(int min, int max, const char *suites, char *answer, size_t room)
{
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_security_level(ctx, 0); /* so that the client is not the one who refuses */
  SSL_CTX_set_min_proto_version(ctx, min);
  SSL_CTX_set_max_proto_version(ctx, max);
  if (suites) ck_assert_int_eq(SSL_CTX_set_cipher_list(ctx, suites), 1);
  SSL *ssl = SSL_new(ctx);
  int fd = client_connect(server);
  SSL_set_fd(ssl, fd);
  bool ok = SSL_connect(ssl) == 1;
  if (ok) {
    const char *q = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    size_t len = 0;
    int n;
    ck_assert_int_eq(SSL_write(ssl, q, (int)strlen(q)), (int)strlen(q));
    while ((n = SSL_read(ssl, answer + len, (int)(room - len - 1))) > 0)
      len += (size_t)n;
    answer[len] = 0;
  }
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  close(fd);
  return ok;
}

static void answered(int version, const char *suites)
{
  char answer[4096];
  ck_assert_int_eq(start(cert, key), ERR_OK);
  ck_assert(ask(version, version, suites, answer, sizeof answer));
  ck_assert_msg(strstr(answer, "hello by TLS") != NULL, "%s", answer);
}

static void refused(int version, const char *suites)
{
  char answer[4096];
  ck_assert_int_eq(start(cert, key), ERR_OK);
  ck_assert(!ask(version, version, suites, answer, sizeof answer));
}

START_TEST(tls13_answered)
{
  answered(TLS1_3_VERSION, NULL);
}
END_TEST

/* TU-07 */
START_TEST(strict_transport_is_said_where_it_is_wanted_and_once)
{
  char answer[4096];
  strict = _i;
  ck_assert_int_eq(start(cert, key), ERR_OK);
  ck_assert(ask(TLS1_3_VERSION, TLS1_3_VERSION, NULL, answer, sizeof answer));
  const char *said = strstr(answer, "\r\nStrict-Transport-Security: max-age=31536000\r\n");
  ck_assert_int_eq(said != NULL, _i);
  ck_assert_ptr_null(said ? strstr(said + 2, "\r\nStrict") : said);
}
END_TEST

START_TEST(tls12_aead_answered)
{
  answered(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256");
}
END_TEST

START_TEST(tls12_cbc_refused)
{
  refused(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384");
}
END_TEST

START_TEST(tls11_refused)
{
  refused(TLS1_1_VERSION, NULL);
}
END_TEST

START_TEST(tls10_refused)
{
  refused(TLS1_VERSION, NULL);
}
END_TEST

START_TEST(plain_http_refused)
{
  ck_assert_int_eq(start(cert, key), ERR_OK);
  char *answer = client_talk(server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ck_assert_ptr_null(strstr(answer, "hello"));
  free(answer);
}
END_TEST

static double cpu_s(void)
{
  return (double)clock() / CLOCKS_PER_SEC;
}

static double wall_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* In its epoll modes libmicrohttpd burns a core on these. The last one stalls too: reading from it is the
 * wait. */
START_TEST(stalled_handshakes_burn_nothing)
{
  static const char part[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
  char answer[4096];
  int fds[8];
  ck_assert_int_eq(start(cert, key), ERR_OK);
  for (int i = 0; i < 8; i++) {
    fds[i] = client_connect(server);
    client_send(fds[i], part, sizeof part - 1);
  }
  ck_assert(ask(TLS1_3_VERSION, TLS1_3_VERSION, NULL, answer, sizeof answer)); /* others are served */
  struct timeval patience = {.tv_usec = 500000};
  ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  double wall = wall_s(), cpu = cpu_s();
  ck_assert_int_lt(recv(fds[0], answer, 1, 0), 0);
  ck_assert(cpu_s() - cpu < 0.2 * (wall_s() - wall));
  for (int i = 0; i < 8; i++)
    close(fds[i]);
}
END_TEST

START_TEST(stop_with_stalled_handshake_is_quick)
{
  ck_assert_int_eq(start(cert, key), ERR_OK);
  int fd = client_connect(server);
  client_send(fd, "\x16\x03\x01", 3);
  double wall = wall_s();
  httpd_stop(server);
  server = NULL;
  ck_assert(wall_s() - wall < 2);
  close(fd);
}
END_TEST

START_TEST(start_certificate_missing_refused)
{
  unlink(cert);
  ck_assert_int_eq(start(cert, key), ERR_IO);
  ck_assert_ptr_nonnull(strstr(f.why, cert));
}
END_TEST

START_TEST(start_key_missing_refused)
{
  unlink(key);
  ck_assert_int_eq(start(cert, key), ERR_IO);
  ck_assert_ptr_nonnull(strstr(f.why, key));
}
END_TEST

START_TEST(start_certificate_malformed_refused)
{
  FILE *file = fopen(cert, "w");
  fputs("not a certificate\n", file);
  fclose(file);
  ck_assert_int_eq(start(cert, key), ERR_TLS);
  ck_assert_str_ne(f.why, "");
}
END_TEST

START_TEST(start_key_of_another_certificate_refused)
{
  char other[80];
  snprintf(other, sizeof other, "%s/b.crt", folder);
  certificate_make(other, key);
  unlink(other);
  ck_assert_int_eq(start(cert, key), ERR_TLS);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("tls");
  TCase *t = tcase_create("tls");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, tls13_answered);
  tcase_add_loop_test(t, strict_transport_is_said_where_it_is_wanted_and_once, 0, 2);
  tcase_add_test(t, tls12_aead_answered);
  tcase_add_test(t, tls12_cbc_refused);
  tcase_add_test(t, tls11_refused);
  tcase_add_test(t, tls10_refused);
  tcase_add_test(t, plain_http_refused);
  tcase_add_test(t, stalled_handshakes_burn_nothing);
  tcase_add_test(t, stop_with_stalled_handshake_is_quick);
  tcase_add_test(t, start_certificate_missing_refused);
  tcase_add_test(t, start_key_missing_refused);
  tcase_add_test(t, start_certificate_malformed_refused);
  tcase_add_test(t, start_key_of_another_certificate_refused);
  suite_add_tcase(s, t);
  return run(s);
}

/* Streams with TLS: who is let in, and by whom, and that all else is as without. */
#include "authority.h"
#include "csr.h"
#include "ends.h"
#include "secret_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static const char *pem(const char *name)
{
  static char paths[4][160];
  static int turn;
  char *at_path = paths[turn++ % 4];
  snprintf(at_path, sizeof paths[0], "%s/%s", folder, name);
  return at_path;
}

static void make_pki(void)
{
  strcpy(folder, "/tmp/sevenstep-net-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  pid_t pid = fork();
  if (pid == 0) {
    execl(SEVENSTEP_SOURCE_DIR "/pki/provision", "provision", folder, "--idp", "login.localhost", "--tunnel",
          "tunnel.localhost", "--cloud", "*.apps.localhost", (char *)NULL);
    _exit(127);
  }
  int status;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
}

/* A connector's key and certificate, in one file. */
static void make_connector(void)
{
  struct authority *a;
  struct failure f = {0};
  struct buf key, csr, der;
  struct certificate c = {
      .name = "connector-1", .group = "default", .tenant = "test", .from_s = 1, .until_s = 100};
  buf_init(&key, CSR_KEY_MAX + CERTIFICATE_MAX);
  buf_init(&csr, CSR_MAX);
  buf_init(&der, CERTIFICATE_MAX);
  ck_assert_int_eq(authority_open(pem("connector-ca.crt"), pem("connector-ca.key"), &a, &f), ERR_OK);
  ck_assert_int_eq(csr_new(c.name, "challenge", &key, &csr, &f), ERR_OK);
  ck_assert_int_eq(authority_sign(a, csr.data, csr.len, "challenge", &c, &der, &f), ERR_OK);
  ck_assert_int_eq(certificate_join(der.data, der.len, &key, c.name, &key, &f), ERR_OK);
  ck_assert_int_eq(secret_file_write(pem("connector-1.pem"), key.data, key.len, &f), ERR_OK);
  authority_free(a);
  buf_wipe(&key);
  buf_clear(&csr);
  buf_clear(&der);
}

static void remove_pki(void)
{
  pid_t pid = fork();
  if (pid == 0) {
    execlp("rm", "rm", "-rf", folder, (char *)NULL);
    _exit(127);
  }
  waitpid(pid, NULL, 0);
}

static struct tls_ctx *tunnel_server(void)
{
  struct tls_ctx *c;
  struct failure f;
  ck_assert_int_eq(
      tls_server_ctx_new(pem("tunnel.crt"), pem("tunnel.key"), pem("connector-ca.crt"), "h2", &c, &f),
      ERR_OK);
  return c;
}

static struct tls_ctx *tunnel_client(const char *ca, const char *cert, const char *key)
{
  struct tls_ctx *c;
  struct failure f;
  ck_assert_int_eq(tls_client_ctx_new(pem(ca), cert ? pem(cert) : NULL, key ? pem(key) : NULL, "h2", &c, &f),
                   ERR_OK);
  return c;
}

static void run_tls(struct tls_ctx *s, struct tls_ctx *c, const char *name, const struct stream_events *ev)
{
  listen_with(s, 5000, &end_events);
  connect_with(c, name, ev);
  net_run(net);
  tls_ctx_free(s);
  tls_ctx_free(c);
}

static void hello_open(struct stream *s, void *arg)
{
  end_opened(s, arg);
  ck_assert_int_eq(stream_write(s, "hello", 5), ERR_OK);
}

static void hello_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  end_data(s, arg, data, n);
  stream_finish(s);
}

static const struct stream_events hello_events = {
    .on_open = hello_open, .on_data = hello_data, .on_close = end_closed};

START_TEST(tls_mutual_with_the_right_certificates_talks)
{
  server.echo = true;
  run_tls(tunnel_server(), tunnel_client("ca.crt", "connector-1.pem", "connector-1.pem"), "tunnel.localhost",
          &hello_events);
  ck_assert_str_eq(client.text, "hello");
  ck_assert_uint_gt(server.certificate, 0);
}
END_TEST

START_TEST(tls_echo_of_megabytes_comes_back_whole)
{
  struct tls_ctx *s = tunnel_server(), *c = tunnel_client("ca.crt", "connector-1.pem", "connector-1.pem");
  echo_megabytes(s, c);
  tls_ctx_free(s);
  tls_ctx_free(c);
}
END_TEST

START_TEST(tls_end_ends_one_direction_only)
{
  struct tls_ctx *s = tunnel_server(), *c = tunnel_client("ca.crt", "connector-1.pem", "connector-1.pem");
  half_close(s, c);
  tls_ctx_free(s);
  tls_ctx_free(c);
}
END_TEST

START_TEST(tls_client_without_a_certificate_is_known_as_such)
{
  server.echo = true;
  run_tls(tunnel_server(), tunnel_client("ca.crt", NULL, NULL), "tunnel.localhost", &hello_events);
  ck_assert(server.opened);
  ck_assert_uint_eq(server.certificate, 0);
}
END_TEST

START_TEST(tls_client_with_a_server_certificate_is_refused)
{
  run_tls(tunnel_server(), tunnel_client("ca.crt", "cloud.crt", "cloud.key"), "tunnel.localhost",
          &hello_events);
  ck_assert(!server.opened);
}
END_TEST

START_TEST(tls_server_of_another_name_is_refused)
{
  run_tls(tunnel_server(), tunnel_client("ca.crt", "connector-1.pem", "connector-1.pem"), "login.localhost",
          &hello_events);
  ck_assert_int_eq(client.failure.err, ERR_TLS_CERTIFICATE);
  ck_assert_str_eq(client.failure.why,
                   "the peer's certificate: it is for tunnel.localhost, not for login.localhost");
  ck_assert(!client.opened);
}
END_TEST

START_TEST(tls_server_of_another_authority_is_refused)
{
  run_tls(tunnel_server(), tunnel_client("connector-ca.crt", "connector-1.pem", "connector-1.pem"),
          "tunnel.localhost", &hello_events);
  ck_assert_int_eq(client.failure.err, ERR_TLS_CERTIFICATE);
  ck_assert_str_eq(
      client.failure.why,
      "the peer's certificate: it comes from an authority that is not trusted here: Sevenstep lab CA");
}
END_TEST

/* -- servers without client certificates: applications --------------------------------------------------- */

static struct tls_ctx *application_server(void)
{
  struct tls_ctx *c;
  struct failure f;
  ck_assert_int_eq(tls_server_ctx_new(pem("tunnel.crt"), pem("tunnel.key"), NULL, NULL, &c, &f), ERR_OK);
  return c;
}

START_TEST(tls_client_without_authority_takes_any_certificate)
{
  struct tls_ctx *c;
  struct failure f;
  ck_assert_int_eq(tls_client_ctx_new(NULL, NULL, NULL, "http/1.1", &c, &f), ERR_OK);
  server.echo = true;
  run_tls(application_server(), c, "another.test", &hello_events);
  ck_assert(client.opened);
}
END_TEST

START_TEST(tls_client_asks_for_an_address_by_address)
{
  run_tls(application_server(), tunnel_client("ca.crt", NULL, NULL), "127.0.0.1", &hello_events);
  ck_assert_int_eq(client.failure.err, ERR_TLS_CERTIFICATE);
  ck_assert_str_eq(client.failure.why,
                   "the peer's certificate: it is for tunnel.localhost, not for this address");
}
END_TEST

static bool resumed;

static void note_resumed(struct stream *s, void *arg)
{
  resumed = tls_resumed(stream_tls(s));
  hello_events.on_open(s, arg);
}

START_TEST(tls_client_resumes_where_it_may)
{
  struct stream_events noting = hello_events;
  noting.on_open = note_resumed;
  for (int keeps = 0; keeps <= 1; keeps++) {
    struct tls_ctx *s = application_server(), *c = tunnel_client("ca.crt", NULL, NULL);
    if (keeps) tls_ctx_resume(c);
    for (int again = 0; again <= 1; again++) {
      ends_renew();
      server.echo = true;
      listen_with(s, 5000, &end_events);
      connect_with(c, "tunnel.localhost", &noting);
      net_run(net);
      ck_assert(client.opened);
      ck_assert(resumed == (keeps && again));
    }
    tls_ctx_free(s);
    tls_ctx_free(c);
  }
}
END_TEST

/* A client that never says a word of TLS. */
static const struct stream_events silent_events = {
    .on_open = end_opened, .on_data = end_data, .on_close = end_closed};

START_TEST(tls_handshake_that_stalls_is_cut_off)
{
  struct tls_ctx *s = tunnel_server();
  listen_with(s, 100, &end_events);
  connect_with(NULL, NULL, &silent_events);
  net_run(net);
  ck_assert(client.closed);
  ck_assert(!server.opened);
  ck_assert_int_eq(server.failure.err, ERR_TIMEOUT);
  tls_ctx_free(s);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("stream_tls");
  TCase *c = tcase_create("stream_tls");
  tcase_set_timeout(c, 60);
  tcase_add_unchecked_fixture(c, make_pki, remove_pki);
  tcase_add_unchecked_fixture(c, make_connector, NULL);
  tcase_add_checked_fixture(c, ends_open, ends_close);
  tcase_add_test(c, tls_mutual_with_the_right_certificates_talks);
  tcase_add_test(c, tls_echo_of_megabytes_comes_back_whole);
  tcase_add_test(c, tls_end_ends_one_direction_only);
  tcase_add_test(c, tls_client_without_a_certificate_is_known_as_such);
  tcase_add_test(c, tls_client_with_a_server_certificate_is_refused);
  tcase_add_test(c, tls_server_of_another_name_is_refused);
  tcase_add_test(c, tls_server_of_another_authority_is_refused);
  tcase_add_test(c, tls_client_without_authority_takes_any_certificate);
  tcase_add_test(c, tls_client_asks_for_an_address_by_address);
  tcase_add_test(c, tls_client_resumes_where_it_may);
  tcase_add_test(c, tls_handshake_that_stalls_is_cut_off);
  suite_add_tcase(s, c);
  return run(s);
}

/* Streams over real sockets on loopback, plain and with TLS, both ends in one loop. */
#include "authority.h"
#include "csr.h"
#include "net_private.h"
#include "run.h"
#include "secret_file.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct net *net;
static struct lab_addr at = {.host = "127.0.0.1"};
static uv_timer_t watchdog;

/* One end of a connection. */
struct end {
  struct stream *stream;
  bool opened, closed, eof, echo, refuse, paused;
  int drains;
  size_t received;
  size_t certificate; /* bytes of the other end's */
  char text[64];
  struct failure failure;
};
static struct end server, client;

static void barked(uv_timer_t *timer)
{
  (void)timer;
  ck_abort_msg("the loop did not come to its end");
}

static uint16_t free_port(void)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
  ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  close(fd);
  return ntohs(sa.sin_port);
}

static void setup(void)
{
  server = client = (struct end){0};
  at.port = free_port();
  ck_assert_int_eq(net_new(&net), ERR_OK);
  uv_timer_init(net_loop(net), &watchdog);
  uv_timer_start(&watchdog, barked, 20000, 0);
}

static void teardown(void)
{
  uv_close((uv_handle_t *)&watchdog, NULL);
  net_free(net);
}

static void on_open(struct stream *s, void *arg)
{
  struct end *e = arg;
  struct buf der;
  e->stream = s;
  e->opened = true;
  if (!stream_tls(s)) return;
  buf_init(&der, CERTIFICATE_MAX);
  ck_assert_int_eq(tls_peer_certificate(stream_tls(s), &der), ERR_OK);
  e->certificate = der.len;
  buf_clear(&der);
}

static void on_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  struct end *e = arg;
  if (e->received == 0) snprintf(e->text, sizeof e->text, "%.*s", (int)(n < 60 ? n : 60), (const char *)data);
  e->received += n;
  if (e->echo) ck_assert_int_eq(stream_write(s, data, n), ERR_OK);
}

static void on_drain(struct stream *s, void *arg)
{
  (void)s;
  ((struct end *)arg)->drains++;
}

static void on_close(struct stream *s, void *arg, const struct failure *f)
{
  (void)s;
  struct end *e = arg;
  ck_assert(!e->closed);
  e->closed = true;
  e->stream = NULL;
  e->failure = *f;
  if (client.closed && (server.closed || !server.opened)) net_stop(net);
}

static const struct stream_events events = {
    .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

static void *accept_one(void *arg, struct stream *s)
{
  (void)s;
  struct end *e = arg;
  return e->refuse ? NULL : e;
}

static void listen_with(struct tls_ctx *tls, unsigned handshake_ms)
{
  struct listener *l;
  struct failure f;
  ck_assert_int_eq(listener_new(net, &at, tls, handshake_ms, accept_one, &server, &events, &l, &f), ERR_OK);
}

static void connect_with(struct tls_ctx *tls, const char *name, const struct stream_events *ev)
{
  ck_assert_int_eq(stream_connect(net, &at, tls, name, 5000, ev, &client, &client.stream), ERR_OK);
}

START_TEST(stream_connect_where_nobody_listens_is_closed)
{
  connect_with(NULL, NULL, &events);
  net_run(net);
  ck_assert_int_eq(client.failure.err, ERR_CLOSED);
  ck_assert(!client.opened);
}
END_TEST

START_TEST(stream_connect_to_an_unknown_name_is_not_found)
{
  at.host = "no-such-host.invalid";
  connect_with(NULL, NULL, &events);
  at.host = "127.0.0.1";
  net_run(net);
  ck_assert_int_eq(client.failure.err, ERR_NOT_FOUND);
}
END_TEST

START_TEST(listener_new_on_a_taken_port_names_it)
{
  struct listener *l;
  struct failure f;
  char port[8];
  listen_with(NULL, 0);
  ck_assert_int_eq(listener_new(net, &at, NULL, 0, accept_one, &server, &events, &l, &f), ERR_PORT_TAKEN);
  snprintf(port, sizeof port, "%u", at.port);
  ck_assert_ptr_nonnull(strstr(f.why, port));
}
END_TEST

START_TEST(listener_that_refuses_closes_the_connection)
{
  server.refuse = true;
  listen_with(NULL, 0);
  connect_with(NULL, NULL, &events);
  net_run(net);
  ck_assert(client.closed);
}
END_TEST

/* The peer takes nothing and resets, while this side has stopped reading and has more to say. */
static void write_and_pause(struct stream *s, void *arg)
{
  static uint8_t much[STREAM_WRITE_MAX];
  on_open(s, arg);
  stream_pause(s, true);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
}

static void reset_when_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  on_data(s, arg, data, n);
  stream_abort(s);
}

static const struct stream_events write_and_pause_events = {
    .on_open = write_and_pause, .on_data = on_data, .on_close = on_close};
static const struct stream_events reset_events = {
    .on_open = on_open, .on_data = reset_when_data, .on_close = on_close};

START_TEST(stream_paused_with_bytes_to_send_notices_a_reset)
{
  struct listener *l;
  struct failure f;
  ck_assert_int_eq(listener_new(net, &at, NULL, 0, accept_one, &server, &write_and_pause_events, &l, &f),
                   ERR_OK);
  connect_with(NULL, NULL, &reset_events);
  net_run(net);
  ck_assert_int_eq(server.failure.err, ERR_CLOSED);
}
END_TEST

static void write_at_once(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  on_data(s, arg, data, n);
  stream_close(s, NULL);
}

static const struct stream_events server_close_events = {
    .on_open = on_open, .on_data = write_at_once, .on_close = on_close};

/* The client says all it has to say, and is answered behind that. */
static void ask_and_end(struct stream *s, void *arg)
{
  on_open(s, arg);
  ck_assert_int_eq(stream_write(s, "question", 8), ERR_OK);
  stream_end(s);
  ck_assert_int_eq(stream_write(s, "more", 4), ERR_CLOSED);
}

static void answer_at_eof(struct stream *s, void *arg)
{
  (void)arg;
  ck_assert_int_eq(stream_write(s, "the answer", 10), ERR_OK);
  stream_finish(s);
}

static const struct stream_events ask_and_end_events = {
    .on_open = ask_and_end, .on_data = on_data, .on_close = on_close};
static const struct stream_events answer_at_eof_events = {
    .on_open = on_open, .on_data = on_data, .on_eof = answer_at_eof, .on_close = on_close};

static void run_half_close(struct tls_ctx *s, struct tls_ctx *c)
{
  struct listener *l;
  struct failure f;
  ck_assert_int_eq(listener_new(net, &at, s, 5000, accept_one, &server, &answer_at_eof_events, &l, &f),
                   ERR_OK);
  connect_with(c, c ? "tunnel.localhost" : NULL, &ask_and_end_events);
  net_run(net);
  ck_assert_str_eq(server.text, "question");
  ck_assert_str_eq(client.text, "the answer");
}

START_TEST(stream_end_ends_one_direction_only)
{
  run_half_close(NULL, NULL);
}
END_TEST

START_TEST(stream_write_before_open_is_sent_then)
{
  struct listener *l;
  struct failure f;
  ck_assert_int_eq(listener_new(net, &at, NULL, 0, accept_one, &server, &server_close_events, &l, &f),
                   ERR_OK);
  connect_with(NULL, NULL, &events);
  ck_assert_int_eq(stream_write(client.stream, "early", 5), ERR_OK);
  net_run(net);
  ck_assert_str_eq(server.text, "early");
}
END_TEST

/* A reader that rests for longer than the linger gets all the same what was queued when the writer finished.
 */
/* The server answers and resets at once, as one does who closes with unread bytes; the client goes on
 * sending. */
static void answer_and_reset(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  static const char answer[] = "enough";
  on_data(s, arg, data, n);
  if (((struct end *)arg)->received > n) return;
  ck_assert_int_eq(send(s->fd, answer, sizeof answer - 1, 0), (ssize_t)sizeof answer - 1);
  stream_abort(s);
}

static void send_much(struct stream *s, void *arg)
{
  static const uint8_t much[4 * 1024 * 1024];
  on_open(s, arg);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
}

static const struct stream_events answer_and_reset_events = {
    .on_open = on_open, .on_data = answer_and_reset, .on_close = on_close};
static const struct stream_events send_much_events = {
    .on_open = send_much, .on_data = on_data, .on_close = on_close};

START_TEST(stream_reset_while_sending_tells_what_was_said_before)
{
  struct listener *l;
  struct failure f;
  ck_assert_int_eq(listener_new(net, &at, NULL, 0, accept_one, &server, &answer_and_reset_events, &l, &f),
                   ERR_OK);
  connect_with(NULL, NULL, &send_much_events);
  net_run(net);
  ck_assert_str_eq(client.text, "enough");
  ck_assert_int_eq(client.failure.err, ERR_CLOSED);
}
END_TEST

static uv_timer_t rest;

static void rested(uv_timer_t *timer)
{
  (void)timer;
  stream_pause(client.stream, false);
}

static void rest_first(struct stream *s, void *arg)
{
  on_open(s, arg);
  stream_pause(s, true);
  uv_timer_start(&rest, rested, 5500, 0);
}

static void finish_much(struct stream *s, void *arg)
{
  static uint8_t much[STREAM_WRITE_MAX];
  on_open(s, arg);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
  stream_finish(s);
}

static const struct stream_events rest_events = {
    .on_open = rest_first, .on_data = on_data, .on_close = on_close};
static const struct stream_events finish_much_events = {
    .on_open = finish_much, .on_data = on_data, .on_close = on_close};

START_TEST(stream_finish_waits_for_a_slow_reader)
{
  struct listener *l;
  struct failure f;
  uv_timer_init(net_loop(net), &rest);
  ck_assert_int_eq(listener_new(net, &at, NULL, 0, accept_one, &server, &finish_much_events, &l, &f), ERR_OK);
  connect_with(NULL, NULL, &rest_events);
  net_run(net);
  ck_assert_uint_eq(client.received, STREAM_WRITE_MAX);
  uv_close((uv_handle_t *)&rest, NULL);
}
END_TEST

/* Bytes that wait unread, and an end. */
static void pause_first(struct stream *s, void *arg)
{
  on_open(s, arg);
  stream_pause(s, true);
  ck_assert(stream_quiet(s));
}

static void write_and_close(struct stream *s, void *arg)
{
  on_open(s, arg);
  ck_assert_int_eq(stream_write(s, "x", 1), ERR_OK);
  stream_finish(s);
}

static void look(uv_timer_t *timer)
{
  if (stream_quiet(server.stream)) return;
  uv_timer_stop(timer);
  stream_close(server.stream, NULL);
}

static const struct stream_events pause_events = {
    .on_open = pause_first, .on_data = on_data, .on_close = on_close};
static const struct stream_events write_events = {
    .on_open = write_and_close, .on_data = on_data, .on_close = on_close};

START_TEST(stream_quiet_ends_with_unread_bytes)
{
  struct listener *l;
  struct failure f;
  uv_timer_init(net_loop(net), &rest);
  ck_assert_int_eq(listener_new(net, &at, NULL, 0, accept_one, &server, &pause_events, &l, &f), ERR_OK);
  connect_with(NULL, NULL, &write_events);
  ck_assert(!stream_quiet(client.stream)); /* not open yet */
  while (!server.opened)
    uv_run(net_loop(net), UV_RUN_ONCE);
  uv_timer_start(&rest, look, 1, 1);
  net_run(net);
  ck_assert_uint_eq(server.received, 0);
  uv_close((uv_handle_t *)&rest, NULL);
}
END_TEST

/* Client: writes 4 MiB, gets it back, closes. */
static size_t to_send;

static void echo_more(struct stream *s, void *arg)
{
  static uint8_t piece[64 * 1024];
  (void)arg;
  while (to_send && !stream_congested(s)) {
    ck_assert_int_eq(stream_write(s, piece, sizeof piece), ERR_OK);
    to_send -= sizeof piece;
  }
}

static void echo_open(struct stream *s, void *arg)
{
  on_open(s, arg);
  echo_more(s, arg);
}

static void echo_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  on_data(s, arg, data, n);
  if (client.received == 4 * 1024 * 1024) stream_close(s, NULL);
}

static const struct stream_events echo_events = {echo_open, echo_data, NULL, echo_more, on_close};

START_TEST(stream_echo_of_megabytes_comes_back_whole)
{
  to_send = 4 * 1024 * 1024;
  server.echo = true;
  listen_with(NULL, 0);
  connect_with(NULL, NULL, &echo_events);
  net_run(net);
  ck_assert_uint_eq(client.received, 4 * 1024 * 1024);
  ck_assert_int_eq(client.failure.err, ERR_OK);
}
END_TEST

static void finish_open(struct stream *s, void *arg)
{
  static uint8_t much[2 * 1024 * 1024];
  on_open(s, arg);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
  stream_finish(s);
  ck_assert_int_eq(stream_write(s, "x", 1), ERR_CLOSED);
}

START_TEST(stream_finish_sends_everything_first)
{
  static const struct stream_events finish_events = {finish_open, on_data, NULL, NULL, on_close};
  listen_with(NULL, 0);
  connect_with(NULL, NULL, &finish_events);
  net_run(net);
  ck_assert_uint_eq(server.received, 2 * 1024 * 1024);
}
END_TEST

static void overflow_open(struct stream *s, void *arg)
{
  static uint8_t much[STREAM_WRITE_MAX / 2];
  on_open(s, arg);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
  ck_assert(stream_congested(s));
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
  ck_assert_int_eq(stream_write(s, much, 1), ERR_TOO_LARGE);
  stream_abort(s);
}

START_TEST(stream_write_beyond_the_maximum_is_refused)
{
  static const struct stream_events overflow_events = {overflow_open, on_data, NULL, NULL, on_close};
  listen_with(NULL, 0);
  connect_with(NULL, NULL, &overflow_events);
  net_run(net);
  ck_assert(client.closed);
}
END_TEST

/* -- TLS
 * ------------------------------------------------------------------------------------------------------------
 */

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
  listen_with(s, 5000);
  connect_with(c, name, ev);
  net_run(net);
  tls_ctx_free(s);
  tls_ctx_free(c);
}

static void hello_open(struct stream *s, void *arg)
{
  on_open(s, arg);
  ck_assert_int_eq(stream_write(s, "hello", 5), ERR_OK);
}

static void hello_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  on_data(s, arg, data, n);
  stream_finish(s);
}

static const struct stream_events hello_events = {hello_open, hello_data, NULL, NULL, on_close};

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
  to_send = 4 * 1024 * 1024;
  server.echo = true;
  run_tls(tunnel_server(), tunnel_client("ca.crt", "connector-1.pem", "connector-1.pem"), "tunnel.localhost",
          &echo_events);
  ck_assert_uint_eq(client.received, 4 * 1024 * 1024);
}
END_TEST

START_TEST(tls_end_ends_one_direction_only)
{
  struct tls_ctx *s = tunnel_server(), *c = tunnel_client("ca.crt", "connector-1.pem", "connector-1.pem");
  run_half_close(s, c);
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

/* -- servers without client certificates: applications -------------------------------------------------- */

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
      server = client = (struct end){0};
      server.echo = true;
      at.port = free_port();
      listen_with(s, 5000);
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
static const struct stream_events silent_events = {on_open, on_data, NULL, NULL, on_close};

START_TEST(tls_handshake_that_stalls_is_cut_off)
{
  struct tls_ctx *s = tunnel_server();
  listen_with(s, 100);
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
  Suite *suite = suite_create("stream");
  TCase *plain = tcase_create("plain"), *tls = tcase_create("tls");
  tcase_set_timeout(plain, 60);
  tcase_set_timeout(tls, 60);
  tcase_set_timeout(plain, 60);
  tcase_add_test(plain, stream_paused_with_bytes_to_send_notices_a_reset);
  tcase_add_test(plain, stream_write_before_open_is_sent_then);
  tcase_add_test(plain, stream_end_ends_one_direction_only);
  tcase_add_test(plain, stream_reset_while_sending_tells_what_was_said_before);
  tcase_add_test(plain, stream_finish_waits_for_a_slow_reader);
  tcase_add_test(plain, stream_quiet_ends_with_unread_bytes);
  tcase_add_checked_fixture(plain, setup, teardown);
  tcase_add_test(plain, stream_connect_where_nobody_listens_is_closed);
  tcase_add_test(plain, stream_connect_to_an_unknown_name_is_not_found);
  tcase_add_test(plain, listener_new_on_a_taken_port_names_it);
  tcase_add_test(plain, listener_that_refuses_closes_the_connection);
  tcase_add_test(plain, stream_echo_of_megabytes_comes_back_whole);
  tcase_add_test(plain, stream_finish_sends_everything_first);
  tcase_add_test(plain, stream_write_beyond_the_maximum_is_refused);
  tcase_add_unchecked_fixture(tls, make_pki, remove_pki);
  tcase_add_unchecked_fixture(tls, make_connector, NULL);
  tcase_add_checked_fixture(tls, setup, teardown);
  tcase_add_test(tls, tls_mutual_with_the_right_certificates_talks);
  tcase_add_test(tls, tls_echo_of_megabytes_comes_back_whole);
  tcase_add_test(tls, tls_end_ends_one_direction_only);
  tcase_add_test(tls, tls_client_without_a_certificate_is_known_as_such);
  tcase_add_test(tls, tls_client_with_a_server_certificate_is_refused);
  tcase_add_test(tls, tls_server_of_another_name_is_refused);
  tcase_add_test(tls, tls_server_of_another_authority_is_refused);
  tcase_add_test(tls, tls_client_without_authority_takes_any_certificate);
  tcase_add_test(tls, tls_client_asks_for_an_address_by_address);
  tcase_add_test(tls, tls_client_resumes_where_it_may);
  tcase_add_test(tls, tls_handshake_that_stalls_is_cut_off);
  suite_add_tcase(suite, plain);
  suite_add_tcase(suite, tls);
  return run(suite);
}

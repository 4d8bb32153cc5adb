/* Requests on their way through a connector: by a tunnel whose other end the test holds, to an application
 * that is a socket of which the test reads when it likes. */
#include "request.h"

#include "../cloud/fake_clock.h"
#include "clock.h"
#include "direction.h"
#include "hello.h"
#include "lab_write.h"
#include "run.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static struct actor actor;
static struct connector connector;
static struct configurations known;
static const struct lab_app *app, *slow; /* slow: another one at the same socket, with a long timeout */
static const struct lab own = {.cloud.limits.connector_at_once = 200};
static struct listener *listener;
static uv_timer_t watchdog;

/* The tunnel's ends. */
static struct link *cloud, *inside;
static int open_ends;

/* What the cloud sees of its request. */
static struct {
  struct tunnel_stream *stream;  /* NULL once closed */
  int status, interims, foreign; /* foreign: interims that do not say that the connector made them */
  bool reads;                    /* gives back the window of what comes */
  char error[64], why[256];
  size_t sent, got;
} asked;

/* The application: the socket where it listens, and its connection. */
static int listening, taken_by = -1;
static size_t taken;

static void barked(uv_timer_t *timer)
{
  (void)timer;
  ck_abort_msg("what the test waits for did not come");
}

static void turn(void)
{
  uv_run(net_loop(connector.net), UV_RUN_NOWAIT);
}

#define run_until(condition)                                                                                 \
  do {                                                                                                       \
    while (!(condition))                                                                                     \
      turn();                                                                                                \
  } while (0)

/* -- the tunnel's ends ----------------------------------------------------------------------------------- */

static bool on_open(struct link *l, void *arg, struct failure *f)
{
  (void)l;
  (void)arg;
  (void)f;
  open_ends++;
  return true;
}

static void on_gone(struct link *l, void *arg, const struct failure *f)
{
  (void)arg;
  (void)f;
  if (l == cloud) cloud = NULL;
  if (l == inside) inside = NULL;
}

static const struct link_events link_events = {on_open, on_gone};

static void keep(char *to, size_t n, const struct tunnel_head *h, const char *name)
{
  const char *value = fields_get(h->fields, name);
  snprintf(to, n, "%s", value ? value : "");
}

static void cloud_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  (void)s;
  (void)owner;
  const char *origin = fields_get(h->fields, "sevenstep-origin");
  if (h->status < 200) {
    asked.interims++;
    asked.foreign += !origin || strcmp(origin, "connector") != 0;
    return;
  }
  asked.status = h->status;
  keep(asked.error, sizeof asked.error, h, "sevenstep-error");
  keep(asked.why, sizeof asked.why, h, "sevenstep-why");
}

static void cloud_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  (void)owner;
  (void)data;
  asked.got += n;
  if (asked.reads) tunnel_stream_consume(s, n);
}

static void cloud_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  (void)owner;
  (void)trailers;
}

static void cloud_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  (void)owner;
  (void)f;
  asked.stream = NULL;
}

static const struct tunnel_events cloud_events = {
    .on_response = cloud_response, .on_data = cloud_data, .on_end = cloud_end, .on_close = cloud_close};

static void inside_request(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)t;
  (void)arg;
  request_begin(&connector, &known, inside, s, h);
}

static void inside_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  ((struct stream_owner *)owner)->ops->on_data(s, owner, data, n);
}

static void inside_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  ((struct stream_owner *)owner)->ops->on_end(s, owner, trailers);
}

static void inside_writable(struct tunnel_stream *s, void *owner)
{
  ((struct stream_owner *)owner)->ops->on_writable(s, owner);
}

static void inside_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  if (owner) ((struct stream_owner *)owner)->ops->on_close(s, owner, f);
}

static const struct tunnel_events inside_events = {.on_request = inside_request,
                                                   .on_data = inside_data,
                                                   .on_end = inside_end,
                                                   .on_writable = inside_writable,
                                                   .on_close = inside_close};

static void *accept_tunnel(void *arg, struct stream *s)
{
  (void)arg;
  (void)s;
  ck_assert_int_eq(link_new(connector.net, TUNNEL_CLOUD, &link_events, &cloud_events, NULL, &cloud), ERR_OK);
  return cloud;
}

/* -- the lab --------------------------------------------------------------------------------------------- */

/* An address of its own; listening, where n > 0. */
static int local_socket(uint16_t *ret_port, int n)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), little = 65536;
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
  ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  *ret_port = ntohs(sa.sin_port);
  ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
  if (n) ck_assert_int_eq(listen(fd, n), 0);
  return fd;
}

static void read_lab(void)
{
  static const char row[] =
      "%s: {external_url: 'https://%s.apps.localhost:8443/', internal_url: http://a.test/, "
      "connect: '127.0.0.1:%u', preauthentication: passthru, single_sign_on: none%s}";
  char one[300], two[300], text[640];
  struct lab *lab;
  struct failure f;
  uint16_t port;
  listening = local_socket(&port, 8);
  snprintf(one, sizeof one, row, "app", "app", port, "");
  snprintf(two, sizeof two, row, "slow", "slow", port, ", backend_timeout: long");
  int n = snprintf(text, sizeof text, "applications: {%s, %s}", one, two);
  ck_assert_msg(lab_read_applications("t", text, (size_t)n, &lab, &f) == ERR_OK, "%s", f.why);
  app = lab_published(lab, "app", NULL);
  slow = lab_published(lab, "slow", NULL);
  configurations_put(&known, 1, lab);
}

static void join(void)
{
  struct lab_addr at = {.host = "127.0.0.1"};
  struct stream *s;
  struct failure f;
  close(local_socket(&at.port, 0));
  ck_assert_int_eq(
      listener_new(connector.net, &at, NULL, 0, accept_tunnel, NULL, &link_stream_events, &listener, &f),
      ERR_OK);
  ck_assert_int_eq(link_new(connector.net, TUNNEL_CONNECTOR, &link_events, &inside_events, NULL, &inside),
                   ERR_OK);
  ck_assert_int_eq(stream_connect(connector.net, &at, NULL, NULL, 5000, &link_stream_events, inside, &s),
                   ERR_OK);
  run_until(open_ends == 2);
}

static void setup(void)
{
  struct failure f;
  log_init("connector");
  read_lab();
  ck_assert_int_eq(tracer_new(NULL, "connector", "connector", &actor.tracer, &f), ERR_OK);
  connector.actor = &actor;
  connector.lab = &own;
  ck_assert_int_eq(net_new(&connector.net), ERR_OK);
  uv_timer_init(net_loop(connector.net), &watchdog);
  uv_timer_start(&watchdog, barked, 20000, 0);
  ck_assert_int_eq(origin_pool_new(&connector, &connector.origins, &f), ERR_OK);
  join();
  asked.reads = true;
}

static void teardown(void)
{
  uv_close((uv_handle_t *)&watchdog, NULL);
  net_free(connector.net);
  ck_assert(!connector.requests && !cloud && !inside);
  origin_pool_free(connector.origins);
  configurations_clear(&known);
  tracer_free(actor.tracer);
  if (taken_by >= 0) close(taken_by);
  close(listening);
}

/* -- what user and application do ------------------------------------------------------------------------ */

/* Turns until nothing moves any more: loopback delivers at once. */
static void settle(void)
{
  for (int i = 0; i < 50; i++)
    turn();
}

/* Both links are kept alive meanwhile. */
static void pass(int seconds)
{
  for (int i = 0; i < seconds; i++) {
    clock_shift_mono_ms(1000);
    ck_assert_int_eq(tunnel_ping(link_tunnel(cloud)), ERR_OK);
    link_flush(cloud);
    ck_assert_int_eq(tunnel_ping(link_tunnel(inside)), ERR_OK);
    link_flush(inside);
    for (int k = 0; k < 5; k++)
      turn();
    requests_sweep(&connector, clock_mono_ns());
  }
  settle();
}

static void send_fields(const char *method, bool body, struct fields *f)
{
  ck_assert_int_eq(tunnel_request(link_tunnel(cloud), method, "a", "/", 1, f, !body, &asked, &asked.stream),
                   ERR_OK);
  fields_clear(f);
  link_flush(cloud);
}

/* direction: as it is, times of it; NULL: the right one. */
static void send_directed(const char *method, bool body, const char *direction, int times)
{
  struct fields f;
  char right[DIRECTION_MAX];
  const struct direction to = {.app = app->name, .client = "192.0.2.1", .version = 1, .http = 1};
  fields_init(&f, 8, 4096);
  ck_assert_int_eq(direction_write(&to, right), ERR_OK);
  for (int i = 0; i < times; i++)
    ck_assert_int_eq(fields_add(&f, DIRECTION_FIELD, direction ? direction : right), ERR_OK);
  ck_assert_int_eq(fields_add(&f, "via", "1.0 fred"), ERR_OK);
  send_fields(method, body, &f);
}

static void send_request(const char *method, bool body)
{
  send_directed(method, body, NULL, 1);
}

static void accept_connection(void)
{
  run_until((taken_by = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0);
}

static void ask(const char *method, bool body)
{
  send_request(method, body);
  accept_connection();
}

static void upload(size_t n)
{
  static const uint8_t piece[128 * 1024];
  for (size_t done = 0; done < n; done += sizeof piece) {
    ck_assert_int_eq(tunnel_stream_write(asked.stream, piece, sizeof piece), ERR_OK);
    asked.sent += sizeof piece;
    link_flush(cloud);
    turn();
  }
}

/* The application takes n bytes, or as many as come. */
static void take(size_t n)
{
  static uint8_t piece[16384];
  size_t end = taken + n;
  for (int idle = 0; idle < 50 && taken < end; turn()) {
    ssize_t r = recv(taken_by, piece, sizeof piece, 0);
    idle = r > 0 ? 0 : idle + 1;
    if (r > 0) taken += (size_t)r;
  }
}

static void say(const char *text)
{
  ck_assert_int_eq(send(taken_by, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* An upload that the application kept up with, so that its window has become wide, and then does not. */
static void upload_fast_then_not_at_all(void)
{
  ask("POST", true);
  for (int i = 0; i < 20; i++) {
    upload(MIB);
    take(SIZE_MAX / 2);
  }
  ck_assert_uint_ge(taken, 20 * MIB);
  upload(7 * MIB);
  settle();
}

/* -- the tests ------------------------------------------------------------------------------------------- */

START_TEST(application_is_told_of_the_published_host_and_the_user)
{
  static const struct {
    const char *direction, *via;
  } all[] = {{"1 app - - 192.0.2.1 0", "\r\nVia: 1.0 sevenstep\r\n"},
             {"1 app - - 192.0.2.1 1", "\r\nVia: 1.1 sevenstep\r\n"},
             {"1 app - - 192.0.2.1 2", "\r\nVia: 2.0 sevenstep\r\n"}};
  char head[2048];
  ssize_t n = -1;
  send_directed("GET", false, all[_i].direction, 1);
  accept_connection();
  run_until((n = recv(taken_by, head, sizeof head - 1, 0)) > 0);
  head[n] = 0;
  ck_assert_ptr_nonnull(strstr(head, "\r\nvia: 1.0 fred\r\n"));
  ck_assert_ptr_nonnull(strstr(head, all[_i].via));
  ck_assert_ptr_nonnull(strstr(head, "\r\nX-Forwarded-For: 192.0.2.1\r\n"));
  ck_assert_ptr_nonnull(strstr(head, "\r\nX-Forwarded-Host: app.apps.localhost:8443\r\n"));
  ck_assert_ptr_nonnull(
      strstr(head, "\r\nForwarded: for=192.0.2.1;proto=https;host=\"app.apps.localhost:8443\"\r\n"));
  ck_assert_ptr_null(strcasestr(head, "sevenstep-"));
}
END_TEST

/* Nor is it guessed of two which one is meant. */
START_TEST(request_that_does_not_say_where_it_goes_is_refused)
{
  static const struct {
    const char *direction;
    int times;
  } all[] = {
      {NULL, 0}, {NULL, 2}, {"1 app - -", 1}, {"1 other - - 192.0.2.1 1", 1}, {"1 app - a 192.0.2.1 1", 1}};
  send_directed("GET", false, all[_i].direction, all[_i].times);
  run_until(asked.status);
  ck_assert_int_eq(asked.status, 502);
  ck_assert_str_eq(asked.error, "tunnel_protocol");
}
END_TEST

/* The tunnel lets it pass; what the connector adds is too much. */
START_TEST(head_that_is_too_full_for_the_fields_of_forwarding_is_the_users_to_make_smaller)
{
  struct fields f;
  char right[DIRECTION_MAX];
  const struct direction to = {.app = app->name, .client = "192.0.2.1", .version = 1, .http = 1};
  fields_init(&f, TUNNEL_MAX_FIELDS, 8192);
  ck_assert_int_eq(direction_write(&to, right), ERR_OK);
  ck_assert_int_eq(fields_add(&f, DIRECTION_FIELD, right), ERR_OK);
  while (fields_count(&f) < TUNNEL_MAX_FIELDS - 4)
    ck_assert_int_eq(fields_add(&f, "x-filler", "1"), ERR_OK);
  send_fields("GET", false, &f);
  run_until(asked.status);
  ck_assert_int_eq(asked.status, 431);
  ck_assert_str_eq(asked.error, "http_headers_too_large");
}
END_TEST

START_TEST(upload_that_is_not_taken_waits_outside_but_for_a_window)
{
  upload_fast_then_not_at_all();
  take(MIB);
  upload(4 * MIB);
  settle();
  size_t waits = asked.sent - taken;
  size_t in_connector = waits - tunnel_stream_queued(asked.stream) - stream_queued(link_stream(cloud));
  ck_assert_uint_ge(in_connector, TUNNEL_STREAM_WINDOW_MAX / 2);
  ck_assert_uint_le(in_connector, TUNNEL_STREAM_WINDOW_MAX + MIB); /* and what the kernel holds */
}
END_TEST

START_TEST(application_that_takes_an_upload_slowly_is_waited_for)
{
  upload_fast_then_not_at_all();
  for (unsigned s = 0; s < 3 * app->backend_timeout_s; s += 10) {
    take(192 * 1024);
    pass(10);
    ck_assert_ptr_nonnull(asked.stream);
    ck_assert_int_eq(asked.status, 0);
  }
  ck_assert_int_ge(asked.interims, (int)(3 * app->backend_timeout_s / 20)); /* the cloud waits, too */
  ck_assert_int_eq(asked.foreign, 0);
  pass((int)app->backend_timeout_s + 1);
  ck_assert_int_eq(asked.status, 504);
  ck_assert_str_eq(asked.error, "backend_timeout");
}
END_TEST

/* What the user sends does not make up for an application that takes nothing. */
START_TEST(application_that_takes_nothing_of_an_upload_is_overdue)
{
  upload_fast_then_not_at_all();
  for (unsigned s = 0; s <= app->backend_timeout_s; s += 5)
    pass(5);
  ck_assert_int_eq(asked.status, 504);
  ck_assert_str_eq(asked.error, "backend_timeout");
  ck_assert_int_le(asked.interims, 1);
}
END_TEST

START_TEST(application_that_answers_early_may_go_on_with_the_upload)
{
  ask("POST", true);
  say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
  run_until(asked.status == 200);
  for (unsigned s = 0; s < 2 * app->backend_timeout_s; s += 10) {
    upload(1);
    take(128 * 1024);
    pass(10);
    ck_assert_ptr_nonnull(asked.stream);
  }
  ck_assert_int_eq(asked.interims, 0);
  pass((int)app->backend_timeout_s + 1);
  ck_assert_ptr_null(asked.stream);
}
END_TEST

START_TEST(application_that_waits_for_a_slow_user_has_no_deadline)
{
  static char much[MIB];
  asked.reads = false;
  ask("POST", true);
  say("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
  while (!connector.requests->answered || connector.requests->deadline_ns) {
    (void)!send(taken_by, much, sizeof much, MSG_NOSIGNAL);
    turn();
  }
  upload(1); /* that the application takes it does not begin a time for what it cannot send */
  take(128 * 1024);
  pass(2 * (int)app->backend_timeout_s);
  ck_assert_ptr_nonnull(asked.stream);
}
END_TEST

/* The word of the lab file, from the table that the cloud sends to the deadline here. */
START_TEST(application_with_a_long_timeout_is_waited_for_as_long)
{
  ck_assert_uint_eq(app->backend_timeout_s, 85);
  app = slow;
  ask("GET", false);
  pass(179);
  ck_assert_ptr_nonnull(asked.stream);
  ck_assert_int_eq(asked.status, 0);
  pass(2);
  ck_assert_int_eq(asked.status, 504);
  ck_assert_str_eq(asked.error, "backend_timeout");
}
END_TEST

static struct lab_app kerberos;

/* The request, which is with the application, is for one with Kerberos. */
static void want_proof(void)
{
  kerberos = *app;
  kerberos.sso = SSO_KCD;
  kerberos.spn = "HTTP/a.test";
  connector.requests->app = &kerberos;
}

/* What an application with Kerberos answers without a proof. */
static void answer_unproven(const char *head)
{
  ask("GET", false);
  want_proof();
  say(head);
  run_until(asked.status);
  ck_assert_int_eq(asked.status, 502);
}

/* As a web server does with a head that is too large for it. The user does not get its answer, which anybody
 * could have given. */
START_TEST(refusal_before_the_ticket_was_looked_at_says_so)
{
  answer_unproven("HTTP/1.1 431 Too Large\r\nContent-Length: 6\r\n\r\nsecret");
  ck_assert_str_eq(asked.error, "backend_refused_early");
  ck_assert_ptr_nonnull(strstr(asked.why, "answered 431 "));
  ck_assert_uint_eq(asked.got, 0);
}
END_TEST

START_TEST(answer_without_a_proof_is_not_the_applications)
{
  answer_unproven("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
  ck_assert_str_eq(asked.error, "backend_mutual");
  ck_assert_uint_eq(asked.got, 0);
}
END_TEST

/* That it works on it is told, and nothing else of what it says, be it a token or a cookie. */
START_TEST(interim_answer_without_a_proof_does_not_pass)
{
  answer_unproven("HTTP/1.1 103 Early Hints\r\nLink: </evil.css>\r\nSet-Cookie: a=b\r\n"
                  "WWW-Authenticate: Negotiate YQ==\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ck_assert_str_eq(asked.error, "backend_mutual");
  ck_assert_int_eq(asked.interims, 1);
  ck_assert_int_eq(asked.foreign, 0);
}
END_TEST

START_TEST(interim_answer_without_a_proof_gives_the_answer_its_time_anew)
{
  ask("GET", false);
  want_proof();
  for (int i = 1; i <= 3; i++) {
    pass((int)app->backend_timeout_s - 5);
    say("HTTP/1.1 102 Processing\r\n\r\n");
    run_until(asked.interims == i);
  }
  ck_assert_int_eq(asked.foreign, 0);
  pass((int)app->backend_timeout_s + 1);
  ck_assert_int_eq(asked.status, 504);
}
END_TEST

START_TEST(interim_answer_of_an_application_without_kerberos_passes)
{
  ask("GET", false);
  say("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
  run_until(asked.foreign == 1);
}
END_TEST

/* A realm whose KDC cannot be reached. */
static void make_realm(void)
{
  static const struct krb_delegator_config config = {
      .keytab = "/nowhere", .principal = "HTTP/c.test", .realm = "A.TEST", .upn_suffix = "test"};
  struct failure f;
  setenv("KRB5_CONFIG", "/dev/null", 1);
  ck_assert_int_eq(krb_cache_new(8, 900, &connector.tickets), ERR_OK);
  ck_assert_msg(krb_delegator_new(&config, &connector.delegator, &f) == ERR_OK, "%s", f.why);
}

static void forget_realm(void)
{
  krb_cache_free(connector.tickets);
  krb_delegator_free(connector.delegator);
}

/* An application that was started again with a new key: the connection that was kept has gone, and the ticket
 * that was kept is of no use. */
START_TEST(ticket_that_is_refused_behind_a_stale_connection_is_renewed)
{
  make_realm();
  ask("GET", false);
  say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  run_until(!asked.stream);
  asked.status = 0;
  send_request("GET", false);
  run_until(connector.requests);
  take(SIZE_MAX / 2);
  close(taken_by);
  accept_connection();
  want_proof();
  snprintf(connector.requests->upn, sizeof connector.requests->upn, "alice@test");
  snprintf(connector.requests->login, sizeof connector.requests->login, "alice@test");
  connector.requests->ticket_cached = true;
  say("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n");
  run_until(asked.status);
  ck_assert_str_eq(asked.error, "kdc_unreachable"); /* it was asked for */
  ck_assert(connector.counters.cache_misses == 1);
  forget_realm();
}
END_TEST

static void add_tests(TCase *c)
{
  tcase_add_test(c, interim_answer_without_a_proof_does_not_pass);
  tcase_add_test(c, interim_answer_without_a_proof_gives_the_answer_its_time_anew);
  tcase_add_test(c, interim_answer_of_an_application_without_kerberos_passes);
  tcase_add_test(c, ticket_that_is_refused_behind_a_stale_connection_is_renewed);
  tcase_add_loop_test(c, application_is_told_of_the_published_host_and_the_user, 0, 3);
  tcase_add_loop_test(c, request_that_does_not_say_where_it_goes_is_refused, 0, 5);
  tcase_add_test(c, head_that_is_too_full_for_the_fields_of_forwarding_is_the_users_to_make_smaller);
  tcase_add_test(c, upload_that_is_not_taken_waits_outside_but_for_a_window);
  tcase_add_test(c, application_that_takes_an_upload_slowly_is_waited_for);
  tcase_add_test(c, application_with_a_long_timeout_is_waited_for_as_long);
  tcase_add_test(c, application_that_takes_nothing_of_an_upload_is_overdue);
  tcase_add_test(c, application_that_answers_early_may_go_on_with_the_upload);
  tcase_add_test(c, application_that_waits_for_a_slow_user_has_no_deadline);
  tcase_add_test(c, refusal_before_the_ticket_was_looked_at_says_so);
  tcase_add_test(c, answer_without_a_proof_is_not_the_applications);
}

int main(void)
{
  Suite *suite = suite_create("request");
  TCase *c = tcase_create("request");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  add_tests(c);
  suite_add_tcase(suite, c);
  return run(suite);
}

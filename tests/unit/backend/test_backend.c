/* The application over real connections, with tickets of a real KDC. */
#include "backend.h"
#include "client.h"
#include "kdc_lab.h"

#include "clock.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kdc_lab l;
static struct krb_ticket *ticket;
static struct backend b;
static struct httpd *server;

static void setup(void)
{
  kdc_lab_make(&l);
  kdc_lab_start(&l);
  ticket = kdc_lab_ticket(&l);
}

static void teardown(void)
{
  krb_ticket_unref(ticket);
  kdc_lab_remove(&l);
}

static void begin(void)
{
  struct failure f = {0};
  struct krb_acceptor_config c = {.keytab = kdc_lab_path(&l, "keytabs/backend.keytab")};
  struct krb_acceptor *acceptor;
  b = (struct backend){0};
  lab_slot_init(&b.lab, &l.lab);
  ck_assert_msg(krb_acceptor_new(&c, &acceptor, &f) == ERR_OK, "%s", f.why);
  b.acceptor = acceptor;
  ck_assert_msg(tracer_new(l.run, "backend", "backend", &b.tracer, &f) == ERR_OK, "%s", f.why);
  struct httpd_config h = {.listen = {"127.0.0.1", 0},
                           .routes = backend_routes,
                           .arg = &b,
                           .refuse = backend_refuse,
                           .upgrades = true};
  ck_assert_msg(httpd_start(&h, &server, &f) == ERR_OK, "%s", f.why);
}

static void end(void)
{
  httpd_stop(server);
  krb_acceptor_free(b.acceptor);
  lab_slot_clear(&b.lab);
  tracer_free(b.tracer);
}

/* One request with a new authenticator; more is further header lines and, behind an empty line, the body. The
 * answer's proof is checked. */
static char *ask(const char *start, const char *host, const char *more)
{
  struct buf text, authorization;
  struct krb_initiator *i;
  struct failure f = {0};
  buf_init(&text, 1 << 20);
  buf_init(&authorization, 65536);
  ck_assert_int_eq(krb_initiator_new(ticket, NULL, &authorization, &i, NULL), ERR_OK);
  ck_assert_int_eq(buf_printf(&text,
                              "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAuthorization: %s\r\n%s",
                              start, host, buf_str(&authorization), *more ? more : "\r\n"),
                   ERR_OK);
  char *answer = client_talk(server, buf_str(&text));
  const char *proof = strcasestr(answer, "\r\nWWW-Authenticate: Negotiate ");
  if (proof) {
    proof += strlen("\r\nWWW-Authenticate: ");
    ck_assert_msg(krb_initiator_finish(i, proof, strcspn(proof, "\r"), &f) == ERR_OK, "%s", f.why);
  }
  krb_initiator_free(i);
  buf_clear(&text);
  buf_clear(&authorization);
  return answer;
}

static void assert_asked(const char *start, const char *status, const char *text)
{
  assert_answer(ask(start, "hello.corp.test", ""), status, text);
}

static void assert_plain(const char *start, const char *host, const char *status, const char *text)
{
  char request[512];
  snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", start, host);
  assert_answer(client_talk(server, request), status, text);
}

/* -- the ticket ------------------------------------------------------------------------------------------ */

START_TEST(backend_without_ticket_answers_the_bare_challenge)
{
  assert_plain("GET /", "hello.corp.test", "401", "\r\nWWW-Authenticate: Negotiate\r\n");
  assert_plain("GET /", "hello.corp.test", "401", "data-error=\"ticket_required\"");
  assert_plain("GET /", "hello.corp.test", "401", "Sevenstep-Error: ticket_required\r\n");
  assert_plain("GET /", "hello.corp.test", "401", "Sevenstep-Actor: backend\r\n");
}
END_TEST

START_TEST(backend_with_ticket_shows_who_and_how)
{
  assert_asked("GET /", "200", "<strong id=\"principal\">alice@CORP.TEST</strong>");
  assert_asked("GET /", "200",
               "<dt>Delegated by</dt><dd><code>HTTP/connector-1.corp.test@CORP.TEST</code></dd>");
  assert_asked("GET /", "200", "<p id=\"logon\">It has no logon info");
  assert_asked("GET /", "200", "WWW-Authenticate: Negotiate oY");
}
END_TEST

START_TEST(backend_json_has_ticket_and_request)
{
  assert_asked("GET /whoami.json", "200", "\"user\":\"alice@CORP.TEST\"");
  assert_asked("GET /whoami.json", "200",
               "\"delegated\":true,\"delegated_by\":\"HTTP/connector-1.corp.test@CORP.TEST\"");
  assert_asked("GET /whoami.json", "200", "\"logon\":null}");
  assert_asked("GET /whoami.json?a=b", "200", "\"target\":\"/whoami.json?a=b\"");
  assert_answer(ask("GET /", "hello.corp.test", "Accept: application/json\r\n\r\n"), "200",
                "\"application\":\"hello\"");
}
END_TEST

START_TEST(backend_shows_the_authorization_as_a_hash_only)
{
  char *answer = ask("GET /whoami.json", "hello.corp.test", "");
  ck_assert_ptr_nonnull(strstr(answer, "[\"Authorization\",\"Negotiate sha256:"));
  ck_assert_ptr_null(strstr(answer, "YII"));
  free(answer);
}
END_TEST

START_TEST(backend_escapes_what_it_shows)
{
  assert_answer(ask("GET /", "hello.corp.test", "X-Test: <script>\"&\r\n\r\n"), "200",
                "&lt;script&gt;&quot;&amp;");
  assert_answer(ask("GET /whoami.json", "hello.corp.test", "X-Test: a\"b\\c\r\n\r\n"), "200",
                "[\"X-Test\",\"a\\\"b\\\\c\"]");
}
END_TEST

START_TEST(backend_ticket_for_another_application_is_refused)
{
  assert_answer(
      ask("GET /", "ledger.corp.test", ""), "401",
      "the ticket is for HTTP/hello.corp.test@CORP.TEST, this application is HTTP/ledger.corp.test");
}
END_TEST

START_TEST(backend_refused_ticket_gets_no_proof)
{
  char *answer = ask("GET /", "ledger.corp.test", "");
  ck_assert_ptr_null(strstr(answer, "Negotiate o"));
  ck_assert_ptr_nonnull(strstr(answer, "\r\nWWW-Authenticate: Negotiate\r\n"));
  free(answer);
}
END_TEST

START_TEST(backend_bad_token_is_refused)
{
  assert_answer(client_talk(server, "GET / HTTP/1.1\r\nHost: hello.corp.test\r\nConnection: close\r\n"
                                    "Authorization: Negotiate AAAA\r\n\r\n"),
                "401", "data-error=\"ticket_invalid\"");
  assert_answer(client_talk(server, "GET / HTTP/1.1\r\nHost: hello.corp.test\r\nConnection: close\r\n"
                                    "Authorization: Negotiate TlRMTVNTUAABAAAAB4IIAA==\r\n\r\n"),
                "401", "data-error=\"ticket_mechanism\"");
}
END_TEST

START_TEST(backend_unknown_host_wants_a_ticket)
{
  assert_plain("GET /", "127.0.0.1", "401", "ticket_required");
  assert_answer(ask("GET /whoami.json", "127.0.0.1", ""), "200", "\"application\":null");
}
END_TEST

START_TEST(backend_application_without_single_sign_on_wants_none)
{
  assert_plain("GET /whoami.json", "public.corp.test", "200", "\"user\":null,\"ticket\":null");
  assert_plain("GET /", "PUBLIC.corp.test:8446", "200", "asks nobody who they are");
}
END_TEST

/* -- bodies ---------------------------------------------------------------------------------------------- */

START_TEST(backend_upload_gives_the_digest)
{
  static const char sha_of_hello[] =
      "{\"bytes\":5,\"sha256\":\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"}";
  assert_answer(ask("PUT /upload", "hello.corp.test", "Content-Length: 5\r\n\r\nhello"), "200", sha_of_hello);
  assert_answer(ask("POST /upload", "hello.corp.test",
                    "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
                "200", sha_of_hello);
}
END_TEST

START_TEST(backend_upload_of_nothing_gives_its_digest)
{
  assert_answer(
      ask("POST /upload", "hello.corp.test", "Content-Length: 0\r\n\r\n"), "200",
      "{\"bytes\":0,\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}");
}
END_TEST

START_TEST(backend_upload_without_ticket_is_refused)
{
  assert_answer(client_talk(server, "POST /upload HTTP/1.1\r\nHost: hello.corp.test\r\nConnection: close\r\n"
                                    "Content-Length: 5\r\n\r\nhello"),
                "401", "\r\nWWW-Authenticate: Negotiate\r\n");
}
END_TEST

START_TEST(backend_download_has_the_size_that_was_asked_for)
{
  char *answer = ask("GET /download?bytes=100000", "hello.corp.test", "");
  ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 100000\r\n"));
  const char *body = strstr(answer, "\r\n\r\n") + 4;
  ck_assert_uint_eq(strlen(body), 100000);
  for (size_t i = 0; i < 100000; i++)
    ck_assert_int_eq(body[i], 'a' + (int)(i % 26));
  free(answer);
}
END_TEST

static const char *const bad_numbers[] = {
    "/download?bytes=x",         "/download?bytes=-1",
    "/download?bytes=1&bytes=2", "/slow?ms=99999999",
    "/stream?count=1e3",         "/stream?ms=+5",
    "/download?bytes=%zz",       "/download?bytes=99999999999999999999999"};

START_TEST(backend_bad_number_is_refused)
{
  char start[128];
  snprintf(start, sizeof start, "GET %s", bad_numbers[_i]);
  assert_asked(start, "400", "must be a number from 0 to");
}
END_TEST

START_TEST(backend_slow_takes_its_time)
{
  int64_t before = clock_mono_ns();
  assert_asked("GET /slow?ms=150", "200", "This took a while.");
  ck_assert_int_ge(clock_mono_ns() - before, 150000000);
}
END_TEST

START_TEST(backend_stream_sends_every_event)
{
  assert_asked("GET /stream?count=3&ms=5", "200", "Content-Type: text/event-stream\r\n");
  assert_asked("GET /stream?count=3&ms=5", "200", "id: 2\ndata: event 3 of 3\n\n");
  assert_asked("GET /stream?count=0", "200", "");
}
END_TEST

START_TEST(backend_unknown_path_is_told_to_those_with_a_ticket)
{
  assert_asked("GET /nothing", "404", "data-error=\"not_found\"");
  assert_plain("GET /nothing", "hello.corp.test", "401", "ticket_required");
}
END_TEST

START_TEST(backend_healthz_needs_no_ticket)
{
  assert_plain("GET /healthz", "anything", "200", "ok\n");
}
END_TEST

/* -- the trace ------------------------------------------------------------------------------------------- */

static char *trace_lines(void)
{
  char *text = calloc(1, 1 << 20);
  FILE *f = fopen(kdc_lab_path(&l, "trace/backend.jsonl"), "re");
  ck_assert_ptr_nonnull(text);
  ck_assert_ptr_nonnull(f);
  ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, f), 0);
  fclose(f);
  return text;
}

START_TEST(backend_span_is_a_child_and_tells_the_ticket)
{
  free(ask("GET /", "hello.corp.test",
           "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"));
  char *lines = trace_lines();
  char *mine = strstr(lines, "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\"");
  ck_assert_ptr_nonnull(mine);
  *strchr(mine, '\n') = '\0';
  ck_assert_ptr_nonnull(strstr(mine, "\"parent_span_id\":\"b7ad6b7169203331\""));
  ck_assert_ptr_nonnull(strstr(mine, "\"step\":6"));
  ck_assert_ptr_nonnull(strstr(mine, "\"krb.client\":\"alice@CORP.TEST\""));
  ck_assert_ptr_nonnull(strstr(mine, "\"krb.delegated_by\":\"HTTP/connector-1.corp.test@CORP.TEST\""));
  ck_assert_ptr_nonnull(strstr(mine, "\"http.response.status_code\":200"));
  free(lines);
}
END_TEST

START_TEST(backend_metrics_count_tokens)
{
  struct buf out;
  buf_init(&out, 65536);
  free(ask("GET /", "hello.corp.test", ""));
  free(ask("GET /", "hello.corp.test", ""));
  backend_metrics(&b, &out);
  ck_assert_ptr_nonnull(strstr(buf_str(&out), "sevenstep_backend_verified_total{by=\"gssapi\"} 1\n"));
  ck_assert_ptr_nonnull(strstr(buf_str(&out), "sevenstep_backend_verified_total{by=\"known_ticket\"} 1\n"));
  buf_clear(&out);
}
END_TEST

/* -- WebSocket ------------------------------------------------------------------------------------------- */

#define HANDSHAKE                                                                                            \
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                               \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define MASKED(first, n) first n "\0\0\0\0" /* a mask of zeros */

/* The frames come together with the handshake, which the application must bear; what comes back until it
 * closes. */
static char *websocket(const char *more, const char *frames, size_t n)
{
  struct buf text, authorization;
  struct krb_initiator *i;
  buf_init(&text, 1 << 20);
  buf_init(&authorization, 65536);
  ck_assert_int_eq(krb_initiator_new(ticket, NULL, &authorization, &i, NULL), ERR_OK);
  ck_assert_int_eq(buf_printf(&text,
                              "GET /ws HTTP/1.1\r\nHost: hello.corp.test\r\nAuthorization: %s\r\n%s\r\n",
                              buf_str(&authorization), more),
                   ERR_OK);
  ck_assert_int_eq(buf_append(&text, frames, n), ERR_OK);
  int fd = client_connect(server);
  client_send(fd, (const char *)text.data, text.len);
  krb_initiator_free(i);
  buf_clear(&text);
  buf_clear(&authorization);
  return client_read_all(fd);
}

#define TALK(frames) websocket(HANDSHAKE, frames, sizeof(frames) - 1)

START_TEST(websocket_echoes_and_closes)
{
  char *answer =
      TALK(MASKED("\x81", "\x85") "Hello" MASKED("\x89", "\x84") "ping" MASKED("\x88", "\x82") "\x03\xe8");
  ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n\x81\x05Hello\x8a\x04ping\x88\x02\x03\xe8"));
  ck_assert_ptr_nonnull(strstr(answer, "WWW-Authenticate: Negotiate oY"));
  assert_answer(answer, "101", "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
}
END_TEST

START_TEST(websocket_that_breaks_the_protocol_is_told_and_closed)
{
  char *answer = TALK("\x81\x05Hello");
  assert_answer(answer, "101",
                "\r\n\r\n\x88\x21\x03\xea"
                "an unmasked frame from a client");
}
END_TEST

START_TEST(websocket_takes_the_first_subprotocol)
{
  char *answer = websocket(HANDSHAKE "Sec-WebSocket-Protocol: one, two\r\n", MASKED("\x88", "\x80"), 6);
  assert_answer(answer, "101", "\r\nSec-WebSocket-Protocol: one\r\n");
}
END_TEST

START_TEST(websocket_of_another_version_names_13)
{
  char *answer = websocket("Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                           "", 0);
  assert_answer(answer, "426", "\r\nSec-WebSocket-Version: 13\r\n");
}
END_TEST

START_TEST(websocket_with_a_bad_handshake_is_refused)
{
  assert_asked("GET /ws", "400", "data-error=\"websocket_handshake\"");
}
END_TEST

START_TEST(websocket_without_ticket_is_challenged)
{
  assert_answer(client_talk(server, "GET /ws HTTP/1.1\r\nHost: hello.corp.test\r\n" HANDSHAKE
                                    "Connection: close\r\n\r\n"),
                "401", "\r\nWWW-Authenticate: Negotiate\r\n");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("backend");
  TCase *t = tcase_create("backend");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_add_checked_fixture(t, begin, end);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, backend_without_ticket_answers_the_bare_challenge);
  tcase_add_test(t, backend_with_ticket_shows_who_and_how);
  tcase_add_test(t, backend_json_has_ticket_and_request);
  tcase_add_test(t, backend_shows_the_authorization_as_a_hash_only);
  tcase_add_test(t, backend_escapes_what_it_shows);
  tcase_add_test(t, backend_ticket_for_another_application_is_refused);
  tcase_add_test(t, backend_refused_ticket_gets_no_proof);
  tcase_add_test(t, backend_bad_token_is_refused);
  tcase_add_test(t, backend_unknown_host_wants_a_ticket);
  tcase_add_test(t, backend_application_without_single_sign_on_wants_none);
  tcase_add_test(t, backend_upload_gives_the_digest);
  tcase_add_test(t, backend_upload_of_nothing_gives_its_digest);
  tcase_add_test(t, backend_upload_without_ticket_is_refused);
  tcase_add_test(t, backend_download_has_the_size_that_was_asked_for);
  tcase_add_loop_test(t, backend_bad_number_is_refused, 0, sizeof bad_numbers / sizeof *bad_numbers);
  tcase_add_test(t, backend_slow_takes_its_time);
  tcase_add_test(t, backend_stream_sends_every_event);
  tcase_add_test(t, backend_unknown_path_is_told_to_those_with_a_ticket);
  tcase_add_test(t, backend_healthz_needs_no_ticket);
  tcase_add_test(t, backend_span_is_a_child_and_tells_the_ticket);
  tcase_add_test(t, backend_metrics_count_tokens);
  tcase_add_test(t, websocket_echoes_and_closes);
  tcase_add_test(t, websocket_that_breaks_the_protocol_is_told_and_closed);
  tcase_add_test(t, websocket_takes_the_first_subprotocol);
  tcase_add_test(t, websocket_of_another_version_names_13);
  tcase_add_test(t, websocket_with_a_bad_handshake_is_refused);
  tcase_add_test(t, websocket_without_ticket_is_challenged);
  suite_add_tcase(s, t);
  return run(s);
}

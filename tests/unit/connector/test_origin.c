/* Connections to applications, against an origin server that says what it is told. */
#include "origin.h"
#include "run.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The origin server: its last connection, and what it received in all. */
static struct {
  struct stream *stream;
  int connections, closed;
  bool eof, keep; /* the client ended its side; keep: that does not close ours */
  enum err why;   /* the last connection closed */
  struct buf got;
} server;

/* Whoever asks. */
struct asker {
  struct origin *origin;
  int heads, interim, status;
  struct buf body;
  bool ended, failed, cancel_at_head, switch_at_head;
  char trailer[32];
  struct failure failure;
};

static struct connector connector;
static struct origin_pool *pool;
static struct lab_app app = {
    .name = "app", .internal_url = {.scheme = "http", .host = "app"}, .connect = {.host = "127.0.0.1"}};
static const struct lab lab = {.apps = &app, .n_apps = 1};
static struct listener *listener;
static struct asker first, second;
static uv_timer_t watchdog;

static void barked(uv_timer_t *timer)
{
  (void)timer;
  ck_abort_msg("what the test waits for did not come");
}

#define run_until(condition)                                                                                 \
  do {                                                                                                       \
    while (!(condition))                                                                                     \
      uv_run(net_loop(connector.net), UV_RUN_ONCE);                                                          \
  } while (0)

/* Where nothing may come that wakes the loop. */
static void turn(int times)
{
  for (int i = 0; i < times; i++)
    uv_run(net_loop(connector.net), UV_RUN_NOWAIT);
}

/* -- the origin server
 * --------------------------------------------------------------------------------------------------- */

static void server_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  (void)s;
  (void)arg;
  ck_assert_int_eq(buf_append(&server.got, data, n), ERR_OK);
}

static void server_eof(struct stream *s, void *arg)
{
  (void)arg;
  server.eof = true;
  if (!server.keep) stream_close(s, NULL);
}

static void server_closed(struct stream *s, void *arg, const struct failure *f)
{
  (void)arg;
  server.closed++;
  server.why = f->err;
  if (server.stream == s) server.stream = NULL;
}

static void *server_accept(void *arg, struct stream *s)
{
  (void)arg;
  server.connections++;
  server.stream = s;
  return &server;
}

static const struct stream_events server_events = {
    .on_data = server_data, .on_eof = server_eof, .on_close = server_closed};

static void say(const char *text)
{
  ck_assert_int_eq(stream_write(server.stream, text, strlen(text)), ERR_OK);
}

/* -- the asker
 * -----------------------------------------------------------------------------------------------------------
 */

static void on_head(void *owner, struct http1_head *h)
{
  struct asker *a = owner;
  a->status = h->status;
  if (h->status < 200)
    a->interim++;
  else
    a->heads++;
  if (a->cancel_at_head) origin_cancel(a->origin);
  if (a->switch_at_head) origin_switch(a->origin);
}

static void on_data(void *owner, const uint8_t *data, size_t n)
{
  ck_assert_int_eq(buf_append(&((struct asker *)owner)->body, data, n), ERR_OK);
}

static void on_end(void *owner, const struct fields *trailers)
{
  struct asker *a = owner;
  const char *t = fields_get(trailers, "x-trailer");
  snprintf(a->trailer, sizeof a->trailer, "%s", t ? t : "");
  ck_assert(!a->ended && !a->failed);
  a->ended = true;
}

static void on_fail(void *owner, const struct failure *f)
{
  struct asker *a = owner;
  ck_assert(!a->ended && !a->failed);
  a->failed = true;
  a->failure = *f;
}

static const struct origin_events events = {
    .on_head = on_head, .on_data = on_data, .on_end = on_end, .on_fail = on_fail};

static void ask_as(struct asker *a, const char *upn, const char *method, bool fresh)
{
  struct fields f;
  struct failure why;
  fields_init(&f, 4, 256);
  buf_clear(&a->body);
  *a = (struct asker){.cancel_at_head = a->cancel_at_head, .switch_at_head = a->switch_at_head};
  buf_init(&a->body, 1024 * 1024);
  ck_assert_int_eq(fields_add(&f, "Host", "app"), ERR_OK);
  ck_assert_int_eq(
      origin_send(pool, &app, upn, method, "/", 1, &f, false, fresh, &events, a, &a->origin, &why), ERR_OK);
  ck_assert_int_eq(origin_write_end(a->origin), ERR_OK);
  fields_clear(&f);
}

/* Asks, and waits until the server has the request. */
static void ask(struct asker *a)
{
  buf_reset(&server.got);
  ask_as(a, "alice@x", "GET", false);
  run_until(strstr(buf_str(&server.got), "\r\n\r\n"));
}

static void ask_and_get_ok(struct asker *a)
{
  ask(a);
  say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  run_until(a->ended);
}

/* -- the lab
 * -------------------------------------------------------------------------------------------------------------
 */

static void setup(void)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  struct failure f;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
  ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  close(fd);
  app.connect.port = ntohs(sa.sin_port);
  memset(&server, 0, sizeof server);
  buf_init(&server.got, 1024 * 1024);
  memset(&connector, 0, sizeof connector);
  first = second = (struct asker){0};
  ck_assert_int_eq(net_new(&connector.net), ERR_OK);
  uv_timer_init(net_loop(connector.net), &watchdog);
  uv_timer_start(&watchdog, barked, 20000, 0);
  connector.lab = &lab;
  ck_assert_int_eq(origin_pool_new(&connector, &pool, &f), ERR_OK);
  ck_assert_int_eq(
      listener_new(connector.net, &app.connect, NULL, 0, server_accept, NULL, &server_events, &listener, &f),
      ERR_OK);
}

static void teardown(void)
{
  origin_pool_stop(pool);
  uv_close((uv_handle_t *)&watchdog, NULL);
  net_free(connector.net);
  origin_pool_free(pool);
  buf_clear(&server.got);
  buf_clear(&first.body);
  buf_clear(&second.body);
}

/* -- one answer
 * ----------------------------------------------------------------------------------------------------------
 */

START_TEST(answer_of_known_length_arrives_and_the_connection_is_used_again)
{
  ask_and_get_ok(&first);
  ck_assert_str_eq(buf_str(&first.body), "ok");
  ask_and_get_ok(&second);
  ck_assert_int_eq(server.connections, 1);
}
END_TEST

START_TEST(answer_in_chunks_arrives_with_its_trailers)
{
  ask(&first);
  say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX-Trailer: t\r\n\r\n");
  run_until(first.ended);
  ck_assert_str_eq(buf_str(&first.body), "abc");
  ck_assert_str_eq(first.trailer, "t");
}
END_TEST

START_TEST(answer_until_close_is_complete_and_ends_the_connection)
{
  ask(&first);
  say("HTTP/1.1 200 OK\r\n\r\nall");
  stream_finish(server.stream);
  run_until(first.ended && server.closed == 1);
  ck_assert_str_eq(buf_str(&first.body), "all");
}
END_TEST

START_TEST(answer_that_says_close_ends_the_connection)
{
  ask(&first);
  say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  run_until(first.ended && server.closed == 1);
}
END_TEST

START_TEST(answer_to_head_has_no_body)
{
  buf_reset(&server.got);
  ask_as(&first, "alice@x", "HEAD", false);
  run_until(server.got.len);
  say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  run_until(first.ended);
  ask_and_get_ok(&second); /* and the next one on this connection has */
  ck_assert_str_eq(buf_str(&second.body), "ok");
  ck_assert_int_eq(server.connections, 1);
}
END_TEST

START_TEST(interim_answers_come_first)
{
  ask(&first);
  say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  run_until(first.interim == 2);
  say("HTTP/1.1 204 No Content\r\n\r\n");
  run_until(first.ended);
  ck_assert_int_eq(first.heads, 1);
}
END_TEST

START_TEST(answer_that_trickles_in_arrives)
{
  static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  ask(&first);
  for (size_t i = 0; i < sizeof text - 1; i++) {
    ck_assert_int_eq(stream_write(server.stream, text + i, 1), ERR_OK);
    for (int k = 0; k < 4; k++)
      uv_run(net_loop(connector.net), UV_RUN_NOWAIT);
  }
  run_until(first.ended);
  ck_assert_str_eq(buf_str(&first.body), "ok");
}
END_TEST

START_TEST(connection_is_not_used_again_when_the_application_is_to_be_checked)
{
  ask_and_get_ok(&first);
  buf_reset(&server.got);
  app.internal_url.scheme = "https"; /* another configuration of the same application */
  ask_as(&second, "alice@x", "GET", false);
  run_until(server.got.len);
  app.internal_url.scheme = "http";
  ck_assert_int_eq(server.got.data[0], 22); /* a handshake (RFC 8446 5.1), no request */
  ck_assert_int_eq(server.connections, 2);
  stream_close(server.stream, NULL);
  run_until(second.failed);
}
END_TEST

/* -- answers that are refused
 * -------------------------------------------------------------------------------------------- */

START_TEST(answer_that_breaks_http_is_refused)
{
  static const char *const answers[] = {
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: a=b\r\n\r\n",
  };
  ck_assert_int_lt(_i, (int)(sizeof answers / sizeof answers[0]));
  ask(&first);
  say(answers[_i]);
  run_until(first.failed && server.closed == 1);
  ck_assert_int_eq(first.failure.err, ERR_BACKEND_PROTOCOL);
}
END_TEST

START_TEST(answer_cut_short_is_refused)
{
  static const char *const answers[] = {
      "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"};
  ask(&first);
  say(answers[_i]);
  stream_finish(server.stream);
  run_until(first.failed);
  ck_assert_int_eq(first.failure.err, ERR_BACKEND_PROTOCOL);
}
END_TEST

START_TEST(answer_reset_in_the_middle_is_refused)
{
  ask(&first);
  say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
  run_until(first.body.len == 3);
  stream_abort(server.stream);
  run_until(first.failed);
  ck_assert_int_eq(first.failure.err, ERR_BACKEND_PROTOCOL);
}
END_TEST

START_TEST(connection_closed_without_an_answer_is_refused)
{
  ask(&first);
  stream_close(server.stream, NULL);
  run_until(first.failed);
  ck_assert_int_eq(first.failure.err, ERR_BACKEND_PROTOCOL);
}
END_TEST

START_TEST(server_that_is_not_there_is_unreachable)
{
  listener_close(listener);
  uv_run(net_loop(connector.net), UV_RUN_NOWAIT);
  ask_as(&first, "alice@x", "GET", false);
  run_until(first.failed);
  ck_assert_int_eq(first.failure.err, ERR_BACKEND_UNREACHABLE);
}
END_TEST

/* The owner refuses it at its head (step 7 does), and hears no more. */
START_TEST(owner_that_cancels_at_the_head_hears_no_more)
{
  first.cancel_at_head = true;
  ask(&first);
  say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
  run_until(server.closed == 1);
  ck_assert_int_eq(first.status, 101);
  ck_assert_int_eq(first.heads, 0);
  ck_assert(!first.ended && !first.failed);
}
END_TEST

/* -- the pool
 * ------------------------------------------------------------------------------------------------------------
 */

START_TEST(surplus_bytes_behind_an_answer_end_the_connection)
{
  ask(&first);
  say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  run_until(first.ended && server.closed == 1);
  ask_and_get_ok(&second);
  ck_assert_str_eq(buf_str(&second.body), "ok");
  ck_assert_int_eq(server.connections, 2);
}
END_TEST

START_TEST(surplus_bytes_on_an_idle_connection_end_it)
{
  ask_and_get_ok(&first);
  say("HTTP/1.1 200 OK\r\n\r\n");
  run_until(server.closed == 1);
}
END_TEST

/* They have arrived, but the loop has not turned since: a server by plain calls, so that nothing turns it. */
START_TEST(surplus_bytes_not_yet_read_answer_nobody)
{
  static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  struct sockaddr_in sa = {
      .sin_family = AF_INET, .sin_port = htons(app.connect.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int at = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, fd, other;
  listener_close(listener);
  uv_run(net_loop(connector.net), UV_RUN_NOWAIT);
  setsockopt(at, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  ck_assert_int_eq(bind(at, (struct sockaddr *)&sa, sizeof sa), 0);
  ck_assert_int_eq(listen(at, 8), 0);
  ask_as(&first, "", "GET", false);
  while ((fd = accept(at, NULL, NULL)) < 0)
    uv_run(net_loop(connector.net), UV_RUN_NOWAIT);
  ck_assert_int_eq(write(fd, ok, sizeof ok - 1), sizeof ok - 1);
  run_until(first.ended);
  ck_assert_int_eq(write(fd, ok, sizeof ok - 1), sizeof ok - 1);
  ask_as(&second, "", "GET", false);
  while ((other = accept(at, NULL, NULL)) < 0 && !second.ended)
    uv_run(net_loop(connector.net), UV_RUN_NOWAIT);
  ck_assert(!second.ended);
  close(fd);
  close(other);
  close(at);
}
END_TEST

START_TEST(stale_pooled_connection_may_be_tried_again)
{
  ask_and_get_ok(&first);
  ask(&second); /* on the same connection, which then ends without a word */
  ck_assert_int_eq(server.connections, 1);
  stream_close(server.stream, NULL);
  run_until(second.failed);
  ck_assert_int_eq(second.failure.err, ERR_AGAIN);
}
END_TEST

START_TEST(connection_belongs_to_its_user)
{
  ask_and_get_ok(&first);
  buf_reset(&server.got);
  ask_as(&second, "bob@x", "GET", false);
  run_until(server.got.len);
  ck_assert_int_eq(server.connections, 2);
}
END_TEST

START_TEST(fresh_connection_is_not_a_pooled_one)
{
  ask_and_get_ok(&first);
  buf_reset(&server.got);
  ask_as(&second, "alice@x", "GET", true);
  run_until(server.got.len);
  ck_assert_int_eq(server.connections, 2);
}
END_TEST

START_TEST(connection_in_use_is_not_shared)
{
  ask(&first);
  buf_reset(&server.got);
  ask_as(&second, "alice@x", "GET", false);
  run_until(server.got.len);
  ck_assert_int_eq(server.connections, 2);
}
END_TEST

static void upload_to(const char *upn)
{
  struct fields f;
  struct failure why;
  fields_init(&f, 4, 256);
  buf_init(&first.body, 1024 * 1024);
  ck_assert_int_eq(fields_add(&f, "Transfer-Encoding", "chunked"), ERR_OK);
  ck_assert_int_eq(
      origin_send(pool, &app, upn, "POST", "/", 1, &f, true, false, &events, &first, &first.origin, &why),
      ERR_OK);
  fields_clear(&f);
  run_until(strstr(buf_str(&server.got), "\r\n\r\n"));
}

START_TEST(answer_before_the_end_of_the_request_ends_the_connection)
{
  upload_to("");
  ck_assert_int_eq(origin_write(first.origin, "half", 4), ERR_OK);
  run_until(strstr(buf_str(&server.got), "4\r\nhalf\r\n"));
  say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  run_until(first.ended && server.closed == 1);
}
END_TEST

/* Both messages seem complete, but much of the first is still here. */
START_TEST(answer_before_all_of_the_request_has_left_ends_the_connection)
{
  static const uint8_t much[4 * 1024 * 1024];
  upload_to("alice@x");
  stream_pause(server.stream, true);
  ck_assert_int_eq(origin_write(first.origin, much, sizeof much), ERR_OK);
  ck_assert_int_eq(origin_write_end(first.origin), ERR_OK);
  run_until(origin_congested(first.origin));
  say("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  run_until(first.ended);
  ask_as(&second, "alice@x", "GET", false);
  run_until(server.connections == 2);
}
END_TEST

/* The application refuses the rest of an upload while its answer waits for a slow user. */
START_TEST(answer_that_waits_is_read_when_the_application_refuses_the_request)
{
  static const uint8_t much[10000];
  upload_to("alice@x");
  stream_pause(server.stream, true);
  ck_assert_int_eq(origin_write(first.origin, "unread", 6), ERR_OK);
  say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 10000\r\n\r\n");
  run_until(first.heads == 1);
  origin_pause(first.origin, true);
  ck_assert_int_eq(stream_write(server.stream, much, sizeof much), ERR_OK);
  turn(10);
  stream_abort(server.stream);
  run_until(server.closed == 1);
  ck_assert_int_eq(origin_write(first.origin, "more", 4), ERR_OK);
  turn(10);
  ck_assert(!first.ended && !first.failed);
  origin_pause(first.origin, false);
  run_until(first.ended || first.failed);
  ck_assert(first.ended);
  ck_assert_uint_eq(first.body.len, sizeof much);
}
END_TEST

static int connections_of_two_users(const char *authorization)
{
  struct fields f;
  struct failure why;
  fields_init(&f, 4, 256);
  buf_init(&first.body, 1024);
  ck_assert_int_eq(fields_add(&f, "Authorization", authorization), ERR_OK);
  ck_assert_int_eq(
      origin_send(pool, &app, "", "GET", "/", 1, &f, false, false, &events, &first, &first.origin, &why),
      ERR_OK);
  ck_assert_int_eq(origin_write_end(first.origin), ERR_OK);
  fields_clear(&f);
  run_until(server.got.len);
  say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  run_until(first.ended);
  buf_reset(&server.got);
  ask_as(&second, "", "GET", false);
  run_until(server.got.len);
  return server.connections;
}

/* Of a user who is not known, the application may think that who comes by this connection is he. */
START_TEST(connection_that_a_user_may_have_authenticated_is_no_other_ones)
{
  static const char *const values[] = {"NTLM TlRMTVNTUAAB", "Negotiate YII=", "negotiate", "Basics Og==",
                                       "Bear"};
  ck_assert_int_eq(connections_of_two_users(values[_i]), 2);
}
END_TEST

START_TEST(connection_of_credentials_that_each_request_brings_is_used_again)
{
  static const char *const values[] = {"Basic Og==", "bearer x", "Digest username=\"a\""};
  ck_assert_int_eq(connections_of_two_users(values[_i]), 1);
}
END_TEST

START_TEST(idle_connection_is_closed_after_a_while)
{
  ask_and_get_ok(&first);
  origin_pool_sweep(pool, INT64_MAX);
  run_until(server.closed == 1);
}
END_TEST

/* -- another protocol
 * ----------------------------------------------------------------------------------------------- */

static void ask_and_switch(const char *behind)
{
  char text[256];
  first.switch_at_head = true;
  ask_as(&first, "alice@x", "GET", false);
  run_until(strstr(buf_str(&server.got), "\r\n\r\n"));
  buf_reset(&server.got);
  snprintf(text, sizeof text, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n%s", behind);
  say(text);
  run_until(first.status == 101);
}

START_TEST(switch_keeps_the_bytes_behind_the_head)
{
  ask_and_switch("HTTP/1.1 is not spoken here");
  run_until(strcmp(buf_str(&first.body), "HTTP/1.1 is not spoken here") == 0);
  say(", nor anywhere");
  run_until(strstr(buf_str(&first.body), "anywhere"));
  ck_assert(!first.ended && !first.failed);
}
END_TEST

START_TEST(switch_passes_bytes_as_they_are)
{
  ask_and_switch("");
  ck_assert_int_eq(origin_write(first.origin, "\r\nraw", 5), ERR_OK);
  run_until(server.got.len == 5);
  ck_assert_str_eq(buf_str(&server.got), "\r\nraw");
}
END_TEST

START_TEST(switch_ended_by_the_owner_lets_the_application_finish)
{
  ask_and_switch("");
  server.keep = true;
  ck_assert_int_eq(origin_write(first.origin, "bye", 3), ERR_OK);
  ck_assert_int_eq(origin_write_end(first.origin), ERR_OK);
  run_until(server.eof);
  ck_assert_str_eq(buf_str(&server.got), "bye");
  say("goodbye");
  stream_finish(server.stream);
  run_until(first.ended);
  ck_assert_str_eq(buf_str(&first.body), "goodbye");
}
END_TEST

START_TEST(switch_ended_by_the_application_is_the_end_and_no_connection_for_the_next)
{
  ask_and_switch("");
  stream_finish(server.stream);
  run_until(first.ended && server.closed == 1);
  ask(&second);
  ck_assert_int_eq(server.connections, 2);
}
END_TEST

START_TEST(switch_reset_by_the_application_fails)
{
  ask_and_switch("");
  stream_abort(server.stream);
  run_until(first.failed);
}
END_TEST

START_TEST(switch_cancelled_is_a_reset_for_the_application)
{
  ask_and_switch("");
  origin_cancel(first.origin);
  run_until(server.closed == 1);
  ck_assert_int_eq(server.why, ERR_CLOSED);
  ck_assert(!server.eof && !first.ended && !first.failed);
}
END_TEST

START_TEST(switch_finished_sends_what_is_queued)
{
  ask_and_switch("");
  ck_assert_int_eq(origin_write(first.origin, "last", 4), ERR_OK);
  origin_finish(first.origin);
  run_until(server.eof);
  ck_assert_str_eq(buf_str(&server.got), "last");
  ck_assert(!first.ended && !first.failed);
}
END_TEST

static void add_tests(TCase *c)
{
  tcase_add_test(c, answer_of_known_length_arrives_and_the_connection_is_used_again);
  tcase_add_test(c, answer_in_chunks_arrives_with_its_trailers);
  tcase_add_test(c, answer_until_close_is_complete_and_ends_the_connection);
  tcase_add_test(c, answer_that_says_close_ends_the_connection);
  tcase_add_test(c, answer_to_head_has_no_body);
  tcase_add_test(c, interim_answers_come_first);
  tcase_add_test(c, connection_is_not_used_again_when_the_application_is_to_be_checked);
  tcase_add_test(c, answer_that_trickles_in_arrives);
  tcase_add_loop_test(c, answer_that_breaks_http_is_refused, 0, 11);
  tcase_add_loop_test(c, answer_cut_short_is_refused, 0, 4);
  tcase_add_test(c, answer_reset_in_the_middle_is_refused);
  tcase_add_test(c, connection_closed_without_an_answer_is_refused);
  tcase_add_test(c, server_that_is_not_there_is_unreachable);
  tcase_add_test(c, owner_that_cancels_at_the_head_hears_no_more);
  tcase_add_test(c, surplus_bytes_behind_an_answer_end_the_connection);
  tcase_add_test(c, surplus_bytes_on_an_idle_connection_end_it);
  tcase_add_test(c, surplus_bytes_not_yet_read_answer_nobody);
  tcase_add_test(c, stale_pooled_connection_may_be_tried_again);
  tcase_add_test(c, connection_belongs_to_its_user);
  tcase_add_test(c, fresh_connection_is_not_a_pooled_one);
  tcase_add_test(c, connection_in_use_is_not_shared);
  tcase_add_test(c, answer_before_the_end_of_the_request_ends_the_connection);
  tcase_add_test(c, answer_before_all_of_the_request_has_left_ends_the_connection);
  tcase_add_test(c, answer_that_waits_is_read_when_the_application_refuses_the_request);
  tcase_add_loop_test(c, connection_that_a_user_may_have_authenticated_is_no_other_ones, 0, 5);
  tcase_add_loop_test(c, connection_of_credentials_that_each_request_brings_is_used_again, 0, 3);
  tcase_add_test(c, idle_connection_is_closed_after_a_while);
  tcase_add_test(c, switch_keeps_the_bytes_behind_the_head);
  tcase_add_test(c, switch_passes_bytes_as_they_are);
  tcase_add_test(c, switch_ended_by_the_owner_lets_the_application_finish);
  tcase_add_test(c, switch_ended_by_the_application_is_the_end_and_no_connection_for_the_next);
  tcase_add_test(c, switch_reset_by_the_application_fails);
  tcase_add_test(c, switch_cancelled_is_a_reset_for_the_application);
  tcase_add_test(c, switch_finished_sends_what_is_queued);
}

int main(void)
{
  Suite *suite = suite_create("origin");
  TCase *c = tcase_create("origin");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  add_tests(c);
  suite_add_tcase(suite, c);
  return run(suite);
}

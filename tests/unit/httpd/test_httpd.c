/* Requests: how they reach a handler, and which never do. */
#include "client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLOSE "Host: a\r\nConnection: close\r\n\r\n"

static struct httpd *server;
static _Atomic int handled, states_freed;

static void echo(const struct httpd_request *q, struct httpd_response *r)
{
  atomic_fetch_add(&handled, 1);
  const char *x = fields_get(q->fields, "x");
  ck_assert_int_eq(buf_printf(&r->body, "[%s %s|%s|%s|%s|%s|%zu:%.*s]", q->method, q->target, q->path,
                              q->query, q->peer_ip, x ? x : "-", q->body_len,
                              (int)(q->body_len < 64 ? q->body_len : 64), (const char *)q->body),
                   ERR_OK);
  ck_assert_str_eq(q->arg, "argument");
}

struct sum {
  uint64_t bytes;
  unsigned pieces;
};

static enum err add_up(const struct httpd_request *q, void **state, const uint8_t *data, size_t n)
{
  if (!*state) *state = calloc(1, sizeof(struct sum));
  struct sum *s = *state;
  if (strcmp(q->query, "refuse") == 0) return ERR_LOGON_USER_DISABLED;
  if (!s || !data[0]) return ERR_SYNTAX;
  s->bytes += n;
  s->pieces++;
  return ERR_OK;
}

static void tell_sum(const struct httpd_request *q, void *state, struct httpd_response *r)
{
  const struct sum *s = state;
  atomic_fetch_add(&handled, 1);
  ck_assert_uint_eq(q->body_len, 0);
  ck_assert_int_eq(buf_printf(&r->body, "[%llu %s]", s ? (unsigned long long)s->bytes : 0,
                              s && s->pieces > 1 ? "in pieces" : "at once"),
                   ERR_OK);
}

static void free_sum(void *state)
{
  free(state);
  atomic_fetch_add(&states_freed, 1);
}

static const struct httpd_route routes[] = {
    {.method = "GET", .path = "/echo", .handle = echo},
    {.method = "POST", .path = "/echo", .handle = echo, .max_body = 1000},
    {.method = "GET", .path = "/tree/*", .handle = echo},
    {.method = "*", .path = "/any", .handle = echo, .max_body = 10},
    {.method = "PUT",
     .path = "/stream",
     .max_body = 64 << 20,
     .stream = add_up,
     .stream_handle = tell_sum,
     .stream_free = free_sum},
    {0}};

static struct httpd_config config = {
    .listen = {"127.0.0.1", 0}, .routes = routes, .arg = (char[]){"argument"}};

static void setup(void)
{
  struct failure f;
  handled = states_freed = 0;
  ck_assert_msg(httpd_start(&config, &server, &f) == ERR_OK, "%s", f.why);
}

static void teardown(void)
{
  httpd_stop(server);
}

static void talk(const char *text, const char *status, const char *want)
{
  assert_answer(client_talk(server, text), status, want);
}

/* -- what reaches the handler ---------------------------------------------------------------------------- */

START_TEST(get_target_is_raw)
{
  talk("GET /echo?a=%41%2f+b HTTP/1.1\r\nX: v\r\n" CLOSE, "200",
       "[GET /echo?a=%41%2f+b|/echo|a=%41%2f+b|127.0.0.1|v|0:]");
}
END_TEST

START_TEST(get_prefix_route_is_raw)
{
  talk("GET /tree/%2e%2e/x HTTP/1.1\r\n" CLOSE, "200", "[GET /tree/%2e%2e/x|/tree/%2e%2e/x||");
}
END_TEST

START_TEST(head_has_the_length_and_no_body)
{
  char *answer = client_talk(server, "HEAD /echo HTTP/1.1\r\n" CLOSE);
  ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 34\r\n"));
  ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
  free(answer);
}
END_TEST

START_TEST(head_then_get_on_one_connection)
{
  char *answer = client_talk(server, "HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\nGET /echo?2 HTTP/1.1\r\n" CLOSE);
  const char *second = strstr(answer, "\r\n\r\nHTTP/1.1 200 ");
  ck_assert_msg(second && strstr(second, "[GET /echo?2"), "%s", answer);
  free(answer);
}
END_TEST

START_TEST(post_body_whole)
{
  talk("POST /echo HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "hello", "200", "|5:hello]");
}
END_TEST

START_TEST(post_chunked_body_whole)
{
  talk("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
       "200", "|5:hello]");
}
END_TEST

START_TEST(post_twice_on_one_connection)
{
  char *answer = client_talk(server, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nA"
                                     "POST /echo HTTP/1.1\r\nContent-Length: 2\r\n" CLOSE "BC");
  ck_assert_msg(strstr(answer, "|1:A]") && strstr(answer, "|2:BC]"), "%s", answer);
  free(answer);
}
END_TEST

START_TEST(large_cookie_accepted)
{
  struct buf text;
  buf_init(&text, 1 << 16);
  ck_assert_int_eq(buf_puts(&text, "GET /echo HTTP/1.1\r\nCookie: a="), ERR_OK);
  for (int i = 0; i < 30000; i++)
    ck_assert_int_eq(buf_putc(&text, 'x'), ERR_OK);
  ck_assert_int_eq(buf_puts(&text, "\r\n" CLOSE), ERR_OK);
  talk(buf_str(&text), "200", "[GET /echo");
  buf_clear(&text);
}
END_TEST

START_TEST(expect_continue_answered)
{
  int fd = client_connect(server);
  client_puts(fd, "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" CLOSE);
  free(client_read_until(fd, "HTTP/1.1 100 Continue\r\n\r\n"));
  client_puts(fd, "ok");
  assert_answer(client_read_all(fd), "200", "|2:ok]");
}
END_TEST

/* -- streamed uploads ------------------------------------------------------------------------------------ */

START_TEST(stream_large_upload_in_pieces)
{
  size_t n = 3 << 20;
  char *body = malloc(n), head[200];
  ck_assert_ptr_nonnull(body);
  memset(body, 'x', n);
  int fd = client_connect(server);
  snprintf(head, sizeof head, "PUT /stream HTTP/1.1\r\nContent-Length: %zu\r\n" CLOSE, n);
  client_puts(fd, head);
  client_send(fd, body, n);
  assert_answer(client_read_all(fd), "200", "[3145728 in pieces]");
  free(body);
  ck_assert_int_eq(states_freed, 1);
}
END_TEST

START_TEST(stream_empty_upload)
{
  talk("PUT /stream HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE, "200", "[0 at once]");
  ck_assert_int_eq(states_freed, 0);
}
END_TEST

START_TEST(stream_error_is_answered)
{
  talk("PUT /stream?refuse HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc", "403", "The account is disabled.");
  ck_assert_int_eq(handled, 0);
}
END_TEST

START_TEST(stream_client_gone_state_freed)
{
  int fd = client_connect(server);
  client_puts(fd, "PUT /stream HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
  free(client_read_until(fd, "100 Continue\r\n\r\n"));
  client_puts(fd, "abc");
  close(fd);
  httpd_stop(server); /* waits for whoever is still reading */
  server = NULL;
  ck_assert_int_eq(handled, 0);
  ck_assert_int_le(states_freed, 1); /* none when the server was stopped before it saw a byte */
}
END_TEST

/* -- refusals -------------------------------------------------------------------------------------------- */

/* X(case, status, reason, request): nothing of them reaches a handler. */
#define REFUSALS(X)                                                                                          \
  X(unknown_path, "404", "there is no such page", "GET /other HTTP/1.1\r\n" CLOSE)                           \
  X(path_beyond_exact, "404", "there is no such page", "GET /echo/ HTTP/1.1\r\n" CLOSE)                      \
  X(other_method, "405", "Allow: GET, HEAD, POST\r\n", "DELETE /echo HTTP/1.1\r\n" CLOSE)                    \
  X(host_missing, "400", "", "GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n")                              \
  X(host_twice, "400", "more than one Host", "GET /echo HTTP/1.1\r\nHost: b\r\n" CLOSE)                      \
  X(length_twice, "400", "", "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n" CLOSE "a")  \
  X(length_not_number, "400", "", "POST /echo HTTP/1.1\r\nContent-Length: +1\r\n" CLOSE "a")                 \
  X(length_empty, "400", "", "POST /echo HTTP/1.1\r\nContent-Length: x\r\n" CLOSE "a")                       \
  X(length_and_coding, "400", "",                                                                            \
    "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" CLOSE "0\r\n\r\n")          \
  X(coding_two_fields, "400", "more than one Transfer-Encoding",                                             \
    "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" CLOSE "0\r\n\r\n") \
  X(authorization_twice, "400", "more than one Authorization",                                               \
    "GET /echo HTTP/1.1\r\nAuthorization: Basic YQ==\r\nAuthorization: Bearer b\r\n" CLOSE)                  \
  X(target_absolute, "400", "the request target is not a path", "GET http://a/echo HTTP/1.1\r\n" CLOSE)      \
  X(target_asterisk, "400", "the request target is not a path", "OPTIONS * HTTP/1.1\r\n" CLOSE)              \
  X(target_control, "400", "the request target is not a path", "GET /echo?\x01 HTTP/1.1\r\n" CLOSE)          \
  X(target_not_ascii, "400", "the request target is not a path", "GET /echo?\xc3\xa4 HTTP/1.1\r\n" CLOSE)    \
  X(target_fragment, "400", "the request target is not a path", "GET /echo#a HTTP/1.1\r\n" CLOSE)            \
  X(name_not_token, "400", "a character in a field name that is not allowed",                                \
    "GET /echo HTTP/1.1\r\nX(: 1\r\n" CLOSE)                                                                 \
  X(value_control, "400", "a control character in a field value", "GET /echo HTTP/1.1\r\nX: \x01\r\n" CLOSE) \
  X(method_not_token, "400", "the method is not a token", "GE(T /echo HTTP/1.1\r\n" CLOSE)                   \
  X(body_by_length, "413", "the body is larger than allowed",                                                \
    "POST /any HTTP/1.1\r\nContent-Length: 11\r\n" CLOSE "12345678901")                                      \
  X(body_chunked, "413", "the body is larger than allowed",                                                  \
    "POST /any HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "6\r\n123456\r\n6\r\n789012\r\n0\r\n\r\n")  \
  X(body_where_none_is, "413", "the body is larger than allowed",                                            \
    "GET /echo HTTP/1.1\r\nContent-Length: 1\r\n" CLOSE "1")

#define AS_TEST(name, status, why, text)                                                                     \
  START_TEST(refuse_##name)                                                                                  \
  {                                                                                                          \
    talk(text, status, why);                                                                                 \
    ck_assert_int_eq(handled, 0);                                                                            \
  }                                                                                                          \
  END_TEST
REFUSALS(AS_TEST)

/* Whatever the reason, it must not be obeyed. Some of these libmicrohttpd refuses by
 * itself, each version its own way. */
#define UNHANDLED(X)                                                                                         \
  X(coding_unknown, "POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip\r\n" CLOSE)                              \
  X(coding_chunked_twice,                                                                                    \
    "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n" CLOSE "0\r\n\r\n")                      \
  X(coding_http10, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" CLOSE "0\r\n\r\n")                \
  X(version_2, "GET /echo HTTP/2.0\r\n" CLOSE)                                                               \
  X(version_none, "GET /echo\r\n" CLOSE)                                                                     \
  X(chunk_size_junk, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "x\r\n")                  \
  X(line_without_colon, "GET /echo HTTP/1.1\r\nX\r\n" CLOSE)

#define AS_UNHANDLED(name, text)                                                                             \
  START_TEST(unhandled_##name)                                                                               \
  {                                                                                                          \
    char *answer = client_talk(server, text);                                                                \
    ck_assert_msg(!strstr(answer, " 200 "), "%s", answer);                                                   \
    ck_assert_int_eq(handled, 0);                                                                            \
    free(answer);                                                                                            \
  }                                                                                                          \
  END_TEST
UNHANDLED(AS_UNHANDLED)

/* Behind a message that two readers could cut differently, nothing is read. */
START_TEST(refused_message_closes_the_connection)
{
  char *answer = client_talk(server, "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
                                     "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 400 "));
  ck_assert_ptr_null(strstr(answer, "HTTP/1.1 200 "));
  ck_assert_int_eq(handled, 0);
  free(answer);
}
END_TEST

START_TEST(unknown_path_keeps_the_connection)
{
  char *answer = client_talk(server, "GET /none HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\n" CLOSE);
  ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 404 "));
  ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 200 "));
  free(answer);
}
END_TEST

/* -- what a request holds -------------------------------------------------------------------------------- */

static _Atomic int holds, releases;

static void *take(void *arg)
{
  ck_assert_str_eq(arg, "argument");
  atomic_fetch_add(&holds, 1);
  static char held[] = "held";
  return held;
}

static void give_back(void *held)
{
  ck_assert_str_eq(held, "held");
  atomic_fetch_add(&releases, 1);
}

static void tell_held(const struct httpd_request *q, struct httpd_response *r)
{
  ck_assert_str_eq(q->arg, "held");
  ck_assert_int_eq(releases, holds - 1);
  if (httpd_text(r, 200, "text/plain", "told")) r->status = 500;
}

START_TEST(hold_lasts_from_the_request_s_beginning_to_its_answer)
{
  static const struct httpd_route held_routes[] = {
      {.method = "POST", .path = "/", .handle = tell_held, .max_body = 100}, {0}};
  struct httpd_config held = config;
  struct httpd *h;
  struct failure f;
  held.routes = held_routes;
  held.hold = take;
  held.release = give_back;
  ck_assert_int_eq(httpd_start(&held, &h, &f), ERR_OK);
  assert_answer(client_talk(h, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"
                               "POST / HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE),
                "200", "told");
  /* Refusals, and clients that leave, give back, too. */
  free(client_talk(h, "GET /none HTTP/1.1\r\n" CLOSE));
  int fd = client_connect(h);
  client_puts(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf");
  close(fd);
  httpd_stop(h);
  ck_assert_int_ge(holds, 3);
  ck_assert_int_eq(releases, holds);
}
END_TEST

#define ADD_REFUSAL(name, status, why, text) tcase_add_test(refusals, refuse_##name);
#define ADD_UNHANDLED(name, text)            tcase_add_test(refusals, unhandled_##name);

int main(void)
{
  Suite *s = suite_create("httpd");
  TCase *t = tcase_create("requests"), *refusals = tcase_create("refusals");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_checked_fixture(refusals, setup, teardown);
  tcase_add_test(t, get_target_is_raw);
  tcase_add_test(t, get_prefix_route_is_raw);
  tcase_add_test(t, head_has_the_length_and_no_body);
  tcase_add_test(t, head_then_get_on_one_connection);
  tcase_add_test(t, post_body_whole);
  tcase_add_test(t, post_chunked_body_whole);
  tcase_add_test(t, post_twice_on_one_connection);
  tcase_add_test(t, large_cookie_accepted);
  tcase_add_test(t, expect_continue_answered);
  tcase_add_test(t, stream_large_upload_in_pieces);
  tcase_add_test(t, stream_empty_upload);
  tcase_add_test(t, stream_error_is_answered);
  tcase_add_test(t, stream_client_gone_state_freed);
  tcase_add_test(t, hold_lasts_from_the_request_s_beginning_to_its_answer);
  REFUSALS(ADD_REFUSAL)
  UNHANDLED(ADD_UNHANDLED)
  tcase_add_test(refusals, refused_message_closes_the_connection);
  tcase_add_test(refusals, unknown_path_keeps_the_connection);
  suite_add_tcase(s, t);
  suite_add_tcase(s, refusals);
  return run(s);
}

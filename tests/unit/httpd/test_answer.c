/* Answers: bodies, producers, delays, and what stopping does to them. */
#include "client.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLOSE "Host: a\r\nConnection: close\r\n\r\n"

static struct httpd *server;
static _Atomic int producers_freed;

struct counter {
  uint64_t left;
  bool waits, waiting, aborts;
};

static ssize_t count_down(void *arg, uint64_t offset, uint8_t *out, size_t max)
{
  struct counter *c = arg;
  (void)offset;
  if (c->left == 0) return c->aborts ? -1 : 0;
  c->waiting = c->waits && !c->waiting;
  if (c->waiting) return HTTPD_LATER(1);
  size_t n = max < c->left ? max : (size_t)c->left;
  if (c->waits) n = 1;
  memset(out, 'z', n);
  c->left -= n;
  return (ssize_t)n;
}

static void free_counter(void *arg)
{
  free(arg);
  atomic_fetch_add(&producers_freed, 1);
}

static struct counter *produce(struct httpd_response *r, uint64_t n)
{
  struct counter *c = calloc(1, sizeof *c);
  ck_assert_ptr_nonnull(c);
  c->left = n;
  r->produce = count_down;
  r->produce_arg = c;
  r->produce_free = free_counter;
  return c;
}

static void known(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  produce(r, 100000);
  r->produce_length = 100000;
}

static void unknown(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  produce(r, 100000);
}

static void waits(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  produce(r, 5)->waits = true;
}

static void aborts(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  produce(r, 10)->aborts = true;
}

static ssize_t never(void *arg, uint64_t offset, uint8_t *out, size_t max)
{
  (void)arg;
  if (offset > 0) return HTTPD_LATER(3600000);
  return snprintf((char *)out, max, "first");
}

static void stalls(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  produce(r, 0);
  r->produce = never;
}

static void status(const struct httpd_request *q, struct httpd_response *r)
{
  r->status = atoi(q->query);
  if (strcmp(q->method, "PUT") == 0) produce(r, 3);
}

static void delayed(const struct httpd_request *q, struct httpd_response *r)
{
  r->delay_ms = (unsigned)atoi(q->query);
  ck_assert_int_eq(httpd_text(r, 201, "text/plain", "late"), ERR_OK);
}

static void redirect(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  ck_assert_int_eq(httpd_redirect(r, 303, "https://a.test/?b=c"), ERR_OK);
}

static void fields(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  static const char *const list[][2] = {{"Set-Cookie", "a=1"},
                                        {"Set-Cookie", "b=2"},
                                        {"X-Empty", ""},
                                        {"Content-Length", "999"},
                                        {"Transfer-Encoding", "chunked"}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    ck_assert_int_eq(fields_add(&r->fields, list[i][0], list[i][1]), ERR_OK);
  ck_assert_int_eq(buf_puts(&r->body, "body"), ERR_OK);
}

static void splits(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  ck_assert_int_eq(fields_add(&r->fields, "Location", "/\r\nSet-Cookie: a=evil"), ERR_OK);
}

static void closes(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  ck_assert_int_eq(fields_add(&r->fields, "Connection", "close"), ERR_OK);
}

static const struct httpd_route routes[] = {{.method = "GET", .path = "/known", .handle = known},
                                            {.method = "GET", .path = "/unknown", .handle = unknown},
                                            {.method = "GET", .path = "/waits", .handle = waits},
                                            {.method = "GET", .path = "/aborts", .handle = aborts},
                                            {.method = "GET", .path = "/stalls", .handle = stalls},
                                            {.method = "*", .path = "/status", .handle = status},
                                            {.method = "GET", .path = "/delayed", .handle = delayed},
                                            {.method = "GET", .path = "/redirect", .handle = redirect},
                                            {.method = "GET", .path = "/fields", .handle = fields},
                                            {.method = "GET", .path = "/splits", .handle = splits},
                                            {.method = "GET", .path = "/closes", .handle = closes},
                                            {0}};

static void own_page(int code, const char *why, struct httpd_response *r)
{
  ck_assert_int_eq(buf_printf(&r->body, "<own %d %s>", code, why), ERR_OK);
  ck_assert_int_eq(fields_add(&r->fields, "Sevenstep-Actor", "test"), ERR_OK);
}

static void setup(void)
{
  struct failure f;
  struct httpd_config config = {.listen = {"127.0.0.1", 0}, .routes = routes, .refuse = own_page};
  producers_freed = 0;
  ck_assert_msg(httpd_start(&config, &server, &f) == ERR_OK, "%s", f.why);
}

static void teardown(void)
{
  httpd_stop(server);
}

static char *get(const char *path)
{
  char text[200];
  snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" CLOSE, path);
  return client_talk(server, text);
}

static const char *body_of(const char *answer)
{
  const char *end = strstr(answer, "\r\n\r\n");
  ck_assert_ptr_nonnull(end);
  return end + 4;
}

static int64_t now_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* -- producers ------------------------------------------------------------------------------------------- */

START_TEST(produce_known_length)
{
  char *answer = get("/known");
  ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 100000\r\n"));
  ck_assert_uint_eq(strlen(body_of(answer)), 100000);
  free(answer);
  httpd_stop(server);
  server = NULL;
  ck_assert_int_eq(producers_freed, 1);
}
END_TEST

START_TEST(produce_unknown_length_chunked)
{
  char *answer = get("/unknown");
  ck_assert_ptr_nonnull(strstr(answer, "Transfer-Encoding: chunked\r\n"));
  size_t n = strlen(answer);
  ck_assert_str_eq(answer + n - 7, "\r\n0\r\n\r\n");
  free(answer);
}
END_TEST

START_TEST(produce_unknown_length_http10_closes)
{
  char *answer = client_talk(server, "GET /unknown HTTP/1.0\r\n\r\n");
  ck_assert_ptr_null(strstr(answer, "chunked"));
  ck_assert_uint_eq(strlen(body_of(answer)), 100000);
  free(answer);
}
END_TEST

START_TEST(produce_later_comes)
{
  char *answer = get("/waits");
  ck_assert_str_eq(body_of(answer), "1\r\nz\r\n1\r\nz\r\n1\r\nz\r\n1\r\nz\r\n1\r\nz\r\n0\r\n\r\n");
  free(answer);
}
END_TEST

START_TEST(produce_abort_is_visible)
{
  char *answer = get("/aborts");
  ck_assert_ptr_null(strstr(answer, "\r\n0\r\n\r\n"));
  free(answer);
}
END_TEST

START_TEST(produce_piece_is_sent_before_the_next)
{
  int fd = client_connect(server);
  client_puts(fd, "GET /stalls HTTP/1.1\r\nHost: a\r\n\r\n");
  free(client_read_until(fd, "first"));
  close(fd);
}
END_TEST

static void head_has_no_body(const char *path, const char *want, const char *unwanted)
{
  char text[200];
  snprintf(text, sizeof text, "HEAD %s HTTP/1.1\r\n" CLOSE, path);
  char *answer = client_talk(server, text);
  ck_assert_str_eq(body_of(answer), "");
  ck_assert_ptr_nonnull(strstr(answer, want));
  if (unwanted) ck_assert_ptr_null(strstr(answer, unwanted));
  free(answer);
}

START_TEST(head_of_known_length)
{
  head_has_no_body("/known", "Content-Length: 100000\r\n", NULL);
}
END_TEST

START_TEST(head_of_unknown_length)
{
  head_has_no_body("/unknown", "HTTP/1.1 200 ", "Content-Length");
}
END_TEST

/* -- statuses and fields --------------------------------------------------------------------------------- */

START_TEST(status_304_has_neither_body_nor_length)
{
  char *answer = get("/status?304");
  ck_assert_ptr_null(strstr(answer, "Content-Length"));
  ck_assert_str_eq(body_of(answer), "");
  free(answer);
}
END_TEST

START_TEST(status_204_has_neither_body_nor_length)
{
  char *answer = client_talk(server, "PUT /status?204 HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE);
  ck_assert_ptr_null(strstr(answer, "Content-Length"));
  ck_assert_ptr_null(strstr(answer, "chunked"));
  ck_assert_str_eq(body_of(answer), "");
  free(answer);
}
END_TEST

START_TEST(status_out_of_range_is_500)
{
  assert_answer(get("/status?99"), "500", "Content-Length: 0\r\n");
}
END_TEST

START_TEST(redirect_has_location)
{
  assert_answer(get("/redirect"), "303", "Location: https://a.test/?b=c\r\n");
}
END_TEST

START_TEST(fields_framing_is_the_servers)
{
  char *answer = get("/fields");
  ck_assert_ptr_nonnull(strstr(answer, "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"));
  ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 4\r\n"));
  ck_assert_ptr_null(strstr(answer, "999"));
  ck_assert_ptr_null(strstr(answer, "chunked"));
  ck_assert_str_eq(body_of(answer), "body");
  free(answer);
}
END_TEST

START_TEST(fields_that_would_split_are_500)
{
  char *answer = get("/splits");
  ck_assert_ptr_null(strstr(answer, "evil"));
  assert_answer(answer, "500", "Content-Length: 0\r\n");
}
END_TEST

START_TEST(connection_close_by_handler_closes)
{
  assert_answer(client_talk(server, "GET /closes HTTP/1.1\r\nHost: a\r\n\r\n"), "200",
                "Connection: close\r\n");
}
END_TEST

START_TEST(refusal_by_own_page)
{
  char *answer = get("/none");
  ck_assert_ptr_nonnull(strstr(answer, "Sevenstep-Actor: test\r\n"));
  assert_answer(answer, "404", "<own 404 there is no such page>");
}
END_TEST

/* -- delays and the end ---------------------------------------------------------------------------------- */

START_TEST(delay_holds_no_thread)
{
  /* More delayed requests than threads; another is answered before them. */
  int fds[6];
  for (int i = 0; i < 6; i++) {
    fds[i] = client_connect(server);
    client_puts(fds[i], "GET /delayed?300 HTTP/1.1\r\n" CLOSE);
  }
  int64_t start = now_ms();
  assert_answer(get("/redirect"), "303", "");
  ck_assert_int_lt(now_ms() - start, 250);
  for (int i = 0; i < 6; i++)
    assert_answer(client_read_all(fds[i]), "201", "late");
  ck_assert_int_ge(now_ms() - start, 200);
}
END_TEST

/* libmicrohttpd would wait for as long as something comes. */
START_TEST(dripping_head_is_cut_off)
{
  struct failure f;
  struct httpd *strict;
  struct httpd_config config = {.listen = {"127.0.0.1", 0}, .routes = routes, .head_timeout_ms = 100};
  ck_assert_int_eq(httpd_start(&config, &strict, &f), ERR_OK);
  int fd = client_connect(strict);
  client_puts(fd, "GET /redirect HTTP/1.1\r\nX: ");
  int64_t start = now_ms();
  struct pollfd p = {fd, POLLIN, 0};
  while (poll(&p, 1, 20) == 0 && now_ms() - start < 5000)
    client_puts(fd, "x");
  ck_assert_int_ge(now_ms() - start, 90);
  char *answer = client_read_all(fd);
  ck_assert_int_lt(now_ms() - start, 5000);
  ck_assert_str_eq(answer, "");
  free(answer);
  httpd_stop(strict);
}
END_TEST

static void stop_is_quick(void)
{
  int64_t start = now_ms();
  httpd_stop(server);
  server = NULL;
  ck_assert_int_lt(now_ms() - start, 2000);
}

START_TEST(stop_with_idle_connections_is_quick)
{
  int a = client_connect(server), b = client_connect(server);
  client_puts(a, "GET /redirect HTTP/1.1\r\nHost: a\r\n\r\n");
  free(client_read_until(a, "\r\n\r\n"));
  stop_is_quick();
  close(a);
  close(b);
}
END_TEST

START_TEST(stop_with_half_a_request_is_quick)
{
  int fd = client_connect(server);
  client_puts(fd, "POST /status HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0000\r\n");
  stop_is_quick();
  close(fd);
}
END_TEST

START_TEST(stop_with_delayed_answers_is_quick)
{
  int fd = client_connect(server), other = client_connect(server);
  client_puts(fd, "GET /delayed?3600000 HTTP/1.1\r\n" CLOSE);
  client_puts(other, "GET /redirect HTTP/1.1\r\n" CLOSE);
  free(client_read_all(other));
  stop_is_quick();
  close(fd);
}
END_TEST

START_TEST(stop_with_waiting_producers_is_quick)
{
  int fd = client_connect(server);
  client_puts(fd, "GET /stalls HTTP/1.1\r\nHost: a\r\n\r\n");
  free(client_read_until(fd, "first"));
  stop_is_quick();
  close(fd);
  ck_assert_int_eq(producers_freed, 1);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("answer");
  TCase *t = tcase_create("answer");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, produce_known_length);
  tcase_add_test(t, produce_unknown_length_chunked);
  tcase_add_test(t, produce_unknown_length_http10_closes);
  tcase_add_test(t, produce_later_comes);
  tcase_add_test(t, produce_abort_is_visible);
  tcase_add_test(t, produce_piece_is_sent_before_the_next);
  tcase_add_test(t, head_of_known_length);
  tcase_add_test(t, head_of_unknown_length);
  tcase_add_test(t, status_304_has_neither_body_nor_length);
  tcase_add_test(t, status_204_has_neither_body_nor_length);
  tcase_add_test(t, status_out_of_range_is_500);
  tcase_add_test(t, redirect_has_location);
  tcase_add_test(t, fields_framing_is_the_servers);
  tcase_add_test(t, fields_that_would_split_are_500);
  tcase_add_test(t, connection_close_by_handler_closes);
  tcase_add_test(t, refusal_by_own_page);
  tcase_add_test(t, delay_holds_no_thread);
  tcase_add_test(t, dripping_head_is_cut_off);
  tcase_add_test(t, stop_with_idle_connections_is_quick);
  tcase_add_test(t, stop_with_half_a_request_is_quick);
  tcase_add_test(t, stop_with_delayed_answers_is_quick);
  tcase_add_test(t, stop_with_waiting_producers_is_quick);
  suite_add_tcase(s, t);
  return run(s);
}

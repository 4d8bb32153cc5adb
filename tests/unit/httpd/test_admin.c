#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/sevenstep-httpd-XXXXXX";
static char path[64];
static struct httpd *server;
static bool is_ready;

static bool ready(void *arg, struct buf *reason)
{
  ck_assert_str_eq(arg, "actor");
  if (!is_ready) ck_assert_int_eq(buf_puts(reason, "the \"KDC\"\nis away"), ERR_OK);
  return is_ready;
}

static void metrics(void *arg, struct buf *out)
{
  ck_assert_str_eq(arg, "actor");
  ck_assert_int_eq(buf_puts(out, "sevenstep_requests_total 7\n"), ERR_OK);
}

static void drain(const struct httpd_request *q, struct httpd_response *r)
{
  ck_assert_str_eq(q->arg, "actor");
  r->status = 202;
}

static const struct httpd_route more[] = {{.method = "POST", .path = "/drain", .handle = drain}, {0}};

static void start(const struct httpd_admin *a)
{
  struct failure f;
  struct httpd_admin with_path = *a;
  with_path.unix_path = path;
  ck_assert_msg(httpd_admin_start(&with_path, &server, &f) == ERR_OK, "%s", f.why);
}

static void setup(void)
{
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/a.sock", folder);
  server = NULL;
  is_ready = true;
}

static void teardown(void)
{
  httpd_stop(server);
  rmdir(folder);
  strcpy(folder, "/tmp/sevenstep-httpd-XXXXXX");
}

static void ask(const char *line, const char *status, const char *want)
{
  int fd = client_connect_unix(path);
  client_puts(fd, line);
  client_puts(fd, " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  assert_answer(client_read_all(fd), status, want);
}

static const struct httpd_admin all = {
    .ready = ready, .metrics = metrics, .more = more, .arg = (char[]){"actor"}};

START_TEST(healthz_ok)
{
  start(&all);
  ask("GET /healthz", "200", "\r\n\r\nok\n");
}
END_TEST

START_TEST(readyz_ready)
{
  start(&all);
  ask("GET /readyz", "200", "\r\n\r\n{\"ready\":true}\n");
}
END_TEST

START_TEST(readyz_not_ready_says_why)
{
  start(&all);
  is_ready = false;
  ask("GET /readyz", "503", "\r\n\r\n{\"ready\":false,\"reason\":\"the \\\"KDC\\\" is away\"}\n");
}
END_TEST

START_TEST(metrics_are_text)
{
  start(&all);
  ask("GET /metrics", "200", "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
  ask("GET /metrics", "200", "sevenstep_requests_total 7\n");
}
END_TEST

START_TEST(more_routes_served)
{
  start(&all);
  ask("POST /drain", "202", "");
}
END_TEST

START_TEST(without_callbacks_ready_and_empty)
{
  start(&(struct httpd_admin){0});
  ask("GET /readyz", "200", "{\"ready\":true}\n");
  ask("GET /metrics", "200", "Content-Length: 0\r\n");
  ask("POST /drain", "404", "");
}
END_TEST

START_TEST(post_to_healthz_not_allowed)
{
  start(&all);
  ask("POST /healthz", "405", "Allow: GET, HEAD\r\n");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("admin");
  TCase *t = tcase_create("admin");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, healthz_ok);
  tcase_add_test(t, readyz_ready);
  tcase_add_test(t, readyz_not_ready_says_why);
  tcase_add_test(t, metrics_are_text);
  tcase_add_test(t, more_routes_served);
  tcase_add_test(t, without_callbacks_ready_and_empty);
  tcase_add_test(t, post_to_healthz_not_allowed);
  suite_add_tcase(s, t);
  return run(s);
}

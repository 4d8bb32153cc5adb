/* Where it listens, and how it says that it cannot. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void hello(const struct httpd_request *q, struct httpd_response *r)
{
  ck_assert_int_eq(buf_printf(&r->body, "hello %s", q->peer_ip), ERR_OK);
}

static const struct httpd_route routes[] = {{.method = "GET", .path = "/", .handle = hello}, {0}};
static char folder[] = "/tmp/sevenstep-httpd-XXXXXX";
static char path[64];
static struct httpd *server;
static struct failure f;

static void setup(void)
{
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/a.sock", folder);
  server = NULL;
  memset(&f, 0, sizeof f);
}

static void teardown(void)
{
  httpd_stop(server);
  unlink(path);
  rmdir(folder);
  strcpy(folder, "/tmp/sevenstep-httpd-XXXXXX");
}

static enum err start_tcp(const char *host, uint16_t port, struct httpd **ret)
{
  struct httpd_config c = {.listen = {host, port}, .routes = routes};
  return httpd_start(&c, ret, &f);
}

static enum err start_unix(const char *at, struct httpd **ret)
{
  struct httpd_config c = {.unix_path = at, .routes = routes};
  return httpd_start(&c, ret, &f);
}

START_TEST(start_port_zero_tells_the_port)
{
  ck_assert_int_eq(start_tcp("127.0.0.1", 0, &server), ERR_OK);
  ck_assert_int_gt(httpd_port(server), 0);
  assert_answer(client_talk(server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "200",
                "hello 127.0.0.1");
}
END_TEST

START_TEST(start_port_taken_names_the_address)
{
  struct httpd *second = NULL;
  char want[40];
  ck_assert_int_eq(start_tcp("127.0.0.1", 0, &server), ERR_OK);
  ck_assert_int_eq(start_tcp("127.0.0.1", httpd_port(server), &second), ERR_PORT_TAKEN);
  ck_assert_ptr_null(second);
  snprintf(want, sizeof want, "127.0.0.1:%u", httpd_port(server));
  ck_assert_msg(strstr(f.why, want) != NULL, "%s", f.why);
}
END_TEST

START_TEST(start_bad_host_refused)
{
  ck_assert_int_eq(start_tcp("not a host", 0, &server), ERR_CONFIG);
}
END_TEST

START_TEST(start_same_port_again_after_stop)
{
  ck_assert_int_eq(start_tcp("127.0.0.1", 0, &server), ERR_OK);
  uint16_t port = httpd_port(server);
  assert_answer(client_talk(server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "200",
                "hello");
  httpd_stop(server);
  server = NULL;
  ck_assert_int_eq(start_tcp("127.0.0.1", port, &server), ERR_OK);
}
END_TEST

static void ask_unix(void)
{
  int fd = client_connect_unix(path);
  client_puts(fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  assert_answer(client_read_all(fd), "200", "hello ");
}

START_TEST(start_unix_is_private_and_removed)
{
  struct stat st;
  umask(0);
  ck_assert_int_eq(start_unix(path, &server), ERR_OK);
  ck_assert_int_eq(lstat(path, &st), 0);
  ck_assert(S_ISSOCK(st.st_mode));
  ck_assert_int_eq(st.st_mode & 0777, 0600);
  ck_assert_int_eq(httpd_port(server), 0);
  ask_unix();
  httpd_stop(server);
  server = NULL;
  ck_assert_int_ne(lstat(path, &st), 0);
}
END_TEST

START_TEST(start_unix_stale_socket_replaced)
{
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  strcpy(a.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  close(fd); /* the file stays, as after a crash */
  ck_assert_int_eq(start_unix(path, &server), ERR_OK);
  ask_unix();
}
END_TEST

START_TEST(start_unix_live_socket_refused)
{
  struct httpd *second = NULL;
  ck_assert_int_eq(start_unix(path, &server), ERR_OK);
  ck_assert_int_eq(start_unix(path, &second), ERR_PORT_TAKEN);
  ck_assert_ptr_nonnull(strstr(f.why, path));
  ask_unix();
}
END_TEST

START_TEST(start_unix_other_file_kept)
{
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  fclose(file);
  ck_assert_int_eq(start_unix(path, &server), ERR_PORT_TAKEN);
  ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(start_unix_path_too_long_refused)
{
  char longer[200];
  memset(longer, 'a', sizeof longer - 1);
  longer[0] = '/';
  longer[sizeof longer - 1] = 0;
  ck_assert_int_eq(start_unix(longer, &server), ERR_CONFIG);
}
END_TEST

START_TEST(start_unix_folder_missing_refused)
{
  ck_assert_int_eq(start_unix("/nonexistent/a.sock", &server), ERR_IO);
}
END_TEST

START_TEST(stop_null_accepted)
{
  httpd_stop(NULL);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("listen");
  TCase *t = tcase_create("listen");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, start_port_zero_tells_the_port);
  tcase_add_test(t, start_port_taken_names_the_address);
  tcase_add_test(t, start_bad_host_refused);
  tcase_add_test(t, start_same_port_again_after_stop);
  tcase_add_test(t, start_unix_is_private_and_removed);
  tcase_add_test(t, start_unix_stale_socket_replaced);
  tcase_add_test(t, start_unix_live_socket_refused);
  tcase_add_test(t, start_unix_other_file_kept);
  tcase_add_test(t, start_unix_path_too_long_refused);
  tcase_add_test(t, start_unix_folder_missing_refused);
  tcase_add_test(t, stop_null_accepted);
  suite_add_tcase(s, t);
  return run(s);
}

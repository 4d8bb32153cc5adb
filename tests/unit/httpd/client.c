#include "client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

int client_connect(const struct httpd *h)
{
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(httpd_port(h))};
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
  return fd;
}

int client_connect_unix(const char *path)
{
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
  return fd;
}

void client_send(int fd, const char *data, size_t n)
{
  while (n) {
    ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
    if (sent <= 0) return; /* the server closed: what it answered tells the test */
    data += sent;
    n -= (size_t)sent;
  }
}

void client_puts(int fd, const char *text)
{
  client_send(fd, text, strlen(text));
}

static char *read_on(int fd, const char *until)
{
  size_t cap = 4096, len = 0;
  char *all = malloc(cap);
  ck_assert_ptr_nonnull(all);
  all[0] = 0;
  while (!until || !strstr(all, until)) {
    struct pollfd p = {fd, POLLIN, 0};
    ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "nothing came behind: %s", all);
    if (cap - len < 4096) ck_assert_ptr_nonnull(all = realloc(all, cap *= 2));
    ssize_t n = recv(fd, all + len, cap - len - 1, 0);
    if (n <= 0) break;
    all[len += (size_t)n] = 0;
  }
  return all;
}

char *client_read_all(int fd)
{
  char *all = read_on(fd, NULL);
  close(fd);
  return all;
}

char *client_read_until(int fd, const char *text)
{
  return read_on(fd, text);
}

char *client_talk(const struct httpd *h, const char *text)
{
  int fd = client_connect(h);
  client_puts(fd, text);
  return client_read_all(fd);
}

void assert_answer(char *answer, const char *status, const char *text)
{
  char want[64];
  snprintf(want, sizeof want, "HTTP/1.1 %s ", status);
  ck_assert_msg(strncmp(answer, want, strlen(want)) == 0, "wanted %s, got: %s", status, answer);
  ck_assert_msg(strstr(answer, text) != NULL, "wanted %s, got: %s", text, answer);
  free(answer);
}

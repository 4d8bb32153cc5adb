/* Listening sockets are made here and given to libmicrohttpd, because it would only say that it could not
 * start, and because it knows no unix sockets. */
#include "httpd_private.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static enum err bind_failed(struct failure *f, const char *where)
{
  enum err e = errno == EADDRINUSE ? ERR_PORT_TAKEN : ERR_IO;
  return failure_set(f, e, "%s: %s", where, strerror(errno));
}

/* -- unix ------------------------------------------------------------------------------------------------ */

/* Is somebody behind it? */
static bool answers(const struct sockaddr_un *a)
{
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof *a) == 0;
  if (fd >= 0) close(fd);
  return alive;
}

static enum err listen_unix(struct httpd *h, int *ret_fd, struct failure *f)
{
  const char *path = h->config.unix_path;
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof a.sun_path)
    return failure_set(f, ERR_CONFIG, "%s: the path of a unix socket has at most %zu bytes", path,
                       sizeof a.sun_path - 1);
  snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  if (answers(&a)) return failure_set(f, ERR_PORT_TAKEN, "%s: another process serves it", path);
  struct stat st;
  if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) unlink(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return bind_failed(f, path);
  /* On Linux the socket's own mode becomes the file's, so that it is never open to others, not even for a
   * moment. */
  if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, BACKLOG)) {
    enum err e = bind_failed(f, path);
    close(fd);
    return e;
  }
  *ret_fd = fd;
  return ERR_OK;
}

/* -- TCP ------------------------------------------------------------------------------------------------- */

static uint16_t bound_port(int fd)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } a = {0};
  socklen_t n = sizeof a;
  if (getsockname(fd, &a.any, &n)) return 0;
  return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static int listen_at(const struct addrinfo *a)
{
  int one = 1;
  int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, a->ai_addr, a->ai_addrlen) ||
      listen(fd, BACKLOG)) {
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
  }
  return fd;
}

static enum err listen_tcp(struct httpd *h, int *ret_fd, struct failure *f)
{
  const struct lab_addr *at = &h->config.listen;
  char port[8], where[300];
  snprintf(port, sizeof port, "%u", at->port);
  snprintf(where, sizeof where, "%s:%s", at->host ? at->host : "", port);
  struct addrinfo *list, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
  int rc = getaddrinfo(at->host, port, &hints, &list);
  if (rc) return failure_set(f, ERR_CONFIG, "%s: %s", where, gai_strerror(rc));
  int fd = listen_at(list);
  enum err e = fd < 0 ? bind_failed(f, where) : ERR_OK;
  freeaddrinfo(list);
  if (e) return e;
  h->port = bound_port(fd);
  *ret_fd = fd;
  return ERR_OK;
}

enum err httpd_listen(struct httpd *h, int *ret_fd, struct failure *f)
{
  if (!h->config.unix_path) return listen_tcp(h, ret_fd, f);
  enum err e = listen_unix(h, ret_fd, f);
  if (e) return e;
  h->unix_path = strdup(h->config.unix_path);
  if (h->unix_path) return ERR_OK;
  close(*ret_fd);
  return failure_set(f, ERR_NOMEM, "no memory for a path");
}

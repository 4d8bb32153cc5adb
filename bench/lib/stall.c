/* Clients that hold a place and do not get on: opens N connections that stall in one of several ways, and
 * opens each again when it is closed.
 *
 *   bench-stall HOST PORT WAY N [FIELD]   to 127.0.0.1, with HOST as SNI and Host; FIELD: one more header
 * line Says READY on standard output when all stall; ends with its standard input
 *
 * WAY: handshake  a piece of a ClientHello, then nothing
 *      idle       one answered request, then nothing
 *      head       a request's head that gets one more field each second
 *      body       a request whose body gets one more byte each second
 *      read       a request for a large answer that is never read */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum way { HANDSHAKE, IDLE, HEAD, BODY, READ, WAYS };
static const char *const names[WAYS] = {"handshake", "idle", "head", "body", "read"};

static enum way way;
static int port;
static const char *host, *field;
static SSL_CTX *ctx;

struct client {
  int fd;
  SSL *ssl;
};

static void give_up(const char *what)
{
  fprintf(stderr, "bench-stall: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void connect_to(struct client *c)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  /* What is not read should wait at the other end, not in this machine's memory for our side. */
  int small = 16384;
  if (way == READ) (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at)) give_up("connect");
}

static void say(struct client *c, const char *text)
{
  (void)SSL_write(c->ssl, text, (int)strlen(text)); /* a connection that was closed shows in is_closed() */
}

static void begin_request(struct client *c)
{
  static const char *const lines[WAYS] = {
      [IDLE] = "GET /tiny", [HEAD] = "GET /tiny", [BODY] = "POST /upload", [READ] = "GET /bulk"};
  char head[8192], answer[4096];
  snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: %s:%d\r\n%s%s%s%s", lines[way], host, port,
           field ? field : "", field ? "\r\n" : "", way == BODY ? "Content-Length: 1000000\r\n" : "",
           way == HEAD ? "" : "\r\n");
  say(c, head);
  if (way == IDLE && SSL_read(c->ssl, answer, sizeof answer) <= 0) give_up("read");
}

static void open_one(struct client *c)
{
  static const unsigned char hello[] = {22, 3, 1, 2, 0, 1, 0};
  connect_to(c);
  if (way == HANDSHAKE) {
    if (send(c->fd, hello, sizeof hello, MSG_NOSIGNAL) < 0) give_up("send");
    return;
  }
  c->ssl = SSL_new(ctx);
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_tlsext_host_name(c->ssl, host);
  if (SSL_connect(c->ssl) != 1) give_up("TLS handshake");
  begin_request(c);
}

static bool is_closed(const struct client *c)
{
  char byte;
  ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN);
}

static void close_one(struct client *c)
{
  SSL_free(c->ssl);
  close(c->fd);
  *c = (struct client){.fd = -1};
}

/* What has come is an answer to a stalled request (408, say), so the end is near. */
static void skip_answer(const struct client *c)
{
  char bytes[16384];
  if (way == READ) return;
  while (recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
}

static void once_a_second(struct client *c, bool *reopened)
{
  skip_answer(c);
  if (is_closed(c)) {
    close_one(c);
    open_one(c);
    *reopened = true;
  } else if (way == HEAD) {
    say(c, "X-Stall: yes\r\n");
  } else if (way == BODY) {
    say(c, "x");
  }
}

static enum way way_of(const char *name)
{
  for (int i = 0; i < WAYS; i++)
    if (strcmp(names[i], name) == 0) return (enum way)i;
  fprintf(stderr, "bench-stall: no such way: %s\n", name);
  exit(2);
}

int main(int argc, char **argv)
{
  if (argc < 5) {
    fprintf(stderr, "usage: bench-stall HOST PORT handshake|idle|head|body|read N [FIELD]\n");
    return 2;
  }
  host = argv[1];
  port = (int)strtol(argv[2], NULL, 10);
  way = way_of(argv[3]);
  size_t n = strtoul(argv[4], NULL, 10), closed = 0;
  field = argc > 5 ? argv[5] : NULL;
  ctx = SSL_CTX_new(TLS_client_method());
  struct client *all = calloc(n, sizeof *all);
  if (!ctx || !all) give_up("memory");
  for (size_t i = 0; i < n; i++)
    open_one(&all[i]);
  puts("READY");
  fflush(stdout);
  struct pollfd input = {.fd = 0, .events = POLLIN};
  while (poll(&input, 1, 1000) == 0)
    for (size_t i = 0; i < n; i++) {
      bool reopened = false;
      once_a_second(&all[i], &reopened);
      closed += reopened;
    }
  printf("CLOSED %zu\n", closed);
  return 0;
}

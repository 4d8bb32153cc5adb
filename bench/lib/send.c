/* Sends one request with each line of standard input as one of its fields, over kept connections: what wrk
 * cannot, whose requests are all the same or made while it measures.
 *
 *   bench-send HOST PORT PATH CONNECTIONS plain|tls [FIELD]
 *
 * To 127.0.0.1, with HOST as Host and SNI. Every answer must be 200, of one size, and have FIELD in its head.
 * Prints one line of numbers as report.lua does. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 32 * 1024 };

static const char *host, *path, *field;
static int port;
static SSL_CTX *ctx; /* NULL: plain */
static char **lines;
static size_t n_lines, next_line, done;
static long size_of_all = -1;
static float *took_us;

struct client {
  int fd;
  SSL *ssl;
  double sent_us; /* 0: idle for good */
};

static void give_up(const char *what)
{
  fprintf(stderr, "bench-send: %s\n", what);
  exit(1);
}

static double now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void read_lines(void)
{
  size_t room = 0, capacity = 0;
  char *line = NULL;
  for (ssize_t n; (n = getline(&line, &capacity, stdin)) > 0; capacity = 0, line = NULL) {
    if (line[n - 1] == '\n') line[n - 1] = '\0';
    if (n_lines == room) {
      room = room ? 2 * room : 1024;
      lines = realloc(lines, room * sizeof(char *));
      if (!lines) give_up("no memory");
    }
    lines[n_lines++] = line;
  }
  free(line);
  took_us = calloc(n_lines + 1, sizeof *took_us);
  if (!took_us || n_lines == 0) give_up("no lines on standard input, or no memory");
}

static void open_one(struct client *c)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int one = 1;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at)) give_up("no connection");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!ctx) return;
  c->ssl = SSL_new(ctx);
  if (!c->ssl) give_up("no memory");
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_tlsext_host_name(c->ssl, host);
  if (SSL_connect(c->ssl) != 1) give_up("the TLS handshake failed");
}

static void send_next(struct client *c)
{
  char text[HEAD_MAX];
  c->sent_us = 0;
  if (next_line == n_lines) return;
  int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s:%d\r\n%s\r\n\r\n", path, host, port,
                   lines[next_line]);
  if (n < 0 || (size_t)n >= sizeof text) give_up("a line is too long");
  next_line++;
  c->sent_us = now_us();
  if ((ctx ? SSL_write(c->ssl, text, n) : (int)send(c->fd, text, (size_t)n, MSG_NOSIGNAL)) != n)
    give_up("a connection was lost");
}

static int receive(struct client *c, char *out, int n)
{
  int got = ctx ? SSL_read(c->ssl, out, n) : (int)recv(c->fd, out, (size_t)n, 0);
  if (got <= 0) give_up("a connection was closed before the answer was complete");
  return got;
}

/* The body's length, when the head says what it should. */
static long check_head(char *head)
{
  static const char length[] = "\r\nContent-Length: ";
  const char *at = strcasestr(head, length);
  if (strncmp(head, "HTTP/1.1 200", 12) != 0) {
    head[strcspn(head, "\r")] = '\0';
    fprintf(stderr, "bench-send: %s\n", head);
    give_up("expected 200");
  }
  if (field && !strcasestr(head, field)) give_up("an answer lacks the field");
  if (!at) give_up("an answer has no Content-Length");
  return strtol(at + sizeof length - 1, NULL, 10);
}

static void receive_answer(struct client *c)
{
  char text[HEAD_MAX + 1], *end = NULL;
  int n = 0;
  while (!end) {
    if (n == HEAD_MAX) give_up("an answer's head is too long");
    n += receive(c, text + n, HEAD_MAX - n);
    text[n] = '\0';
    end = strstr(text, "\r\n\r\n");
  }
  long left = n - (end + 4 - text);
  *end = '\0';
  long size = check_head(text);
  if (size_of_all < 0) size_of_all = size;
  if (size != size_of_all || left > size) give_up("an answer has another size");
  for (left = size - left; left > 0;)
    left -= receive(c, text, left < HEAD_MAX ? (int)left : HEAD_MAX);
  took_us[done++] = (float)(now_us() - c->sent_us);
}

static int compare(const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void close_one(struct client *c)
{
  SSL_free(c->ssl);
  close(c->fd);
}

int main(int argc, char **argv)
{
  if (argc < 6) {
    fprintf(stderr, "usage: bench-send HOST PORT PATH CONNECTIONS plain|tls [FIELD]\n");
    return 2;
  }
  host = argv[1];
  port = (int)strtol(argv[2], NULL, 10);
  path = argv[3];
  size_t n = strtoul(argv[4], NULL, 10);
  if (strcmp(argv[5], "tls") == 0) ctx = SSL_CTX_new(TLS_client_method());
  field = argc > 6 ? argv[6] : NULL;
  read_lines();
  struct client *all = calloc(n, sizeof *all);
  struct pollfd *fds = calloc(n, sizeof *fds);
  if (n < 1 || !all || !fds) give_up("connections from 1");
  for (size_t i = 0; i < n; i++)
    open_one(&all[i]);
  double begin = now_us();
  for (size_t i = 0; i < n; i++) {
    send_next(&all[i]);
    fds[i] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
  }
  while (done < n_lines) {
    if (poll(fds, n, 10000) <= 0) give_up("no answer for ten seconds");
    for (size_t i = 0; i < n; i++) {
      if (!fds[i].revents) continue;
      if (all[i].sent_us == 0) give_up("a connection was closed");
      receive_answer(&all[i]);
      send_next(&all[i]);
    }
  }
  double duration = now_us() - begin;
  for (size_t i = 0; i < n; i++)
    close_one(&all[i]);
  qsort(took_us, done, sizeof *took_us, compare);
  printf("RESULT requests=%zu duration_us=%.0f p50_us=%.0f p99_us=%.0f\n", done, duration,
         (double)took_us[done / 2], (double)took_us[done * 99 / 100]);
  for (size_t i = 0; i < n_lines; i++)
    free(lines[i]);
  free(lines);
  free(took_us);
  free(all);
  free(fds);
  SSL_CTX_free(ctx);
  return 0;
}

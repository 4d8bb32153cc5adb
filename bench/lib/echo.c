/* Users of a WebSocket who wait for each echo before they send again: how many messages go there and back in
 * a second?
 *
 *   bench-echo HOST PORT PATH CONNECTIONS SECONDS BYTES [FIELD]
 *
 * To 127.0.0.1, with HOST as SNI and Host; FIELD: one more header line. Prints one line of numbers as
 * report.lua does. A message has at most 125 bytes, so that its frame's head is two bytes long (RFC
 * 6455 5.2), and comes and goes in one TLS record. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SAMPLES_MAX 4000000

static const char *host, *path, *field;
static int port;
static size_t size;
static SSL_CTX *ctx;
static unsigned char frame[2 + 4 + 125]; /* masked with zeros: the payload as it is */

static void give_up(const char *what)
{
  fprintf(stderr, "bench-echo: %s\n", what);
  exit(1);
}

static double now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static SSL *open_one(void)
{
  char text[8192];
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  SSL *ssl = SSL_new(ctx);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || !ssl || connect(fd, (struct sockaddr *)&at, sizeof at)) give_up("no connection");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  SSL_set_fd(ssl, fd);
  SSL_set_tlsext_host_name(ssl, host);
  if (SSL_connect(ssl) != 1) give_up("the TLS handshake failed");
  int n = snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: Upgrade\r\nUpgrade: "
                   "websocket\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s\r\n",
                   path, host, port, field ? field : "", field ? "\r\n" : "");
  if (SSL_write(ssl, text, n) != n) give_up("the handshake could not be sent");
  n = SSL_read(ssl, text, sizeof text - 1);
  if (n < 12 || strncmp(text, "HTTP/1.1 101", 12) != 0) give_up("the answer is not 101");
  return ssl;
}

static void send_one(SSL *ssl)
{
  if (SSL_write(ssl, frame, (int)(6 + size)) <= 0) give_up("a connection was lost");
}

static void receive_one(SSL *ssl)
{
  unsigned char got[2 + 125];
  size_t n = 0;
  while (n < 2 + size) {
    int r = SSL_read(ssl, got + n, (int)(2 + size - n));
    if (r <= 0) give_up("a connection was lost");
    n += (size_t)r;
  }
  if (got[0] != 0x82 || got[1] != size || memcmp(got + 2, frame + 6, size) != 0) give_up("an echo differs");
}

static int compare(const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  if (argc < 7) {
    fprintf(stderr, "usage: bench-echo HOST PORT PATH CONNECTIONS SECONDS BYTES [FIELD]\n");
    return 2;
  }
  host = argv[1];
  port = (int)strtol(argv[2], NULL, 10);
  path = argv[3];
  size_t n = strtoul(argv[4], NULL, 10), done = 0;
  double seconds = strtod(argv[5], NULL);
  size = strtoul(argv[6], NULL, 10);
  field = argc > 7 ? argv[7] : NULL;
  if (n < 1 || size < 1 || size > 125) give_up("connections from 1, bytes from 1 to 125");
  frame[0] = 0x82;
  frame[1] = (unsigned char)(0x80 | size);
  memset(frame + 6, 'x', size);
  ctx = SSL_CTX_new(TLS_client_method());
  SSL **all = calloc(n, sizeof(SSL *));
  double *sent = calloc(n, sizeof *sent);
  struct pollfd *fds = calloc(n, sizeof *fds);
  float *samples = malloc(SAMPLES_MAX * sizeof *samples);
  if (!ctx || !all || !sent || !fds || !samples) give_up("no memory");
  for (size_t i = 0; i < n; i++) {
    all[i] = open_one();
    fds[i] = (struct pollfd){.fd = SSL_get_fd(all[i]), .events = POLLIN};
  }
  double begin = now_us(), now = begin;
  for (size_t i = 0; i < n; i++) {
    sent[i] = now_us();
    send_one(all[i]);
  }
  while (now - begin < seconds * 1e6) {
    if (poll(fds, n, 1000) <= 0) give_up("no echo for a second");
    for (size_t i = 0; i < n; i++) {
      if (!(fds[i].revents & POLLIN)) continue;
      receive_one(all[i]);
      now = now_us();
      if (done < SAMPLES_MAX) samples[done] = (float)(now - sent[i]);
      done++;
      sent[i] = now;
      send_one(all[i]);
    }
  }
  size_t kept = done < SAMPLES_MAX ? done : SAMPLES_MAX;
  qsort(samples, kept, sizeof *samples, compare);
  printf("RESULT requests=%zu duration_us=%.0f p50_us=%.0f p99_us=%.0f max_us=%.0f\n", done, now - begin,
         (double)samples[kept / 2], (double)samples[kept * 99 / 100], (double)samples[kept - 1]);
  return 0;
}

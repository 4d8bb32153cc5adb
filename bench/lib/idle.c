/* Many users who do nothing: opens N TLS connections, asks for /tiny once on each, reads the answer, and then
 * holds them all.
 *
 *   bench-idle HOST PORT N [FIELD]     to 127.0.0.1, with HOST as SNI and Host; FIELD: one more header line.
 *                                      Says READY on standard output when all are idle; ends with its
 * standard input */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(int port)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
  perror("bench-idle: connect");
  exit(1);
}

/* The whole answer has a known, small length; its head and body may come in two reads. */
static void ask(SSL *ssl, const char *request)
{
  char answer[8192];
  size_t n = 0;
  if (SSL_write(ssl, request, (int)strlen(request)) <= 0) goto fail;
  for (;;) {
    int got = SSL_read(ssl, answer + n, (int)(sizeof answer - 1 - n));
    if (got <= 0) goto fail;
    n += (size_t)got;
    answer[n] = 0;
    const char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\ncontent-length:");
    if (end && length && n >= (size_t)(end + 4 - answer) + strtoul(length + 17, NULL, 10)) break;
    if (n == sizeof answer - 1) goto fail;
  }
  if (strncmp(answer, "HTTP/1.1 200", 12) == 0) return;
fail:
  fprintf(stderr, "bench-idle: no answer, or another than 200\n");
  exit(1);
}

int main(int argc, char **argv)
{
  char request[8192];
  if (argc < 4) {
    fprintf(stderr, "usage: bench-idle HOST PORT N [FIELD]\n");
    return 2;
  }
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  snprintf(request, sizeof request, "GET /tiny HTTP/1.1\r\nHost: %s:%s\r\n%s%s\r\n", argv[1], argv[2],
           argc > 4 ? argv[4] : "", argc > 4 ? "\r\n" : "");
  for (int i = 0; i < (int)strtol(argv[3], NULL, 10); i++) {
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, connect_to((int)strtol(argv[2], NULL, 10)));
    SSL_set_tlsext_host_name(ssl, argv[1]);
    if (SSL_connect(ssl) != 1) {
      fprintf(stderr, "bench-idle: the TLS handshake failed\n");
      return 1;
    }
    ask(ssl, request); /* ssl stays: the process holds it to its end */
  }
  puts("READY");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}

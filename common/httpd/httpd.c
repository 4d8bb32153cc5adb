#include "httpd_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  IDLE_TIMEOUT_S = 60,
  CONNECTION_MEMORY = 128 << 10,
  STACK = 512 << 10,
};

/* TLS 1.2 and 1.3, forward secrecy, authenticated encryption only. */
static char priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
    "-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA";

#if MHD_VERSION >= 0x01000000
#define OPTION_STRICT MHD_OPTION_CLIENT_DISCIPLINE_LVL
#else
#define OPTION_STRICT MHD_OPTION_STRICT_FOR_CLIENT
#endif

PRINTF_LIKE(2, 0)
static void keep_log(void *cls, const char *fmt, va_list ap)
{
  struct httpd *h = cls;
  /* What it says while it starts is the reason of a failure; what its threads say later only tells of
   * clients. */
  if (pthread_equal(h->starter, pthread_self())) vsnprintf(h->log, sizeof h->log, fmt, ap);
}

static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *s)
{
  (void)cls;
  (void)mhd;
  return strlen(s);
}

/* The whole file, NUL-terminated. */
static enum err read_pem(struct buf *out, const char *path, struct failure *f)
{
  buf_init(out, 1 << 20);
  FILE *file = fopen(path, "re");
  if (!file) return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  enum err e = ERR_OK;
  char piece[4096];
  size_t n;
  while (!e && (n = fread(piece, 1, sizeof piece, file)) > 0)
    e = buf_append(out, piece, n);
  explicit_bzero(piece, sizeof piece);
  if (!e && (ferror(file) || out->len == 0)) e = ERR_IO;
  fclose(file);
  return e ? failure_set(f, e, "%s: cannot be read, or is empty", path) : ERR_OK;
}

static void start_daemon(struct httpd *h, int fd, struct buf *cert, struct buf *key)
{
  unsigned threads = h->config.threads;
  struct MHD_OptionItem options[6] = {{MHD_OPTION_END, 0, NULL}};
  int n = 0;
  if (threads > 1)
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL};
  /* epoll costs a third less a request, but spins on half a TLS handshake. */
  unsigned flags = h->config.cert_path ? MHD_USE_POLL_INTERNAL_THREAD : MHD_USE_EPOLL_INTERNAL_THREAD;
  flags |= MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  if (h->config.upgrades) flags |= MHD_ALLOW_UPGRADE;
  if (cert->len) {
    flags |= MHD_USE_TLS;
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, cert->data};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, key->data};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, priorities};
  }
  options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
  struct MHD_Daemon *d = MHD_start_daemon(
      flags, 0, NULL, NULL, httpd_exchange_run, h, MHD_OPTION_EXTERNAL_LOGGER, keep_log, h,
      MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, httpd_exchange_begin, h,
      MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, httpd_exchange_completed,
      h, MHD_OPTION_NOTIFY_CONNECTION, httpd_exchange_connection, h, MHD_OPTION_CONNECTION_LIMIT,
      h->config.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, h->config.connection_memory, OPTION_STRICT, 1,
      MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
  h->daemon = d;
}

static enum err start_serving(struct httpd *h, struct failure *f)
{
  struct buf cert = {0}, key = {0};
  int fd = -1;
  enum err e = ERR_OK;
  if (h->config.cert_path) {
    e = read_pem(&cert, h->config.cert_path, f);
    if (!e) e = read_pem(&key, h->config.key_path, f);
  }
  if (!e) e = httpd_listen(h, &fd, f);
  if (!e && (e = httpd_watch_start(h))) {
    failure_set(f, e, "no thread for the deadlines");
    close(fd);
  }
  if (!e && h->config.upgrades && (e = httpd_upgrade_start(h))) {
    failure_set(f, e, "no thread for upgraded connections");
    close(fd);
  }
  if (!e) {
    /* The socket is libmicrohttpd's from here on: it closes it also when it does not start. */
    start_daemon(h, fd, &cert, &key);
    if (!h->daemon) e = failure_set(f, cert.len ? ERR_TLS : ERR_INTERNAL, "libmicrohttpd: %s", h->log);
  }
  buf_clear(&cert);
  buf_wipe(&key); /* GnuTLS has its own copy */
  return e;
}

struct httpd *httpd_new(const struct httpd_config *c)
{
  struct httpd *h = calloc(1, sizeof *h);
  if (!h) return NULL;
  h->config = *c;
  h->starter = pthread_self();
  if (!h->config.threads) h->config.threads = 2;
  if (!h->config.head_timeout_ms) h->config.head_timeout_ms = 20000;
  if (!h->config.max_connections) h->config.max_connections = 2048;
  if (!h->config.connection_memory) h->config.connection_memory = CONNECTION_MEMORY;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&h->lock, NULL);
  pthread_cond_init(&h->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  return h;
}

enum err httpd_start(const struct httpd_config *c, struct httpd **ret, struct failure *f)
{
  return httpd_launch(httpd_new(c), ret, f);
}

enum err httpd_launch(struct httpd *h, struct httpd **ret, struct failure *f)
{
  if (!h) return failure_set(f, ERR_NOMEM, "no memory for a server");
  enum err e = start_serving(h, f);
  if (e) {
    httpd_stop(h);
    return e;
  }
  *ret = h;
  return ERR_OK;
}

void httpd_stop(struct httpd *h)
{
  if (!h) return;
  httpd_watch_stop(h);
  httpd_upgrade_stop(h);
  if (h->daemon) MHD_stop_daemon(h->daemon);
  httpd_upgrade_free(h);
  if (h->unix_path) unlink(h->unix_path);
  pthread_cond_destroy(&h->wake);
  pthread_mutex_destroy(&h->lock);
  free(h->unix_path);
  free(h->routes);
  free(h);
}

uint16_t httpd_port(const struct httpd *h)
{
  return h->port;
}

#include "gather.h"

#include "buf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
  GATHER_HIGH = 64 * 1024, /* so much leaves without a flush */
  GATHER_MAX = GATHER_HIGH + 32 * 1024,
  GATHER_KEEP = 2048, /* what an idle connection may hold on to */
};

struct gather {
  int fd;
  struct buf records;
  size_t sent; /* of them */
};

/* 1, or -1 with the retry flag set or not. */
static int send_all(BIO *b, struct gather *g)
{
  BIO_clear_retry_flags(b);
  while (g->sent < g->records.len) {
    ssize_t n = send(g->fd, g->records.data + g->sent, g->records.len - g->sent, MSG_NOSIGNAL);
    if (n > 0) {
      g->sent += (size_t)n;
    } else if (n < 0 && errno != EINTR) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_write(b);
      return -1;
    }
  }
  g->sent = 0;
  buf_reset(&g->records);
  if (g->records.cap > GATHER_KEEP) buf_clear(&g->records);
  return 1;
}

static int gather_write(BIO *b, const char *data, int n)
{
  struct gather *g = BIO_get_data(b);
  if (g->records.len >= GATHER_HIGH && send_all(b, g) != 1) return -1;
  BIO_clear_retry_flags(b);
  return buf_append(&g->records, data, (size_t)n) ? -1 : n;
}

static long gather_ctrl(BIO *b, int what, long n, void *arg)
{
  (void)n;
  (void)arg;
  return what == BIO_CTRL_FLUSH ? send_all(b, BIO_get_data(b)) : 0;
}

static int gather_free(BIO *b)
{
  struct gather *g = BIO_get_data(b);
  if (g) buf_clear(&g->records);
  free(g);
  return 1;
}

/* Made once, by whoever is first; the process keeps it. */
static BIO_METHOD *method;

static void make_method(void)
{
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gather");
  if (!method) return;
  BIO_meth_set_write(method, gather_write);
  BIO_meth_set_ctrl(method, gather_ctrl);
  BIO_meth_set_destroy(method, gather_free);
}

BIO *gather_new(int fd)
{
  static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
  struct gather *g = calloc(1, sizeof *g);
  if (!g || !CRYPTO_THREAD_run_once(&once, make_method) || !method) {
    free(g);
    return NULL;
  }
  BIO *b = BIO_new(method);
  if (!b) {
    free(g);
    return NULL;
  }
  g->fd = fd;
  buf_init(&g->records, GATHER_MAX);
  BIO_set_data(b, g);
  BIO_set_init(b, 1);
  return b;
}

/* A browser that speaks HTTP/2: the tunnel's own client end, with the front. One at a time. */
#ifndef SEVENSTEP_TEST_BROWSER_H
#define SEVENSTEP_TEST_BROWSER_H

#include "link.h"

extern struct browser {
  struct link *link; /* NULL once closed */
  bool goaway, opened;
} browser;

/* One answer, as it came. */
struct answer {
  struct tunnel_stream *at;
  int status, interim;
  bool ended, closed, deaf; /* deaf: gives no window back */
  bool accept;              /* of a WebSocket's key */
  struct failure failure;
  struct buf body;
  char trace[40], trailer[40], length[24];
};

void browser_open(const char *sni);
/* end: no body follows. */
struct answer *browser_ask_with(const char *method, const char *host, const char *path,
                                const struct fields *f, bool end);
/* With one field, or none. */
struct answer *browser_ask(const char *method, const char *host, const char *path, const char *name,
                           const char *value, bool end);
struct answer *browser_get(const char *host, const char *path);
/* An extended CONNECT to PUBLIC, as soon as the front has said that it takes them. */
struct answer *browser_connect(const char *protocol, const struct fields *f);
void browser_put(struct answer *a, const void *data, size_t n, bool end);

#endif

/* Whatever a peer of the tunnel sends, at either end, or a user at the front: no crash, no leak, every
 * stream's on_close exactly once. The first byte chooses the end; the rest is what the peer sends. */
#include "http2_head.h"
#include "tunnel.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct owner {
  int open;
};

static void touch_head(const struct tunnel_head *h)
{
  size_t sum = strlen(h->method) + strlen(h->protocol) + strlen(h->authority) + h->path_len;
  for (size_t i = 0; i < fields_count(h->fields); i++)
    sum += strlen(fields_at(h->fields, i).name) + strlen(fields_at(h->fields, i).value);
  if (sum > 4 * TUNNEL_MAX_HEAD) abort();
}

/* A head that passes the rules is one that HTTP/1.1 could have brought. */
static void judge_head(const struct tunnel_head *h)
{
  struct http1_parser p;
  const struct http2_request r = {.method = h->method,
                                  .protocol = h->protocol,
                                  .scheme = h->scheme,
                                  .authority = h->authority,
                                  .path = h->path,
                                  .path_len = h->path_len,
                                  .fields = h->fields};
  http1_parser_init(&p, HTTP1_REQUEST, &http1_default_limits);
  if (http2_request_head(&p, &r)) {
    if (!p.head.target.len || !p.head.authority.len || fields_count(&p.head.fields) > 128) abort();
    if (fields_count_of(&p.head.fields, "cookie") > 1) abort();
  } else if (!p.failure.err) {
    abort();
  }
  http1_parser_clear(&p);
}

static void on_request(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)t;
  struct owner *o = arg;
  struct fields f;
  touch_head(h);
  judge_head(h);
  o->open++;
  tunnel_stream_set_owner(s, o);
  fields_init(&f, 4, 256);
  if (fields_add(&f, "X-Echo", "1") || tunnel_respond(s, 200, &f, false) ||
      tunnel_stream_write(s, "body", 4) || tunnel_stream_end(s, NULL)) {
    tunnel_stream_reset(s, TUNNEL_FAILED);
    o->open--;
  }
  fields_clear(&f);
}

static void on_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  (void)s;
  (void)owner;
  touch_head(h);
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  (void)owner;
  volatile uint8_t last = n ? data[n - 1] : 0;
  (void)last;
  tunnel_stream_consume(s, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  (void)owner;
  (void)fields_count(trailers);
}

static void on_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  (void)f;
  ((struct owner *)owner)->open--;
}

static const struct tunnel_events events = {.on_request = on_request,
                                            .on_response = on_response,
                                            .on_data = on_data,
                                            .on_end = on_end,
                                            .on_close = on_close};

static void flush(struct tunnel *t)
{
  struct buf out;
  buf_init(&out, 64 * 1024 * 1024);
  if (tunnel_send(t, &out, 1024 * 1024) == ERR_OK) (void)tunnel_done(t);
  buf_clear(&out);
}

static void open_requests(struct tunnel *t, struct owner *o)
{
  struct fields f;
  fields_init(&f, 4, 256);
  for (int i = 0; i < 3; i++) {
    struct tunnel_stream *s;
    if (tunnel_request(t, "GET", "a", "/", 1, &f, true, o, &s) == ERR_OK) o->open++;
  }
  fields_clear(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct owner o = {0};
  struct tunnel *t;
  struct failure f;
  if (n < 1) return 0;
  enum tunnel_role role = data[0] & 1 ? TUNNEL_CONNECTOR : data[0] & 2 ? TUNNEL_FRONT : TUNNEL_CLOUD;
  if (tunnel_new(role, &events, &o, &t)) return 0;
  if (role == TUNNEL_CLOUD) open_requests(t, &o);
  flush(t);
  /* In two pieces, cut at a place that the input chooses. */
  size_t cut = n > 2 ? 1 + data[1] % (n - 1) : 1;
  if (tunnel_receive(t, data + 1, cut - 1, &f) == ERR_OK) {
    flush(t);
    if (tunnel_receive(t, data + cut, n - cut, &f) == ERR_OK) flush(t);
  }
  tunnel_free(t, NULL);
  if (o.open != 0) abort();
  return 0;
}

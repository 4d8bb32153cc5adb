/* Answers as the tunnel tells them. */
#include "front_private.h"

#include <stdio.h>
#include <string.h>

struct browser browser;
static struct answer answers[160];
static size_t n_answers;

static void keep(char *to, size_t n, const struct fields *f, const char *name)
{
  const char *value = fields_get(f, name);
  snprintf(to, n, "%s", value ? value : "");
}

static void on_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  (void)s;
  struct answer *a = owner;
  if (h->status < 200) {
    a->interim = h->status;
    return;
  }
  a->status = h->status;
  keep(a->trace, sizeof a->trace, h->fields, "sevenstep-trace");
  keep(a->length, sizeof a->length, h->fields, "content-length");
  a->accept = fields_get(h->fields, "sec-websocket-accept") != NULL;
  ck_assert_ptr_null(fields_get(h->fields, "connection"));
  ck_assert_ptr_null(fields_get(h->fields, "transfer-encoding"));
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  struct answer *a = owner;
  ck_assert_int_eq(buf_append(&a->body, data, n), ERR_OK);
  if (!a->deaf) tunnel_stream_consume(s, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  struct answer *a = owner;
  a->ended = true;
  keep(a->trailer, sizeof a->trailer, trailers, "x-sum");
}

static void on_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  struct answer *a = owner;
  a->at = NULL;
  a->closed = true;
  a->failure = *f;
}

static void on_goaway(struct tunnel *t, void *arg)
{
  (void)t;
  ((struct browser *)arg)->goaway = true;
}

static const struct tunnel_events events = {.on_response = on_response,
                                            .on_data = on_data,
                                            .on_end = on_end,
                                            .on_close = on_close,
                                            .on_goaway = on_goaway};

static bool opened(struct link *l, void *arg, struct failure *f)
{
  (void)l;
  (void)f;
  ((struct browser *)arg)->opened = true;
  return true;
}

static void gone(struct link *l, void *arg, const struct failure *f)
{
  (void)l;
  (void)f;
  ((struct browser *)arg)->link = NULL;
}

static const struct link_events link_events = {opened, gone};

/* A browser looks at no silence; a link does, by a timer that knows nothing of the time that tests pass while
 * the browser does not read. */
static void stop_beat(uv_handle_t *handle, void *link)
{
  if (handle->type == UV_TIMER && handle->data == link) uv_timer_stop((uv_timer_t *)handle);
}

void browser_open(const char *sni)
{
  struct stream *s;
  browser = (struct browser){0};
  ck_assert_int_eq(link_new(cloud->net, TUNNEL_CLOUD, &link_events, &events, &browser, &browser.link),
                   ERR_OK);
  front_dial(FRONT_HTTP2, sni, &link_stream_events, browser.link, &s);
  run_until(browser.opened);
  uv_walk(net_loop(cloud->net), stop_beat, browser.link);
}

static struct answer *next_answer(void)
{
  ck_assert_uint_lt(n_answers, sizeof answers / sizeof *answers);
  struct answer *a = &answers[n_answers++];
  *a = (struct answer){0};
  buf_init(&a->body, 64 * 1024 * 1024);
  return a;
}

struct answer *browser_ask_with(const char *method, const char *host, const char *path,
                                const struct fields *f, bool end)
{
  struct answer *a = next_answer();
  ck_assert_int_eq(
      tunnel_request(link_tunnel(browser.link), method, host, path, strlen(path), f, end, a, &a->at), ERR_OK);
  link_flush(browser.link);
  return a;
}

struct answer *browser_ask(const char *method, const char *host, const char *path, const char *name,
                           const char *value, bool end)
{
  struct fields f;
  fields_init(&f, 4, 128 * 1024);
  if (name) ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
  struct answer *a = browser_ask_with(method, host, path, &f, end);
  fields_clear(&f);
  return a;
}

struct answer *browser_get(const char *host, const char *path)
{
  return browser_ask("GET", host, path, NULL, NULL, true);
}

struct answer *browser_connect(const char *protocol, const struct fields *f)
{
  struct answer *a = next_answer();
  run_until(!tunnel_connect(link_tunnel(browser.link), protocol, PUBLIC, "/ws", 3, f, a, &a->at));
  link_flush(browser.link);
  return a;
}

void browser_put(struct answer *a, const void *data, size_t n, bool end)
{
  ck_assert_int_eq(tunnel_stream_write(a->at, data, n), ERR_OK);
  if (end) ck_assert_int_eq(tunnel_stream_end(a->at, NULL), ERR_OK);
  link_flush(browser.link);
}

void browser_forget(void)
{
  while (n_answers)
    buf_clear(&answers[--n_answers].body);
}

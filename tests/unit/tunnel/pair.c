/* What each end notes of what it is told, and the way of the bytes between them. */
#include "pair.h"

#include <stdio.h>
#include <string.h>

struct end cloud, connector;

static void on_request(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)t;
  struct end *e = arg;
  e->requests++;
  snprintf(e->method, sizeof e->method, "%s", h->method);
  snprintf(e->protocol, sizeof e->protocol, "%s", h->protocol);
  snprintf(e->path, sizeof e->path, "%s", h->path);
  snprintf(e->authority, sizeof e->authority, "%s", h->authority);
  const char *f = fields_get(h->fields, "x-test");
  snprintf(e->field, sizeof e->field, "%s", f ? f : "");
  if (e->refuse) {
    tunnel_stream_reset(s, TUNNEL_REFUSED);
    return;
  }
  e->stream = s;
  tunnel_stream_set_owner(s, e);
}

static void on_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  (void)s;
  struct end *e = owner;
  if (h->status < 200)
    e->interim++;
  else
    e->responses++;
  e->status = h->status;
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  (void)data;
  struct end *e = owner;
  e->received += n;
  if (e->consume) tunnel_stream_consume(s, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  struct end *e = owner;
  const char *f = fields_get(trailers, "x-trailer");
  e->ends++;
  snprintf(e->trailer, sizeof e->trailer, "%s", f ? f : "");
}

static void on_writable(struct tunnel_stream *s, void *owner)
{
  (void)s;
  ((struct end *)owner)->writable++;
}

static void on_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  struct end *e = owner;
  e->closes++;
  e->closed = *f;
  e->stream = NULL;
}

static void on_goaway(struct tunnel *t, void *arg)
{
  (void)t;
  ((struct end *)arg)->goaways++;
}

const struct tunnel_events pair_events = {on_request,  on_response, on_data,  on_end,
                                          on_writable, on_close,    on_goaway};

static bool move(struct end *from, struct end *to)
{
  struct buf bytes;
  struct failure f;
  buf_init(&bytes, 64 * 1024 * 1024);
  ck_assert_int_eq(tunnel_send(from->t, &bytes, 1024 * 1024), ERR_OK);
  bool any = bytes.len > 0;
  if (any) ck_assert_int_eq(tunnel_receive(to->t, bytes.data, bytes.len, &f), ERR_OK);
  buf_clear(&bytes);
  return any;
}

void pump(void)
{
  bool forth, back;
  do {
    forth = move(&cloud, &connector);
    back = move(&connector, &cloud);
  } while (forth || back);
}

static void set_up(void)
{
  cloud = (struct end){.consume = true};
  connector = (struct end){.consume = true};
  ck_assert_int_eq(tunnel_new(TUNNEL_CLOUD, &pair_events, &cloud, &cloud.t), ERR_OK);
  ck_assert_int_eq(tunnel_new(TUNNEL_CONNECTOR, &pair_events, &connector, &connector.t), ERR_OK);
  pump();
}

static void tear_down(void)
{
  tunnel_free(cloud.t, NULL);
  tunnel_free(connector.t, NULL);
}

TCase *pair_tests(Suite *suite, const char *name)
{
  TCase *c = tcase_create(name);
  tcase_add_checked_fixture(c, set_up, tear_down);
  suite_add_tcase(suite, c);
  return c;
}

struct tunnel_stream *request(const char *method, const char *name, const char *value, bool end)
{
  struct fields f;
  struct tunnel_stream *s;
  fields_init(&f, 4, 4096);
  if (name) ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
  ck_assert_int_eq(tunnel_request(cloud.t, method, "app.internal", "/a?b=%20", 8, &f, end, &cloud, &s),
                   ERR_OK);
  fields_clear(&f);
  pump();
  return s;
}

void respond(int status, bool end)
{
  struct fields f;
  fields_init(&f, 1, 64);
  ck_assert_int_eq(tunnel_respond(connector.stream, status, &f, end), ERR_OK);
}

void fill(struct tunnel_stream *s)
{
  static uint8_t piece[64 * 1024];
  for (int i = 0; i < TUNNEL_STREAM_WINDOW / (int)sizeof piece; i++) {
    ck_assert_int_eq(tunnel_stream_write(s, piece, sizeof piece), ERR_OK);
    pump();
  }
}

/* The ends, and conversations that they have both plainly and by TLS. */
#include "ends.h"

#include "authority.h"
#include "port.h"

#include <stdio.h>
#include <unistd.h>

#define NAME      "tunnel.localhost"
#define MEGABYTES ((size_t)4 * 1024 * 1024)

struct end server, client;
struct net *net;
struct lab_addr at = {.host = "127.0.0.1"};
static uv_timer_t watchdog;

static void barked(uv_timer_t *timer)
{
  (void)timer;
  ck_abort_msg("the loop did not come to its end");
}

void ends_renew(void)
{
  server = client = (struct end){0};
  at.port = port_reserve();
}

void ends_open(void)
{
  ends_renew();
  ck_assert_int_eq(net_new(&net), ERR_OK);
  uv_timer_init(net_loop(net), &watchdog);
  uv_timer_start(&watchdog, barked, 20000, 0);
}

void ends_close(void)
{
  uv_close((uv_handle_t *)&watchdog, NULL);
  net_free(net);
}

void end_opened(struct stream *s, void *arg)
{
  struct end *e = arg;
  struct buf der;
  e->stream = s;
  e->opened = true;
  if (!stream_tls(s)) return;
  buf_init(&der, CERTIFICATE_MAX);
  ck_assert_int_eq(tls_peer_certificate(stream_tls(s), &der), ERR_OK);
  e->certificate = der.len;
  buf_clear(&der);
}

void end_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  struct end *e = arg;
  if (e->received == 0) snprintf(e->text, sizeof e->text, "%.*s", (int)(n < 60 ? n : 60), (const char *)data);
  e->received += n;
  if (e->echo) ck_assert_int_eq(stream_write(s, data, n), ERR_OK);
}

static void on_drain(struct stream *s, void *arg)
{
  (void)s;
  ((struct end *)arg)->drains++;
}

void end_closed(struct stream *s, void *arg, const struct failure *f)
{
  (void)s;
  struct end *e = arg;
  ck_assert(!e->closed);
  e->closed = true;
  e->stream = NULL;
  e->failure = *f;
  if (client.closed && (server.closed || !server.opened)) net_stop(net);
}

const struct stream_events end_events = {
    .on_open = end_opened, .on_data = end_data, .on_drain = on_drain, .on_close = end_closed};

static void *accept_one(void *arg, struct stream *s)
{
  (void)s;
  struct end *e = arg;
  return e->refuse ? NULL : e;
}

void listen_with(struct tls_ctx *tls, unsigned handshake_ms, const struct stream_events *ev)
{
  struct listener *l;
  struct failure f;
  ck_assert_int_eq(listener_new(net, &at, tls, handshake_ms, accept_one, &server, ev, &l, &f), ERR_OK);
}

void connect_with(struct tls_ctx *tls, const char *name, const struct stream_events *ev)
{
  ck_assert_int_eq(stream_connect(net, &at, tls, name, 5000, ev, &client, &client.stream), ERR_OK);
}

/* The client says all it has to say, and is answered behind that. */
static void ask_and_end(struct stream *s, void *arg)
{
  end_opened(s, arg);
  ck_assert_int_eq(stream_write(s, "question", 8), ERR_OK);
  stream_end(s);
  ck_assert_int_eq(stream_write(s, "more", 4), ERR_CLOSED);
}

static void answer_at_eof(struct stream *s, void *arg)
{
  (void)arg;
  ck_assert_int_eq(stream_write(s, "the answer", 10), ERR_OK);
  stream_finish(s);
}

static const struct stream_events ask_and_end_events = {
    .on_open = ask_and_end, .on_data = end_data, .on_close = end_closed};
static const struct stream_events answer_at_eof_events = {
    .on_open = end_opened, .on_data = end_data, .on_eof = answer_at_eof, .on_close = end_closed};

void half_close(struct tls_ctx *s, struct tls_ctx *c)
{
  listen_with(s, 5000, &answer_at_eof_events);
  connect_with(c, c ? NAME : NULL, &ask_and_end_events);
  net_run(net);
  ck_assert_str_eq(server.text, "question");
  ck_assert_str_eq(client.text, "the answer");
}

/* Client: writes 4 MiB, gets it back, closes. */
static size_t to_send;

static void echo_more(struct stream *s, void *arg)
{
  static uint8_t piece[64 * 1024];
  (void)arg;
  while (to_send && !stream_congested(s)) {
    ck_assert_int_eq(stream_write(s, piece, sizeof piece), ERR_OK);
    to_send -= sizeof piece;
  }
}

static void echo_opened(struct stream *s, void *arg)
{
  end_opened(s, arg);
  echo_more(s, arg);
}

static void echo_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  end_data(s, arg, data, n);
  if (client.received == MEGABYTES) stream_close(s, NULL);
}

static const struct stream_events echo_events = {
    .on_open = echo_opened, .on_data = echo_data, .on_drain = echo_more, .on_close = end_closed};

void echo_megabytes(struct tls_ctx *s, struct tls_ctx *c)
{
  to_send = MEGABYTES;
  server.echo = true;
  listen_with(s, 5000, &end_events);
  connect_with(c, c ? NAME : NULL, &echo_events);
  net_run(net);
  ck_assert_uint_eq(client.received, MEGABYTES);
  ck_assert_int_eq(client.failure.err, ERR_OK);
}

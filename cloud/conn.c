/* A user's connection: HTTP/2 where ALPN says so (h2.c), else HTTP/1.1. Reads requests one at a time, keeps
 * what came too early (pipelining, RFC 9112 9.3.2), and holds everything to deadlines, so that slow or silent
 * clients cost bounded memory and no more. */
#include "conn_private.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CONNECTIONS 16384
#define EARLY_MAX       (128 * 1024) /* pipelined bytes kept while a request is answered */
#define EARLY_PAUSE     (16 * 1024)
#define SECOND          1000000000LL
#define HEAD_TIMEOUT    (20 * SECOND) /* from a request's first byte (or the connection) to its whole head */
#define IDLE_TIMEOUT    (75 * SECOND) /* between requests */

static bool active(const struct conn *c)
{
  return c->x && c->x->active;
}

/* Between requests. */
static bool idle(const struct conn *c)
{
  return !active(c) && !http1_parser_started(&c->parser);
}

/* Some are kept, as each request takes one, and an idle connection has none. */
#define SPARE_EXCHANGES 64

static void exchange_free(struct conn *c)
{
  struct cloud *cloud = c->cloud;
  struct exchange *x = c->x;
  if (!x) return;
  c->x = NULL;
  exchange_clear(x);
  if (cloud->n_spare >= SPARE_EXCHANGES) {
    free(x);
    return;
  }
  *x = (struct exchange){.data = cloud->spare};
  cloud->spare = x;
  cloud->n_spare++;
}

static struct exchange *exchange_new(struct cloud *cloud)
{
  struct exchange *x = cloud->spare;
  if (!x) return calloc(1, sizeof *x);
  cloud->spare = x->data;
  cloud->n_spare--;
  x->data = NULL;
  return x;
}

void conn_free_spare(struct cloud *cloud)
{
  for (struct exchange *x; cloud->n_spare; free(x))
    x = exchange_new(cloud);
}

static void conn_free(struct conn *c)
{
  if (c->prev)
    c->prev->next = c->next;
  else
    c->cloud->conns = c->next;
  if (c->next) c->next->prev = c->prev;
  atomic_fetch_sub_explicit(&c->cloud->counters.open_connections, 1, memory_order_relaxed);
  http1_parser_clear(&c->parser);
  buf_wipe(&c->early);
  exchange_free(c);
  struct cloud *cloud = c->cloud;
  free(c);
  if (!cloud->conns && cloud->drained) cloud->drained(cloud);
}

void conn_hold(struct conn *c)
{
  c->refs++;
}

void conn_release(struct conn *c)
{
  if (--c->refs == 0)
    conn_free(c);
  else if (c->refs == 1 && c->stream && !active(c)) /* nobody has a hold on the exchange any more */
    exchange_free(c);
}

void *conn_accept(void *arg, struct stream *s)
{
  struct cloud *cloud = arg;
  if (atomic_load_explicit(&cloud->counters.open_connections, memory_order_relaxed) >= MAX_CONNECTIONS)
    return NULL;
  struct conn *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->cloud = cloud;
  c->stream = s;
  c->refs = 1;
  buf_init(&c->early, EARLY_MAX);
  http1_parser_init(&c->parser, HTTP1_REQUEST, &http1_default_limits);
  c->deadline_ns = clock_mono_ns() + HEAD_TIMEOUT;
  c->next = cloud->conns;
  if (c->next) c->next->prev = c;
  cloud->conns = c;
  atomic_fetch_add_explicit(&cloud->counters.open_connections, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&cloud->counters.connections, 1, memory_order_relaxed);
  return c;
}

/* -- requests -------------------------------------------------------------------------------------------- */

/* False: no memory for an exchange, and the connection goes. */
static bool have_exchange(struct conn *c)
{
  if (!c->x) c->x = exchange_new(c->cloud);
  if (!c->x) stream_abort(c->stream);
  return c->x;
}

static void begin_exchange(struct conn *c)
{
  const struct http1_head *head = &c->parser.head;
  if (!have_exchange(c)) {
    c->dead = true;
    return;
  }
  c->deadline_ns = 0;
  c->chunked = false;
  c->close_after = !head->keep_alive;
  exchange_start(c->x, c->cloud, &conn_http1, c, head, head->body != BODY_NONE);
}

/* The request cannot be understood: say so once, and close, because where the next one would begin is not
 * known. */
static void refuse(struct conn *c)
{
  struct failure f = c->parser.failure;
  c->dead = c->close_after = true;
  if (active(c)) {
    exchange_refuse(c->x, &f);
    return;
  }
  c->chunked = false;
  if (have_exchange(c)) exchange_start_refused(c->x, c->cloud, &conn_http1, c, &c->parser.head, &f);
}

void conn_pause(struct conn *c, bool pause)
{
  if (c->stream) stream_pause(c->stream, pause || c->early.len > EARLY_PAUSE);
}

void conn_next_request(struct conn *c)
{
  c->x->active = false;
  c->waiting = false;
  http1_parser_next(&c->parser);
  c->parser.head.method[0] = 0; /* a refusal of what comes next must not be taken for one of HEAD */
  c->deadline_ns = clock_mono_ns() + IDLE_TIMEOUT;
  if (c->x->paused) { /* its taker has gone, and would not resume any more */
    c->x->paused = false;
    conn_pause(c, false);
  }
}

static void request_complete(struct conn *c)
{
  struct exchange *x = c->x;
  exchange_body_end(x, &c->parser.trailers);
  if (c->dead) return;
  if (x->ended)
    conn_next_request(c);
  else
    c->waiting = true;
}

/* Also of one that came behind a request, before the connection idled. */
static void time_head(struct conn *c)
{
  int64_t latest_ns = clock_mono_ns() + HEAD_TIMEOUT;
  if (c->deadline_ns > latest_ns) c->deadline_ns = latest_ns;
}

/* Parses as far as one request at a time allows; returns how many bytes were taken. */
static size_t parse(struct conn *c, const uint8_t *data, size_t n)
{
  size_t at = 0;
  conn_hold(c);
  c->parsing = true;
  enum http1_event ev;
  do { /* once more with nothing left: the end of a request without a body is an event of its own */
    size_t used = 0, piece_n = 0;
    const uint8_t *piece = NULL;
    ev = http1_parse(&c->parser, data + at, n - at, &used, &piece, &piece_n);
    at += used;
    if (ev == HTTP1_HEAD)
      begin_exchange(c);
    else if (ev == HTTP1_DATA)
      exchange_body(c->x, piece, piece_n);
    else if (ev == HTTP1_END)
      request_complete(c);
    else if (ev == HTTP1_ERROR)
      refuse(c);
  } while (ev != HTTP1_NEED_MORE && !c->waiting && !c->dead && c->stream);
  c->parsing = false;
  if (!active(c) && !idle(c)) time_head(c);
  conn_release(c);
  return at;
}

void conn_parse_early(struct conn *c)
{
  conn_hold(c);
  while (c->early.len && !c->waiting && !c->dead && c->stream) {
    size_t used = parse(c, c->early.data, c->early.len);
    buf_consume(&c->early, used);
    if (!used) break;
  }
  if (c->stream && !c->dead && c->early.len <= EARLY_PAUSE && !(c->x && c->x->paused))
    stream_pause(c->stream, false);
  conn_release(c);
}

/* -- what the stream tells ------------------------------------------------------------------------------- */

static void on_open(struct stream *s, void *arg)
{
  struct conn *c = arg;
  if (!stream_tls(s) || strcmp(tls_protocol(stream_tls(s)), "h2") != 0) return;
  c->h2 = h2_new(c->cloud, s);
  if (!c->h2) stream_abort(s);
}

static void on_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  (void)s;
  struct conn *c = arg;
  if (c->h2) {
    h2_data(c->h2, data, n);
    return;
  }
  if (c->dead) return;
  if (active(c) && c->x->switched) {
    conn_hold(c);
    exchange_body(c->x, data, n);
    conn_release(c);
    return;
  }
  if (idle(c)) c->deadline_ns = clock_mono_ns() + HEAD_TIMEOUT;
  conn_hold(c);
  size_t used = c->early.len ? 0 : parse(c, data, n);
  if (used < n && c->stream && !c->dead) {
    struct failure f;
    if (buf_append(&c->early, data + used, n - used)) {
      failure_set(&f, ERR_TOO_LARGE, "too many pipelined bytes");
      stream_close(c->stream, &f);
    } else if (c->early.len > EARLY_PAUSE) {
      stream_pause(c->stream, true);
    }
  }
  conn_release(c);
}

static void on_fill(struct stream *s, void *arg)
{
  (void)s;
  const struct conn *c = arg;
  h2_fill(c->h2);
}

static void on_drain(struct stream *s, void *arg)
{
  (void)s;
  struct conn *c = arg;
  if (c->h2) {
    h2_drain(c->h2);
  } else if (active(c)) {
    conn_hold(c);
    exchange_drained(c->x);
    conn_release(c);
  }
}

/* To a request that is under way nothing is left to say, but answers that have ended may still be leaving;
 * and a WebSocket's other direction may have something. */
static void on_eof(struct stream *s, void *arg)
{
  struct conn *c = arg;
  struct failure f;
  if (active(c) && c->x->switched) {
    conn_hold(c);
    exchange_body_end(c->x, &c->parser.trailers);
    conn_release(c);
    return;
  }
  if (idle(c)) {
    c->dead = true;
    stream_finish(s);
    return;
  }
  failure_set(&f, ERR_CLOSED, "the user closed the connection");
  stream_close(s, &f);
}

static void on_close(struct stream *s, void *arg, const struct failure *f)
{
  (void)s;
  (void)f;
  struct conn *c = arg;
  c->stream = NULL;
  c->dead = true;
  h2_free(c->h2);
  c->h2 = NULL;
  if (active(c)) {
    exchange_gone(c->x);
    c->x->active = false;
  }
  conn_release(c);
}

const struct stream_events conn_events = {
    .on_open = on_open,
    .on_data = on_data,
    .on_eof = on_eof,
    .on_fill = on_fill,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* -- deadlines, and the end ------------------------------------------------------------------------------ */

static void head_too_slow(struct conn *c)
{
  if (!http1_parser_started(&c->parser)) {
    stream_close(c->stream, NULL); /* idle: nothing to answer */
    return;
  }
  failure_set(&c->parser.failure, ERR_HTTP_REQUEST_TIMEOUT, "the head was not complete after %d s",
              (int)(HEAD_TIMEOUT / SECOND));
  refuse(c);
}

static void check(struct conn *c, int64_t now_ns)
{
  if (c->h2) {
    h2_check(c->h2, now_ns);
    return;
  }
  if (c->dead) return;
  /* A slow reader is told from a stalled one by the bytes that leave, and idles from the last of them on. */
  if (c->sent != stream_sent(c->stream)) {
    c->sent = stream_sent(c->stream);
    if (c->x) c->x->progress_ns = now_ns;
    if (idle(c)) c->deadline_ns = now_ns + IDLE_TIMEOUT;
  }
  if (active(c))
    exchange_check(c->x, now_ns);
  else if (c->deadline_ns && now_ns > c->deadline_ns)
    head_too_slow(c);
}

void conn_sweep(struct cloud *cloud, int64_t now_ns)
{
  struct conn *next;
  for (struct conn *c = cloud->conns; c; c = next) {
    conn_hold(c);
    if (c->stream) check(c, now_ns);
    next = c->next;
    conn_release(c);
  }
}

/* Idle: RFC 9112 9.5 lets it be closed at any time. */
static void finish_idle(struct conn *c)
{
  if (c->dead || !idle(c)) return;
  c->dead = true;
  stream_finish(c->stream);
}

void conn_shutdown(struct cloud *cloud, void (*drained)(struct cloud *))
{
  cloud->stopping = true;
  cloud->drained = drained;
  for (struct conn *c = cloud->conns; c; c = c->next) {
    if (!c->stream) continue;
    if (c->h2)
      h2_shutdown(c->h2);
    else
      finish_idle(c);
  }
  if (!cloud->conns) drained(cloud);
}

/* A user's connection: reads requests one at a time, keeps what came too early (pipelining, RFC 9112 9.3.2),
 * and holds everything to deadlines, so that slow or silent clients cost bounded memory and no more. */
#include "conn.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CONNECTIONS 16384
#define EARLY_MAX       (128 * 1024) /* pipelined bytes kept while a request is answered */
#define EARLY_PAUSE     (16 * 1024)
#define SECOND          1000000000LL
#define HEAD_TIMEOUT                                                                                         \
  (20 * SECOND)                     /* from a request's first byte (or the connection) to its complete head  \
                                     */
#define IDLE_TIMEOUT  (75 * SECOND) /* between requests */
#define STALL_TIMEOUT (60 * SECOND) /* a body that does not come, a response that is not read */

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
  free(c);
}

void conn_hold(struct conn *c)
{
  c->refs++;
}

void conn_release(struct conn *c)
{
  if (--c->refs == 0) conn_free(c);
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
  c->x.conn = c;
  c->x.cloud = cloud;
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

static void begin_exchange(struct conn *c)
{
  struct exchange *x = &c->x;
  *x = (struct exchange){.cloud = c->cloud, .conn = c, .head = &c->parser.head, .active = true};
  x->close_after = !x->head->keep_alive || c->cloud->stopping;
  x->request_done = x->head->body == BODY_NONE; /* so that an answer at once need not end the connection */
  c->deadline_ns = 0;
  c->progress_ns = clock_mono_ns();
  atomic_fetch_add_explicit(&c->cloud->counters.requests, 1, memory_order_relaxed);
  route_request(x);
}

/* The request cannot be understood: say so once, and close, because where the next one would begin is not
 * known. */
static void refuse(struct conn *c)
{
  struct exchange *x = &c->x;
  struct failure f = c->parser.failure;
  c->dead = true;
  if (!x->active) {
    *x = (struct exchange){.cloud = c->cloud, .conn = c, .head = &c->parser.head, .active = true};
    span_start(&x->step, c->cloud->actor->tracer, 0, SPAN_SERVER, "refuse", NULL, true);
    x->ctx = x->step.ctx;
  }
  x->close_after = x->request_done = true;
  const struct exchange_ops *ops = x->ops;
  x->ops = NULL;
  if (ops && ops->on_gone) ops->on_gone(x);
  if (x->begun)
    exchange_abort(x);
  else
    exchange_fail(x, &f);
}

/* The exchange is over on both sides; on to the next request. */
static void next_request(struct conn *c)
{
  c->x.active = false;
  c->waiting = false;
  http1_parser_next(&c->parser);
  c->parser.head.method[0] = 0; /* a refusal of what comes next must not be taken for one of HEAD */
  c->deadline_ns = clock_mono_ns() + IDLE_TIMEOUT;
  if (c->body_paused) conn_pause_body(c, false); /* its taker has gone, and would not resume any more */
}

static void body_piece(struct conn *c, const uint8_t *data, size_t n)
{
  struct exchange *x = &c->x;
  c->progress_ns = clock_mono_ns();
  if (x->ops && x->ops->on_body) x->ops->on_body(x, data, n);
}

static void request_complete(struct conn *c)
{
  struct exchange *x = &c->x;
  x->request_done = true;
  if (x->ops && x->ops->on_body_end) x->ops->on_body_end(x, &c->parser.trailers);
  if (c->dead) return;
  if (x->ended)
    next_request(c);
  else
    c->waiting = true;
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
      body_piece(c, piece, piece_n);
    else if (ev == HTTP1_END)
      request_complete(c);
    else if (ev == HTTP1_ERROR)
      refuse(c);
  } while (ev != HTTP1_NEED_MORE && !c->waiting && !c->dead && c->stream);
  c->parsing = false;
  conn_release(c);
  return at;
}

static void on_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  (void)s;
  struct conn *c = arg;
  if (c->dead) return;
  if (!c->x.active && !http1_parser_started(&c->parser)) c->deadline_ns = clock_mono_ns() + HEAD_TIMEOUT;
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

void conn_exchange_ended(struct conn *c)
{
  struct exchange *x = &c->x;
  if (!c->stream) return;
  if (x->close_after || !x->request_done) {
    /* What is still to come of the request is not wanted; the stream lingers, so that the answer arrives. */
    c->dead = true;
    x->active = false;
    stream_finish(c->stream);
    return;
  }
  if (c->parsing) return; /* request_complete() goes on */
  next_request(c);
  conn_hold(c);
  while (c->early.len && !c->waiting && !c->dead && c->stream) {
    size_t used = parse(c, c->early.data, c->early.len);
    buf_consume(&c->early, used);
    if (!used) break;
  }
  if (c->stream && c->early.len <= EARLY_PAUSE && !c->body_paused) stream_pause(c->stream, false);
  conn_release(c);
}

void conn_pause_body(struct conn *c, bool pause)
{
  c->body_paused = pause;
  c->progress_ns = clock_mono_ns();
  if (c->stream) stream_pause(c->stream, pause || c->early.len > EARLY_PAUSE);
}

static void on_drain(struct stream *s, void *arg)
{
  (void)s;
  struct conn *c = arg;
  struct exchange *x = &c->x;
  c->progress_ns = clock_mono_ns();
  if (x->active && x->ops && x->ops->on_drain) x->ops->on_drain(x);
}

static void on_close(struct stream *s, void *arg, const struct failure *f)
{
  (void)s;
  (void)f;
  struct conn *c = arg;
  struct exchange *x = &c->x;
  c->stream = NULL;
  c->dead = true;
  if (x->active && !x->ended) {
    const struct exchange_ops *ops = x->ops;
    x->ops = NULL;
    x->ended = true;
    if (ops && ops->on_gone) ops->on_gone(x);
    span_drop(&x->respond);
  }
  span_end(&x->step);
  x->active = false;
  conn_release(c);
}

const struct stream_events conn_events = {
    .on_data = on_data,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* -- deadlines
 * ------------------------------------------------------------------------------------------------------ */

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

/* A slow reader is told from a stalled one by the bytes that leave. */
static bool stalled(struct conn *c, int64_t now_ns)
{
  const struct exchange *x = &c->x;
  if (c->sent != stream_sent(c->stream)) {
    c->sent = stream_sent(c->stream);
    c->progress_ns = now_ns;
  }
  if (!x->active || now_ns - c->progress_ns < STALL_TIMEOUT) return false;
  bool body_expected = !x->request_done && !c->body_paused && !x->ended;
  return body_expected || stream_congested(c->stream);
}

static void check(struct conn *c, int64_t now_ns)
{
  struct exchange *x = &c->x;
  if (c->dead) return;
  if (!x->active && c->deadline_ns && now_ns > c->deadline_ns)
    head_too_slow(c);
  else if (x->active && x->deadline_ns && now_ns > x->deadline_ns && x->ops && x->ops->on_timeout) {
    x->deadline_ns = 0;
    x->ops->on_timeout(x);
  } else if (stalled(c, now_ns)) {
    stream_abort(c->stream);
  }
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

size_t conn_count(const struct cloud *c)
{
  return atomic_load_explicit(&c->counters.open_connections, memory_order_relaxed);
}

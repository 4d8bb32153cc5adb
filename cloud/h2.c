/* Joins a session of HTTP/2 to its connection and to exchanges. A stream that the user reads slowly fills its
 * own queue, and its exchange alone is told to wait; a body that an exchange does not take keeps its stream's
 * window shut, and no other's. */
#include "h2.h"

#include "clock.h"
#include "http2_head.h"
#include "link.h"
#include "rules.h"
#include "transport.h"

#include <stdlib.h>
#include <string.h>

#define SECOND        1000000000LL
#define HEAD_TIMEOUT  (20 * SECOND) /* from the connection, or from a head's first frame */
#define IDLE_TIMEOUT  (75 * SECOND) /* without a stream */
#define STALL_TIMEOUT (60 * SECOND) /* a connection, or the rest of an answer, that is not read */
/* How long the rest of a request that is answered is taken and thrown away, before the stream is reset:
 * clients that send when the reset comes tend to lose the answer with it. */
#define LINGER (5 * SECOND)

struct h2_stream {
  struct exchange x;
  struct http1_parser parser; /* holds the head, and why it was refused */
  struct h2 *h2;              /* NULL once the connection is gone */
  struct tunnel_stream *at;   /* NULL once the stream is gone */
  int refs;                   /* the stream's, and those of exchange_hold() */
  bool aborted;
  struct buf early;  /* what came behind a request for a WebSocket before there was one; a window at most */
  size_t unconsumed; /* bytes taken whose window is given back when the exchange reads on */
  int64_t linger_ns; /* until when the rest of the request is thrown away; 0: it is wanted */
  uint64_t left;     /* of the answer, what had left at the last sweep */
  struct h2_stream *prev, *next;
};

struct h2 {
  struct cloud *cloud;
  struct stream *stream;
  struct tunnel *tunnel;
  struct h2_stream *streams;
  bool goodbye;        /* GOAWAY follows what is there to be sent: for it some clients drop their streams */
  bool ending;         /* with what can be sent once more */
  int64_t deadline_ns; /* for the first stream, or the next */
  int64_t head_ns;     /* since when a head has been coming; 0: none is */
  int64_t moved_ns;    /* when bytes last left, or none were there */
  uint64_t left, sent; /* of bodies, and in all: what had left at the last sweep */
};

/* -- streams
 * ---------------------------------------------------------------------------------------------------- */

static void release_stream(struct h2_stream *s)
{
  if (--s->refs > 0) return;
  exchange_clear(&s->x);
  http1_parser_clear(&s->parser);
  buf_wipe(&s->early);
  free(s);
}

static void unlink_stream(struct h2_stream *s)
{
  struct h2 *h = s->h2;
  if (s->prev)
    s->prev->next = s->next;
  else
    h->streams = s->next;
  if (s->next) s->next->prev = s->prev;
  if (!h->streams) h->deadline_ns = clock_mono_ns() + IDLE_TIMEOUT;
  s->h2 = NULL;
  s->at = NULL;
}

static struct h2_stream *stream_new(struct h2 *h, struct tunnel_stream *at)
{
  struct h2_stream *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->h2 = h;
  s->at = at;
  s->refs = 1;
  buf_init(&s->early, TUNNEL_FRONT_WINDOW);
  http1_parser_init(&s->parser, HTTP1_REQUEST, &http1_default_limits);
  s->next = h->streams;
  if (s->next) s->next->prev = s;
  h->streams = s;
  h->deadline_ns = 0;
  return s;
}

/* What nghttp2 sends may end a stream, so nothing is sent from inside a call of an exchange's. */
static void flush(struct h2 *h)
{
  stream_ask_fill(h->stream);
}

/* -- as a transport
 * --------------------------------------------------------------------------------------------- */

static void hold(struct exchange *x)
{
  ((struct h2_stream *)x->carrier)->refs++;
}

static void release(struct exchange *x)
{
  release_stream(x->carrier);
}

static struct stream *stream_of(const struct exchange *x)
{
  const struct h2_stream *s = x->carrier;
  return s->h2 ? s->h2->stream : NULL;
}

static bool writable(const struct h2_stream *s)
{
  return s->at && !s->aborted;
}

static void consume(struct h2_stream *s)
{
  tunnel_stream_consume(s->at, s->unconsumed);
  s->unconsumed = 0;
}

static void pause_body(struct exchange *x, bool pause)
{
  struct h2_stream *s = x->carrier;
  if (pause || !writable(s)) return;
  consume(s);
  flush(s->h2);
}

/* What was queued leaves. */
static enum err sent(const struct h2_stream *s, enum err e)
{
  if (!e) flush(s->h2);
  return e;
}

/* To an extended CONNECT any 2xx says that there is a WebSocket now (RFC 8441 5): so that of an answer which
 * is none must not. */
static int status_of(const struct exchange *x, int status)
{
  if (x->switched) return 200;
  return x->head->websocket && status / 100 == 2 ? 501 : status;
}

static enum err write_head(struct exchange *x, int status, struct fields *f, int64_t length)
{
  struct h2_stream *s = x->carrier;
  char digits[TEXT_NUMBER_SIZE];
  enum err e = ERR_OK;
  if (!writable(s)) return ERR_OK;
  rules_strip_hop_by_hop(f);                                        /* RFC 9113 8.2.2 */
  if (x->head->websocket) fields_remove(f, "Sec-WebSocket-Accept"); /* of the key that the connector made */
  if (length >= 0 && status != 204)
    e = fields_add(f, "content-length", text_number((uint64_t)length, digits));
  return sent(s, e ? e : tunnel_respond(s->at, status_of(x, status), f, x->no_body));
}

static enum err write_interim(struct exchange *x, int status, const struct fields *f)
{
  struct h2_stream *s = x->carrier;
  return writable(s) ? sent(s, tunnel_respond(s->at, status, f, false)) : ERR_OK;
}

static enum err write_body(struct exchange *x, const void *data, size_t n)
{
  struct h2_stream *s = x->carrier;
  return writable(s) ? sent(s, tunnel_stream_write(s->at, data, n)) : ERR_OK;
}

static enum err write_end(struct exchange *x, const struct fields *trailers)
{
  struct h2_stream *s = x->carrier;
  return writable(s) ? sent(s, tunnel_stream_end(s->at, trailers)) : ERR_OK;
}

/* Neither HTTP's, nor yet a WebSocket's. */
static bool is_early(const struct h2_stream *s)
{
  return s->parser.head.websocket && !s->x.switched && !s->x.ended;
}

static void switched(struct exchange *x)
{
  struct h2_stream *s = x->carrier;
  s->refs++;
  if (s->early.len) exchange_body(x, s->early.data, s->early.len);
  buf_wipe(&s->early);
  if (s->at && !x->paused) consume(s);
  if (s->at && !x->ended && tunnel_stream_remote_ended(s->at)) exchange_body_end(x, &s->parser.trailers);
  if (s->h2) flush(s->h2);
  release_stream(s);
}

static bool congested(const struct exchange *x)
{
  const struct h2_stream *s = x->carrier;
  return writable(s) && tunnel_stream_congested(s->at);
}

static void response_ended(struct exchange *x)
{
  struct h2_stream *s = x->carrier;
  if (!writable(s)) return;
  consume(s); /* its taker has gone, and would not resume any more */
  if (!tunnel_stream_remote_ended(s->at)) s->linger_ns = clock_mono_ns() + LINGER;
  flush(s->h2);
}

static void reset(struct exchange *x)
{
  struct h2_stream *s = x->carrier;
  if (!writable(s)) return;
  s->aborted = true;
  tunnel_stream_break(s->at, s->x.switched ? TUNNEL_CANCEL : TUNNEL_FAILED);
  flush(s->h2);
}

static const struct transport http2 = {
    .hold = hold,
    .release = release,
    .stream = stream_of,
    .pause = pause_body,
    .head = write_head,
    .interim = write_interim,
    .body = write_body,
    .end = write_end,
    .congested = congested,
    .switched = switched,
    .ended = response_ended,
    .abort = reset,
};

/* -- what the user sends
 * ---------------------------------------------------------------------------------------- */

static bool head_rules(struct h2_stream *s, const struct tunnel_head *h, bool end)
{
  const struct http2_request r = {.method = h->method,
                                  .protocol = h->protocol,
                                  .scheme = h->scheme,
                                  .authority = h->authority,
                                  .path = h->path,
                                  .path_len = h->path_len,
                                  .fields = h->fields,
                                  .end = end};
  if (!h->too_large) return http2_request_head(&s->parser, &r);
  s->parser.head.minor = 2;
  failure_set(&s->parser.failure, ERR_HTTP_HEADERS_TOO_LARGE, "the head is larger than allowed");
  return false;
}

static void on_request(struct tunnel *t, void *arg, struct tunnel_stream *at, const struct tunnel_head *head)
{
  (void)t;
  struct h2 *h = arg;
  struct h2_stream *s = stream_new(h, at);
  if (!s) {
    tunnel_stream_reset(at, TUNNEL_REFUSED);
    return;
  }
  tunnel_stream_set_owner(at, s);
  s->refs++;
  bool end = tunnel_stream_remote_ended(at);
  if (head_rules(s, head, end)) {
    exchange_start(&s->x, h->cloud, &http2, s, &s->parser.head, !end && !s->parser.head.websocket);
  } else {
    struct failure f = s->parser.failure;
    exchange_start_refused(&s->x, h->cloud, &http2, s, &s->parser.head, &f);
  }
  release_stream(s);
}

static void on_data(struct tunnel_stream *at, void *owner, const uint8_t *data, size_t n)
{
  (void)at;
  struct h2_stream *s = owner;
  s->refs++;
  s->unconsumed += n;
  bool early = is_early(s);
  if (early) {
    if (buf_append(&s->early, data, n)) reset(&s->x);
  } else if (!s->aborted) {
    exchange_body(&s->x, data, n);
  }
  if (s->at && !early && (!s->x.paused || s->x.ended)) consume(s);
  release_stream(s);
}

static void on_end(struct tunnel_stream *at, void *owner, const struct fields *trailers)
{
  (void)at;
  struct h2_stream *s = owner;
  s->refs++;
  if (!s->aborted && !is_early(s)) exchange_body_end(&s->x, trailers);
  release_stream(s);
}

static void on_writable(struct tunnel_stream *at, void *owner)
{
  (void)at;
  struct h2_stream *s = owner;
  s->refs++;
  if (!s->aborted) exchange_drained(&s->x);
  release_stream(s);
}

static void on_close(struct tunnel_stream *at, void *owner, const struct failure *f)
{
  (void)at;
  struct h2_stream *s = owner;
  /* Without a body the answer was complete with its head, though its maker has not said so yet. */
  bool complete = !f->err && s->x.begun && s->x.no_body;
  unlink_stream(s);
  if (!complete) exchange_gone(&s->x);
  release_stream(s);
}

static const struct tunnel_events events = {
    .on_request = on_request,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_close,
};

/* -- the connection
 * --------------------------------------------------------------------------------------------- */

struct h2 *h2_new(struct cloud *c, struct stream *stream)
{
  struct h2 *h = calloc(1, sizeof *h);
  if (!h) return NULL;
  int64_t now_ns = clock_mono_ns();
  *h = (struct h2){.cloud = c, .stream = stream, .deadline_ns = now_ns + HEAD_TIMEOUT, .moved_ns = now_ns};
  if (tunnel_new(TUNNEL_FRONT, &events, h, &h->tunnel)) {
    free(h);
    return NULL;
  }
  flush(h);
  return h;
}

void h2_free(struct h2 *h)
{
  if (!h) return;
  tunnel_free(h->tunnel, NULL);
  free(h);
}

void h2_data(struct h2 *h, const uint8_t *data, size_t n)
{
  struct failure f;
  if (h->ending) return;
  if (tunnel_receive(h->tunnel, data, n, &f)) h->ending = true;
  flush(h);
}

static enum err send_goodbye(struct h2 *h)
{
  h->goodbye = false;
  enum err e = tunnel_shutdown(h->tunnel);
  return e ? e : link_fill(h->tunnel, h->stream);
}

void h2_fill(struct h2 *h)
{
  enum err e = link_fill(h->tunnel, h->stream);
  if (!e && h->goodbye) e = send_goodbye(h);
  if (e) {
    stream_abort(h->stream);
    return;
  }
  if (!h->ending && !tunnel_done(h->tunnel)) return;
  h->ending = true;
  stream_finish(h->stream);
}

void h2_drain(struct h2 *h)
{
  flush(h);
}

void h2_shutdown(struct h2 *h)
{
  h->goodbye = true;
  flush(h);
}

/* -- deadlines
 * -------------------------------------------------------------------------------------------------- */

/* Have bytes of bodies left since the last sweep? Frames that a user can ask for, as PING, are none. */
static bool moves(struct h2 *h, int64_t now_ns)
{
  uint64_t left = tunnel_sent(h->tunnel), sent = stream_sent(h->stream);
  bool ret = left != h->left || (sent != h->sent && stream_congested(h->stream));
  if (sent != h->sent || stream_queued(h->stream) == 0) h->moved_ns = now_ns;
  h->left = left;
  h->sent = sent;
  return ret;
}

static void check_stream(struct h2_stream *s, bool others_move, int64_t now_ns)
{
  size_t queued = tunnel_stream_queued(s->at);
  /* A slow reader is told from a stalled one by the bytes that leave; who waits for others is neither. */
  if (s->left != s->x.sent - queued || (queued && others_move && !tunnel_stream_shut(s->at))) {
    s->left = s->x.sent - queued;
    s->x.progress_ns = now_ns;
  }
  if (!s->x.ended)
    exchange_check(&s->x, now_ns);
  else if (queued && now_ns - s->x.progress_ns >= STALL_TIMEOUT)
    reset(&s->x);
  else if (s->linger_ns && now_ns > s->linger_ns)
    tunnel_stream_refuse_rest(s->at);
}

/* A head's frames may come one by one for ever; and while one is coming, HTTP/2 lets nothing else through. */
static bool head_too_slow(struct h2 *h, int64_t now_ns)
{
  if (!tunnel_head_open(h->tunnel))
    h->head_ns = 0;
  else if (!h->head_ns)
    h->head_ns = now_ns;
  return h->head_ns && now_ns - h->head_ns > HEAD_TIMEOUT;
}

void h2_check(struct h2 *h, int64_t now_ns)
{
  struct h2_stream *next;
  if (h->ending) return;
  bool moving = moves(h, now_ns);
  if (now_ns - h->moved_ns >= STALL_TIMEOUT) { /* resets would not leave either */
    stream_abort(h->stream);
    return;
  }
  tunnel_tick(h->tunnel);
  if (head_too_slow(h, now_ns) || (h->deadline_ns && now_ns > h->deadline_ns)) {
    if (!h->head_ns) h2_shutdown(h);
    h->ending = true;
    flush(h);
    return;
  }
  for (struct h2_stream *s = h->streams; s; s = next) {
    s->refs++;
    if (s->at && !s->aborted) check_stream(s, moving, now_ns);
    next = s->h2 ? s->next : NULL; /* what a deadline ends may end others: the rest in a second */
    release_stream(s);
  }
  flush(h);
}

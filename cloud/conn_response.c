/* HTTP/1.1 as a transport: the framing of responses (RFC 9112 6), and what follows behind them. */
#include "conn_private.h"

#include <stdio.h>

static void hold(struct exchange *x)
{
  conn_hold(x->carrier);
}

static void release(struct exchange *x)
{
  conn_release(x->carrier);
}

static struct stream *stream_of(const struct exchange *x)
{
  const struct conn *c = x->carrier;
  return c->stream;
}

static void pause_body(struct exchange *x, bool pause)
{
  conn_pause(x->carrier, pause);
}

static struct buf *out_of(const struct exchange *x)
{
  const struct conn *c = x->carrier;
  return c->stream ? stream_out(c->stream) : NULL;
}

/* What was appended to the queue leaves. */
static enum err sent(const struct exchange *x, enum err e)
{
  const struct conn *c = x->carrier;
  if (!e) stream_flush(c->stream);
  return e;
}

static enum err add_framing(struct conn *c, int status, struct fields *f, int64_t length)
{
  char digits[TEXT_NUMBER_SIZE];
  const struct exchange *x = c->x;
  if (status == 101 || status == 204) return ERR_OK; /* no framing fields at all (RFC 9110 8.6) */
  if (length >= 0) return fields_add(f, "Content-Length", text_number((uint64_t)length, digits));
  if (x->no_body) return ERR_OK;
  c->chunked = x->head->minor >= 1;
  if (c->chunked) return fields_add(f, "Transfer-Encoding", "chunked");
  c->close_after = true;
  return ERR_OK;
}

static enum err add_connection(const struct conn *c, struct fields *f)
{
  if (c->x->switched) {
    enum err e = fields_add(f, "Connection", "Upgrade");
    return e ? e : fields_add(f, "Upgrade", "websocket");
  }
  if (c->close_after) return fields_add(f, "Connection", "close");
  return c->x->head->minor == 0 ? fields_add(f, "Connection", "keep-alive") : ERR_OK;
}

static enum err write_head(struct exchange *x, int status, struct fields *f, int64_t length)
{
  struct conn *c = x->carrier;
  struct buf *out = out_of(x);
  if (!out) return ERR_OK;
  /* Where the next request begins is not known until this one has come, and behind a WebSocket there is none.
   */
  c->close_after |= x->rest_unwanted || x->switched || c->cloud->stopping;
  enum err e = add_framing(c, status, f, length);
  if (!e) e = add_connection(c, f);
  return sent(x, e ? e : http1_write_response(out, 1, status, NULL, f));
}

static enum err write_interim(struct exchange *x, int status, const struct fields *f)
{
  struct buf *out = out_of(x);
  return out ? sent(x, http1_write_response(out, 1, status, NULL, f)) : ERR_OK;
}

static enum err write_body(struct exchange *x, const void *data, size_t n)
{
  const struct conn *c = x->carrier;
  struct buf *out = out_of(x);
  if (!out) return ERR_OK;
  enum err e = c->chunked ? http1_write_chunk_head(out, n) : ERR_OK;
  if (!e) e = buf_append(out, data, n);
  if (!e && c->chunked) e = http1_write_chunk_tail(out);
  return sent(x, e);
}

static enum err write_end(struct exchange *x, const struct fields *trailers)
{
  const struct conn *c = x->carrier;
  struct buf *out = c->chunked ? out_of(x) : NULL;
  return out ? sent(x, http1_write_last_chunk(out, trailers)) : ERR_OK;
}

/* What came before the answer was kept as if it were the next request. */
static void switched(struct exchange *x)
{
  struct conn *c = x->carrier;
  conn_hold(c);
  c->waiting = false;
  if (c->early.len) exchange_body(x, c->early.data, c->early.len);
  buf_wipe(&c->early);
  conn_pause(c, x->paused);
  conn_release(c);
}

static bool congested(const struct exchange *x)
{
  const struct conn *c = x->carrier;
  return c->stream && stream_congested(c->stream);
}

static void response_ended(struct exchange *x)
{
  struct conn *c = x->carrier;
  if (!c->stream) return;
  if (c->close_after || !x->request_done || c->cloud->stopping) {
    /* What is still to come of the request is not wanted; the stream lingers, so that the answer arrives. */
    c->dead = true;
    x->active = false;
    stream_finish(c->stream);
  } else if (!c->parsing) { /* else request_complete() goes on */
    conn_next_request(c);
    conn_parse_early(c);
  }
}

static void reset(struct exchange *x)
{
  struct conn *c = x->carrier;
  if (c->stream) stream_abort(c->stream);
}

const struct transport conn_http1 = {
    .hold = hold,
    .release = release,
    .stream = stream_of,
    .pause = pause_body,
    .head = write_head,
    .interim = write_interim,
    .body = write_body,
    .end = write_end,
    .switched = switched,
    .congested = congested,
    .ended = response_ended,
    .abort = reset,
};

/* Frames in: the peer's bytes become heads, pieces of bodies and ends, told to the streams' owners. */
#include "tunnel_private.h"

#include <string.h>

#define DROPPED_MAX 1024 /* fields of one head that are thrown away, and told so */

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
  struct tunnel *t = arg;
  struct tunnel_stream *s = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
  t->head_open = frame->hd.stream_id;
  if (tunnel_is_server(t) && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    s = tunnel_stream_get(t);
    if (!s) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    s->id = frame->hd.stream_id;
    s->detached = true; /* nobody's until its head is complete */
    nghttp2_session_set_stream_user_data(h2, s->id, s);
  } else if (s && !s->head_seen) { /* the final head after an interim one */
    s->status = 0;
    fields_reset(&s->fields);
  }
  return 0;
}

static enum err keep_pseudo(struct tunnel_stream *s, const uint8_t *name, size_t nn, const uint8_t *value,
                            size_t nv)
{
  struct buf *at = NULL;
  if (nn == 7 && memcmp(name, ":method", 7) == 0)
    at = &s->method;
  else if (nn == 9 && memcmp(name, ":protocol", 9) == 0)
    at = &s->protocol;
  else if (nn == 7 && memcmp(name, ":scheme", 7) == 0)
    at = &s->scheme;
  else if (nn == 10 && memcmp(name, ":authority", 10) == 0)
    at = &s->authority;
  else if (nn == 5 && memcmp(name, ":path", 5) == 0)
    at = &s->path;
  else if (nn == 7 && memcmp(name, ":status", 7) == 0 && nv == 3)
    s->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
  return at ? buf_append(at, value, nv) : ERR_OK;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t nn,
                     const uint8_t *value, size_t nv, uint8_t flags, void *arg)
{
  (void)flags;
  const struct tunnel *t = arg;
  struct tunnel_stream *s = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
  if (!s) return 0;
  enum err e;
  if (nn && name[0] == ':')
    e = keep_pseudo(s, name, nn, value, nv);
  else
    e = fields_addn(s->head_seen ? &s->trailers : &s->fields, (const char *)name, nn, (const char *)value,
                    nv);
  /* A user is told; whoever goes on all the same is not worth an answer. */
  if (e == ERR_TOO_LARGE && t->role == TUNNEL_FRONT && !s->head_seen && s->dropped++ < DROPPED_MAX) return 0;
  return e ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0; /* resets the stream, not the tunnel */
}

/* By itself nghttp2 drops such a field, and goes on with what is left of the request. */
static int on_invalid_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t nn,
                             const uint8_t *value, size_t nv, uint8_t flags, void *arg)
{
  (void)name;
  (void)nn;
  (void)value;
  (void)nv;
  (void)flags;
  const struct tunnel *t = arg;
  if (t->role != TUNNEL_FRONT) return 0;
  nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static struct tunnel_head head_of(struct tunnel_stream *s)
{
  return (struct tunnel_head){
      .status = s->status,
      .method = buf_str(&s->method),
      .protocol = buf_str(&s->protocol),
      .scheme = buf_str(&s->scheme),
      .authority = buf_str(&s->authority),
      .path = buf_str(&s->path),
      .path_len = s->path.len,
      .too_large = s->dropped > 0,
      .fields = &s->fields,
  };
}

static void head_complete(struct tunnel *t, struct tunnel_stream *s)
{
  struct tunnel_head h = head_of(s);
  if (tunnel_is_server(t)) {
    s->head_seen = true;
    s->detached = false;
    t->ev->on_request(t, t->arg, s, &h);
  } else {
    s->head_seen = s->status >= 200;
    if (!s->detached) t->ev->on_response(s, s->owner, &h);
  }
}

static unsigned nuisance_of(const nghttp2_frame *frame)
{
  switch (frame->hd.type) {
  case NGHTTP2_RST_STREAM:
    return NUISANCE_RESET;
  case NGHTTP2_PRIORITY:
    return 1;
  case NGHTTP2_PING:
  case NGHTTP2_SETTINGS:
    return !(frame->hd.flags & NGHTTP2_FLAG_ACK);
  case NGHTTP2_DATA:
    return frame->hd.length == 0 && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
  default:
    return 0;
  }
}

/* A round trip after the notice, what the peer had on its way has come (RFC 9113 6.8). */
static void last_goaway(struct tunnel *t)
{
  nghttp2_submit_goaway(t->h2, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(t->h2),
                        NGHTTP2_NO_ERROR, NULL, 0);
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
  struct tunnel *t = arg;
  if (frame->hd.type == NGHTTP2_HEADERS) t->head_open = 0;
  tunnel_nuisance(t, nuisance_of(frame));
  if (frame->hd.type == NGHTTP2_GOAWAY) {
    bool first = !t->goaway_seen;
    t->goaway_seen = true;
    if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !t->broken) {
      t->broken = frame->goaway.error_code;
      t->broken_by_peer = true;
    }
    if (first && t->ev->on_goaway) t->ev->on_goaway(t, t->arg);
    return 0;
  }
  if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK)) {
    if (t->role == TUNNEL_FRONT && t->shutting_down) last_goaway(t);
    return 0;
  }
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  struct tunnel_stream *s = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
  if (!s) return 0;
  bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !s->remote_end;
  s->remote_end =
      s->remote_end || ends; /* before the head is told: its receiver asks whether a body follows */
  if (frame->hd.type == NGHTTP2_HEADERS && !s->head_seen) head_complete(t, s);
  if (ends && !s->detached) t->ev->on_end(s, s->owner, &s->trailers);
  return 0;
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t n,
                         void *arg)
{
  (void)flags;
  struct tunnel *t = arg;
  struct tunnel_stream *s = nghttp2_session_get_stream_user_data(h2, id);
  /* The connection's window is everybody's: who reads slowly must not hold it. */
  nghttp2_session_consume_connection(h2, n);
  if (s && !s->detached) {
    s->unconsumed += n;
    t->ev->on_data(s, s->owner, data, n);
  } else {
    nghttp2_session_consume_stream(h2, id, n);
  }
  return 0;
}

static void close_failure(const struct tunnel *t, const struct tunnel_stream *s, uint32_t code,
                          struct failure *f)
{
  *f = (struct failure){0};
  if (code == NGHTTP2_REFUSED_STREAM)
    failure_set(f, ERR_AGAIN, "the connector refused the stream before it processed anything");
  else if (code == NGHTTP2_CANCEL)
    failure_set(f, ERR_CLOSED, "the other end broke off");
  else if (code != NGHTTP2_NO_ERROR || !s->remote_end)
    failure_set(f, t->role == TUNNEL_CLOUD ? ERR_CONNECTOR_LOST : ERR_CLOSED,
                "the other end reset the stream (%s)", nghttp2_http2_strerror(code));
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t code, void *arg)
{
  struct tunnel *t = arg;
  struct tunnel_stream *s = nghttp2_session_get_stream_user_data(h2, id);
  if (t->head_open == id) t->head_open = 0;
  if (!s) return 0;
  nghttp2_session_set_stream_user_data(h2, id, NULL);
  if (!s->detached) {
    struct failure f;
    close_failure(t, s, code, &f);
    s->detached = true;
    t->ev->on_close(s, s->owner, &f);
  }
  tunnel_stream_give_back(s);
  tunnel_stream_put(s);
  return 0;
}

void tunnel_receiving(nghttp2_session_callbacks *c)
{
  nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(c, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(c, on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
}

enum err tunnel_receive(struct tunnel *t, const uint8_t *data, size_t n, struct failure *f)
{
  ssize_t r = nghttp2_session_mem_recv(t->h2, data, n);
  if (r >= 0 && (size_t)r == n) return ERR_OK;
  t->failed = true;
  if (t->role == TUNNEL_FRONT &&
      r < 0) /* what nghttp2 itself counts: floods of CONTINUATION and of answers */
    nghttp2_session_terminate_session(t->h2, r == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR
                                                                               : NGHTTP2_ENHANCE_YOUR_CALM);
  return failure_set(f, ERR_TUNNEL_PROTOCOL, "%s", r < 0 ? nghttp2_strerror((int)r) : "bytes behind the end");
}

bool tunnel_head_open(const struct tunnel *t)
{
  return t->head_open != 0;
}

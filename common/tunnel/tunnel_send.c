/* Frames out: nghttp2 asks for bodies and writes into the sink of tunnel_send(). */
#include "tunnel_private.h"

static ssize_t on_send(nghttp2_session *h2, const uint8_t *data, size_t n, int flags, void *arg)
{
  (void)h2;
  (void)flags;
  struct tunnel *t = arg;
  if (t->sink->len >= t->sink_limit) return NGHTTP2_ERR_WOULDBLOCK;
  return buf_append(t->sink, data, n) ? NGHTTP2_ERR_CALLBACK_FAILURE : (ssize_t)n;
}

static ssize_t read_source(nghttp2_session *h2, int32_t id, uint8_t *out, size_t max, uint32_t *flags,
                           nghttp2_data_source *source, void *arg)
{
  (void)h2;
  (void)id;
  (void)out;
  (void)arg;
  struct tunnel_stream *s = source->ptr;
  size_t have = s->out.len - s->out_off;
  if (have == 0 && !s->local_end) {
    s->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  size_t n = have < max ? have : max;
  if (n == have && s->local_end) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (fields_count(&s->out_trailers) > 0) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      if (tunnel_submit_trailers(s) != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  return (ssize_t)n;
}

nghttp2_data_provider tunnel_source(struct tunnel_stream *s)
{
  return (nghttp2_data_provider){.source.ptr = s, .read_callback = read_source};
}

static int send_data(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *head, size_t n,
                     nghttp2_data_source *source, void *arg)
{
  (void)h2;
  (void)frame;
  struct tunnel *t = arg;
  struct tunnel_stream *s = source->ptr;
  if (t->sink->len >= t->sink_limit) return NGHTTP2_ERR_WOULDBLOCK;
  if (buf_append(t->sink, head, 9) || buf_append(t->sink, s->out.data + s->out_off, n))
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  s->out_off += n;
  t->sent += n;
  if (s->out_off == s->out.len) {
    buf_reset(&s->out);
    s->out_off = 0;
  }
  if (s->congested && tunnel_stream_queued(s) < TUNNEL_WRITE_LOW) {
    s->congested = false;
    if (!s->detached && t->ev->on_writable) t->ev->on_writable(s, s->owner);
  }
  return 0;
}

/* nghttp2 gives the session up by itself when the peer breaks HTTP/2, and only its GOAWAY tells. */
static int on_frame_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
  struct tunnel *t = arg;
  uint8_t type = frame->hd.type;
  if ((type == NGHTTP2_DATA || type == NGHTTP2_HEADERS) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
    struct tunnel_stream *s = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
    if (s) {
      s->local_sent = true;
      if (s->rest_refused) tunnel_stream_refuse_rest(s);
    }
  }
  /* A reset that a user provoked costs as much as one of his own. */
  if (t->role == TUNNEL_FRONT && type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
      frame->rst_stream.error_code != NGHTTP2_INTERNAL_ERROR)
    tunnel_nuisance(t, NUISANCE_RESET);
  if (frame->hd.type == NGHTTP2_GOAWAY && !t->broken) t->broken = frame->goaway.error_code;
  return 0;
}

void tunnel_sending(nghttp2_session_callbacks *c)
{
  nghttp2_session_callbacks_set_send_callback(c, on_send);
  nghttp2_session_callbacks_set_send_data_callback(c, send_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
}

enum err tunnel_send(struct tunnel *t, struct buf *out, size_t limit)
{
  t->sink = out;
  t->sink_limit = limit;
  int r = nghttp2_session_send(t->h2);
  t->sink = NULL;
  return r == 0 ? ERR_OK : r == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_TUNNEL_PROTOCOL;
}

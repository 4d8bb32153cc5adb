/* Streams: their pool, their write queues and windows, and their ends. */
#include "tunnel_private.h"

#include <stdlib.h>

#define POOLED_STREAMS 256

/* -- the pool -------------------------------------------------------------------------------------------- */

struct tunnel_stream *tunnel_stream_get(struct tunnel *t)
{
  struct tunnel_stream *s = t->pool;
  if (s) {
    t->pool = s->next;
    t->n_pool--;
    s->next = NULL;
  } else {
    s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->t = t;
    buf_init(&s->method, 64);
    buf_init(&s->protocol, 64);
    buf_init(&s->scheme, 64);
    buf_init(&s->authority, 1024);
    buf_init(&s->path, TUNNEL_MAX_HEAD);
    buf_init(&s->out, TUNNEL_WRITE_MAX);
    if (t->role == TUNNEL_FRONT)
      fields_init(&s->fields, TUNNEL_FRONT_FIELDS, TUNNEL_MAX_HEAD);
    else
      fields_init(&s->fields, TUNNEL_MAX_FIELDS, TUNNEL_MAX_HEAD + TUNNEL_OWNERS_ROOM);
    fields_init(&s->trailers, TUNNEL_MAX_FIELDS, 8192);
    fields_init(&s->out_trailers, TUNNEL_MAX_FIELDS, 8192);
  }
  s->window = tunnel_first_window(t);
  s->next = t->streams;
  if (s->next) s->next->prev = s;
  t->streams = s;
  t->n_streams++;
  return s;
}

void tunnel_stream_free(struct tunnel_stream *s)
{
  buf_clear(&s->method);
  buf_clear(&s->protocol);
  buf_clear(&s->scheme);
  buf_clear(&s->authority);
  buf_clear(&s->path);
  buf_wipe(&s->out);
  fields_clear(&s->fields);
  fields_clear(&s->trailers);
  fields_clear(&s->out_trailers);
  free(s);
}

void tunnel_stream_put(struct tunnel_stream *s)
{
  struct tunnel *t = s->t;
  if (s->prev)
    s->prev->next = s->next;
  else
    t->streams = s->next;
  if (s->next) s->next->prev = s->prev;
  t->n_streams--;
  t->widened -= s->window - tunnel_first_window(t);
  if (t->n_pool >= POOLED_STREAMS) {
    tunnel_stream_free(s);
    return;
  }
  if (s->out.cap > 16384) buf_clear(&s->out);
  buf_reset(&s->method);
  buf_reset(&s->protocol);
  buf_reset(&s->scheme);
  buf_reset(&s->authority);
  buf_reset(&s->path);
  buf_reset(&s->out);
  fields_reset(&s->fields);
  fields_reset(&s->trailers);
  fields_reset(&s->out_trailers);
  s->id = 0;
  s->owner = NULL;
  s->status = 0;
  s->out_off = s->unconsumed = s->kept_up = 0;
  s->detached = s->head_seen = s->local_end = s->remote_end = s->deferred = s->congested = false;
  s->local_sent = s->rest_refused = false;
  s->dropped = 0;
  s->prev = NULL;
  s->next = t->pool;
  t->pool = s;
  t->n_pool++;
}

/* -- writing --------------------------------------------------------------------------------------------- */

static void resume(struct tunnel_stream *s)
{
  if (!s->deferred) return;
  s->deferred = false;
  nghttp2_session_resume_data(s->t->h2, s->id);
}

enum err tunnel_stream_write(struct tunnel_stream *s, const void *data, size_t n)
{
  if (s->out_off > TUNNEL_WRITE_HIGH) {
    buf_consume(&s->out, s->out_off);
    s->out_off = 0;
  }
  enum err e = buf_append(&s->out, data, n);
  if (e) return e;
  if (tunnel_stream_queued(s) > TUNNEL_WRITE_HIGH) s->congested = true;
  resume(s);
  return ERR_OK;
}

enum err tunnel_stream_end(struct tunnel_stream *s, const struct fields *trailers)
{
  s->local_end = true;
  enum err e = ERR_OK;
  for (size_t i = 0; trailers && i < fields_count(trailers) && !e; i++) {
    struct field f = fields_at(trailers, i);
    char name[256];
    if (f.name_len >= sizeof name) return ERR_TOO_LARGE;
    for (size_t k = 0; k <= f.name_len; k++)
      name[k] = (char)(f.name[k] >= 'A' && f.name[k] <= 'Z' ? f.name[k] | 0x20 : f.name[k]);
    e = fields_addn(&s->out_trailers, name, f.name_len, f.value, f.value_len);
  }
  resume(s);
  return e;
}

size_t tunnel_stream_queued(const struct tunnel_stream *s)
{
  return s->out.len - s->out_off;
}

bool tunnel_stream_shut(const struct tunnel_stream *s)
{
  return nghttp2_session_get_stream_remote_window_size(s->t->h2, s->id) <= 0;
}

uint64_t tunnel_sent(const struct tunnel *t)
{
  return t->sent;
}

bool tunnel_stream_congested(const struct tunnel_stream *s)
{
  return s->congested;
}

/* -- windows --------------------------------------------------------------------------------------------- */

/* Doubles the window of a stream whose owner has kept up for two windows: a round trip is then what bounds
 * it. */
static void widen(struct tunnel_stream *s)
{
  struct tunnel *t = s->t;
  if (s->kept_up < 2 * s->window || s->window >= TUNNEL_STREAM_WINDOW_MAX ||
      t->widened + s->window > TUNNEL_WIDENED_MAX)
    return;
  if (nghttp2_session_set_local_window_size(t->h2, NGHTTP2_FLAG_NONE, s->id, (int32_t)(2 * s->window)))
    return;
  t->widened += s->window;
  s->window *= 2;
  s->kept_up = 0;
}

void tunnel_stream_consume(struct tunnel_stream *s, size_t n)
{
  if (n > s->unconsumed) n = s->unconsumed;
  s->unconsumed -= n;
  nghttp2_session_consume_stream(s->t->h2, s->id, n);
  s->kept_up += n;
  if (s->unconsumed == 0) widen(s);
}

void tunnel_stream_give_back(struct tunnel_stream *s)
{
  nghttp2_session_consume_stream(s->t->h2, s->id, s->unconsumed);
  s->unconsumed = 0;
}

/* -- owners, and the end --------------------------------------------------------------------------------- */

void tunnel_stream_set_owner(struct tunnel_stream *s, void *owner)
{
  s->owner = owner;
}

bool tunnel_stream_remote_ended(const struct tunnel_stream *s)
{
  return s->remote_end;
}

void tunnel_stream_refuse_rest(struct tunnel_stream *s)
{
  s->rest_refused = true;
  if (s->local_sent && !s->remote_end)
    nghttp2_submit_rst_stream(s->t->h2, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

static const uint32_t reset_codes[] = {NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR};

void tunnel_stream_reset(struct tunnel_stream *s, enum tunnel_reset why)
{
  tunnel_stream_detach(s);
  nghttp2_submit_rst_stream(s->t->h2, NGHTTP2_FLAG_NONE, s->id, reset_codes[why]);
}

void tunnel_stream_break(struct tunnel_stream *s, enum tunnel_reset why)
{
  nghttp2_submit_rst_stream(s->t->h2, NGHTTP2_FLAG_NONE, s->id, reset_codes[why]);
}

void tunnel_stream_detach(struct tunnel_stream *s)
{
  tunnel_stream_give_back(s);
  s->detached = true;
  s->owner = NULL;
}

#include "tunnel.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#define POOLED_STREAMS 256
#define PSEUDO_FIELDS  5                        /* of an extended CONNECT, which has the most */
#define SEND_FIELDS    (TUNNEL_MAX_FIELDS + 40) /* with what the sender adds to those that came through */
#define DROPPED_MAX    1024                     /* fields of one head that are thrown away, and told so */
/* What a user may make the front do for nothing: at once, and a second. */
#define NUISANCE_MAX   1000
#define NUISANCE_DECAY 100
#define NUISANCE_RESET 2

struct tunnel_stream {
  struct tunnel *t;
  int32_t id;
  void *owner;
  bool detached;
  int status;
  struct buf method, protocol, scheme, authority, path;
  struct fields fields, trailers;
  bool head_seen; /* the final head; what follows are trailers */
  bool local_end; /* tunnel_stream_end() was called */
  bool remote_end;
  bool local_sent;   /* the peer has been sent the end of this side */
  bool rest_refused; /* tunnel_stream_refuse_rest() was called */
  unsigned dropped;  /* fields that there was no room for */
  bool deferred;     /* the data source waits for bytes */
  bool congested;
  struct buf out;
  size_t out_off;
  size_t unconsumed; /* bytes given to the owner whose window it has not given back */
  size_t window;
  size_t kept_up; /* bytes given back since the window was made what it is */
  struct fields out_trailers;
  struct tunnel_stream *prev, *next;
};

struct tunnel {
  nghttp2_session *h2;
  enum tunnel_role role;
  const struct tunnel_events *ev;
  void *arg;
  struct tunnel_stream *streams, *pool;
  size_t n_streams, n_pool;
  unsigned nuisance; /* TUNNEL_FRONT: frames that ask for nothing */
  int32_t head_open; /* the stream whose head has begun */
  size_t widened;    /* what the windows of all streams are wider than at first */
  bool goaway_seen, shutting_down, failed;
  uint32_t broken; /* the code of a GOAWAY that was sent or came, unless it was NO_ERROR */
  bool broken_by_peer;
  struct buf *sink; /* where send callbacks write, inside tunnel_send() only */
  size_t sink_limit;
  struct buf lower; /* names in lower case, for one submission */
};

static bool is_server(const struct tunnel *t)
{
  return t->role != TUNNEL_CLOUD;
}

static size_t first_window(const struct tunnel *t)
{
  return t->role == TUNNEL_FRONT ? TUNNEL_FRONT_WINDOW : TUNNEL_STREAM_WINDOW;
}

/* -- streams
 * ---------------------------------------------------------------------------------------------------- */

static struct tunnel_stream *stream_get(struct tunnel *t)
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
    buf_init(&s->out, t->role == TUNNEL_FRONT ? TUNNEL_FRONT_WRITE_MAX : TUNNEL_WRITE_MAX);
    if (t->role == TUNNEL_FRONT)
      fields_init(&s->fields, TUNNEL_FRONT_FIELDS, TUNNEL_MAX_HEAD);
    else
      fields_init(&s->fields, TUNNEL_MAX_FIELDS, TUNNEL_MAX_HEAD + TUNNEL_OWNERS_ROOM);
    fields_init(&s->trailers, TUNNEL_MAX_FIELDS, 8192);
    fields_init(&s->out_trailers, TUNNEL_MAX_FIELDS, 8192);
  }
  s->window = first_window(t);
  s->next = t->streams;
  if (s->next) s->next->prev = s;
  t->streams = s;
  t->n_streams++;
  return s;
}

static void stream_free(struct tunnel_stream *s)
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

/* Back to the pool, with its memory if that is small. */
static void stream_put(struct tunnel_stream *s)
{
  struct tunnel *t = s->t;
  if (s->prev)
    s->prev->next = s->next;
  else
    t->streams = s->next;
  if (s->next) s->next->prev = s->prev;
  t->n_streams--;
  t->widened -= s->window - first_window(t);
  if (t->n_pool >= POOLED_STREAMS) {
    stream_free(s);
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

/* What an owner took and never gave back is given back when it goes: the peer may still have to send. */
static void give_back(struct tunnel_stream *s)
{
  nghttp2_session_consume_stream(s->t->h2, s->id, s->unconsumed);
  s->unconsumed = 0;
}

static void nuisance(struct tunnel *t, unsigned weight)
{
  if (t->role != TUNNEL_FRONT) return;
  t->nuisance += weight;
  if (t->nuisance > NUISANCE_MAX) nghttp2_session_terminate_session(t->h2, NGHTTP2_ENHANCE_YOUR_CALM);
}

void tunnel_tick(struct tunnel *t)
{
  t->nuisance -= t->nuisance < NUISANCE_DECAY ? t->nuisance : NUISANCE_DECAY;
}

bool tunnel_head_open(const struct tunnel *t)
{
  return t->head_open != 0;
}

/* -- receiving
 * ---------------------------------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *arg)
{
  struct tunnel *t = arg;
  struct tunnel_stream *s = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
  t->head_open = frame->hd.stream_id;
  if (is_server(t) && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    s = stream_get(t);
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

static void head_complete(struct tunnel *t, struct tunnel_stream *s)
{
  struct tunnel_head h = head_of(s);
  if (is_server(t)) {
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
  nuisance(t, nuisance_of(frame));
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
    if (t->ev->on_pong) t->ev->on_pong(t, t->arg);
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
  give_back(s);
  stream_put(s);
  return 0;
}

/* -- sending
 * ------------------------------------------------------------------------------------------------------- */

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
      nghttp2_nv nv[TUNNEL_MAX_FIELDS];
      size_t k = fields_count(&s->out_trailers);
      for (size_t i = 0; i < k; i++) {
        struct field f = fields_at(&s->out_trailers, i);
        /* nghttp2 copies both. */
        nv[i] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)f.name,
                             .value = (uint8_t *)(uintptr_t)f.value,
                             .namelen = f.name_len,
                             .valuelen = f.value_len};
      }
      if (nghttp2_submit_trailer(h2, id, nv, k) != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  return (ssize_t)n;
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
  /* A reset that the peer provoked costs as much as one of its own. */
  if (type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
      frame->rst_stream.error_code != NGHTTP2_INTERNAL_ERROR)
    nuisance(t, NUISANCE_RESET);
  if (frame->hd.type == NGHTTP2_GOAWAY && !t->broken) t->broken = frame->goaway.error_code;
  return 0;
}

enum err tunnel_send(struct tunnel *t, struct buf *out, size_t limit)
{
  t->sink = out;
  t->sink_limit = limit;
  int r = nghttp2_session_send(t->h2);
  t->sink = NULL;
  return r == 0 ? ERR_OK : r == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_TUNNEL_PROTOCOL;
}

bool tunnel_done(const struct tunnel *t)
{
  return nghttp2_session_want_write(t->h2) == 0 && nghttp2_session_want_read(t->h2) == 0;
}

bool tunnel_broken(const struct tunnel *t, struct failure *f)
{
  if (t->broken)
    failure_set(f, ERR_TUNNEL_PROTOCOL, "%s gave the tunnel up: %s",
                t->broken_by_peer ? "the other end" : "this end", nghttp2_http2_strerror(t->broken));
  return t->broken != 0;
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

/* -- the tunnel
 * ------------------------------------------------------------------------------------------------------ */

static void set_callbacks(nghttp2_session_callbacks *c)
{
  nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(c, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(c, on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
  nghttp2_session_callbacks_set_send_callback(c, on_send);
  nghttp2_session_callbacks_set_send_data_callback(c, send_data);
}

static int session_new(struct tunnel *t)
{
  nghttp2_session_callbacks *c = NULL;
  nghttp2_option *o = NULL;
  int r = nghttp2_session_callbacks_new(&c);
  if (!r) r = nghttp2_option_new(&o);
  if (!r) {
    set_callbacks(c);
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_peer_max_concurrent_streams(o, TUNNEL_MAX_STREAMS);
    /* Users abort requests all the time, and here they all share one connection: the default limit against
     * rapid resets (CVE-2023-44487) would end it after 1,000. The cloud is authenticated, and limits its
     * users itself. */
    if (t->role != TUNNEL_FRONT) nghttp2_option_set_stream_reset_rate_limit(o, 100000, 10000);
    /* nghttp2 counts 12 bytes a field more than we do, and drops a head beyond its default in silence: the
     * request would wait for its deadline. */
    nghttp2_option_set_max_send_header_block_length(o, 2 * TUNNEL_MAX_HEAD);
    r = t->role == TUNNEL_CLOUD ? nghttp2_session_client_new2(&t->h2, c, t, o)
                                : nghttp2_session_server_new2(&t->h2, c, t, o);
  }
  nghttp2_session_callbacks_del(c);
  nghttp2_option_del(o);
  return r;
}

enum err tunnel_new(enum tunnel_role role, const struct tunnel_events *ev, void *arg, struct tunnel **ret)
{
  struct tunnel *t = calloc(1, sizeof *t);
  if (!t) return ERR_NOMEM;
  *t = (struct tunnel){.role = role, .ev = ev, .arg = arg};
  buf_init(&t->lower, TUNNEL_MAX_HEAD);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
       role == TUNNEL_FRONT ? TUNNEL_FRONT_STREAMS : TUNNEL_MAX_STREAMS},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)first_window(t)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, TUNNEL_MAX_HEAD},
      /* Each end has one of its own: only a client may send ENABLE_PUSH (RFC 9113 6.5.2), only a server needs
       * to say that it takes extended CONNECT (RFC 8441 3). */
      role == TUNNEL_CLOUD ? (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0}
                           : (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  };
  const size_t n = sizeof settings / sizeof settings[0];
  if (session_new(t) != 0 || nghttp2_submit_settings(t->h2, NGHTTP2_FLAG_NONE, settings, n) != 0 ||
      nghttp2_session_set_local_window_size(t->h2, NGHTTP2_FLAG_NONE, 0, TUNNEL_CONNECTION_WINDOW) != 0) {
    tunnel_free(t, NULL);
    return ERR_NOMEM;
  }
  *ret = t;
  return ERR_OK;
}

void tunnel_free(struct tunnel *t, const struct failure *f)
{
  if (!t) return;
  struct failure closed;
  failure_set(&closed, ERR_CLOSED, "the tunnel was closed");
  while (t->streams) {
    struct tunnel_stream *s = t->streams;
    if (!s->detached) {
      s->detached = true;
      t->ev->on_close(s, s->owner, f ? f : &closed);
    }
    stream_put(s);
  }
  nghttp2_session_del(t->h2);
  while (t->pool) {
    struct tunnel_stream *s = t->pool;
    t->pool = s->next;
    stream_free(s);
  }
  buf_clear(&t->lower);
  free(t);
}

enum err tunnel_allow_streams(struct tunnel *t, uint32_t n)
{
  const nghttp2_settings_entry most = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, n};
  return nghttp2_submit_settings(t->h2, NGHTTP2_FLAG_NONE, &most, 1) == 0 ? ERR_OK : ERR_NOMEM;
}

size_t tunnel_streams(const struct tunnel *t)
{
  return t->n_streams;
}

size_t tunnel_room(const struct tunnel *t)
{
  if (t->goaway_seen || t->shutting_down || t->failed) return 0;
  size_t limit = nghttp2_session_get_remote_settings(t->h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return limit > t->n_streams ? limit - t->n_streams : 0;
}

enum err tunnel_ping(struct tunnel *t)
{
  return nghttp2_submit_ping(t->h2, NGHTTP2_FLAG_NONE, NULL) == 0 ? ERR_OK : ERR_NOMEM;
}

enum err tunnel_shutdown(struct tunnel *t)
{
  if (t->shutting_down) return ERR_OK;
  t->shutting_down = true;
  int r = is_server(t) ? nghttp2_submit_shutdown_notice(t->h2)
                       : nghttp2_submit_goaway(t->h2, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
  if (!r && t->role == TUNNEL_FRONT) r = nghttp2_submit_ping(t->h2, NGHTTP2_FLAG_NONE, NULL);
  return r == 0 ? ERR_OK : ERR_NOMEM;
}

/* -- messages
 * ---------------------------------------------------------------------------------------------------- */

static nghttp2_nv pair(const char *name, size_t nn, const char *value, size_t nv)
{
  /* nghttp2's structure is not const, but it only copies. */
  return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                      .value = (uint8_t *)(uintptr_t)value,
                      .namelen = nn,
                      .valuelen = nv};
}

/* Values that never come again would only push the others out of HPACK's table (RFC 7541 6.2.2). */
static uint8_t index_flag(const char *name, size_t n)
{
  static const char *const unique[] = {"traceparent", "content-length", "date", "authorization", "etag"};
  for (size_t i = 0; i < sizeof unique / sizeof unique[0]; i++)
    if (n == strlen(unique[i]) && memcmp(name, unique[i], n) == 0) return NGHTTP2_NV_FLAG_NO_INDEX;
  return NGHTTP2_NV_FLAG_NONE;
}

/* Appends f behind nv[n], names in lower case (RFC 9113 8.2.1), in memory of t->lower. */
static enum err append_fields(struct tunnel *t, const struct fields *f, nghttp2_nv *nv, size_t *n)
{
  size_t count = f ? fields_count(f) : 0, bytes = 0;
  if (*n + count > SEND_FIELDS + PSEUDO_FIELDS) return ERR_TOO_LARGE;
  for (size_t i = 0; i < count; i++)
    bytes += fields_at(f, i).name_len;
  uint8_t *at;
  buf_reset(&t->lower);
  enum err e = buf_reserve(&t->lower, bytes, &at);
  if (e) return e;
  for (size_t i = 0; i < count; i++) {
    struct field field = fields_at(f, i);
    for (size_t k = 0; k < field.name_len; k++) {
      uint8_t c = (uint8_t)field.name[k];
      at[k] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    nv[*n] = pair((const char *)at, field.name_len, field.value, field.value_len);
    nv[(*n)++].flags = index_flag((const char *)at, field.name_len);
    at += field.name_len;
  }
  return ERR_OK;
}

/* The request's own pseudo fields are in nv[0..n) already. */
static enum err open_stream(struct tunnel *t, nghttp2_nv *nv, size_t n, const struct fields *f, bool end,
                            void *owner, struct tunnel_stream **ret)
{
  enum err e = append_fields(t, f, nv, &n);
  if (e) return e;
  struct tunnel_stream *s = stream_get(t);
  if (!s) return ERR_NOMEM;
  s->owner = owner;
  s->local_end = end;
  const nghttp2_data_provider source = {.source.ptr = s, .read_callback = read_source};
  int32_t id = nghttp2_submit_request(t->h2, NULL, nv, n, end ? NULL : &source, s);
  if (id < 0) {
    stream_put(s);
    return id == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_TUNNEL_PROTOCOL;
  }
  s->id = id;
  *ret = s;
  return ERR_OK;
}

enum err tunnel_request(struct tunnel *t, const char *method, const char *authority, const char *path,
                        size_t path_len, const struct fields *f, bool end, void *owner,
                        struct tunnel_stream **ret)
{
  nghttp2_nv nv[SEND_FIELDS + PSEUDO_FIELDS];
  size_t n = 0;
  nv[n++] = pair(":method", 7, method, strlen(method));
  nv[n++] = pair(":scheme", 7, "https", 5);
  nv[n++] = pair(":authority", 10, authority, strlen(authority));
  nv[n++] = pair(":path", 5, path, path_len);
  return open_stream(t, nv, n, f, end, owner, ret);
}

enum err tunnel_connect(struct tunnel *t, const char *protocol, const char *authority, const char *path,
                        size_t path_len, const struct fields *f, void *owner, struct tunnel_stream **ret)
{
  nghttp2_nv nv[SEND_FIELDS + PSEUDO_FIELDS];
  size_t n = 0;
  if (!nghttp2_session_get_remote_settings(t->h2, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL))
    return ERR_TUNNEL_PROTOCOL;
  nv[n++] = pair(":method", 7, "CONNECT", 7);
  nv[n++] = pair(":protocol", 9, protocol, strlen(protocol));
  nv[n++] = pair(":scheme", 7, "https", 5);
  nv[n++] = pair(":authority", 10, authority, strlen(authority));
  nv[n++] = pair(":path", 5, path, path_len);
  return open_stream(t, nv, n, f, false, owner, ret);
}

enum err tunnel_respond(struct tunnel_stream *s, int status, const struct fields *f, bool end)
{
  nghttp2_nv nv[SEND_FIELDS + PSEUDO_FIELDS];
  char digits[3] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};
  size_t n = 0;
  nv[n++] = pair(":status", 7, digits, 3);
  enum err e = append_fields(s->t, f, nv, &n);
  if (e) return e;
  int r;
  if (status < 200) {
    r = nghttp2_submit_headers(s->t->h2, NGHTTP2_FLAG_NONE, s->id, NULL, nv, n, NULL);
  } else {
    s->local_end = end;
    const nghttp2_data_provider source = {.source.ptr = s, .read_callback = read_source};
    r = nghttp2_submit_response(s->t->h2, s->id, nv, n, end ? NULL : &source);
  }
  return r == 0 ? ERR_OK : r == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_TUNNEL_PROTOCOL;
}

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

bool tunnel_stream_remote_ended(const struct tunnel_stream *s)
{
  return s->remote_end;
}

size_t tunnel_stream_queued(const struct tunnel_stream *s)
{
  return s->out.len - s->out_off;
}

bool tunnel_stream_congested(const struct tunnel_stream *s)
{
  return s->congested;
}

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

void tunnel_stream_refuse_rest(struct tunnel_stream *s)
{
  s->rest_refused = true;
  if (s->local_sent && !s->remote_end)
    nghttp2_submit_rst_stream(s->t->h2, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

void tunnel_stream_set_owner(struct tunnel_stream *s, void *owner)
{
  s->owner = owner;
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
  give_back(s);
  s->detached = true;
  s->owner = NULL;
}

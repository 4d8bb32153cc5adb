#include "origin.h"

#include "clock.h"
#include "origin_tls.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
/* Not the default hash: clang warns of its macro. */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

#define UNREAD_MAX   (256 * 1024) /* in the kernel, of an answer whose user does not read */
#define CONNECT_MS   10000
#define IDLE_PER_KEY 128
#define IDLE_TOTAL   1024
#define IDLE_MAX_NS  30000000000LL

/* Idle connections of one application and user. */
struct origin_key {
  char *name;
  struct origin *idle; /* stack, the most recently used first */
  size_t n;
  size_t users; /* connections that point here */
  UT_hash_handle hh;
};

struct origin_pool {
  struct connector *c;
  struct origin_key *keys;
  size_t n_idle;
  struct origin_tls *tls;
};

struct origin {
  struct origin_pool *pool;
  struct origin_key *key;
  struct stream *stream;
  struct http1_parser parser;
  const struct origin_events *ev;
  void *owner; /* NULL: idle or let go */
  bool idle, reused, answered, chunked, sent, switched, closing;
  struct buf early; /* the request, until connected */
  struct {          /* its head, where it waits for a TLS handshake; method NULL: it does not */
    const char *method, *target;
    size_t target_len;
    const struct fields *fields;
  } head;
  bool open;
  bool one_user;       /* whom the application may know by this connection, and nobody else does */
  struct tls_ctx *tls; /* how the application was checked; NULL: without TLS */
  int64_t idle_since_ns;
  struct origin *prev, *next; /* in key->idle */
};

/* -- keys
 * -------------------------------------------------------------------------------------------------------------
 */

static struct origin_key *key_get(struct origin_pool *p, const char *name)
{
  struct origin_key *k;
  HASH_FIND_STR(p->keys, name, k);
  if (k) return k;
  k = calloc(1, sizeof *k);
  if (k) k->name = strdup(name);
  if (!k || !k->name) {
    free(k);
    return NULL;
  }
  HASH_ADD_KEYPTR(hh, p->keys, k->name, strlen(k->name), k);
  return k;
}

static void key_put(struct origin_pool *p, struct origin_key *k)
{
  if (--k->users > 0) return;
  HASH_DEL(p->keys, k);
  free(k->name);
  free(k);
}

/* -- idle connections
 * -------------------------------------------------------------------------------------------------- */

static void take_from_idle(struct origin *o)
{
  if (!o->idle) return;
  o->idle = false;
  if (o->prev)
    o->prev->next = o->next;
  else
    o->key->idle = o->next;
  if (o->next) o->next->prev = o->prev;
  o->prev = o->next = NULL;
  o->key->n--;
  o->pool->n_idle--;
}

static void close_now(struct origin *o)
{
  o->owner = NULL;
  take_from_idle(o);
  if (o->closing) return;
  o->closing = true;
  stream_close(o->stream, NULL);
}

void origin_finish(struct origin *o)
{
  o->owner = NULL;
  if (o->closing) return;
  o->closing = true;
  stream_finish(o->stream);
}

static void make_idle(struct origin *o)
{
  struct origin_pool *p = o->pool;
  o->owner = NULL;
  if (p->c->draining || o->key->n >= IDLE_PER_KEY || p->n_idle >= IDLE_TOTAL) {
    close_now(o);
    return;
  }
  http1_parser_next(&o->parser);
  stream_pause(o->stream, false); /* an end while idle is noticed at once */
  o->idle = true;
  o->idle_since_ns = clock_mono_ns();
  o->next = o->key->idle;
  if (o->next) o->next->prev = o;
  o->key->idle = o;
  o->key->n++;
  p->n_idle++;
}

/* -- the stream
 * -------------------------------------------------------------------------------------------------------- */

static void fail(struct origin *o, const struct failure *f)
{
  void *owner = o->owner;
  close_now(o);
  if (owner) o->ev->on_fail(owner, f);
}

static void complete(struct origin *o)
{
  void *owner = o->owner;
  /* Reuse needs both messages complete: an answer before the end of the request, or before all of it has
   * left, leaves the connection in doubt. */
  bool reusable = o->parser.head.keep_alive && o->sent && stream_queued(o->stream) == 0 && !o->one_user &&
                  !o->switched && o->parser.head.body != BODY_UNTIL_CLOSE;
  const struct fields *trailers = &o->parser.trailers;
  o->owner = NULL;
  o->ev->on_end(owner, trailers);
  if (reusable)
    make_idle(o);
  else if (o->switched)
    origin_finish(o);
  else
    close_now(o);
}

/* Where the request's bytes go: into the stream, or aside until it is connected. */
static struct buf *out_of(struct origin *o)
{
  return o->open ? stream_out(o->stream) : &o->early;
}

static enum err write_head(struct origin *o, void *owner, const char *method, const char *target,
                           size_t target_len, const struct fields *fields, struct failure *f)
{
  struct buf *out = out_of(o);
  enum err e = o->ev->on_connection ? o->ev->on_connection(owner, o, f) : ERR_OK;
  if (e) return e;
  e = out ? http1_write_request(out, method, target, target_len, fields) : ERR_CLOSED;
  return e ? failure_set(f, ERR_BACKEND_UNREACHABLE, "the request could not be written") : ERR_OK;
}

static enum err write_waiting(struct origin *o, struct failure *f)
{
  enum err e = ERR_OK;
  if (o->head.method)
    e = write_head(o, o->owner, o->head.method, o->head.target, o->head.target_len, o->head.fields, f);
  if (!e && stream_write(o->stream, o->early.data, o->early.len))
    e = failure_set(f, ERR_BACKEND_UNREACHABLE, "the request could not be written");
  o->head.method = NULL;
  buf_wipe(&o->early);
  return e;
}

static void on_open(struct stream *s, void *arg)
{
  struct origin *o = arg;
  struct failure f;
  o->open = true;
  o->stream = s;
  stream_keep_unread(s);
  if (o->closing) return;
  if (write_waiting(o, &f)) {
    fail(o, &f);
  } else if (o->owner && o->ev->on_drain) {
    o->ev->on_drain(o->owner);
  }
}

static void surplus(struct origin *o)
{
  /* Bytes that belong to no request must never answer the next one (HT-20). */
  close_now(o);
}

static void on_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  (void)s;
  struct origin *o = arg;
  size_t at = 0;
  enum http1_event ev = HTTP1_HEAD;
  if (!o->owner) {
    surplus(o);
    return;
  }
  o->answered = true;
  while (ev != HTTP1_NEED_MORE && o->owner && !o->switched) {
    size_t used = 0, piece_n = 0;
    const uint8_t *piece = NULL;
    ev = http1_parse(&o->parser, data + at, n - at, &used, &piece, &piece_n);
    at += used;
    if (ev == HTTP1_HEAD) {
      o->ev->on_head(o->owner, &o->parser.head);
    } else if (ev == HTTP1_DATA) {
      o->ev->on_data(o->owner, piece, piece_n);
    } else if (ev == HTTP1_END) {
      complete(o);
      if (at < n && o->idle) surplus(o);
      return;
    } else if (ev == HTTP1_ERROR) {
      fail(o, &o->parser.failure);
      return;
    }
  }
  if (o->switched && o->owner && at < n) o->ev->on_data(o->owner, data + at, n - at);
}

static void on_eof(struct stream *s, void *arg)
{
  (void)s;
  struct origin *o = arg;
  struct failure f;
  if (!o->owner) {
    close_now(o);
  } else if (!o->answered) {
    failure_set(&f, o->reused ? ERR_AGAIN : ERR_BACKEND_PROTOCOL,
                "the application closed the connection without an answer");
    fail(o, &f);
  } else if (o->switched || http1_parse_eof(&o->parser) == HTTP1_END) {
    complete(o);
  } else {
    failure_set(&f, ERR_BACKEND_PROTOCOL,
                "the application closed the connection in the middle of its answer");
    fail(o, &f);
  }
}

static void on_drain(struct stream *s, void *arg)
{
  (void)s;
  struct origin *o = arg;
  if (o->owner && o->ev->on_drain) o->ev->on_drain(o->owner);
}

static void on_close(struct stream *s, void *arg, const struct failure *why)
{
  (void)s;
  struct origin *o = arg;
  void *owner = o->owner;
  struct failure f;
  o->owner = NULL;
  o->closing = true;
  take_from_idle(o);
  if (owner) {
    enum err e = o->reused && !o->answered             ? ERR_AGAIN
                 : why->err == ERR_TLS_CERTIFICATE     ? ERR_BACKEND_CERTIFICATE
                 : why->err == ERR_TIMEOUT && !o->open ? ERR_BACKEND_UNREACHABLE
                 : o->open                             ? ERR_BACKEND_PROTOCOL
                                                       : ERR_BACKEND_UNREACHABLE;
    failure_set(&f, e, "%s", why->err ? why->why : "closed");
    o->ev->on_fail(owner, &f);
  }
  key_put(o->pool, o->key);
  http1_parser_clear(&o->parser);
  buf_wipe(&o->early);
  free(o);
}

static const struct stream_events events = {
    .on_open = on_open, .on_data = on_data, .on_eof = on_eof, .on_drain = on_drain, .on_close = on_close};

/* -- requests
 * ----------------------------------------------------------------------------------------------------------
 */

static struct origin *connect_new(struct origin_pool *p, const struct lab_app *app, struct origin_key *k,
                                  struct tls_ctx *tls, struct failure *f)
{
  struct origin *o = calloc(1, sizeof *o);
  if (!o) {
    failure_set(f, ERR_NOMEM, "no memory for a connection");
    return NULL;
  }
  o->tls = tls;
  o->pool = p;
  o->key = k;
  buf_init(&o->early, STREAM_WRITE_MAX);
  http1_parser_init(&o->parser, HTTP1_RESPONSE, &http1_default_limits);
  if (stream_connect(p->c->net, &app->connect, tls, tls ? app->internal_url.host : NULL, CONNECT_MS, &events,
                     o, &o->stream)) {
    failure_set(f, ERR_BACKEND_UNREACHABLE, "no connection to %s", app->internal_url.text);
    http1_parser_clear(&o->parser);
    free(o);
    return NULL;
  }
  stream_limit_unread(o->stream, UNREAD_MAX);
  k->users++;
  atomic_fetch_add_explicit(&p->c->counters.origin_connects, 1, memory_order_relaxed);
  return o;
}

static struct origin *reuse(struct origin_pool *p, struct origin_key *k, const struct tls_ctx *tls)
{
  struct origin *o;
  /* Something has come that nobody asked for, or an end, and the loop has not told yet: it must not answer.
   * Nor must an application that was checked otherwise than it is to be now. */
  while ((o = k->idle) && (o->tls != tls || !stream_quiet(o->stream)))
    close_now(o);
  if (!o) return NULL;
  take_from_idle(o);
  o->reused = true;
  o->answered = o->sent = false;
  atomic_fetch_add_explicit(&p->c->counters.origin_reuses, 1, memory_order_relaxed);
  return o;
}

static void flush(struct origin *o)
{
  if (o->open) stream_flush(o->stream);
}

/* Without Basic, Bearer and Digest, whose credentials come with each request, a scheme may be one that
 * authenticates the connection: Negotiate (RFC 4559 6), NTLM. */
static bool binds_connection(const struct fields *f)
{
  static const char *const of_request[] = {"Basic", "Bearer", "Digest"};
  const char *value = fields_get(f, "Authorization");
  size_t n = value ? strcspn(value, " ") : 0;
  for (size_t i = 0; i < sizeof of_request / sizeof of_request[0]; i++)
    if (strlen(of_request[i]) == n && strncasecmp(value, of_request[i], n) == 0) return false;
  return value != NULL;
}

enum err origin_send(struct origin_pool *p, const struct lab_app *app, const char *upn, const char *method,
                     const char *target, size_t target_len, const struct fields *fields, bool chunked,
                     bool fresh, const struct origin_events *ev, void *owner, struct origin **ret,
                     struct failure *f)
{
  char name[1024], port[TEXT_NUMBER_SIZE];
  struct tls_ctx *tls;
  enum err e = origin_tls_get(p->tls, app, &tls, f);
  if (e) return e;
  /* Where it leads is a part of it: that may change while connections are idle. */
  e = text_join(name, sizeof name, app->name, " ", app->segment ? app->segment : "", " ",
                app->label ? app->label : "", " ", app->connect.host, ":",
                text_number(app->connect.port, port), " ", upn);
  if (e) return failure_set(f, e, "the names of application and user are too long");
  struct origin_key *k = key_get(p, name);
  if (!k) return failure_set(f, ERR_NOMEM, "no memory for a connection");
  struct origin *o = fresh ? NULL : reuse(p, k, tls);
  if (!o) o = connect_new(p, app, k, tls, f);
  if (!o) {
    k->users++;
    key_put(p, k);
    return f->err;
  }
  o->ev = ev;
  o->chunked = chunked;
  o->one_user = !upn[0] && binds_connection(fields);
  if (strcmp(method, "HEAD") == 0) http1_parser_expect_head_response(&o->parser);
  if (!o->open && o->tls) {
    o->head.method = method;
    o->head.target = target;
    o->head.target_len = target_len;
    o->head.fields = fields;
  } else {
    e = write_head(o, owner, method, target, target_len, fields, f);
  }
  if (e) {
    close_now(o);
    return e;
  }
  o->owner = owner;
  flush(o);
  *ret = o;
  return ERR_OK;
}

struct tls *origin_tls(struct origin *o)
{
  return o->open ? stream_tls(o->stream) : NULL;
}

enum err origin_write(struct origin *o, const void *data, size_t n)
{
  struct buf *out = out_of(o);
  if (!out) return ERR_CLOSED;
  if (n == 0) return ERR_OK;
  enum err e = o->chunked ? http1_write_chunk_head(out, n) : ERR_OK;
  if (!e) e = buf_append(out, data, n);
  if (!e && o->chunked) e = http1_write_chunk_tail(out);
  flush(o);
  return e;
}

enum err origin_write_end(struct origin *o)
{
  struct buf *out = out_of(o);
  if (!out) return ERR_CLOSED;
  o->sent = true;
  if (o->switched) stream_end(o->stream);
  enum err e = o->chunked ? http1_write_last_chunk(out, NULL) : ERR_OK;
  flush(o);
  return e;
}

uint64_t origin_sent(const struct origin *o)
{
  return o->open ? stream_sent(o->stream) : 0;
}

bool origin_congested(const struct origin *o)
{
  return o->open ? stream_congested(o->stream) : o->early.len > STREAM_HIGH;
}

void origin_pause(struct origin *o, bool pause)
{
  stream_pause(o->stream, pause);
}

void origin_switch(struct origin *o)
{
  o->switched = true;
}

void origin_cancel(struct origin *o)
{
  if (o->switched) stream_abort(o->stream);
  close_now(o);
}

/* -- the pool
 * ----------------------------------------------------------------------------------------------------------
 */

enum err origin_pool_new(struct connector *c, struct origin_pool **ret, struct failure *f)
{
  struct origin_pool *p = calloc(1, sizeof *p);
  if (!p) return failure_set(f, ERR_NOMEM, "no memory");
  p->c = c;
  enum err e = origin_tls_new(c, &p->tls, f);
  if (e)
    origin_pool_free(p);
  else
    *ret = p;
  return e;
}

static void close_idle(struct origin_pool *p, int64_t before_ns)
{
  struct origin_key *k, *next_key;
  HASH_ITER(hh, p->keys, k, next_key)
  {
    struct origin *next;
    for (struct origin *o = k->idle; o; o = next) {
      next = o->next;
      if (o->idle_since_ns < before_ns) close_now(o);
    }
  }
}

void origin_pool_sweep(struct origin_pool *p, int64_t now_ns)
{
  close_idle(p, now_ns - IDLE_MAX_NS);
}

enum err origin_pool_reload(struct origin_pool *p, const struct lab *lab, struct failure *f)
{
  close_idle(p, INT64_MAX);
  return origin_tls_reload(p->tls, lab, f);
}

void origin_pool_stop(struct origin_pool *p)
{
  close_idle(p, INT64_MAX);
}

void origin_pool_free(struct origin_pool *p)
{
  if (!p) return;
  origin_tls_free(p->tls);
  free(p);
}

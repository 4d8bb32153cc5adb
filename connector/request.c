#include "request.h"

#include "clock.h"
#include "direction.h"
#include "frames.h"
#include "hello.h"
#include "rules.h"

#include <stdlib.h>
#include <string.h>

#define TELL_NS (5 * 1000000000LL) /* how far a deadline moves before the cloud is told of it again */

static void unlink_request(struct request *r)
{
  if (r->prev)
    r->prev->next = r->next;
  else
    r->c->requests = r->next;
  if (r->next) r->next->prev = r->prev;
  atomic_fetch_sub_explicit(&r->c->counters.in_flight, 1, memory_order_relaxed);
}

void request_end(struct request *r)
{
  if (r->ended) return;
  r->ended = true;
  if (r->switched) atomic_fetch_sub_explicit(&r->c->counters.open_websockets, 1, memory_order_relaxed);
  step4_forget(r);
  if (r->origin) origin_cancel(r->origin);
  if (r->stream) {
    tunnel_stream_detach(r->stream);
    link_flush(r->link);
  }
  krb_initiator_free(r->initiator);
  krb_ticket_unref(r->ticket);
  lab_free(r->lab);
  span_end(&r->present);
  span_end(&r->delegate);
  buf_wipe(&r->held);
  unlink_request(r);
  free(r);
}

/* sevenstep-error and -why let the cloud show the failure's page. */
static enum err answer_failure(struct request *r, const struct failure *f)
{
  const struct err_info *info = err_info(f->err);
  struct fields fields;
  fields_init(&fields, 8, 2048);
  enum err e = fields_add(&fields, "sevenstep-origin", "connector");
  if (!e) e = fields_add(&fields, "sevenstep-error", info->name);
  if (!e && f->why[0] && http_is_field_value(f->why, strlen(f->why)))
    e = fields_add(&fields, "sevenstep-why", f->why);
  if (!e) e = tunnel_respond(r->stream, info->http_status ? info->http_status : 502, &fields, true);
  fields_clear(&fields);
  return e;
}

void request_fail(struct request *r, const struct failure *f)
{
  char id[33];
  if (r->ended) return;
  trace_id_format(&r->ctx, id);
  log_failure(LOG_WARN, id, f);
  atomic_fetch_add_explicit(&r->c->counters.failures, 1, memory_order_relaxed);
  span_fail(r->present.open ? &r->present : &r->delegate, f);
  if (r->stream && (r->answered || answer_failure(r, f))) {
    tunnel_stream_reset(r->stream, TUNNEL_FAILED);
    link_flush(r->link);
    r->stream = NULL;
  }
  request_end(r);
}

/* -- the beginning --------------------------------------------------------------------------------------- */

/* What cloud and connector tell each other is not for the application. */
static bool is_ours(const struct field *field, void *arg)
{
  (void)arg;
  return strncmp(field->name, "sevenstep-", 10) == 0;
}

/* Nor does it leave what the application's internal URL publishes. */
static bool is_inside(const struct lab_app *app, const char *target)
{
  const char *path = app->internal_url.path;
  return path[1] == 0 || strncmp(target, path, strlen(path)) == 0;
}

/* An extended CONNECT (RFC 8441) is what a WebSocket's GET became on its way through HTTP/2. */
static enum err accept_method(struct request *r, const struct tunnel_head *h, struct failure *f)
{
  r->websocket = strcmp(h->protocol, "websocket") == 0;
  if (!r->websocket && (h->protocol[0] || strcmp(h->method, "CONNECT") == 0))
    return failure_set(f, ERR_TUNNEL_PROTOCOL, "the cloud asks for a tunnel of another protocol: %.40s",
                       h->protocol);
  r->method = r->websocket ? "GET" : h->method;
  return ERR_OK;
}

/* Which application, and which of its places: by names of the configuration, and one label of a host at most.
 */
static const struct lab_app *find_app(struct request *r, const struct direction *to)
{
  const char *label = to->label;
  const struct lab_app *app = r->lab ? lab_published(r->lab, to->app, to->segment) : NULL;
  if (!app || lab_is_wildcard(app->external_url.host) != (label != NULL)) return NULL;
  if (!label) return app;
  return lab_label_ok(label, strlen(label)) ? lab_app_for_label(app, label, &r->concrete) : NULL;
}

/* Cut up in memory of its own: a failure may tell of the head as it came. */
static enum err read_direction(const struct fields *f, struct direction *ret)
{
  static char kept[DIRECTION_MAX]; /* one for all requests of this thread */
  const char *text = fields_get(f, DIRECTION_FIELD);
  if (!text || fields_count_of(f, DIRECTION_FIELD) != 1 || text_join(kept, sizeof kept, text))
    return ERR_SYNTAX;
  return direction_read(kept, ret);
}

enum err request_no_room(enum err e, const char *what, struct failure *f)
{
  if (!e) return ERR_OK;
  return failure_set(f, e == ERR_TOO_LARGE ? ERR_HTTP_HEADERS_TOO_LARGE : e, "the head has no room for %s",
                     what);
}

/* Host and port as they are published, whatever the user's Host says: applications make links of them. */
static enum err add_forwarding(struct request *r, const struct direction *to)
{
  char host[512];
  const char *url = r->app->external_url.text;
  size_t scheme = strlen("https://"), n = lab_origin_len(url) - scheme;
  if (n >= sizeof host) return ERR_TOO_LARGE;
  memcpy(host, url + scheme, n);
  host[n] = 0;
  return rules_add_forwarding(r->fields, "sevenstep", to->http, to->client, "https", host);
}

static enum err accept_head(struct request *r, const struct configurations *known,
                            const struct tunnel_head *h, struct failure *f)
{
  struct direction to;
  const char *login = fields_get(h->fields, "sevenstep-login");
  const char *parent = fields_get(h->fields, "traceparent");
  if (!parent || trace_ctx_parse(&r->ctx, parent, strlen(parent))) r->ctx = (struct trace_ctx){0};
  if (read_direction(h->fields, &to))
    return failure_set(f, ERR_TUNNEL_PROTOCOL, "the cloud does not say where the request goes");
  const struct lab *lab = configurations_find(known, to.version);
  if (lab) r->lab = lab_ref(lab);
  r->app = find_app(r, &to);
  if (!r->app)
    return failure_set(
        f, ERR_TUNNEL_PROTOCOL,
        "the cloud names an application, segment or host that it has not told this connector of");
  if (r->app->sso == SSO_KCD && !to.upn)
    return failure_set(f, ERR_TOKEN_NO_UPN, "the cloud sent no user for an application with Kerberos");
  if (text_join(r->upn, sizeof r->upn, to.upn ? to.upn : "") ||
      text_join(r->login, sizeof r->login, login ? login : r->upn))
    return failure_set(f, ERR_KRB_NAME_MALFORMED, "the name is too long");
  if (!is_inside(r->app, h->path))
    return failure_set(f, ERR_TUNNEL_PROTOCOL, "the target is outside of %s", r->app->internal_url.text);
  if (accept_method(r, h, f)) return f->err;
  r->target = h->path;
  r->target_len = h->path_len;
  r->fields = h->fields;
  fields_remove_if(r->fields, is_ours, NULL);
  return request_no_room(add_forwarding(r, &to), "the fields of forwarding", f);
}

void request_keep_alive(struct request *r)
{
  if (r->switched) return;
  r->deadline_ns = clock_mono_ns() + (int64_t)r->app->backend_timeout_s * 1000000000LL;
}

void request_switch(struct request *r)
{
  r->switched = r->has_body = true;
  r->deadline_ns = 0;
  atomic_fetch_add_explicit(&r->c->counters.websockets, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&r->c->counters.open_websockets, 1, memory_order_relaxed);
}

/* -- the request's body ---------------------------------------------------------------------------------- */

/* What comes before the application switched must not reach it as if it were HTTP. */
static bool takes_body(const struct request *r)
{
  return r->origin && (r->switched || !r->websocket);
}

static enum err write_body(struct request *r, const uint8_t *data, size_t n)
{
  if (r->switched) websocket_follow(&r->to_application, data, n);
  return origin_write(r->origin, data, n);
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  struct request *r = owner;
  struct failure f;
  if (takes_body(r) && r->held.len == 0 && !origin_congested(r->origin)) {
    if (write_body(r, data, n)) {
      failure_set(&f, ERR_BACKEND_UNREACHABLE, "the request's body could not be passed on");
      request_fail(r, &f);
      return;
    }
    tunnel_stream_consume(s, n);
  } else if (buf_append(&r->held, data, n)) {
    failure_set(&f, ERR_TOO_LARGE, "the other end ignores the window");
    request_fail(r, &f);
  }
}

enum err request_pass_held(struct request *r)
{
  enum err e = ERR_OK;
  if (!takes_body(r)) return ERR_OK;
  /* In pieces, so that the window opens as the application takes them, and no more is held than it lets come.
   */
  while (!e && r->held.len && !origin_congested(r->origin)) {
    size_t n = r->held.len < STREAM_HIGH ? r->held.len : STREAM_HIGH;
    e = write_body(r, r->held.data, n);
    buf_consume(&r->held, n);
    tunnel_stream_consume(r->stream, n);
  }
  if (r->held.len == 0) {
    buf_clear(&r->held);
    if (!e && r->body_complete) e = origin_write_end(r->origin);
  }
  link_flush(r->link);
  return e;
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  (void)trailers;
  struct request *r = owner;
  if (!r->has_body && !r->websocket) return;
  r->body_complete = true;
  if (takes_body(r) && r->held.len == 0) {
    struct failure f;
    if (origin_write_end(r->origin) == ERR_OK) return;
    failure_set(&f, ERR_BACKEND_UNREACHABLE, "the end of the request's body could not be passed on");
    request_fail(r, &f);
  }
}

static void on_writable(struct tunnel_stream *s, void *owner)
{
  (void)s;
  step7_resume(owner);
}

static void on_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  (void)f;
  struct request *r = owner;
  r->stream = NULL;
  span_bool(r->present.open ? &r->present : &r->delegate, "sevenstep.user_left", true);
  request_end(r);
}

/* The cloud keeps to connector_at_once. An eighth more passes: one that was broken off on one connection may
 * come to its end here behind the next one's beginning on another. */
static bool is_too_much(const struct connector *c)
{
  unsigned most = c->lab->cloud.limits.connector_at_once;
  return atomic_load_explicit(&c->counters.in_flight, memory_order_relaxed) >= most + (most + 7) / 8;
}

static const struct stream_owner_ops ops = {on_data, on_end, on_writable, on_close};

void request_begin(struct connector *c, const struct configurations *known, struct link *l,
                   struct tunnel_stream *s, const struct tunnel_head *h)
{
  struct request *r = is_too_much(c) ? NULL : calloc(1, sizeof *r);
  struct failure f = {0};
  if (!r) {
    atomic_fetch_add_explicit(&c->counters.refused_requests, 1, memory_order_relaxed);
    tunnel_stream_reset(s, TUNNEL_REFUSED);
    return;
  }
  r->owner.ops = &ops;
  r->c = c;
  r->link = l;
  r->stream = s;
  buf_init(&r->held, REQUEST_HELD_MAX);
  r->next = c->requests;
  if (r->next) r->next->prev = r;
  c->requests = r;
  atomic_fetch_add_explicit(&c->counters.requests, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&c->counters.in_flight, 1, memory_order_relaxed);
  tunnel_stream_set_owner(s, r);
  if (accept_head(r, known, h, &f)) {
    request_fail(r, &f);
    return;
  }
  r->has_body = !tunnel_stream_remote_ended(s) && !r->websocket;
  r->body_complete = tunnel_stream_remote_ended(s);
  if (r->app->sso == SSO_KCD)
    step4_delegate(r);
  else
    step6_present(r);
}

/* Between two of the user's frames, and behind none that is the last (RFC 6455 5.5.1); a client's are masked
 * (5.3). */
static void say_goodbye(struct request *r)
{
  struct buf frame;
  uint8_t mask[4];
  if (r->held.len || r->to_application.closed || !websocket_at_boundary(&r->to_application)) return;
  random_bytes(mask, sizeof mask);
  buf_init(&frame, 256);
  if (websocket_write_close(&frame, WEBSOCKET_GOING_AWAY, "the connector stops", mask) == ERR_OK)
    (void)!origin_write(r->origin, frame.data, frame.len); /* it ends either way */
  buf_clear(&frame);
}

/* A WebSocket would outlast the drain: it ends in order, and its user, whom the cloud tells, finds another
 * connector. */
static void end_websocket(struct request *r)
{
  struct fields leaving;
  fields_init(&leaving, 1, 64);
  say_goodbye(r);
  origin_finish(r->origin);
  r->origin = NULL;
  if (fields_add(&leaving, CONTROL_LEAVING, "1") || tunnel_stream_end(r->stream, &leaving))
    tunnel_stream_reset(r->stream, TUNNEL_CANCEL);
  fields_clear(&leaving);
  request_end(r);
}

static struct request *open_websocket(const struct connector *c)
{
  struct request *r = c->requests;
  while (r && !(r->switched && r->origin && r->stream))
    r = r->next;
  return r;
}

static struct request *overdue(const struct connector *c, int64_t now_ns)
{
  struct request *r = c->requests;
  while (r && (!r->deadline_ns || now_ns < r->deadline_ns))
    r = r->next;
  return r;
}

/* Whose application has taken of its body since the last sweep, while it is waited for. */
static struct request *taken_from(const struct connector *c)
{
  struct request *r = c->requests;
  while (r && !(r->origin && r->has_body && r->deadline_ns && r->sent != origin_sent(r->origin)))
    r = r->next;
  return r;
}

static void tell_cloud(struct request *r)
{
  struct fields ours;
  fields_init(&ours, 1, 64);
  r->told_ns = r->deadline_ns;
  if (fields_add(&ours, "sevenstep-origin", "connector") == ERR_OK &&
      tunnel_respond(r->stream, 102, &ours, false) == ERR_OK)
    link_flush(r->link);
  fields_clear(&ours);
}

void request_works(struct request *r)
{
  request_keep_alive(r);
  if (!r->answered && r->deadline_ns - r->told_ns >= TELL_NS) tell_cloud(r);
}

/* An upload may take its time: what the cloud has sent of it is on its way here or held. */
static void follow_upload(struct request *r)
{
  r->sent = origin_sent(r->origin);
  request_works(r);
}

void requests_sweep(struct connector *c, int64_t now_ns)
{
  struct request *r;
  while ((r = taken_from(c)))
    follow_upload(r);
  /* From the start each time: what one sends at its end may end others. */
  while (c->draining && (r = open_websocket(c)))
    end_websocket(r);
  while ((r = overdue(c, now_ns))) {
    struct failure f;
    if (r->origin || r->present.open)
      failure_set(&f, ERR_BACKEND_TIMEOUT, "nothing came from %s for %u s", r->app->internal_url.text,
                  r->app->backend_timeout_s);
    else
      failure_set(&f, ERR_KDC_TIMEOUT, "no ticket within %d s", STEP4_TIMEOUT_S);
    request_fail(r, &f);
  }
}

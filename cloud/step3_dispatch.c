/* Step 3, second half: a request that may pass is directed to a connector of the application's group. Its
 * fields are cleaned of what belongs to this hop or would claim an identity; the connector is told the
 * application and the user.
 *
 * If the connector is lost before anything came back, an idempotent request without a body is sent once more,
 * to another one (RFC 9110 9.2.2); anything else is answered 502 rather than risked twice. */
#include "dispatch.h"

#include "body.h"
#include "clock.h"
#include "direction.h"
#include "publish.h"
#include "rules.h"
#include "throttle.h"
#include "translate.h"
#include "websocket.h"

#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000LL
/* The connector holds the application to backend_timeout; this much longer it may take itself (Kerberos
 * included). */
#define GRACE        (15 * SECOND)
#define PIECE_MAX    (16 * 1024)                    /* as the tunnel brings them */
#define HELD_MAX     (2 * TUNNEL_STREAM_WINDOW_MAX) /* with as much that was passed on: forget_passed() */
#define INTERIMS_MAX 32                             /* to one request, as at the connector */

static void dispatch_free(struct dispatch *d)
{
  struct exchange *x = d->x;
  x->data = NULL;
  websocket_close(d, "proxy");
  body_free(d->body);
  buf_clear(&d->held);
  fields_clear(&d->trailers);
  throttle_done(d->counted);
  free(d);
  exchange_release(x);
}

void dispatch_let_go(struct dispatch *d)
{
  if (d->stream) connector_ends(d->via);
  d->stream = NULL;
}

/* Lets go of the stream, if there is one, and of the exchange. */
void dispatch_end(struct dispatch *d)
{
  if (d->stream) {
    tunnel_stream_reset(d->stream, TUNNEL_CANCEL);
    link_flush(d->link);
  }
  dispatch_let_go(d);
  dispatch_free(d);
}

void dispatch_fail(struct dispatch *d, const struct failure *f)
{
  struct exchange *x = d->x;
  exchange_hold(x);
  x->ops = NULL;
  dispatch_end(d);
  if (x->begun) {
    span_fail(&x->respond, f);
    exchange_abort(x);
  } else {
    exchange_fail(x, f);
  }
  exchange_release(x);
}

/* -- the request's fields
 * -------------------------------------------------------------------------------------------- */

/* Header-based single sign-on: the application knows its user by these fields, so they are ours alone, also
 * those that stay empty. */
static enum err tell_user(const struct exchange *x, struct fields *f)
{
  const struct lab_app *app = x->app;
  enum err e = ERR_OK;
  struct buf value;
  for (size_t i = 0; i < app->n_headers; i++)
    rules_strip_spellings(f, app->headers[i].name);
  buf_init(&value, 4096);
  for (size_t i = 0; i < app->n_headers && !e; i++) {
    buf_reset(&value);
    e = session_claim(&x->session, app->headers[i].claim, &value);
    if (!e && value.len) e = fields_add(f, app->headers[i].name, buf_str(&value));
  }
  buf_wipe(&value);
  return e;
}

/* What the connector is told besides. */
static enum err add_direction(const struct exchange *x, struct fields *f)
{
  char text[DIRECTION_MAX];
  const struct direction to = {
      .app = x->app->name,
      .segment = x->app->segment,
      .label = x->app->label,
      .upn = x->session.upn[0] ? x->session.upn : NULL,
      .client = exchange_peer_ip(x),
      .version = x->version,
      .http = x->head->minor,
  };
  enum err e = direction_write(&to, text);
  return e ? e : fields_add(f, DIRECTION_FIELD, text);
}

static enum err request_fields(struct exchange *x, struct fields *f)
{
  enum err e = ERR_OK;
  char parent[TRACEPARENT_LEN + 1];
  bool kcd = x->app->sso == SSO_KCD;
  for (size_t i = 0; i < fields_count(&x->head->fields) && !e; i++) {
    struct field field = fields_at(&x->head->fields, i);
    e = fields_addn(f, field.name, field.name_len, field.value, field.value_len);
  }
  if (e) return e;
  rules_strip_hop_by_hop(f);
  rules_strip_identity(f);
  if (strcmp(x->head->method, "OPTIONS") == 0 && (e = rules_count_forward(f))) return e;
  fields_remove(f, "Host");   /* travels as :authority */
  fields_remove(f, "Expect"); /* answered here */
  fields_remove(f, "traceparent");
  /* The application gets the connector's Negotiate instead; a browser's never reaches it (HT-33, SP-07). */
  if (kcd) fields_remove(f, "Authorization");
  e = rules_cookie_strip(f, COOKIE_PREFIX);
  if (!e && x->app->translate_headers) e = translate_request(x->lab, x->app, f);
  if (!e && x->app->translate_body) e = body_accept(f);
  trace_ctx_format(&x->ctx, parent);
  if (!e) e = tell_user(x, f);
  if (!e) e = add_direction(x, f);
  if (!e && x->session.login[0]) e = fields_add(f, "sevenstep-login", x->session.login);
  if (!e) e = fields_add(f, "traceparent", parent);
  return e;
}

static bool has_body(const struct exchange *x)
{
  return x->head->body == BODY_CHUNKED || (x->head->body == BODY_LENGTH && x->head->content_length > 0);
}

static bool idempotent(const char *method)
{
  static const char *const safe[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
  for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++)
    if (strcmp(method, safe[i]) == 0) return true;
  return false;
}

static const struct up_ops up_ops;

static void count_full(const struct exchange *x)
{
  atomic_fetch_add_explicit(&x->cloud->counters.full, 1, memory_order_relaxed);
}

static enum err nobody_takes_it(const struct exchange *x, struct failure *f)
{
  const char *group = x->app->connector_group;
  struct group_state now;
  registry_group(x->cloud->registry, group, &now);
  if (now.connectors == 0 || now.room > 0)
    return failure_set(f, ERR_NO_CONNECTOR, "group %s has no connector that is ready", group);
  count_full(x);
  return failure_set(f, ERR_CONNECTORS_FULL, "group %s has %zu, and each works on %u requests already", group,
                     now.connectors, x->cloud->lab->cloud.limits.connector_at_once);
}

static struct errand errand_of(const struct exchange *x)
{
  return (struct errand){
      .group = x->app->connector_group, .kerberos = x->app->sso == SSO_KCD, .once = has_body(x)};
}

static enum err send_to(struct dispatch *d, struct connector *c, struct failure *f)
{
  struct exchange *x = d->x;
  /* One list for all requests of this thread: nghttp2 copies what it is given. */
  static struct fields fields;
  static struct buf inside; /* the target, where it is another one inside */
  const struct buf *target = &x->head->target;
  if (fields.max == 0) {
    fields_init(&fields, 160, 64 * 1024);
    buf_init(&inside, 64 * 1024);
  }
  fields_reset(&fields);
  enum err e = request_fields(x, &fields);
  if (x->app->by_path) {
    buf_reset(&inside);
    if (!e) e = publish_internal_target(x->app, buf_str(target), target->len, x->rest, &inside);
    target = &inside;
  }
  d->link = connector_link(c);
  d->via = c;
  if (!e && x->wants_websocket)
    e = tunnel_connect(link_tunnel(d->link), "websocket", buf_str(&x->head->authority), buf_str(target),
                       target->len, &fields, &d->up, &d->stream);
  else if (!e)
    e = tunnel_request(link_tunnel(d->link), x->head->method, buf_str(&x->head->authority), buf_str(target),
                       target->len, &fields, !has_body(x), &d->up, &d->stream);
  if (e == ERR_TOO_LARGE) return failure_set(f, ERR_HTTP_HEADERS_TOO_LARGE, "with the proxy's own fields");
  if (e) return failure_set(f, e, "the tunnel did not take the request");
  connector_begins(c);
  span_str(&x->step, "sevenstep.connector", connector_name(c));
  link_flush(d->link);
  return ERR_OK;
}

/* To a connector that is not `not`, if there is one. */
static enum err send_request(struct dispatch *d, const struct connector * not, struct failure *f)
{
  const struct errand e = errand_of(d->x);
  struct connector *c = registry_pick(d->x->cloud->registry, &e, not );
  return c ? send_to(d, c, f) : nobody_takes_it(d->x, f);
}

/* -- the user's side
 * -------------------------------------------------------------------------------------------------- */

static void set_deadline(struct exchange *x)
{
  x->deadline_ns = clock_mono_ns() + x->app->backend_timeout_s * SECOND + GRACE;
}

static void on_body(struct exchange *x, const uint8_t *data, size_t n)
{
  struct dispatch *d = x->data;
  struct failure f;
  if (!d->stream) return;
  if (!x->begun) set_deadline(x); /* an upload may take its time */
  if (d->websocket && !websocket_pass(d, WEBSOCKET_APPLICATION, data, &n)) return;
  enum err e = tunnel_stream_write(d->stream, data, n);
  if (e) {
    failure_set(&f, e, "the tunnel's queue is full");
    dispatch_fail(d, &f);
    return;
  }
  if (tunnel_stream_congested(d->stream)) exchange_pause(x, true);
  link_flush(d->link);
}

static void on_body_end(struct exchange *x, const struct fields *trailers)
{
  (void)trailers; /* a request's trailers end at the proxy (RFC 9110 6.5.1) */
  struct dispatch *d = x->data;
  if (!d->stream || !(d->websocket || has_body(x))) return;
  if (d->websocket) d->websocket->user_ended = true;
  if (tunnel_stream_end(d->stream, NULL) == ERR_OK) link_flush(d->link);
}

static size_t held(const struct dispatch *d)
{
  return d->held.len - d->held_off;
}

/* When there is less to move than what goes. */
static void forget_passed(struct dispatch *d)
{
  if (d->held_off <= held(d)) return;
  buf_consume(&d->held, d->held_off);
  d->held_off = 0;
  if (d->held.len == 0 && d->held.cap > STREAM_HIGH) buf_clear(&d->held);
}

static void on_drain(struct exchange *x)
{
  struct dispatch *d = x->data;
  if (!held(d)) return;
  while (held(d) && !exchange_congested(x)) {
    const uint8_t *piece = d->held.data + d->held_off;
    size_t n = held(d) < PIECE_MAX ? held(d) : PIECE_MAX;
    d->held_off += n;
    if (!step7_data(x, piece, n)) return;
    if (d->stream) tunnel_stream_consume(d->stream, n);
  }
  forget_passed(d);
  if (d->stream) link_flush(d->link);
  if (d->complete && !held(d)) step7_end(x, &d->trailers);
}

static void on_gone(struct exchange *x)
{
  span_bool(&x->step, "sevenstep.user_left", true);
  websocket_close(x->data, x->cloud->stopping ? "proxy" : "user");
  dispatch_end(x->data);
}

static void on_timeout(struct exchange *x)
{
  struct dispatch *d = x->data;
  struct failure f;
  failure_set(&f, ERR_BACKEND_TIMEOUT, "connector %s sent no response head in time", connector_name(d->via));
  dispatch_fail(d, &f);
}

/* 401 says that nothing was done (RFC 9110 15.5.2), and has clients send it again with another token: so it
 * is for what may be done twice alone. */
static enum err cut_off(const struct exchange *x, int64_t now_s)
{
  if (has_body(x) || !idempotent(x->head->method)) return ERR_CUT_OFF;
  if (x->by_token) return ERR_BEARER_INVALID;
  return now_s >= x->session.expires_s ? ERR_SESSION_EXPIRED : ERR_SESSION_ENDED;
}

/* A WebSocket is told why, and when it has begun a frame, waits for its end: websocket.c sees to it. */
static bool on_second(struct exchange *x)
{
  struct dispatch *d = x->data;
  struct failure f;
  int64_t now_s = clock_wall_s();
  if (d->websocket || !route_user_lost(x, now_s)) return true;
  failure_set(&f, cut_off(x, now_s), "since the request began");
  dispatch_fail(d, &f);
  return false;
}

static const struct exchange_ops exchange_ops = {on_body, on_body_end, on_drain,
                                                 on_gone, on_timeout,  on_second};

/* -- the connector's side
 * ---------------------------------------------------------------------------------------------- */

/* An interim answer says that work goes on, so that the answer gets its time anew (RFC 9110 15.2), a number
 * of times. */
static enum err take_interim(struct dispatch *d, struct failure *f)
{
  if (++d->interims > INTERIMS_MAX)
    return failure_set(f, ERR_TUNNEL_PROTOCOL, "more than %d interim answers", INTERIMS_MAX);
  set_deadline(d->x);
  return ERR_OK;
}

/* The connector's own: the application takes a request's body, slowly. It is for the cloud alone. */
static bool is_of_connector(const struct tunnel_head *h)
{
  const char *origin = fields_get(h->fields, "sevenstep-origin");
  return h->status == 102 && origin && strcmp(origin, "connector") == 0;
}

static void on_response(struct up *u, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)s;
  struct dispatch *d = (struct dispatch *)u;
  struct failure f;
  enum err e = ERR_OK;
  if (is_of_connector(h)) {
    set_deadline(d->x);
    return;
  }
  if (h->status < 100 || h->status > 599) /* RFC 9110 15 */
    e = failure_set(&f, ERR_TUNNEL_PROTOCOL, "%d is no status", h->status);
  else if (h->status < 200)
    e = take_interim(d, &f);
  if (e)
    dispatch_fail(d, &f);
  else
    step7_respond(d->x, h);
}

static void keep(struct dispatch *d, const uint8_t *data, size_t n)
{
  struct failure f;
  enum err e = buf_append(&d->held, data, n);
  if (!e) return;
  failure_set(&f, e, "no room for what the user does not take");
  dispatch_fail(d, &f);
}

static void on_data(struct up *u, struct tunnel_stream *s, const uint8_t *data, size_t n)
{
  struct dispatch *d = (struct dispatch *)u;
  /* A head that waits for its body's first piece (dispatch.h) is not kept waiting longer. */
  if (held(d) || (d->x->begun && exchange_congested(d->x))) {
    keep(d, data, n);
    return;
  }
  if (step7_data(d->x, data, n)) tunnel_stream_consume(s, n);
}

static void on_end(struct up *u, const struct fields *trailers)
{
  struct dispatch *d = (struct dispatch *)u;
  if (!held(d)) {
    step7_end(d->x, trailers);
    return;
  }
  d->complete = true;
  for (size_t i = 0; i < fields_count(trailers); i++) {
    struct field one = fields_at(trailers, i);
    if (fields_addn(&d->trailers, one.name, one.name_len, one.value, one.value_len)) break;
  }
  step7_let_go(d);
}

static void on_writable(struct up *u)
{
  exchange_pause(((struct dispatch *)u)->x, false);
}

static bool may_repeat(const struct dispatch *d, const struct failure *f)
{
  const struct exchange *x = d->x;
  if (x->begun || d->body || has_body(x) || d->tries >= 2) return false;
  return f->err == ERR_AGAIN || f->err == ERR_KRB_CONNECTOR_CREDENTIAL || idempotent(x->head->method);
}

static void count_repetition(struct dispatch *d, const struct failure *f)
{
  d->tries++;
  atomic_fetch_add_explicit(&d->x->cloud->counters.retried, 1, memory_order_relaxed);
  span_event(&d->x->step, 0, "sevenstep.retry", f->why);
}

bool dispatch_elsewhere(struct dispatch *d, const struct failure *f)
{
  const struct errand e = errand_of(d->x);
  struct failure why;
  connector_has_credential(d->via, false);
  struct connector *other = may_repeat(d, f) ? registry_pick_other(d->x->cloud->registry, &e, d->via) : NULL;
  if (!other) return false;
  tunnel_stream_reset(d->stream, TUNNEL_CANCEL);
  link_flush(d->link);
  dispatch_let_go(d);
  count_repetition(d, f);
  set_deadline(d->x);
  if (send_to(d, other, &why)) dispatch_fail(d, &why);
  return true;
}

/* A connector refused it unseen, and nobody else takes it: that one was full, unless it leaves. */
static void tell_refusal(const struct dispatch *d, const struct connector *by, struct failure *f)
{
  if (f->err != ERR_AGAIN && f->err != ERR_NO_CONNECTOR) return;
  if (connector_leaves(by)) {
    if (f->err == ERR_AGAIN) f->err = ERR_CONNECTOR_LOST;
    return;
  }
  count_full(d->x);
  failure_set(f, ERR_CONNECTORS_FULL, "connector %s refused it before it did anything", connector_name(by));
}

static void on_close(struct up *u, const struct failure *f)
{
  struct dispatch *d = (struct dispatch *)u;
  struct failure why = *f;
  dispatch_let_go(d);
  /* A reset by the application comes as that of the stream; what ended the tunnel is another error. */
  websocket_close(d, f->err == ERR_CLOSED ? "application" : "connector");
  if (!f->err && d->x->ended) {
    dispatch_free(d);
    return;
  }
  if (!why.err) failure_set(&why, ERR_CONNECTOR_LOST, "the tunnel stream ended early");
  const struct connector *via = d->via;
  bool refused = why.err == ERR_AGAIN;
  if (may_repeat(d, &why)) {
    count_repetition(d, &why);
    set_deadline(d->x);
    if (send_request(d, via, &why) == ERR_OK) return;
  }
  if (refused) tell_refusal(d, via, &why);
  dispatch_fail(d, &why);
}

static const struct up_ops up_ops = {on_response, on_data, on_end, on_writable, on_close};

/* Who has no name is known by his address. */
static enum err admit(struct exchange *x, struct throttle_slot **ret, struct failure *f)
{
  const struct lab *lab = x->lab;
  struct group_state now;
  registry_group(x->cloud->registry, x->app->connector_group, &now);
  const struct throttle_policy p = {
      .tenant_rate = lab->cloud.limits.tenant_rate,
      .app_rate = x->app->requests_per_second ? x->app->requests_per_second : lab->cloud.limits.app_rate,
      .user_rate = lab->cloud.limits.user_rate,
      .user_at_once = lab->cloud.limits.user_at_once,
      .group = x->app->connector_group,
      .room = now.room,
  };
  char address[THROTTLE_ADDRESS_MAX];
  throttle_address(exchange_peer_ip(x), address);
  const char *user = x->session.upn[0] ? x->session.upn : address;
  enum err e = throttle_admit(x->cloud->throttle, &p, x->app->name, user, clock_mono_ns(), ret, f);
  if (e) atomic_fetch_add_explicit(&x->cloud->counters.throttled, 1, memory_order_relaxed);
  return e;
}

void step3_dispatch(struct exchange *x)
{
  struct failure f = {0};
  struct throttle_slot *counted;
  span_str(&x->step, "sevenstep.application", x->app->name);
  exchange_trace_request(x);
  if (x->session.upn[0]) {
    span_str(&x->step, "sevenstep.upn", x->session.upn);
    span_str(&x->step, "sevenstep.spn", x->session.spn);
    span_str(&x->step, "sevenstep.session", x->by_token ? "bearer" : "valid");
  }
  if (admit(x, &counted, &f)) {
    exchange_fail(x, &f);
    return;
  }
  struct dispatch *d = calloc(1, sizeof *d);
  if (!d) {
    throttle_done(counted);
    failure_set(&f, ERR_NOMEM, "no memory");
    exchange_fail(x, &f);
    return;
  }
  d->up.ops = &up_ops;
  d->x = x;
  d->tries = 1;
  d->counted = counted;
  buf_init(&d->held, HELD_MAX);
  fields_init(&d->trailers, TUNNEL_MAX_FIELDS, 8192);
  exchange_hold(x);
  x->data = d;
  set_deadline(x);
  if (send_request(d, NULL, &f)) {
    dispatch_fail(d, &f);
    return;
  }
  x->ops = &exchange_ops;
  atomic_fetch_add_explicit(&x->cloud->counters.dispatched, 1, memory_order_relaxed);
  exchange_continue(x);
}

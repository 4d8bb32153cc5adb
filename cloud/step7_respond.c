/* Step 7: the response travels back to the user, freed of what belongs to the inside: hop-by-hop fields, the
 * application's Negotiate, and cookies that would overwrite ours. A failure that the connector reports
 * becomes the page of that failure. Where the application wants it, URLs in header fields and in the body
 * become those that users know. */
#include "dispatch.h"

#include "body.h"
#include "hello.h"
#include "rules.h"
#include "translate.h"
#include "websocket.h"

#include <stdlib.h>
#include <string.h>

/* sevenstep-error names an error of the table that a connector may report; anything else is a broken peer. */
static void connector_failure(struct exchange *x, const struct tunnel_head *h, const char *name)
{
  struct failure f;
  const char *why = fields_get(h->fields, "sevenstep-why");
  enum err e = err_by_name(name);
  int step = err_info(e)->step;
  if (e == ERR_OK || (step != 0 && (step < 4 || step > 6))) e = ERR_TUNNEL_PROTOCOL;
  failure_set(&f, e, "%s", why ? why : "");
  if (e == ERR_KRB_CONNECTOR_CREDENTIAL && dispatch_elsewhere(x->data, &f)) return;
  dispatch_fail(x->data, &f);
}

static void clean(struct fields *f)
{
  rules_strip_hop_by_hop(f);
  rules_set_cookie_strip(f, COOKIE_PREFIX);
  rules_strip_ours(f);
}

/* The same for trailers, in memory that all of this thread's share. */
static const struct fields *cleaned(const struct fields *trailers)
{
  static struct fields kept;
  enum err e = ERR_OK;
  if (kept.max == 0) fields_init(&kept, TUNNEL_MAX_FIELDS, 8192);
  fields_reset(&kept);
  for (size_t i = 0; i < fields_count(trailers) && !e; i++) {
    struct field one = fields_at(trailers, i);
    e = fields_addn(&kept, one.name, one.name_len, one.value, one.value_len);
  }
  rules_strip_trailers(&kept);
  return e ? NULL : &kept;
}

static int64_t take_length(struct fields *f)
{
  const char *text = fields_get(f, "Content-Length");
  char *end;
  long long n = text ? strtoll(text, &end, 10) : -1;
  if (text && (*end || n < 0)) n = -1;
  fields_remove(f, "Content-Length");
  return n;
}

/* The fields and, where it has URLs to translate, the body. */
static enum err translate(struct exchange *x, int status, struct fields *f)
{
  struct dispatch *d = x->data;
  const char *what;
  const struct lab *lab = x->lab;
  enum err e = x->app->translate_headers ? translate_response(lab, x->app, f) : ERR_OK;
  if (e || !x->app->translate_body || status == 101) return e;
  e = body_begin(lab, x->app, x->head, status, f, &what, &d->body);
  span_str(&x->respond, "sevenstep.body", what);
  return e;
}

/* The application answered 101, which the tunnel tells as 200 to its extended CONNECT. */
static void switch_protocols(struct exchange *x, const struct fields *f)
{
  struct failure why;
  if (websocket_open(x->data)) {
    failure_set(&why, ERR_NOMEM, "no memory for a WebSocket");
    dispatch_fail(x->data, &why);
    return;
  }
  span_end(&x->step); /* what follows has no end that a trace should wait for */
  exchange_switch(x, f);
}

void step7_respond(struct exchange *x, const struct tunnel_head *h)
{
  bool switched = x->wants_websocket && fields_get(h->fields, "sevenstep-switched");
  const char *error = fields_get(h->fields, "sevenstep-error");
  const char *origin = fields_get(h->fields, "sevenstep-origin");
  const char *actor = origin && strcmp(origin, "connector") == 0 ? "connector" : "backend";
  if (h->status < 200) {
    clean(h->fields);
    /* With Kerberos it would be that of an application which has not proven itself. */
    if (h->status != 101 && x->app->sso != SSO_KCD) exchange_interim(x, h->status, h->fields);
    return;
  }
  x->deadline_ns = 0;
  if (error) {
    connector_failure(x, h, error);
    return;
  }
  if (x->app->sso == SSO_KCD) connector_has_credential(((struct dispatch *)x->data)->via, true);
  span_start(&x->respond, x->cloud->actor->tracer, 7, SPAN_INTERNAL, NULL, &x->ctx, true);
  span_str(&x->respond, "sevenstep.origin", actor);
  clean(h->fields);
  /* The application's challenge and its mutual token stay inside; other schemes are its own. */
  if (x->app->sso == SSO_KCD) rules_strip_negotiate(h->fields);
  enum err e = fields_set(h->fields, "Sevenstep-Actor", actor);
  if (!e) e = translate(x, switched ? 101 : h->status, h->fields);
  int64_t length = take_length(h->fields);
  if (e) {
    struct failure f;
    failure_set(&f, ERR_TOO_LARGE, "the response's head has no room for the proxy's own fields");
    dispatch_fail(x->data, &f);
    return;
  }
  struct dispatch *d = x->data;
  if (switched) {
    switch_protocols(x, h->fields);
  } else if (d->body) {
    d->head = h->fields;
    d->status = h->status;
  } else {
    exchange_begin(x, h->status, h->fields, length);
  }
}

/* What a call of the body's translation made, in memory that all of this thread's share. */
static struct buf *translated(void)
{
  static struct buf out;
  if (out.max == 0) buf_init(&out, 4 * 1024 * 1024);
  buf_reset(&out);
  return &out;
}

/* What was sent cannot be taken back: then the user sees that the rest is missing. */
static bool body_failure(struct exchange *x, struct failure *f)
{
  f->err = ERR_BODY_CODING;
  dispatch_fail(x->data, f);
  return false;
}

static void write_translated(struct exchange *x, const struct buf *out)
{
  struct dispatch *d = x->data;
  if (d->head) exchange_begin(x, d->status, d->head, -1);
  d->head = NULL;
  exchange_write(x, out->data, out->len);
}

bool step7_data(struct exchange *x, const uint8_t *data, size_t n)
{
  struct dispatch *d = x->data;
  struct failure f;
  if (d->websocket && !websocket_pass(d, WEBSOCKET_USER, data, &n)) return false;
  if (!d->body) {
    exchange_write(x, data, n);
    return true;
  }
  struct buf *out = translated();
  if (body_put(d->body, data, n, out, &f)) return body_failure(x, &f);
  write_translated(x, out);
  return true;
}

/* The last of a translated body. */
static bool end_body(struct exchange *x)
{
  struct dispatch *d = x->data;
  struct failure f;
  struct buf *out = translated();
  if (body_end(d->body, out, &f)) return body_failure(x, &f);
  write_translated(x, out);
  return true;
}

/* The stream closes by itself, once both sides have ended; if the request's body is still coming, nobody
 * wants it any more. */
void step7_let_go(struct dispatch *d)
{
  const struct exchange *x = d->x;
  if (x->request_done && (!x->wants_websocket || tunnel_stream_end(d->stream, NULL) == ERR_OK))
    tunnel_stream_detach(d->stream);
  else
    tunnel_stream_reset(d->stream, TUNNEL_CANCEL);
  dispatch_let_go(d);
}

void step7_end(struct exchange *x, const struct fields *trailers)
{
  struct dispatch *d = x->data;
  if (d->body) {
    if (!end_body(x)) return;
    trailers = NULL; /* they speak of other bytes */
  }
  if (!x->begun) { /* an end without a head: the stream's close tells */
    return;
  }
  if (d->websocket) {
    if (trailers && fields_get(trailers, CONTROL_LEAVING)) websocket_connector_leaves(d);
    websocket_close(d, d->websocket->user_ended ? "user" : "application");
    trailers = NULL; /* between cloud and connector */
  }
  if (d->stream) step7_let_go(d);
  if (trailers) trailers = cleaned(trailers); /* they may be the dispatch's */
  exchange_hold(x);
  dispatch_end(d);
  exchange_end(x, trailers);
  exchange_release(x);
}

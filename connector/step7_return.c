/* Step 7, the connector's part: the application's answer is checked (it must prove that it holds the service
 * key) and goes back into the tunnel, as fast as the other end takes it. */
#include "request.h"

#include "handshake.h"
#include "rules.h"

#include <string.h>
#include <strings.h>

/* -- the application's proof ----------------------------------------------------------------------------- */

static const char *negotiate_value(const struct fields *f, size_t *ret_n)
{
  for (size_t i = 0; i < fields_count(f); i++) {
    struct field field = fields_at(f, i);
    if (strcasecmp(field.name, "WWW-Authenticate") != 0 || strncasecmp(field.value, "Negotiate", 9) != 0)
      continue;
    *ret_n = field.value_len;
    return field.value;
  }
  return NULL;
}

/* A ticket from the cache may have outlived the application's key: once, a fresh one is tried instead. */
static bool try_fresh_ticket(struct request *r)
{
  if (!r->ticket_cached || r->has_body || r->ticket_renewed) return false;
  step4_forget_ticket(r);
  krb_ticket_unref(r->ticket);
  r->ticket = NULL;
  r->ticket_cached = false;
  r->ticket_renewed = true;
  origin_cancel(r->origin);
  r->origin = NULL;
  span_event(&r->present, 0, "sevenstep.retry",
             "the application refused the cached ticket; a fresh one is asked for");
  span_end(&r->present);
  step4_delegate(r);
  return true;
}

/* false: the request has been dealt with. */
static bool proven(struct request *r, struct http1_head *h)
{
  struct failure f = {0};
  size_t n = 0;
  const char *value = negotiate_value(&h->fields, &n);
  step6_trace_wire(r, value, n);
  if (h->status == 401) {
    if (try_fresh_ticket(r)) return false;
    step4_forget_ticket(r);
    failure_set(&f, r->ticket_renewed ? ERR_BACKEND_REFUSED_TWICE : ERR_BACKEND_REFUSED_TICKET,
                "%s answered 401 to the ticket for %s", r->app->internal_url.text, r->app->spn);
  } else if (!value && h->status >= 400) {
    failure_set(&f, ERR_BACKEND_REFUSED_EARLY, "%s answered %d without a proof that it took the ticket for %s",
                r->app->internal_url.text, h->status, r->app->spn);
  } else if (!value) {
    failure_set(&f, ERR_BACKEND_MUTUAL, "its answer (%d) carries no WWW-Authenticate: Negotiate", h->status);
  } else if (krb_initiator_finish(r->initiator, value, n, &f) == ERR_OK) {
    span_bool(&r->present, "krb.mutual", true);
    krb_initiator_free(r->initiator);
    r->initiator = NULL;
    rules_strip_negotiate(&h->fields);
    return true;
  }
  request_fail(r, &f);
  return false;
}

/* -- the answer ------------------------------------------------------------------------------------------ */

/* sevenstep-origin is for the connector's own answers, so that the application's need not say whose they are.
 * The tunnel's answer to an extended CONNECT that succeeded is 200 (RFC 8441 5); sevenstep-switched tells it
 * from the 200 of an application that did not switch. */
static enum err respond(struct request *r, struct http1_head *h)
{
  bool switched = h->status == 101;
  rules_strip_hop_by_hop(&h->fields);
  rules_strip_ours(&h->fields);
  enum err e = switched ? fields_add(&h->fields, "sevenstep-switched", "websocket") : ERR_OK;
  return e ? e : tunnel_respond(r->stream, switched ? 200 : h->status, &h->fields, false);
}

static void switch_protocols(struct request *r)
{
  struct failure f;
  origin_switch(r->origin);
  request_switch(r);
  span_end(&r->present); /* what follows has no end that a trace should wait for */
  if (request_pass_held(r) == ERR_OK) return;
  failure_set(&f, ERR_BACKEND_UNREACHABLE, "what the user sent could not be passed on");
  request_fail(r, &f);
}

/* A 101 that nobody asked for (HT-22), or that does not fit what was asked for (WS-03). */
static enum err check_switch(const struct request *r, const struct http1_head *h, struct failure *f)
{
  if (!r->websocket) return failure_set(f, ERR_BACKEND_PROTOCOL, "an unsolicited 101");
  return websocket_check_answer(fields_get(r->fields, "Sec-WebSocket-Key"), &h->fields, f);
}

static void on_head(void *owner, struct http1_head *h)
{
  struct request *r = owner;
  struct failure f;
  bool switched = h->status == 101, final = switched || h->status >= 200;
  request_keep_alive(r);
  if (switched && check_switch(r, h, &f)) {
    request_fail(r, &f);
    return;
  }
  if (!final && r->app->sso == SSO_KCD) { /* who says it shows with the answer itself whether it may */
    request_works(r);
    return;
  }
  if (r->app->sso == SSO_KCD && !proven(r, h)) return;
  if (respond(r, h)) {
    failure_set(&f, ERR_BACKEND_PROTOCOL, "its head does not fit into the tunnel");
    request_fail(r, &f);
    return;
  }
  if (final) {
    r->answered = true;
    span_int(&r->present, "http.response.status_code", h->status);
  }
  link_flush(r->link);
  if (switched) switch_protocols(r);
}

static void on_data(void *owner, const uint8_t *data, size_t n)
{
  struct request *r = owner;
  struct failure f;
  request_keep_alive(r);
  if (tunnel_stream_write(r->stream, data, n)) {
    failure_set(&f, ERR_TOO_LARGE, "the tunnel's queue is full");
    request_fail(r, &f);
    return;
  }
  if (tunnel_stream_congested(r->stream)) {
    origin_pause(r->origin, true);
    r->deadline_ns = 0; /* the user is slow, not the application */
  }
  link_flush(r->link);
}

static void on_end(void *owner, const struct fields *trailers)
{
  struct request *r = owner;
  r->origin = NULL;
  if (tunnel_stream_end(r->stream, trailers)) {
    tunnel_stream_reset(r->stream, TUNNEL_FAILED);
    link_flush(r->link);
    r->stream = NULL;
  }
  request_end(r);
}

static void on_drain(void *owner)
{
  struct request *r = owner;
  struct failure f;
  if (r->held.len == 0 || !r->origin || request_pass_held(r) == ERR_OK) return;
  failure_set(&f, ERR_BACKEND_UNREACHABLE, "the request's body could not be passed on");
  request_fail(r, &f);
}

static bool may_repeat(const struct request *r)
{
  static const char *const methods[] = {"GET", "HEAD", "OPTIONS"};
  if (r->has_body || r->answered || r->tries > 2) return false;
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
    if (strcmp(r->method, methods[i]) == 0) return true;
  return false;
}

static void on_fail(void *owner, const struct failure *f)
{
  struct request *r = owner;
  struct failure why = *f;
  r->origin = NULL;
  if (!r->answered) step6_trace_wire(r, NULL, 0);
  if (r->switched) { /* the application broke off: so does the user's connection (WS-07) */
    tunnel_stream_reset(r->stream, TUNNEL_CANCEL);
    link_flush(r->link);
    r->stream = NULL;
    request_end(r);
    return;
  }
  if (f->err == ERR_AGAIN && may_repeat(r)) { /* a stale pooled connection: a new one, a new authenticator */
    step6_present(r);
    return;
  }
  if (f->err == ERR_AGAIN) why.err = ERR_BACKEND_PROTOCOL;
  request_fail(r, &why);
}

const struct origin_events step7_origin_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_connection = step6_on_connection,
    .on_fail = on_fail,
};

void step7_resume(struct request *r)
{
  request_keep_alive(r);
  if (r->origin) origin_pause(r->origin, false);
}

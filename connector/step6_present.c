/* Step 6, the connector's part: the ticket goes to the application, with a fresh authenticator for each
 * request, ahead of any challenge (as the real connector does). The application's own part is the backend's
 * step6_verify.c. Over TLS the authenticator is bound to the connection's certificate, so that who gets it
 * cannot present it to another server (RFC 5929 4). */
#include "request.h"

#include "clock.h"
#include "encode.h"
#include "handshake.h"

#include <string.h>

static enum err host_field(const struct lab_app *app, struct fields *f)
{
  char host[300], port[TEXT_NUMBER_SIZE];
  const struct lab_url *url = app->translate_headers ? &app->internal_url : &app->external_url;
  bool standard = url->port == (strcmp(url->scheme, "https") == 0 ? 443 : 80);
  if (standard) return fields_set(f, "Host", url->host);
  enum err e = text_join(host, sizeof host, url->host, ":", text_number(url->port, port));
  return e ? e : fields_set(f, "Host", host);
}

/* Sec-WebSocket-* are the user's own, and pass as they are. By HTTP/2 there is no key (RFC 8441 5); then one
 * is made. */
static enum err websocket_fields(struct fields *f)
{
  char key[WEBSOCKET_KEY_LEN + 1];
  enum err e = fields_set(f, "Connection", "Upgrade");
  if (!e) e = fields_set(f, "Upgrade", "websocket");
  if (e || fields_get(f, "Sec-WebSocket-Key")) return e;
  e = websocket_new_key(key);
  return e ? e : fields_add(f, "Sec-WebSocket-Key", key);
}

/* False: there is nothing to bind to. */
static bool bind_to(struct request *r, struct origin *o, struct krb_binding *ret)
{
  uint8_t hash[TLS_END_POINT_MAX];
  size_t n;
  const struct tls *t = origin_tls(o);
  if (!t || tls_end_point(t, hash, &n) || krb_binding_make(hash, n, ret)) return false;
  span_str(&r->present, "krb.channel_binding", "tls-server-end-point");
  return true;
}

static enum err negotiate(struct request *r, struct origin *o, struct failure *f)
{
  struct buf value;
  struct krb_binding binding;
  bool bound = bind_to(r, o, &binding);
  buf_init(&value, 65536);
  krb_initiator_free(r->initiator);
  r->initiator = NULL;
  r->presented_ns = clock_wall_ns();
  enum err e = krb_initiator_new(r->ticket, bound ? &binding : NULL, &value, &r->initiator, f);
  if (!e) e = request_no_room(fields_set(r->fields, "Authorization", buf_str(&value)), "the ticket", f);
  buf_wipe(&value);
  return e;
}

/* Appends the bytes of a value of the scheme Negotiate. */
static enum err token_of(const char *value, size_t n, struct buf *out)
{
  static const char scheme[] = "Negotiate ";
  const size_t skip = sizeof scheme - 1;
  return n > skip ? base64_decode(out, value + skip, n - skip) : ERR_SYNTAX;
}

void step6_trace_wire(struct request *r, const char *answer, size_t n)
{
  const char *value = r->presented_ns ? fields_get(r->fields, "Authorization") : NULL;
  struct buf sent, received;
  if (r->app->sso != SSO_KCD || !r->present.ctx.sampled || !value) return;
  buf_init(&sent, SPAN_MESSAGE_MAX);
  buf_init(&received, SPAN_MESSAGE_MAX);
  struct span_exchange x = {.peer = r->app->internal_url.text,
                            .transport = "http",
                            .sent_ns = r->presented_ns,
                            .received_ns = clock_wall_ns()};
  enum err e = token_of(value, strlen(value), &sent);
  if (answer && token_of(answer, n, &received) == ERR_OK) x.received = received.data;
  x.sent = sent.data;
  x.sent_len = sent.len;
  x.received_len = received.len;
  if (!e) span_wire(&r->present, &x);
  buf_wipe(&sent);
  buf_clear(&received);
}

static enum err application_fields(struct request *r, struct failure *f)
{
  char parent[TRACEPARENT_LEN + 1];
  enum err e = host_field(r->app, r->fields);
  trace_ctx_format(&r->present.ctx, parent);
  if (!e) e = fields_set(r->fields, "traceparent", parent);
  if (!e && r->websocket) e = websocket_fields(r->fields);
  return request_no_room(e, "the connector's fields", f);
}

enum err step6_on_connection(void *request, struct origin *o, struct failure *f)
{
  struct request *r = request;
  return r->app->sso == SSO_KCD ? negotiate(r, o, f) : ERR_OK;
}

void step6_present(struct request *r)
{
  struct failure f = {0};
  /* A child of step 4 where there is one, else of the cloud's span. */
  const struct trace_ctx *parent = r->delegate.open ? &r->delegate.ctx : &r->ctx;
  if (!r->present.open) {
    span_start(&r->present, r->c->actor->tracer, 6, SPAN_CLIENT, "present", parent, false);
    span_str(&r->present, "url.full", r->app->internal_url.text);
    span_end(&r->delegate);
  }
  enum err e = application_fields(r, &f);
  bool chunked = r->has_body && !fields_get(r->fields, "Content-Length");
  if (!e && chunked)
    e = request_no_room(fields_set(r->fields, "Transfer-Encoding", "chunked"), "Transfer-Encoding", &f);
  if (!e) {
    r->tries++;
    request_keep_alive(r);
    e = origin_send(r->c->origins, r->app, r->upn, r->method, r->target, r->target_len, r->fields, chunked,
                    r->tries > 1, &step7_origin_events, r, &r->origin, &f);
  }
  if (!e && request_pass_held(r))
    e = failure_set(&f, ERR_BACKEND_UNREACHABLE, "the request's body could not be passed on");
  if (e) request_fail(r, &f);
}

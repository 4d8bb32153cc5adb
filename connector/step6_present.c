/* Step 6, the connector's part: the ticket goes to the application, with a fresh authenticator for each
 * request, ahead of any challenge (as the real connector does). The application's own part is the backend's
 * step6_verify.c. */
#include "request.h"

#include "handshake.h"

#include <string.h>

static enum err host_field(const struct lab_app *app, struct fields *f)
{
  char host[300];
  const struct lab_url *url = app->translate_headers ? &app->internal_url : &app->external_url;
  bool standard = url->port == (strcmp(url->scheme, "https") == 0 ? 443 : 80);
  if (standard)
    snprintf(host, sizeof host, "%s", url->host);
  else
    snprintf(host, sizeof host, "%s:%u", url->host, url->port);
  return fields_set(f, "Host", host);
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

static enum err negotiate(struct request *r, struct failure *f)
{
  struct buf value;
  buf_init(&value, 65536);
  krb_initiator_free(r->initiator);
  r->initiator = NULL;
  enum err e = krb_initiator_new(r->ticket, &value, &r->initiator, f);
  if (!e && fields_set(r->fields, "Authorization", buf_str(&value)))
    e = failure_set(f, ERR_TOO_LARGE, "the head has no room for the ticket");
  buf_wipe(&value);
  return e;
}

static enum err application_fields(struct request *r, struct failure *f)
{
  char parent[TRACEPARENT_LEN + 1];
  enum err e = host_field(r->app, r->fields);
  trace_ctx_format(&r->present.ctx, parent);
  if (!e) e = fields_set(r->fields, "traceparent", parent);
  if (!e && r->websocket) e = websocket_fields(r->fields);
  if (e) return failure_set(f, e, "the head has no room for the connector's fields");
  return r->app->sso == SSO_KCD ? negotiate(r, f) : ERR_OK;
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
  if (!e && chunked && fields_set(r->fields, "Transfer-Encoding", "chunked"))
    e = failure_set(&f, ERR_TOO_LARGE, "the head has no room");
  if (!e) {
    r->tries++;
    request_keep_alive(r);
    e = origin_send(r->c->origins, r->app, r->upn, r->method, r->target, r->target_len, r->fields, chunked,
                    r->tries > 1, &step7_origin_events, r, &r->origin);
    if (e) failure_set(&f, ERR_BACKEND_UNREACHABLE, "no connection to %s", r->app->internal_url.text);
  }
  if (!e && request_pass_held(r))
    e = failure_set(&f, ERR_BACKEND_UNREACHABLE, "the request's body could not be passed on");
  if (e) request_fail(r, &f);
}

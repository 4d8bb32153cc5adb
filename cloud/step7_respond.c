/* Step 7: the response travels back to the user, freed of what belongs to the inside: hop-by-hop fields, the
 * application's Negotiate, and cookies that would overwrite ours. A failure that the connector reports
 * becomes the page of that failure. */
#include "dispatch.h"

#include "rules.h"
#include "translate.h"

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
  dispatch_fail(x->data, &f);
}

static void clean(struct fields *f)
{
  rules_strip_hop_by_hop(f);
  rules_set_cookie_strip(f, COOKIE_PREFIX);
  fields_remove(f, "sevenstep-origin");
  fields_remove(f, "sevenstep-error");
  fields_remove(f, "sevenstep-why");
  fields_remove(f, "Sevenstep-Trace");
  fields_remove(f, "Sevenstep-Actor");
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

void step7_respond(struct exchange *x, const struct tunnel_head *h)
{
  const char *error = fields_get(h->fields, "sevenstep-error");
  const char *origin = fields_get(h->fields, "sevenstep-origin");
  char actor[16];
  if (h->status < 200) {
    clean(h->fields);
    if (h->status != 101) exchange_interim(x, h->status, h->fields);
    return;
  }
  x->deadline_ns = 0;
  if (error) {
    connector_failure(x, h, error);
    return;
  }
  span_start(&x->respond, x->cloud->actor->tracer, 7, SPAN_INTERNAL, NULL, &x->ctx, true);
  snprintf(actor, sizeof actor, "%s", origin && strcmp(origin, "connector") == 0 ? "connector" : "backend");
  span_str(&x->respond, "sevenstep.origin", actor);
  clean(h->fields);
  /* The application's challenge and its mutual token stay inside; other schemes are its own. */
  if (x->app->sso == SSO_KCD) rules_strip_negotiate(h->fields);
  int64_t length = take_length(h->fields);
  enum err e = fields_set(h->fields, "Sevenstep-Actor", actor);
  if (!e && x->app->translate_headers) e = translate_response(x->cloud->lab, x->app, h->fields);
  if (e) {
    struct failure f;
    failure_set(&f, ERR_TOO_LARGE, "the response's head has no room for the proxy's own fields");
    dispatch_fail(x->data, &f);
    return;
  }
  exchange_begin(x, h->status, h->fields, length);
}

void step7_end(struct exchange *x, const struct fields *trailers)
{
  struct dispatch *d = x->data;
  if (!x->begun) { /* an end without a head: the stream's close tells */
    return;
  }
  /* The stream closes by itself; if the request's body is still coming, nobody wants it any more. */
  if (d->stream) {
    if (x->request_done)
      tunnel_stream_detach(d->stream);
    else
      tunnel_stream_reset(d->stream, TUNNEL_CANCEL);
    d->stream = NULL;
  }
  exchange_hold(x);
  dispatch_end(d);
  exchange_end(x, trailers);
  exchange_release(x);
}

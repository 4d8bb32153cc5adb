#include "step6_verify.h"

#include "log.h"
#include "pages.h"

#include <string.h>
#include <strings.h>

static const char *own_host(const struct lab_app *app)
{
  return app->translate_headers ? app->internal_url.host : app->external_url.host;
}

/* The application that is asked for by this host: its internal URL's, or the external one's where Host is not
 * translated; before one whose "*" stands for it. A port in the field is the listener's business; so is a
 * guest's host. */
static const struct lab_app *app_of_host(const struct lab *lab, const char *host,
                                         struct lab_concrete *storage)
{
  char label[LAB_LABEL_MAX + 1], best_label[LAB_LABEL_MAX + 1] = "";
  size_t n = host ? strcspn(host, ":") : 0;
  const struct lab_app *best = NULL;
  for (size_t i = 0; n && i < lab->n_published; i++) {
    const struct lab_app *app = &lab->published[i];
    if (app->played_by == SEAT_GUEST || !lab_host_matches(own_host(app), host, n, label)) continue;
    if (!label[0]) return app;
    best = app;
    memcpy(best_label, label, sizeof label);
  }
  return best ? lab_app_for_label(best, best_label, storage) : NULL;
}

static bool needs_ticket(const struct visit *v)
{
  return !v->app || v->app->sso == SSO_KCD;
}

/* One keytab holds every application's key, as one program plays them all: so compare here what separate
 * programs could not confuse. */
static enum err check_target(const struct visit *v, const struct krb_accepted *who, struct failure *f)
{
  if (!v->app || !v->app->spn) return ERR_OK;
  size_t n = strlen(v->app->spn);
  if (strncmp(who->target, v->app->spn, n) == 0 && who->target[n] == '@') return ERR_OK;
  return failure_set(f, ERR_TICKET_INVALID, "the ticket is for %s, this application is %s", who->target,
                     v->app->spn);
}

static enum err verify(struct visit *v)
{
  const char *value = fields_get(v->request->fields, "Authorization");
  struct failure *f = &v->failure;
  if (!value) return failure_set(f, ERR_TICKET_REQUIRED, "the request has no Authorization field");
  struct krb_acceptor *acceptor = atomic_load(&v->backend->acceptor);
  if (!acceptor)
    return failure_set(f, ERR_TICKET_INVALID, "no application of the lab has a service principal");
  const struct backend *b = v->backend;
  const struct krb_channel *channel = !b->look_at_bindings ? NULL : v->request->tls ? &b->tls : &b->plain;
  enum err e = krb_accept(acceptor, channel, value, strlen(value), &v->reply, &v->who, f);
  return e ? e : check_target(v, &v->who, f);
}

static void trace_ticket(struct span *s, const struct krb_accepted *who)
{
  if (!s->ctx.sampled) return;
  span_str(s, "krb.client", who->client);
  span_str(s, "krb.server", who->target);
  if (who->delegated) span_str(s, "krb.delegated_by", who->delegated_by);
  span_str(s, "krb.mechanism", who->mechanism);
  span_str(s, "krb.context_flags", who->flags);
  span_bool(s, "krb.channel_bound", who->channel_bound);
  span_str(s, "krb.verified_by", who->known_ticket ? "session key of a known ticket" : "GSSAPI");
  span_str(s, "krb.ticket.flags", who->ticket_flags);
  span_str(s, "krb.ticket.enctype", who->enctype);
  span_int(s, "krb.ticket.kvno", who->kvno);
  span_int(s, "krb.ticket.auth_time", who->auth_time_s);
  span_int(s, "krb.ticket.start_time", who->start_time_s);
  span_int(s, "krb.ticket.end_time", who->end_time_s);
}

static void begin_span(struct visit *v)
{
  struct trace_ctx parent = {0};
  const struct httpd_request *q = v->request;
  const char *text = fields_get(q->fields, "traceparent");
  bool child = text && trace_ctx_parse(&parent, text, strlen(text)) == ERR_OK;
  span_start(&v->span, v->backend->tracer, 6, SPAN_SERVER, NULL, child ? &parent : NULL,
             !child && tracer_sample(v->backend->tracer));
  span_str(&v->span, "http.request.method", q->method);
  span_str(&v->span, "url.path", q->path);
  if (v->app) span_str(&v->span, "sevenstep.application", v->app->name);
}

enum err visit_begin(struct visit *v, struct backend *b, const struct httpd_request *request)
{
  *v = (struct visit){.backend = b, .request = request, .lab = lab_slot_get(&b->lab)};
  v->app = app_of_host(v->lab, fields_get(request->fields, "Host"), &v->concrete);
  buf_init(&v->reply, 16 * 1024);
  atomic_fetch_add_explicit(&b->requests, 1, memory_order_relaxed);
  begin_span(v);
  if (!needs_ticket(v)) return ERR_OK;
  enum err e = verify(v);
  if (e) {
    buf_reset(&v->reply);
    atomic_fetch_add_explicit(&b->unauthenticated, 1, memory_order_relaxed);
    return e;
  }
  v->authenticated = true;
  trace_ticket(&v->span, &v->who);
  return ERR_OK;
}

/* RFC 4559 4.1: the challenge is the bare scheme. A request without a ticket is the exchange's ordinary
 * beginning, and no failure to be logged. */
static enum err answer_refusal(struct visit *v, const char *trace_id)
{
  enum err e = page_failure(v->response, &v->failure, trace_id);
  if (v->response->status == 401 && !e) e = fields_set(&v->response->fields, "WWW-Authenticate", "Negotiate");
  if (v->failure.err != ERR_TICKET_REQUIRED) log_failure(LOG_WARN, trace_id, &v->failure);
  span_fail(&v->span, &v->failure);
  return e;
}

void visit_end(struct visit *v, struct httpd_response *r)
{
  char trace_id[33];
  enum err e = ERR_OK;
  v->response = r;
  trace_id_format(&v->span.ctx, trace_id);
  if (v->failure.err) e = answer_refusal(v, trace_id);
  if (!e && v->reply.len) e = fields_set(&r->fields, "WWW-Authenticate", buf_str(&v->reply));
  if (!e) e = fields_set(&r->fields, "Sevenstep-Actor", "backend");
  if (!e) e = fields_set(&r->fields, "Sevenstep-Trace", trace_id);
  if (!e) e = fields_set(&r->fields, "Cache-Control", "no-store");
  if (e) r->status = 500;
  span_int(&v->span, "http.response.status_code", r->status);
  span_end(&v->span);
  buf_clear(&v->reply);
  krb_accepted_clear(&v->who);
  lab_free(v->lab);
}

void visit_abandon(struct visit *v)
{
  struct failure f;
  failure_set(&f, ERR_CLOSED, "the client left in the middle of its upload");
  span_fail(&v->span, &f);
  span_end(&v->span);
  buf_clear(&v->reply);
  krb_accepted_clear(&v->who);
  lab_free(v->lab);
}

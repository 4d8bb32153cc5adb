#include "visit.h"

#include "log.h"

#include <string.h>
#include <strings.h>

void visit_begin(struct visit *v, const struct httpd_request *q, struct httpd_response *r, int step,
                 const char *name, const struct trace_ctx *parent)
{
  struct trace_ctx from_field = {0};
  *v = (struct visit){.idp = q->arg, .q = q, .r = r};
  if (!parent || !trace_ctx_valid(parent)) {
    const char *text = fields_get(q->fields, "traceparent");
    if (text && !trace_ctx_parse(&from_field, text, strlen(text))) parent = &from_field;
  }
  span_start(&v->span, v->idp->tracer, step, SPAN_SERVER, name, parent, true);
  span_str(&v->span, "http.request.method", q->method);
  span_str(&v->span, "url.path", q->path);
}

void visit_end(struct visit *v)
{
  char id[33];
  trace_id_format(&v->span.ctx, id);
  /* Without room for them the answer goes without them. */
  enum err e = fields_set(&v->r->fields, "Sevenstep-Trace", id);
  if (!e) e = fields_set(&v->r->fields, "Sevenstep-Actor", "idp");
  (void)e;
  span_int(&v->span, "http.response.status_code", v->r->status);
  span_end(&v->span);
}

void visit_fail(struct visit *v, const struct failure *f)
{
  char id[33];
  trace_id_format(&v->span.ctx, id);
  log_failure(err_info(f->err)->http_status >= 500 ? LOG_ERROR : LOG_WARN, id, f);
  span_fail(&v->span, f);
  enum err e = fields_set(&v->r->fields, "Sevenstep-Error", err_info(f->err)->name);
  (void)e;
}

void visit_failed(struct visit *v, enum err e)
{
  struct failure f;
  if (!e) return;
  failure_set(&f, e, "the answer could not be made");
  visit_fail(v, &f);
  if (httpd_text(v->r, 500, "text/plain; charset=utf-8", "The answer could not be made.\n"))
    v->r->status = 500;
}

static bool is_form(const char *content_type)
{
  static const char form[] = "application/x-www-form-urlencoded";
  size_t n = sizeof form - 1;
  return content_type && !strncasecmp(content_type, form, n) &&
         (!content_type[n] || strchr("; \t", content_type[n]));
}

enum err visit_form(const struct httpd_request *q, const char **ret_text, size_t *ret_n, struct failure *f)
{
  if (strcmp(q->method, "POST") != 0) {
    *ret_text = q->query;
    *ret_n = strlen(q->query);
    return ERR_OK;
  }
  if (!is_form(fields_get(q->fields, "content-type")))
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "the body is not application/x-www-form-urlencoded");
  *ret_text = q->body ? (const char *)q->body : "";
  *ret_n = q->body_len;
  return ERR_OK;
}

enum err visit_json(struct httpd_response *r, int status, const char *json)
{
  enum err e = httpd_text(r, status, "application/json", json);
  if (!e) e = fields_set(&r->fields, "Cache-Control", "no-store");
  if (!e) e = fields_set(&r->fields, "X-Content-Type-Options", "nosniff");
  return e;
}

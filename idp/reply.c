#include "reply.h"

#include "form.h"
#include "pages.h"

#include <stdio.h>
#include <string.h>

enum { PARAMS_MAX = 8, PARAMS_BYTES = 65536, URL_MAX = 32768 };

const char *oauth_error_code(enum err e)
{
  switch (e) {
  case ERR_OIDC_INVALID_REQUEST:
  case ERR_OIDC_UNSUPPORTED_RESPONSE_TYPE:
  case ERR_OIDC_INVALID_SCOPE:
  case ERR_OIDC_LOGIN_REQUIRED:
  case ERR_OIDC_INVALID_CLIENT:
  case ERR_OIDC_INVALID_GRANT:
  case ERR_OIDC_UNSUPPORTED_GRANT_TYPE:
  case ERR_OIDC_REQUEST_NOT_SUPPORTED:
  case ERR_OIDC_REQUEST_URI_NOT_SUPPORTED:
    return err_info(e)->name; /* err.def names these as the standards do */
  case ERR_LOGON_USER_UNASSIGNED:
  case ERR_LOGON_USER_DISABLED:
    return "access_denied";
  default:
    return "server_error";
  }
}

void oauth_error_description(const struct failure *f, char *out, size_t size)
{
  const char *what = err_info(f->err)->what;
  snprintf(out, size, "%s%s%s", what, *f->why ? " " : "", f->why);
  for (char *c = out; *c; c++)
    if (*c < 0x20 || *c > 0x7e || *c == '"' || *c == '\\') *c = '\'';
}

static enum err redirect(struct visit *v, const struct authorize *a, const struct fields *params)
{
  struct buf url, fragment;
  struct buf *to = a->mode == MODE_FRAGMENT ? &fragment : &url;
  buf_init(&url, URL_MAX);
  buf_init(&fragment, URL_MAX);
  enum err e = buf_puts(&url, a->redirect_uri);
  for (size_t i = 0; !e && i < fields_count(params); i++) {
    struct field one = fields_at(params, i);
    e = form_add(to, one.name, one.value);
  }
  if (!e && fragment.len) e = buf_printf(&url, "#%s", buf_str(&fragment));
  /* 303: the browser must not carry the logon form's body along (RFC 9700 4.12). */
  if (!e) e = httpd_redirect(v->r, 303, buf_str(&url));
  if (!e) e = fields_set(&v->r->fields, "Cache-Control", "no-store");
  if (!e) e = fields_set(&v->r->fields, "Referrer-Policy", "no-referrer");
  buf_wipe(&url);
  buf_wipe(&fragment);
  return e;
}

static enum err send_params(struct visit *v, const struct authorize *a, struct fields *params)
{
  enum err e = a->state ? fields_add(params, "state", a->state) : ERR_OK;
  if (!e) e = fields_add(params, "iss", v->idp->lab->idp.issuer.text); /* RFC 9207 2 */
  if (e) return e;
  if (a->mode != MODE_FORM_POST) return redirect(v, a, params);
  return page_form_post(v->r, a->redirect_uri, a->client.title, params);
}

enum err reply_success(struct visit *v, const struct authorize *a, const char *name, const char *value)
{
  struct fields params;
  fields_init(&params, PARAMS_MAX, PARAMS_BYTES);
  enum err e = fields_add(&params, name, value);
  if (!e) e = send_params(v, a, &params);
  fields_clear(&params);
  return e;
}

enum err reply_error(struct visit *v, const struct authorize *a, const struct failure *f)
{
  char description[512];
  struct fields params;
  if (!a->redirectable) return reply_page(v, f, NULL);
  visit_fail(v, f);
  oauth_error_description(f, description, sizeof description);
  fields_init(&params, PARAMS_MAX, PARAMS_BYTES);
  enum err e = fields_add(&params, "error", oauth_error_code(f->err));
  if (!e) e = fields_add(&params, "error_description", description);
  if (!e) e = send_params(v, a, &params);
  fields_clear(&params);
  return e;
}

enum err reply_page(struct visit *v, const struct failure *f, const char *again)
{
  char id[33];
  trace_id_format(&v->span.ctx, id);
  visit_fail(v, f);
  return page_failure(v->r, f, id, again);
}

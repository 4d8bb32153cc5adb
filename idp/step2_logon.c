/* Step 2: the user proves who it is, and a token goes to the application's proxy. Two requests play it:
 * /authorize, where the proxy sends the user and where a logon of before is enough, and /logon, where the
 * form comes back. Both end in give(). */
#include "clock.h"
#include "form.h"
#include "forms.h"
#include "grant.h"
#include "lockout.h"
#include "pages.h"
#include "params.h"
#include "reply.h"
#include "token.h"

#include <stdio.h>
#include <string.h>

enum { FORM_TEXT_MAX = 40000, TOKEN_TEXT_MAX = 16384 };

static enum err show_logon(struct visit *v, const struct authorize *a, const char *request, const char *user,
                           const struct failure *failure)
{
  char proof[FORM_PROOF_MAX];
  enum err e = form_prove(v->idp, v->q->fields, &v->r->fields, request, proof);
  if (!e) e = page_logon(v->r, a->client.title, user, request, proof, failure);
  if (failure) {
    visit_fail(v, failure);
    return e;
  }
  /* The step is taken when the user comes back; until then only the page is worth telling. */
  int64_t began_ns = v->span.start_mono_ns;
  span_drop(&v->span);
  span_start(&v->span, v->idp->tracer, 0, SPAN_SERVER, "logon page", &a->trace, true);
  v->span.start_mono_ns = began_ns;
  span_str(&v->span, "sevenstep.application", a->client.id);
  return e;
}

/* The same request, but asking for another user: NULL when it says already what to ask. */
static const char *another_user(const struct authorize *a, const char *request, struct buf *url)
{
  if (a->prompt_none || a->prompt_login || fields_get(&a->params, "prompt")) return NULL;
  return buf_printf(url, "/authorize?%s&prompt=login", request) ? NULL : buf_str(url);
}

/* What concerns the person is told to the person; to the client only when no page may be shown (OpenID
 * Connect Core 3.1.2.1). */
static enum err refuse_user(struct visit *v, const struct authorize *a, const char *request,
                            const struct failure *f)
{
  struct buf url;
  idp_count(v->idp, COUNT_LOGON_REFUSED);
  if (a->prompt_none) return reply_error(v, a, f);
  buf_init(&url, FORM_TEXT_MAX);
  enum err e = reply_page(v, f, another_user(a, request, &url));
  buf_clear(&url);
  return e;
}

static void tell_claims(struct visit *v, const char *token)
{
  struct buf claims;
  buf_init(&claims, TOKEN_TEXT_MAX);
  if (!token_peek_payload(token, strlen(token), &claims))
    span_str(&v->span, "token.claims", buf_str(&claims));
  buf_clear(&claims);
}

static enum err give_id_token(struct visit *v, const struct authorize *a, const struct grant *g)
{
  struct failure f;
  struct buf token;
  buf_init(&token, TOKEN_TEXT_MAX);
  enum err e = grant_id_token(v->idp, g, NULL, &token, &f);
  if (e) {
    e = reply_error(v, a, &f);
  } else {
    tell_claims(v, buf_str(&token));
    e = reply_success(v, a, "id_token", buf_str(&token));
  }
  buf_wipe(&token);
  return e;
}

static enum err give_code(struct visit *v, const struct authorize *a, const struct grant *g)
{
  char code[IDP_SECRET_TEXT + 1];
  struct failure f;
  enum err e = grant_put_code(v->idp, g, code);
  if (!e) return reply_success(v, a, "code", code);
  failure_set(&f, e, "the code could not be stored");
  return reply_error(v, a, &f);
}

/* The user is known: may it have what was asked for, then here it is. */
static enum err give(struct visit *v, const struct authorize *a, const struct session *s, const char *request)
{
  struct failure f;
  const struct lab_user *u = s->user;
  span_str(&v->span, "sevenstep.user", u->name);
  if (u->upn) span_str(&v->span, "sevenstep.upn", u->upn);
  if (a->client.app && a->client.app->spn) span_str(&v->span, "sevenstep.spn", a->client.app->spn);
  span_str(&v->span, "sevenstep.flow", a->type == TYPE_CODE ? "code" : "id_token");
  if (!u->enabled) {
    failure_set(&f, ERR_LOGON_USER_DISABLED, "user %s", u->name);
    return refuse_user(v, a, request, &f);
  }
  if (!lab_user_is_active(u, clock_wall_s())) {
    failure_set(&f, ERR_LOGON_USER_EXPIRED, "user %s", u->name);
    return refuse_user(v, a, request, &f);
  }
  if (!client_assigned(v->idp->lab, &a->client, u)) {
    failure_set(&f, ERR_LOGON_USER_UNASSIGNED, "user %s, application %s", u->name, a->client.id);
    return refuse_user(v, a, request, &f);
  }
  if (a->resource && !lab_user_assigned(v->idp->lab, a->resource, u)) {
    failure_set(&f, ERR_LOGON_USER_UNASSIGNED, "user %s, application %s", u->name, a->resource->name);
    return refuse_user(v, a, request, &f);
  }
  struct grant g = {
      .client = a->client,
      .user = u,
      .auth_time_s = s->auth_time_s,
      .mark = s->mark,
      .redirect_uri = a->redirect_uri,
      .nonce = a->nonce,
      .code_challenge = a->code_challenge,
      .profile = a->profile,
      .resource = a->resource,
      .trace = v->span.ctx,
  };
  return a->type == TYPE_CODE ? give_code(v, a, &g) : give_id_token(v, a, &g);
}

/* Is the logon of before good enough for this request? */
static bool fresh(const struct authorize *a, const struct session *s)
{
  return !a->prompt_login && (a->max_age_s < 0 || clock_wall_s() - s->auth_time_s < a->max_age_s);
}

static enum err authorize(struct visit *v, const struct authorize *a, const char *request)
{
  struct session s;
  struct failure f;
  enum err e = session_get(v->idp, v->q->fields, &s);
  if (!e && fresh(a, &s)) return give(v, a, &s, request);
  if (e && e != ERR_NOT_FOUND) {
    failure_set(&f, e, "the store of sessions");
    return reply_error(v, a, &f);
  }
  if (!a->prompt_none) return show_logon(v, a, request, a->login_hint ? a->login_hint : "", NULL);
  failure_set(&f, ERR_OIDC_LOGIN_REQUIRED, "prompt=none");
  return reply_error(v, a, &f);
}

void step2_authorize(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct authorize a = {0};
  struct failure f;
  struct buf request;
  const char *text = "";
  size_t n = 0;
  buf_init(&request, FORM_TEXT_MAX);
  enum err e = visit_form(q, &text, &n, &f);
  if (!e) e = authorize_parse(((struct idp *)q->arg)->lab, text, n, &a, &f);
  visit_begin(&v, q, r, 2, NULL, &a.trace);
  if (a.client.id) span_str(&v.span, "sevenstep.application", a.client.id);
  if (e)
    e = reply_error(&v, &a, &f);
  else if (!(e = buf_append(&request, text, n)))
    e = authorize(&v, &a, buf_str(&request));
  visit_failed(&v, e);
  visit_end(&v);
  buf_clear(&request);
  authorize_clear(&a);
}

/* -- the form comes back -- */

struct logon_form {
  struct fields params;
  const char *request, *csrf, *username, *password; /* never NULL */
};

static const char *or_empty(const char *text)
{
  return text ? text : "";
}

static enum err read_form(const struct httpd_request *q, struct logon_form *l, struct failure *f)
{
  const char *text;
  size_t n;
  fields_init(&l->params, 8, FORM_TEXT_MAX);
  l->request = l->csrf = l->username = l->password = "";
  enum err e = visit_form(q, &text, &n, f);
  if (e) return e;
  if (form_parse(&l->params, text, n)) return failure_set(f, ERR_OIDC_INVALID_REQUEST, "not the logon form");
  if (!(e = params_get(&l->params, "request", &l->request, f)) &&
      !(e = params_get(&l->params, "csrf", &l->csrf, f)) &&
      !(e = params_get(&l->params, "username", &l->username, f)))
    e = params_get(&l->params, "password", &l->password, f);
  l->request = or_empty(l->request);
  l->csrf = or_empty(l->csrf);
  l->username = or_empty(l->username);
  l->password = or_empty(l->password);
  return e;
}

/* The user of this name and password, and his mark; counts. ERR_LOGON_WRONG_PASSWORD, ERR_LOGON_LOCKED_OUT.
 */
static enum err check_password(struct visit *v, const struct logon_form *l, const struct lab_user **ret,
                               char mark[static REVOCATION_MARK_LEN + 1], struct failure *f)
{
  struct idp *i = v->idp;
  char seconds[24];
  int64_t left, count;
  const struct lab_user *u = lab_user_by_upn(i->lab, l->username);
  if (!u) u = lab_user_by_name(i->lab, l->username);
  enum err e = lockout_check(i->store, u, l->username, &left, f);
  if (e == ERR_LOGON_LOCKED_OUT) {
    idp_count(i, COUNT_LOGON_REFUSED);
    snprintf(seconds, sizeof seconds, "%lld", (long long)left);
    if (fields_set(&v->r->fields, "Retry-After", seconds)) return ERR_NOMEM;
  }
  if (e) return e;
  if (u && (e = revocation_mark(i, u->name, mark))) return failure_set(f, e, "the store of revocations");
  if (passwords_check(i->passwords, u, l->password)) {
    *ret = u;
    e = lockout_succeeded(i->store, u);
    return e ? failure_set(f, e, "the counter of failed logons") : ERR_OK;
  }
  idp_count(i, COUNT_LOGON_WRONG_PASSWORD);
  e = lockout_failed(i->store, u, l->username, &count);
  if (e) return failure_set(f, e, "the counter of failed logons");
  if (u) span_str(&v->span, "sevenstep.user", u->name);
  return failure_set(f, ERR_LOGON_WRONG_PASSWORD, "attempt %lld of %d", (long long)count, LOCKOUT_FAILURES);
}

static enum err sign_in(struct visit *v, const struct authorize *a, const struct logon_form *l)
{
  const struct lab_user *u = NULL;
  struct session s;
  char mark[REVOCATION_MARK_LEN + 1];
  struct failure f;
  enum err e = form_check(v->idp, v->q->fields, l->request, l->csrf, &f);
  if (e) {
    idp_count(v->idp, COUNT_LOGON_REFUSED);
    return reply_page(v, &f, NULL);
  }
  e = check_password(v, l, &u, mark, &f);
  if (e == ERR_LOGON_WRONG_PASSWORD || e == ERR_LOGON_LOCKED_OUT)
    return show_logon(v, a, l->request, l->username, &f);
  if (e) return reply_page(v, &f, NULL);
  if (lab_user_is_active(u, clock_wall_s())) {
    e = session_begin(v->idp, v->q->fields, u, mark, &v->r->fields, &s);
    if (e) return e;
    idp_count(v->idp, COUNT_LOGON_OK);
  } else {
    s = (struct session){.user = u}; /* give() refuses it */
  }
  return give(v, a, &s, l->request);
}

void step2_logon(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct authorize a = {0};
  struct logon_form l;
  struct failure f;
  enum err e = read_form(q, &l, &f);
  /* Judged again: what comes back is only proven to be what was shown once the form is checked. */
  if (!e) e = authorize_parse(((struct idp *)q->arg)->lab, l.request, strlen(l.request), &a, &f);
  visit_begin(&v, q, r, 2, NULL, &a.trace);
  if (a.client.id) span_str(&v.span, "sevenstep.application", a.client.id);
  e = e ? reply_page(&v, &f, NULL) : sign_in(&v, &a, &l);
  visit_failed(&v, e);
  visit_end(&v);
  fields_clear(&l.params);
  authorize_clear(&a);
}

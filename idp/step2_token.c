/* The end of step 2 in the code flow: the proxy exchanges the authorization code, which went through the
 * user, for the tokens, which do not (RFC 6749 4.1.3, OpenID Connect Core 3.1.3). */
#include "client_auth.h"
#include "clock.h"
#include "encode.h"
#include "grant.h"
#include "params.h"
#include "reply.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_TEXT_MAX = 16384 };

/* The grant of this request's code, if all that it was bound to fits. */
static enum err redeem(struct idp *i, const struct fields *params, const struct client *c, const char *jti,
                       struct grant *g, struct failure *f)
{
  const char *code, *uri, *verifier;
  enum err e = params_get(params, "code", &code, f);
  if (!e) e = params_get(params, "redirect_uri", &uri, f);
  if (!e) e = params_get(params, "code_verifier", &verifier, f);
  if (e) return e;
  if (!code) return failure_set(f, ERR_OIDC_INVALID_REQUEST, "code is missing");
  if (!uri) return failure_set(f, ERR_OIDC_INVALID_REQUEST, "redirect_uri is missing");
  if ((e = grant_take_code(i, code, jti, g, f))) return e;
  if (strcmp(g->client.id, c->id) != 0)
    e = failure_set(f, ERR_OIDC_INVALID_GRANT, "the code was issued to another client");
  else if (strcmp(g->redirect_uri, uri) != 0)
    e = failure_set(f, ERR_OIDC_INVALID_GRANT, "redirect_uri is not the one of the authorization request");
  else if (!verifier || !pkce_matches(verifier, g->code_challenge))
    e = failure_set(f, ERR_OIDC_INVALID_GRANT, "code_verifier is missing, or not the challenge's");
  else if (!lab_user_is_active(g->user, clock_wall_s()))
    e = failure_set(f, ERR_OIDC_INVALID_GRANT, "the user is disabled or has expired");
  if (e) grant_clear(g);
  return e;
}

static enum err answer_error(struct visit *v, const struct failure *f)
{
  char description[512];
  enum err e = ERR_OK;
  int status = err_info(f->err)->http_status;
  visit_fail(v, f);
  idp_count(v->idp, COUNT_TOKEN_REFUSED);
  oauth_error_description(f, description, sizeof description);
  json_t *body = json_pack("{s:s,s:s}", "error", oauth_error_code(f->err), "error_description", description);
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  /* RFC 6749 5.2 */
  if (f->err == ERR_OIDC_INVALID_CLIENT)
    e = fields_set(&v->r->fields, "WWW-Authenticate", "Basic realm=\"token endpoint\", charset=\"UTF-8\"");
  if (!e) e = text ? visit_json(v->r, status ? status : 500, text) : ERR_NOMEM;
  free(text);
  json_decref(body);
  return e;
}

static enum err answer_tokens(struct visit *v, const struct grant *g, const char *access, const char *id)
{
  struct buf scope;
  buf_init(&scope, 256);
  enum err e = authorize_scope(g->profile, g->resource, &scope);
  json_t *body =
      json_pack("{s:s,s:s,s:i,s:s,s:s}", "access_token", access, "token_type", "Bearer", "expires_in",
                (int)v->idp->lab->idp.token_lifetime_s, "id_token", id, "scope", buf_str(&scope));
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  if (!e) e = text ? visit_json(v->r, 200, text) : ERR_NOMEM;
  buf_clear(&scope);
  if (text) explicit_bzero(text, strlen(text));
  free(text);
  json_decref(body);
  return e;
}

/* ERR_OK with tokens answered; else *f says why not, unless the answer itself could not be made. */
static enum err issue(struct visit *v, const struct grant *g, const char *jti, struct failure *f)
{
  struct buf access, id;
  buf_init(&access, TOKEN_TEXT_MAX);
  buf_init(&id, TOKEN_TEXT_MAX);
  enum err e = grant_access_token(v->idp, g, jti, &access, f);
  if (!e) e = grant_id_token(v->idp, g, buf_str(&access), &id, f);
  if (!e && (e = answer_tokens(v, g, buf_str(&access), buf_str(&id))))
    failure_set(f, e, "the answer could not be made");
  buf_wipe(&access);
  buf_wipe(&id);
  return e;
}

static enum err exchange(struct visit *v, const struct fields *params, struct failure *f)
{
  char jti[IDP_SECRET_TEXT + 1];
  const char *type;
  struct client c;
  struct grant g;
  enum err e = params_refuse_repeated(params, f);
  if (!e) e = client_authenticate(v->idp->lab, v->q->fields, params, &c, f);
  if (e) return e;
  span_str(&v->span, "sevenstep.application", c.id);
  if ((e = params_get(params, "grant_type", &type, f))) return e;
  if (!type) return failure_set(f, ERR_OIDC_INVALID_REQUEST, "grant_type is missing");
  if (strcmp(type, "authorization_code") != 0)
    return failure_set(f, ERR_OIDC_UNSUPPORTED_GRANT_TYPE, "grant_type \"%.60s\"", type);
  idp_random_text(jti);
  if ((e = redeem(v->idp, params, &c, jti, &g, f))) return e;
  span_str(&v->span, "sevenstep.user", g.user->name);
  e = issue(v, &g, jti, f);
  grant_clear(&g);
  return e;
}

void step2_token(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct fields params = {0};
  struct failure f;
  const char *text;
  size_t n;
  visit_begin(&v, q, r, 0, "token", NULL);
  enum err e = visit_form(q, &text, &n, &f);
  if (!e) e = params_parse(&params, text, n, &f);
  if (!e) e = exchange(&v, &params, &f);
  if (e) visit_failed(&v, answer_error(&v, &f));
  visit_end(&v);
  fields_clear(&params);
}

/* UserInfo (OpenID Connect Core 5.3): what an access token of ours says about its user, for scopes granted
 * (5.4). The token comes in the Authorization field alone (RFC 6750 2.1). */
#include "authorize.h"
#include "clock.h"
#include "grant.h"
#include "reply.h"
#include "revocation.h"
#include "token.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum err verify(struct idp *i, const char *token, struct token_claims *c, struct failure *f)
{
  struct jwks *keys = NULL;
  struct failure why = {0};
  struct buf set;
  struct token_expect x = {
      .kind = TOKEN_ACCESS,
      .issuer = i->lab->idp.issuer.text,
      .audience = i->lab->idp.issuer.text,
      .now_s = clock_wall_s(),
  };
  buf_init(&set, 65536);
  enum err e = token_keys_jwks(i->keys, &set);
  if (!e) e = jwks_parse(buf_str(&set), set.len, &keys, &why);
  if (!e) e = token_verify(keys, token, strlen(token), &x, c, &why);
  jwks_free(keys);
  buf_clear(&set);
  /* The verifier's own names speak of the proxy, in step 3. */
  return e ? failure_set(f, ERR_OIDC_INVALID_TOKEN, "%s, %s", err_info(e)->name, why.why) : ERR_OK;
}

static enum err read_user(struct idp *i, const char *token, struct token_claims *c,
                          const struct lab_user **ret, struct failure *f)
{
  enum err e = verify(i, token, c, f);
  if (e) return e;
  const struct lab_user *u = lab_user_by_name(i->lab, c->subject);
  if (!u || !lab_user_is_active(u, clock_wall_s()))
    return failure_set(f, ERR_OIDC_INVALID_TOKEN, "its user is no more, disabled or expired");
  if (grant_revoked(i, c->jti) || revocation_covers(i, u->name, c->issued_s))
    return failure_set(f, ERR_OIDC_INVALID_TOKEN, "it was revoked");
  *ret = u;
  return ERR_OK;
}

/* RFC 6750 3: who brought no token learns only that one is needed. */
static enum err answer_error(struct visit *v, const struct failure *f, bool token_missing)
{
  char description[512], challenge[700];
  visit_fail(v, f);
  oauth_error_description(f, description, sizeof description);
  if (token_missing)
    snprintf(challenge, sizeof challenge, "Bearer realm=\"userinfo\"");
  else
    snprintf(challenge, sizeof challenge,
             "Bearer realm=\"userinfo\", error=\"invalid_token\", error_description=\"%s\"", description);
  enum err e = fields_set(&v->r->fields, "WWW-Authenticate", challenge);
  return e ? e : visit_json(v->r, 401, token_missing ? "{}" : "{\"error\":\"invalid_token\"}");
}

static enum err answer_claims(struct visit *v, const struct token_claims *c, const struct lab_user *u)
{
  json_t *body = json_pack("{s:s}", "sub", c->subject);
  bool bad = !body;
  if (!bad && u->upn) bad = json_object_set_new(body, "upn", json_string(u->upn));
  if (!bad && strstr(c->scope, "profile")) {
    bad = json_object_set_new(body, "name", json_string(u->display_name)) ||
          json_object_set_new(body, "preferred_username", json_string(u->upn ? u->upn : u->name));
  }
  char *text = bad ? NULL : json_dumps(body, JSON_COMPACT);
  enum err e = text ? visit_json(v->r, 200, text) : ERR_NOMEM;
  free(text);
  json_decref(body);
  return e;
}

void userinfo(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct token_claims c;
  struct failure f;
  const struct lab_user *u = NULL;
  const char *value = fields_get(q->fields, "authorization");
  bool missing =
      !value || strncasecmp(value, "Bearer ", 7) != 0 || fields_count_of(q->fields, "authorization") != 1;
  visit_begin(&v, q, r, 0, "userinfo", NULL);
  enum err e = missing ? failure_set(&f, ERR_OIDC_INVALID_TOKEN, "none in the Authorization field")
                       : read_user(v.idp, value + 7, &c, &u, &f);
  visit_failed(&v, e ? answer_error(&v, &f, missing) : answer_claims(&v, &c, u));
  visit_end(&v);
}

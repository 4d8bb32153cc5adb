#include "grant.h"

#include "clock.h"
#include "form.h"
#include "revocation.h"
#include "token.h"
#include "token_issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_MAX = 32768, SCOPE_MAX = 256 };

static const char CODE[] = "code", USED[] = "code-used", REVOKED[] = "token-revoked";

/* As optional claims are configured there: only where the application's mode reads them. */
static void add_login_identity(const struct lab_app *app, const struct lab_user *user, struct token_issue *t)
{
  if (!app) return;
  switch (app->login) {
  case LOGIN_ON_PREMISES_UPN:
  case LOGIN_ON_PREMISES_UPN_USERNAME:
    t->on_premises_upn = user->on_premises_upn;
    break;
  case LOGIN_SAM_ACCOUNT_NAME:
    t->sam_account_name = user->sam_account_name;
    break;
  default:
    break;
  }
}

enum { GROUPS_MAX = 150 };

/* The user's groups, for an application that is told them: all, or beyond 150 none, as Azure AD does. list
 * has room for GROUPS_MAX. */
static size_t groups_of(const struct lab *lab, const struct lab_app *app, const struct lab_user *u,
                        const char **list)
{
  size_t n = 0;
  for (size_t i = 0; app && lab_app_tells(app, CLAIM_GROUPS) && i < lab->n_groups; i++) {
    const struct lab_group *g = &lab->groups[i];
    for (size_t k = 0; k < g->members.n; k++) {
      if (strcmp(g->members.v[k], u->name) != 0) continue;
      if (n == GROUPS_MAX) return 0;
      list[n++] = g->name;
      break;
    }
  }
  return n;
}

static struct token_issue common(const struct idp *i, const struct grant *g, const char *jti)
{
  int64_t now = clock_wall_s();
  return (struct token_issue){
      .issuer = i->lab->idp.issuer.text,
      .subject = g->user->name,
      .client_id = g->client.id,
      .jti = jti,
      .upn = g->user->upn,
      .spn = g->client.app ? g->client.app->spn : NULL,
      .issued_s = now,
      .expires_s = now + i->lab->idp.token_lifetime_s,
      .auth_time_s = g->auth_time_s,
  };
}

enum err grant_id_token(struct idp *i, const struct grant *g, const char *access_token, struct buf *out,
                        struct failure *f)
{
  char jti[IDP_SECRET_TEXT + 1];
  idp_random_text(jti);
  const char *groups[GROUPS_MAX];
  struct token_issue t = common(i, g, jti);
  add_login_identity(g->client.app, g->user, &t);
  t.groups = groups;
  t.n_groups = groups_of(i->lab, g->client.app, g->user, groups);
  t.nonce = g->nonce;
  t.access_token = access_token;
  if (g->profile) {
    t.name = g->user->display_name;
    t.preferred_username = g->user->upn ? g->user->upn : g->user->name;
  }
  enum err e = token_issue_id(i->keys, &t, out, f);
  if (!e) idp_count(i, COUNT_ID_TOKEN);
  return e;
}

enum err grant_access_token(struct idp *i, const struct grant *g, const char *jti, struct buf *out,
                            struct failure *f)
{
  const char *groups[GROUPS_MAX];
  struct token_issue t = common(i, g, jti);
  t.groups = groups;
  t.n_groups = groups_of(i->lab, g->resource, g->user, groups);
  struct buf scope;
  buf_init(&scope, SCOPE_MAX);
  enum err e = ERR_OK;
  if (g->resource) {
    t.audiences[0] = g->resource->name;
    t.spn = g->resource->spn;
    add_login_identity(g->resource, g->user, &t);
    t.name = g->user->display_name;
    t.scope = TOKEN_SCOPE_USER;
  } else {
    t.audiences[0] = t.client_id;
    t.audiences[1] = t.issuer;
    if (!(e = authorize_scope(g->profile, NULL, &scope))) t.scope = buf_str(&scope);
  }
  e = e ? failure_set(f, e, "the scope") : token_issue_access(i->keys, &t, out, f);
  buf_clear(&scope);
  if (!e) idp_count(i, COUNT_ACCESS_TOKEN);
  return e;
}

static enum err add(struct buf *out, const char *name, const char *value)
{
  return value ? form_add(out, name, value) : ERR_OK;
}

enum err grant_put_code(struct idp *i, const struct grant *g, char ret_code[static IDP_SECRET_TEXT + 1])
{
  char code[IDP_SECRET_TEXT + 1], time[32], trace[TRACEPARENT_LEN + 1];
  struct buf record;
  buf_init(&record, RECORD_MAX);
  idp_random_text(code);
  snprintf(time, sizeof time, "%lld", (long long)g->auth_time_s);
  trace_ctx_format(&g->trace, trace);
  enum err e = form_add(&record, "client", g->client.id);
  if (!e) e = form_add(&record, "user", g->user->name);
  if (!e) e = form_add(&record, "auth_time", time);
  if (!e) e = form_add(&record, "mark", g->mark);
  if (!e) e = form_add(&record, "trace", trace);
  if (!e) e = add(&record, "redirect_uri", g->redirect_uri);
  if (!e) e = add(&record, "nonce", g->nonce);
  if (!e) e = add(&record, "challenge", g->code_challenge);
  if (!e) e = add(&record, "profile", g->profile ? "1" : NULL);
  if (!e) e = add(&record, "resource", g->resource ? g->resource->name : NULL);
  if (!e) e = store_put(i->store, CODE, code, record.data, record.len, IDP_CODE_S);
  buf_wipe(&record);
  if (e) return e;
  memcpy(ret_code, code, sizeof code);
  idp_count(i, COUNT_CODE);
  return ERR_OK;
}

static const char *value_of(const struct grant *g, const char *name)
{
  const char *value;
  return form_get(&g->params, name, &value) ? NULL : value;
}

/* What we wrote ourselves; but the lab file may have changed in between. */
static bool read_record(const struct idp *i, const struct buf *record, struct grant *g)
{
  *g = (struct grant){0};
  fields_init(&g->params, 16, RECORD_MAX);
  if (form_parse(&g->params, buf_str(record), record->len)) return false;
  const char *client = value_of(g, "client"), *user = value_of(g, "user"), *time = value_of(g, "auth_time"),
             *trace = value_of(g, "trace"), *resource = value_of(g, "resource");
  if (!client || !user || !time || !trace || !client_find(i->lab, client, &g->client)) return false;
  g->user = lab_user_by_name(i->lab, user);
  g->auth_time_s = strtoll(time, NULL, 10);
  g->mark = value_of(g, "mark");
  g->redirect_uri = value_of(g, "redirect_uri");
  g->nonce = value_of(g, "nonce");
  g->code_challenge = value_of(g, "challenge");
  g->profile = value_of(g, "profile") != NULL;
  g->resource = resource ? lab_app_by_name(i->lab, resource) : NULL;
  if (resource && !g->resource) return false;
  return g->user && g->mark && g->redirect_uri && g->code_challenge &&
         !trace_ctx_parse(&g->trace, trace, strlen(trace));
}

/* The code is gone: never there, too old, or used. In the last case somebody has a copy of it. */
static enum err refuse_code(struct idp *i, const char *code, struct failure *f)
{
  struct buf jti;
  buf_init(&jti, 256);
  enum err e = store_get(i->store, USED, code, &jti);
  if (e == ERR_NOT_FOUND)
    e = failure_set(f, ERR_OIDC_INVALID_GRANT, "the code is unknown, or older than %d s", IDP_CODE_S);
  else if (e || (e = store_put(i->store, REVOKED, buf_str(&jti), "", 0, i->lab->idp.token_lifetime_s)))
    failure_set(f, e, "an access token could not be revoked");
  else
    e = failure_set(f, ERR_OIDC_INVALID_GRANT,
                    "the code was used before; the access token issued for it is revoked");
  buf_clear(&jti);
  return e;
}

enum err grant_take_code(struct idp *i, const char *code, const char *jti, struct grant *ret,
                         struct failure *f)
{
  struct buf record;
  struct grant g;
  buf_init(&record, RECORD_MAX);
  enum err e = store_take(i->store, CODE, code, &record);
  if (e == ERR_NOT_FOUND) {
    e = refuse_code(i, code, f);
  } else if (e || (e = store_put(i->store, USED, code, jti, strlen(jti), i->lab->idp.token_lifetime_s))) {
    failure_set(f, e, "the store of codes");
  } else {
    if (!read_record(i, &record, &g))
      e = failure_set(f, ERR_OIDC_INVALID_GRANT, "the code's user or client is no more");
    else if (revocation_check(i, g.user->name, g.mark))
      e = failure_set(f, ERR_OIDC_INVALID_GRANT, "all that its user was issued before was revoked");
    if (e)
      grant_clear(&g);
    else
      *ret = g;
  }
  buf_wipe(&record);
  return e;
}

void grant_clear(struct grant *g)
{
  fields_clear(&g->params);
}

bool grant_revoked(struct idp *i, const char *jti)
{
  return store_get(i->store, REVOKED, jti, NULL) != ERR_NOT_FOUND;
}

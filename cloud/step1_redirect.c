/* Step 1: a user without a session opens a published application and is sent to the logon page. What the
 * callback of step 3 will need (state, nonce, PKCE verifier, where the user wanted to go) is sealed into a
 * cookie. */
#include "exchange.h"

#include "clock.h"
#include "encode.h"
#include "form.h"
#include "oidc.h"

#include <openssl/sha.h>
#include <string.h>

static enum err add_challenge(struct buf *url, const char *verifier)
{
  uint8_t digest[SHA256_DIGEST_LENGTH];
  struct buf challenge;
  buf_init(&challenge, 64);
  SHA256((const uint8_t *)verifier, strlen(verifier), digest);
  enum err e = base64url_encode(&challenge, digest, sizeof digest); /* RFC 7636 4.2 */
  if (!e) e = form_add(url, "code_challenge", buf_str(&challenge));
  if (!e) e = form_add(url, "code_challenge_method", "S256");
  buf_clear(&challenge);
  return e;
}

static enum err authorization_url(struct buf *url, const struct exchange *x, const struct logon *l)
{
  const struct lab_app *app = x->app;
  enum err e = buf_puts(url, oidc_authorization_endpoint(x->cloud->oidc));
  if (!e) e = form_add(url, "response_type", app->flow == FLOW_CODE ? "code" : "id_token");
  if (!e && app->flow == FLOW_ID_TOKEN) e = form_add(url, "response_mode", "form_post");
  if (!e) e = form_add(url, "client_id", app->name);
  if (!e) e = form_add(url, "redirect_uri", app->callback_uri);
  if (!e) e = form_add(url, "scope", "openid profile");
  if (!e) e = form_add(url, "state", l->state);
  if (!e) e = form_add(url, "nonce", l->nonce);
  if (!e && app->flow == FLOW_CODE) e = add_challenge(url, l->verifier);
  return e;
}

/* A page that asks for many things at once begins many logons; their cookies must not drive their own user
 * over the limit of a head. Beyond LOGONS_MAX those that are there are given up. */
static enum err forget_old_logons(struct exchange *x, struct fields *f)
{
  enum { LOGONS_MAX = 8, NAME = sizeof COOKIE_LOGON - 1 + 8 };
  char names[32][NAME + 1];
  size_t n = 0;
  for (size_t i = 0; i < fields_count(&x->head->fields); i++) {
    struct field field = fields_at(&x->head->fields, i);
    if (!http_name_is(field.name, field.name_len, "Cookie")) continue;
    for (const char *at = field.value; (at = strstr(at, COOKIE_LOGON)) && n < 32; at += NAME) {
      if (strlen(at) < NAME || !http_is_token(at, NAME)) break;
      memcpy(names[n], at, NAME);
      names[n++][NAME] = 0;
    }
  }
  enum err e = ERR_OK;
  for (size_t i = 0; n >= LOGONS_MAX && i < n && !e; i++)
    e = cookie_set(f, names[i], "", 0, "None");
  return e;
}

enum err logon_cookie_set(struct exchange *x, struct fields *f, const struct logon *l, const char *same_site)
{
  char name[64];
  struct buf value;
  buf_init(&value, 8192);
  enum err e = forget_old_logons(x, f);
  if (!e) e = logon_cookie_name(l->state, name);
  if (!e) e = logon_seal(x->cloud->seal, x->app, x->host, l, &value);
  if (!e) e = cookie_set(f, name, buf_str(&value), LOGON_LIFETIME_S, same_site);
  buf_clear(&value);
  return e;
}

void step1_redirect(struct exchange *x)
{
  struct logon l;
  struct fields f;
  struct buf url;
  struct failure why = {0};
  span_start(&x->step, x->cloud->actor->tracer, 1, SPAN_SERVER, NULL, &x->ctx, true);
  x->ctx = x->step.ctx;
  span_str(&x->step, "sevenstep.application", x->app->name);
  exchange_trace_request(x);
  if (strcmp(x->head->method, "GET") != 0 && strcmp(x->head->method, "HEAD") != 0) {
    failure_set(&why, ERR_SESSION_REQUIRED, "%s without a session", x->head->method);
    exchange_fail(x, &why);
    return;
  }
  if (!oidc_authorization_endpoint(x->cloud->oidc)) {
    failure_set(&why, ERR_IDP_UNREACHABLE, "its metadata have not been read yet");
    exchange_fail(x, &why);
    return;
  }
  buf_init(&url, 8192);
  fields_init(&f, 48, 16384);
  enum err e = logon_begin(&l, &x->ctx, x->app->flow == FLOW_CODE, buf_str(&x->head->target),
                           x->head->target.len, clock_wall_s());
  if (!e) e = authorization_url(&url, x, &l);
  /* The answer comes back as a form posted from the provider's site: only SameSite=None cookies travel with
   * that. */
  if (!e) e = logon_cookie_set(x, &f, &l, x->app->flow == FLOW_CODE ? "Lax" : "None");
  if (e) {
    failure_set(&why, e == ERR_TOO_LARGE ? ERR_HTTP_URI_TOO_LONG : e,
                "the URL to come back to after logon is too long");
    exchange_fail(x, &why);
  } else {
    atomic_fetch_add_explicit(&x->cloud->counters.redirects, 1, memory_order_relaxed);
    span_strn(&x->step, "sevenstep.location", buf_str(&url), strcspn(buf_str(&url), "?"));
    span_int(&x->step, "http.response.status_code", 302);
    exchange_redirect(x, 302, buf_str(&url), &f);
  }
  explicit_bzero(&l, sizeof l);
  buf_clear(&url);
  fields_clear(&f);
}

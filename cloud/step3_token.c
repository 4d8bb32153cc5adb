/* Step 3, first half: the user's browser delivers the token (or the code for it) to the callback. It is
 * believed only when state, nonce, signature, issuer, audience, times, UPN and SPN are all right; then a
 * session begins. */
#include "exchange.h"

#include "clock.h"
#include "encode.h"
#include "form.h"
#include "oidc.h"
#include "once.h"
#include "publish.h"
#include "rules.h"
#include "token.h"

#include <stdlib.h>
#include <string.h>

#define FORM_MAX 65536

/* A callback in progress; lives over the jobs on workers that it needs. */
struct callback {
  struct exchange *x;
  struct buf form; /* the posted body */
  struct logon logon;
  char logon_cookie[64];
  char *id_token;
  struct token_claims claims;
  bool refreshed; /* the keys were fetched again for this token */
};

static void callback_free(struct callback *c)
{
  struct exchange *x = c->x;
  buf_wipe(&c->form);
  explicit_bzero(&c->logon, sizeof c->logon);
  if (c->id_token) explicit_bzero(c->id_token, strlen(c->id_token));
  free(c->id_token);
  free(c);
  exchange_release(x);
}

static void refuse(struct callback *c, const struct failure *f)
{
  atomic_fetch_add_explicit(&c->x->cloud->counters.tokens_refused, 1, memory_order_relaxed);
  exchange_fail(c->x, f);
  callback_free(c);
}

/* -- the session
 * ---------------------------------------------------------------------------------------------------- */

static enum err session_cookie(struct callback *c, struct fields *f)
{
  struct exchange *x = c->x;
  struct session s;
  struct buf value;
  session_of_claims(&s, x->app, &c->claims);
  s.issued_s = once_session_begins_s(x->cloud->once, s.upn);
  s.expires_s = s.issued_s + x->lab->cloud.session_lifetime_s;
  random_bytes(s.id, sizeof s.id); /* new at every logon (CK-03) */
  buf_init(&value, 8192);
  enum err e = session_seal(x->cloud->seal, x->app, x->host, &s, &value);
  if (!e) e = session_cookie_set(f, x->app, buf_str(&value), x->lab->cloud.session_lifetime_s);
  buf_clear(&value);
  return e;
}

static void accept_logon(struct callback *c)
{
  struct exchange *x = c->x;
  struct fields f;
  struct buf location;
  char parent[TRACEPARENT_LEN + 1];
  fields_init(&f, 16, 16384);
  buf_init(&location, 4096);
  trace_ctx_format(&x->ctx, parent);
  enum err e = session_cookie(c, &f);
  if (!e) e = cookie_set(&f, c->logon_cookie, "", 0, x->app->flow == FLOW_CODE ? "Lax" : "None");
  if (!e) e = cookie_set(&f, COOKIE_TRACE, parent, 30, "Lax"); /* the next request belongs to this trace */
  /* Our own host, then the path we sealed ourselves: never anywhere else (RP-09). */
  const char *path = c->logon.return_to;
  const char *own = x->app->callback_uri;
  if (!e) e = buf_printf(&location, "%.*s%s", (int)lab_origin_len(own), own, path[0] == '/' ? path : "/");
  if (e) {
    exchange_abort(x);
  } else {
    atomic_fetch_add_explicit(&x->cloud->counters.tokens_accepted, 1, memory_order_relaxed);
    exchange_redirect(x, 303, buf_str(&location), &f);
  }
  fields_clear(&f);
  buf_clear(&location);
  callback_free(c);
}

/* -- the token
 * ------------------------------------------------------------------------------------------------------ */

static void nonce_checked(void *arg, enum err e)
{
  struct callback *c = arg;
  struct failure f;
  if (!e) {
    accept_logon(c);
    return;
  }
  if (e == ERR_EXISTS)
    failure_set(&f, ERR_TOKEN_NONCE, "this token was delivered before");
  else
    failure_set(&f, e, "the used nonce could not be stored");
  refuse(c, &f);
}

void step3_trace_token(struct exchange *x, const char *token, const struct token_claims *c)
{
  struct buf payload;
  if (!x->step.ctx.sampled) return;
  buf_init(&payload, TOKEN_MAX);
  if (token_peek_payload(token, strlen(token), &payload) == ERR_OK)
    span_strn(&x->step, "token.claims", buf_str(&payload), payload.len);
  span_str(&x->step, "token.kid", c->kid);
  span_str(&x->step, "token.alg", "RS256");
  buf_clear(&payload);
}

static void trace_claims(struct callback *c)
{
  struct exchange *x = c->x;
  step3_trace_token(x, c->id_token, &c->claims);
  span_str(&x->step, "sevenstep.upn", c->claims.upn);
  span_str(&x->step, "sevenstep.spn", c->claims.spn);
  span_str(&x->step, "sevenstep.session", "new");
}

static void verify(struct callback *c);

static void keys_fetched(void *arg, bool fetched)
{
  struct callback *c = arg;
  (void)fetched; /* the second verification tells what is wrong either way */
  verify(c);
}

static void verify(struct callback *c)
{
  struct exchange *x = c->x;
  struct failure f = {0};
  struct token_expect expect = {
      .issuer = x->lab->idp.issuer.text,
      .audience = x->app->name,
      .nonce = c->logon.nonce,
      .spn = x->app->spn,
      .upn_suffix = x->lab->upn_suffix,
      .now_s = clock_wall_s(),
  };
  oidc_expect_login(x->cloud->lab, x->app, &expect);
  enum err e =
      oidc_keys(x->cloud->oidc)
          ? token_verify(oidc_keys(x->cloud->oidc), c->id_token, strlen(c->id_token), &expect, &c->claims, &f)
          : failure_set(&f, ERR_IDP_UNREACHABLE, "its keys have not been read yet");
  if (e == ERR_TOKEN_UNKNOWN_KEY && !c->refreshed) {
    c->refreshed = true;
    oidc_refresh(x->cloud->oidc, keys_fetched, c);
    return;
  }
  if (!e && once_token_ended(x->cloud->once, &c->claims))
    e = failure_set(&f, ERR_TOKEN_REVOKED, "user %s", c->claims.upn);
  if (e) {
    refuse(c, &f);
    return;
  }
  trace_claims(c);
  once_use_nonce(x->cloud->once, c->logon.nonce, LOGON_LIFETIME_S + 60, nonce_checked, c);
}

static void code_exchanged(void *arg, const char *id_token, const struct failure *f)
{
  struct callback *c = arg;
  if (!id_token) {
    refuse(c, f);
  } else if (!(c->id_token = strdup(id_token))) {
    struct failure nomem;
    failure_set(&nomem, ERR_NOMEM, "no memory");
    refuse(c, &nomem);
  } else {
    verify(c);
  }
}

/* -- the response's parameters
 * ---------------------------------------------------------------------------------------- */

static enum err read_logon(struct callback *c, const char *state, struct failure *f)
{
  struct exchange *x = c->x;
  const char *value;
  size_t n;
  enum err e = logon_cookie_name(state, c->logon_cookie);
  if (e) return failure_set(f, e, "the state is not one of ours");
  e = rules_cookie_get(&x->head->fields, c->logon_cookie, &value, &n);
  if (e) return failure_set(f, ERR_STATE_MISMATCH, "this browser has no cookie of that logon");
  e = logon_open(x->cloud->seal, x->app, x->host, value, n, state, clock_wall_s(), &c->logon);
  if (e)
    return failure_set(f, e, "the cookie of that logon is not valid, or more than %d s old",
                       LOGON_LIFETIME_S);
  return ERR_OK;
}

/* The trace goes on where step 1 began it, also when the answer turns out to be bad. */
static void join_trace(struct callback *c, const char *state)
{
  struct exchange *x = c->x;
  struct trace_ctx parent = {0};
  if (trace_ctx_parse(&parent, state, strnlen(state, TRACEPARENT_LEN))) parent = (struct trace_ctx){0};
  span_start(&x->step, x->cloud->actor->tracer, 3, SPAN_SERVER, "validate", &parent, true);
  x->ctx = x->step.ctx;
  span_str(&x->step, "sevenstep.application", x->app->name);
}

static enum err check_issuer(struct callback *c, const struct fields *list, struct failure *f)
{
  struct exchange *x = c->x;
  const char *iss;
  enum err e = form_get(list, "iss", &iss);
  if (e == ERR_NOT_FOUND && !oidc_iss_parameter_supported(x->cloud->oidc)) return ERR_OK;
  if (e || strcmp(iss, x->lab->idp.issuer.text) != 0) /* RFC 9207 2.4 */
    return failure_set(f, ERR_TOKEN_ISSUER, "the response's iss is %s",
                       e ? "missing or repeated" : "another issuer's");
  return ERR_OK;
}

/* An error response of RFC 6749 4.1.2.1. */
static enum err check_error(const struct fields *list, struct failure *f)
{
  const char *error, *text;
  if (form_get(list, "error", &error) == ERR_NOT_FOUND) return ERR_OK;
  if (form_get(list, "error", &error)) return failure_set(f, ERR_SYNTAX, "error is repeated");
  if (form_get(list, "error_description", &text)) text = "";
  return failure_set(f, ERR_AUTHORIZATION_DENIED, "%.60s %.200s", error, text);
}

/* Hands the token or the code on; on success c belongs to what follows. */
static enum err take_answer(struct callback *c, const struct fields *list, struct failure *f)
{
  struct exchange *x = c->x;
  const char *value;
  bool code = x->app->flow == FLOW_CODE;
  if (form_get(list, code ? "code" : "id_token", &value))
    return failure_set(f, ERR_TOKEN_MISSING, "%s is absent or repeated", code ? "code" : "id_token");
  if (code) {
    enum err e = oidc_exchange(x->cloud->oidc, x->app, value, c->logon.verifier, x->app->callback_uri,
                               &x->ctx, code_exchanged, c);
    if (e == ERR_CODES_WAITING) return failure_set(f, e, "%d of them wait already", OIDC_CODES_WAITING);
    return e ? failure_set(f, e, "the code could not be exchanged") : ERR_OK;
  }
  c->id_token = strdup(value);
  if (!c->id_token) return failure_set(f, ERR_NOMEM, "no memory");
  verify(c);
  return ERR_OK;
}

static void process(struct callback *c, const char *text, size_t n)
{
  struct fields list;
  struct failure f = {0};
  const char *state = "";
  fields_init(&list, 32, FORM_MAX);
  enum err e = form_parse(&list, text, n);
  if (e)
    failure_set(&f, ERR_SYNTAX, "the parameters are malformed");
  else if ((e = form_get(&list, "state", &state))) {
    state = "";
    failure_set(&f, ERR_STATE_MISMATCH, "state is absent or repeated");
  }
  join_trace(c, state);
  if (!e) e = read_logon(c, state, &f);
  if (!e) e = check_issuer(c, &list, &f);
  if (!e) e = check_error(&list, &f);
  if (!e) e = take_answer(c, &list, &f);
  if (e) refuse(c, &f);
  fields_clear(&list);
}

static void on_body(struct exchange *x, const uint8_t *data, size_t n)
{
  struct callback *c = x->data;
  struct failure f;
  if (buf_append(&c->form, data, n) == ERR_OK) return;
  x->ops = NULL;
  join_trace(c, "");
  failure_set(&f, ERR_TOO_LARGE, "the posted form is over %d bytes", FORM_MAX);
  refuse(c, &f);
}

static void on_body_end(struct exchange *x, const struct fields *trailers)
{
  (void)trailers;
  struct callback *c = x->data;
  x->ops = NULL; /* from here the jobs hold the exchange */
  process(c, buf_str(&c->form), c->form.len);
}

static void on_gone(struct exchange *x)
{
  callback_free(x->data);
}

static const struct exchange_ops form_ops = {
    .on_body = on_body, .on_body_end = on_body_end, .on_gone = on_gone};

static void wrong_method(struct exchange *x, const char *want)
{
  struct failure f;
  span_start(&x->step, x->cloud->actor->tracer, 3, SPAN_SERVER, "validate", &x->ctx, true);
  x->ctx = x->step.ctx;
  failure_set(&f, ERR_TOKEN_MISSING, "the callback of this application is used with %s", want);
  exchange_fail(x, &f);
}

void step3_token(struct exchange *x)
{
  const char *want = x->app->flow == FLOW_CODE ? "GET" : "POST";
  struct callback *c = strcmp(x->head->method, want) == 0 ? calloc(1, sizeof *c) : NULL;
  if (!c) {
    wrong_method(x, want);
    return;
  }
  c->x = x;
  buf_init(&c->form, FORM_MAX);
  exchange_hold(x);
  if (x->app->flow == FLOW_CODE) {
    const char *query = strchr(buf_str(&x->head->target), '?');
    process(c, query ? query + 1 : "", query ? strlen(query + 1) : 0);
    return;
  }
  x->data = c;
  x->ops = &form_ops;
  exchange_continue(x);
}

/* Step 3 for API clients: an access token in the Authorization field stands in for logon and session (RFC
 * 6750 2.1). It is verified on every request, for nothing is remembered of it; what follows is the same as
 * with a session.
 *
 * A token that names a key we do not know yet waits until the keys have been fetched again, and with it what
 * has come of the request's body. */
#include "exchange.h"

#include "clock.h"
#include "oidc.h"
#include "once.h"
#include "token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HELD_MAX (256 * 1024) /* more than what is read before a pause takes effect */

struct waiting {
  struct exchange *x;
  struct buf held;
  bool complete, over; /* over: answered, or the user has left */
};

/* The token of this request; NULL: the Authorization field is absent, or of another scheme. */
static const char *token_of(const struct exchange *x)
{
  const char *value = fields_get(&x->head->fields, "Authorization");
  if (!value || strncasecmp(value, "Bearer ", 7) != 0) return NULL;
  return value + 7 + strspn(value + 7, " ");
}

static bool in_query(const struct exchange *x)
{
  static const char name[] = "access_token=";
  for (const char *at = strchr(buf_str(&x->head->target), '?'); at; at = strchr(at + 1, '&'))
    if (strncmp(at + 1, name, sizeof name - 1) == 0) return true;
  return false;
}

/* Would its sender know what to do with a logon page? */
static bool wants_page(const struct exchange *x)
{
  const struct fields *f = &x->head->fields;
  const char *method = x->head->method, *mode = fields_get(f, "Sec-Fetch-Mode"),
             *accept = fields_get(f, "Accept");
  if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) return false;
  if (mode && strcmp(mode, "navigate") != 0) return false;
  if (fields_has_token(f, "X-Requested-With", "XMLHttpRequest")) return false;
  return !accept || strstr(accept, "text/html") || strstr(accept, "*/*");
}

bool bearer_decides(const struct exchange *x)
{
  if (!x->app->bearer_access) return false;
  return token_of(x) || (!x->session.upn[0] && (in_query(x) || !wants_page(x)));
}

enum err bearer_challenge(const struct exchange *x, const struct failure *f, struct fields *fields)
{
  char text[1024];
  const char *code = f->err == ERR_BEARER_INVALID    ? "invalid_token"
                     : f->err == ERR_TOKEN_SCOPE     ? "insufficient_scope"
                     : f->err == ERR_BEARER_IN_QUERY ? "invalid_request"
                                                     : NULL;
  const char *logon = oidc_authorization_endpoint(x->cloud->oidc);
  if (!code && f->err != ERR_BEARER_MISSING) return ERR_OK;
  int n = snprintf(text, sizeof text, "Bearer realm=\"%s\", authorization_uri=\"%s\", scope=\"%s/%s\"%s%s%s",
                   x->app->name, logon ? logon : "", x->app->name, TOKEN_SCOPE_USER, code ? ", error=\"" : "",
                   code ? code : "", code ? "\"" : "");
  if (n < 0 || (size_t)n >= sizeof text) return ERR_TOO_LARGE;
  return fields_set(fields, "WWW-Authenticate", text);
}

static void refuse(struct exchange *x, const struct failure *f)
{
  atomic_fetch_add_explicit(&x->cloud->counters.tokens_refused, 1, memory_order_relaxed);
  span_str(&x->step, "sevenstep.application", x->app->name);
  exchange_trace_request(x);
  exchange_fail(x, f);
}

static enum err verify(const struct exchange *x, const char *token, struct token_claims *c, struct failure *f)
{
  const struct jwks *keys = oidc_keys(x->cloud->oidc);
  struct token_expect expect = {
      .kind = TOKEN_ACCESS,
      .issuer = x->lab->idp.issuer.text,
      .audience = x->app->name,
      .spn = x->app->spn,
      .upn_suffix = x->lab->upn_suffix,
      .scope = TOKEN_SCOPE_USER,
      .now_s = clock_wall_s(),
  };
  if (!keys) return failure_set(f, ERR_IDP_UNREACHABLE, "its keys have not been read yet");
  oidc_expect_login(x->cloud->lab, x->app, &expect);
  return token_verify(keys, token, strlen(token), &expect, c, f);
}

/* What the client can mend by another token is invalid_token to it; the rest keeps its own name. */
static void name_for_client(struct failure *f)
{
  struct failure why = *f;
  if (f->err == ERR_IDP_UNREACHABLE || f->err == ERR_TOKEN_SCOPE || f->err == ERR_TOKEN_NO_UPN) return;
  failure_set(f, ERR_BEARER_INVALID, "%s: %s", err_info(why.err)->name, why.why);
}

static void take_claims(struct exchange *x, const char *token, const struct token_claims *c)
{
  session_of_claims(&x->session, x->app, c);
  x->session.issued_s = c->issued_s;
  x->session.expires_s = c->expires_s + TOKEN_SKEW_S; /* until then it is valid */
  x->by_token = true;
  atomic_fetch_add_explicit(&x->cloud->counters.tokens_accepted, 1, memory_order_relaxed);
  step3_trace_token(x, token, c);
}

/* Goes on to the connector, or refuses. */
static void settle(struct exchange *x, enum err e, struct token_claims *c, struct failure *f)
{
  if (e) {
    name_for_client(f);
    refuse(x, f);
    return;
  }
  take_claims(x, token_of(x), c);
  if (once_user_ended(x->cloud->once, &x->session)) {
    failure_set(f, ERR_BEARER_INVALID, "all that %s was issued before has been revoked", c->upn);
    refuse(x, f);
    return;
  }
  if (session_may_use(x->lab, x->app, &x->session, clock_wall_s())) {
    step3_dispatch(x);
    return;
  }
  failure_set(f, ERR_BEARER_INVALID, "%s is not active, or not assigned to the application any more", c->upn);
  refuse(x, f);
}

/* -- waiting for keys
 * ------------------------------------------------------------------------------------------------- */

static void on_body(struct exchange *x, const uint8_t *data, size_t n)
{
  struct waiting *w = x->data;
  struct failure f;
  if (buf_append(&w->held, data, n) == ERR_OK) return;
  x->ops = NULL;
  w->over = true;
  failure_set(&f, ERR_TOO_LARGE, "too much came while the token was being verified");
  refuse(x, &f);
}

static void on_body_end(struct exchange *x, const struct fields *trailers)
{
  (void)trailers;
  ((struct waiting *)x->data)->complete = true;
}

static void on_gone(struct exchange *x)
{
  ((struct waiting *)x->data)->over = true;
}

static const struct exchange_ops waiting_ops = {
    .on_body = on_body, .on_body_end = on_body_end, .on_gone = on_gone};

/* Not, once it is answered: then another request may be in its place, whose body this is not. */
static bool is_with_a_step(const struct exchange *x, uint64_t number)
{
  return x->number == number && x->ops;
}

static void pass_on(struct waiting *w)
{
  struct exchange *x = w->x;
  struct token_claims c;
  struct failure f = {0};
  const uint64_t number = x->number;
  x->ops = NULL;
  x->data = NULL;
  exchange_pause(x, false);
  enum err e = verify(x, token_of(x), &c, &f);
  settle(x, e, &c, &f);
  if (w->held.len && is_with_a_step(x, number)) x->ops->on_body(x, w->held.data, w->held.len);
  if (w->complete && is_with_a_step(x, number)) x->ops->on_body_end(x, NULL);
}

static void keys_fetched(void *arg, bool fetched)
{
  struct waiting *w = arg;
  struct exchange *x = w->x;
  (void)fetched; /* the second verification tells what is wrong either way */
  if (!w->over) pass_on(w);
  buf_wipe(&w->held);
  free(w);
  exchange_release(x);
}

static void wait_for_keys(struct exchange *x)
{
  struct failure f;
  struct waiting *w = calloc(1, sizeof *w);
  if (!w) {
    failure_set(&f, ERR_NOMEM, "no memory");
    refuse(x, &f);
    return;
  }
  w->x = x;
  buf_init(&w->held, HELD_MAX);
  exchange_hold(x);
  exchange_pause(x, true);
  x->data = w;
  x->ops = &waiting_ops;
  oidc_refresh(x->cloud->oidc, keys_fetched, w);
}

void step3_bearer(struct exchange *x)
{
  struct token_claims c;
  struct failure f = {0};
  const char *token = token_of(x);
  if (!token) {
    if (in_query(x))
      failure_set(&f, ERR_BEARER_IN_QUERY, "access_token in the query");
    else
      failure_set(&f, ERR_BEARER_MISSING, "neither a session nor Authorization: Bearer");
    refuse(x, &f);
    return;
  }
  enum err e = verify(x, token, &c, &f);
  if (e == ERR_TOKEN_UNKNOWN_KEY)
    wait_for_keys(x);
  else
    settle(x, e, &c, &f);
}

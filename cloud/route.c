/* Which way a request goes: by host to the application, by path to the proxy's own endpoints, by session to a
 * connector or to the logon. Nothing without a session passes, unless the application is published as
 * pass-through. */
#include "websocket.h"

#include "clock.h"
#include "cors.h"
#include "handshake.h"
#include "once.h"
#include "publish.h"
#include "rules.h"

#include <string.h>

#define OWN ".sevenstep/" /* below the published path */

static void fail_early(struct exchange *x, enum err e, const char *why)
{
  struct failure f;
  failure_set(&f, e, "%s", why);
  span_start(&x->step, x->cloud->actor->tracer, 1, SPAN_SERVER, NULL, &x->ctx, true);
  x->ctx = x->step.ctx;
  exchange_fail(x, &f);
}

/* The trace that this request belongs to: its own traceparent, or the logon's, which a cookie carries over
 * the last redirect. */
static bool find_trace(struct exchange *x)
{
  const struct fields *f = &x->head->fields;
  const char *parent = fields_get(f, "traceparent"), *cookie;
  size_t n;
  if (parent && trace_ctx_parse(&x->ctx, parent, strlen(parent)) == ERR_OK) return true;
  if (rules_cookie_get(f, COOKIE_TRACE, &cookie, &n) == ERR_OK) {
    x->clear_trace_cookie = true;
    if (trace_ctx_parse(&x->ctx, cookie, n) == ERR_OK) return true;
  }
  x->ctx = (struct trace_ctx){0};
  return false;
}

/* Host without its port, compared with the name that the TLS connection was opened for (HT-10). An address is
 * no name (RFC 6066 3); clients that send one all the same asked for nobody in particular. */
static bool host_fits_sni(const char *host, size_t n, const char *sni)
{
  bool is_name = sni[strspn(sni, "0123456789.:")] != 0;
  return !is_name || (strlen(sni) == n && strncasecmp(host, sni, n) == 0);
}

static enum err find_app(struct exchange *x, struct failure *f)
{
  const struct lab *lab = x->lab;
  const char *host = buf_str(&x->head->authority), *target = buf_str(&x->head->target);
  size_t n = strcspn(host, ":");
  if (!host_fits_sni(host, n, exchange_sni(x)))
    return failure_set(f, ERR_APP_MISDIRECTED, "Host is %.100s, the connection is for %.100s", host,
                       exchange_sni(x));
  if (lab_is_home(lab, host, n)) {
    x->at_home = true;
    x->app = handover_app(lab, target);
    if (!x->app) x->app = &lab->home;
    x->host = lab->home.external_url.host;
    x->rest = target[0] == '/';
    return ERR_OK;
  }
  struct published p;
  enum err e = publish_find(lab, host, n, target, &x->concrete, &p, f);
  if (e) return e;
  x->app = p.app;
  x->host = p.app->external_url.host;
  x->rest = p.rest;
  return ERR_OK;
}

static enum err find_session(struct exchange *x)
{
  const char *value;
  size_t n;
  char name[COOKIE_NAME_MAX];
  session_cookie_name(x->app, name);
  enum err e = rules_cookie_get(&x->head->fields, name, &value, &n);
  if (e) return e == ERR_NOT_FOUND ? ERR_NOT_FOUND : ERR_SESSION_MALFORMED;
  e = session_open(x->cloud->seal, x->app, x->host, value, n, clock_wall_s(), &x->session);
  if (!e && once_session_ended(x->cloud->once, &x->session)) e = ERR_SESSION_ENDED;
  if (!e && !session_may_use(x->lab, x->app, &x->session, clock_wall_s())) e = ERR_SESSION_ENDED;
  if (e) x->session = (struct session){0};
  return e;
}

const char *route_user_lost(const struct exchange *x, int64_t wall_s)
{
  const struct session *s = &x->session;
  const struct lab *lab = x->cloud->lab;
  const struct lab_app *app = lab_app_by_name(lab, x->app->name);
  if (!s->upn[0]) return NULL;
  if (wall_s >= s->expires_s || !session_may_use(lab, app ? app : x->app, s, wall_s)) return "session";
  return (x->by_token ? once_user_ended : once_session_ended)(x->cloud->once, s) ? "logout" : NULL;
}

static bool path_is(const struct exchange *x, const char *path)
{
  size_t n = strlen(path);
  const char *target = buf_str(&x->head->target) + x->rest;
  return strncmp(target, path, n) == 0 && (target[n] == 0 || target[n] == '?');
}

static void start_step3(struct exchange *x, bool traced, void (*step)(struct exchange *x))
{
  struct tracer *t = x->cloud->actor->tracer;
  span_start(&x->step, t, 3, SPAN_SERVER, NULL, &x->ctx, traced || tracer_sample(t));
  x->ctx = x->step.ctx;
  step(x);
}

/* A WebSocket cannot follow a redirect to the logon page. */
static void to_application(struct exchange *x, enum err session, bool traced)
{
  struct failure f = {0};
  bool by_token = x->app->preauth != PREAUTH_PASSTHRU && bearer_decides(x);
  x->wants_websocket = x->head->websocket || websocket_wanted(&x->head->fields);
  if (x->wants_websocket && websocket_admit(x, by_token ? ERR_OK : session, &f))
    fail_early(x, f.err, f.why);
  else if (by_token)
    start_step3(x, traced, step3_bearer);
  else if (session && asks_as_script(x))
    refuse_script(x, session == ERR_NOT_FOUND ? ERR_SIGN_IN_REQUIRED : session);
  else if (session && x->app->spread)
    handover_ask(x);
  else if (session)
    step1_redirect(x);
  else
    start_step3(x, traced, step3_dispatch);
}

static void own_endpoint(struct exchange *x)
{
  bool spread = x->app->spread; /* then its callback is at home, and nowhere else */
  if (path_is(x, OWN "callback") && !spread)
    step3_token(x);
  else if (path_is(x, OWN "session") && spread)
    handover_take(x);
  else if (path_is(x, OWN "logout"))
    logout(x);
  else
    fail_early(x, ERR_NOT_FOUND, "the proxy has no such endpoint");
}

/* Of the host, so below no published path. */
static bool asks_for_robots(const struct exchange *x)
{
  const char *target = buf_str(&x->head->target), *method = x->head->method;
  if (strncmp(target, "/robots.txt", 11) != 0 || (target[11] && target[11] != '?')) return false;
  return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

void route_request(struct exchange *x)
{
  struct failure f = {0};
  const char *method = x->head->method;
  bool traced = find_trace(x);
  if (strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0) {
    fail_early(x, ERR_HTTP_METHOD_REFUSED, method);
    return;
  }
  if (asks_for_robots(x)) {
    robots(x);
    return;
  }
  if (find_app(x, &f)) {
    fail_early(x, f.err, f.why);
    return;
  }
  if (x->app->maintenance) {
    fail_early(x, ERR_APP_MAINTENANCE, x->app->title);
    return;
  }
  if (options_ends_here(x)) {
    options(x);
    return;
  }
  if (cors_preflight(x)) return;
  if (x->app->preauth == PREAUTH_PASSTHRU) {
    to_application(x, ERR_OK, traced);
    return;
  }
  enum err e = find_session(x);
  if (x->at_home && x->app->spread)
    handover_at_home(x);
  else if (strncmp(buf_str(&x->head->target) + x->rest, OWN, sizeof OWN - 1) == 0)
    own_endpoint(x);
  else if (x->at_home)
    home(x);
  else
    to_application(x, e, traced);
}

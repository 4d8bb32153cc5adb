/* Sessions of applications that have more than one host: behind a wildcard, or with segments on several. The
 * identity provider sends users to registered URIs only, byte for byte (RFC 9700 2.1), so such an application
 * has its callback, and the session that the logon begins, at the cloud's own host. From there each of its
 * hosts gets the session, bound to that host, by a ticket:
 *
 *   HOST/...                            no session: a state is sealed into a cookie of HOST (as step 1 does)
 *   HOME/.sevenstep/enter/NAME          what is wanted, sealed; without a session here steps 1 to 3 come
 * first HOST/.sevenstep/session             the ticket: sealed for application, host and state, for
 * TICKET_LIFETIME_S, once
 *
 * A ticket is good only in the browser that holds the cookie of its state, so nobody can be given somebody
 * else's session; and where to go is named by the lab's own names, not by a URL, so that none of this
 * redirects elsewhere. */
#include "exchange.h"

#include "clock.h"
#include "form.h"
#include "once.h"
#include "publish.h"
#include "rules.h"

#include <stdlib.h>
#include <string.h>

#define TICKET_LIFETIME_S 60
#define URL_MAX           8192

static void begin(struct exchange *x)
{
  span_start(&x->step, x->cloud->actor->tracer, 0, SPAN_SERVER, "hand over", &x->ctx, true);
  x->ctx = x->step.ctx;
  span_str(&x->step, "sevenstep.application", x->app->name);
  exchange_trace_request(x);
}

static void refuse(struct exchange *x, enum err e, const char *why)
{
  struct failure f;
  failure_set(&f, e, "%s", why);
  exchange_fail(x, &f);
}

/* -- at the application's host: the session is asked for ------------------------------------------------- */

static enum err enter_url(struct exchange *x, const struct logon *l, struct buf *url)
{
  struct handover to = {.issued_s = clock_wall_s()};
  struct buf sealed;
  snprintf(to.segment, sizeof to.segment, "%s", x->app->segment ? x->app->segment : "");
  snprintf(to.label, sizeof to.label, "%s", x->app->label ? x->app->label : "");
  buf_init(&sealed, URL_MAX);
  enum err e = handover_seal(x->cloud->seal, x->app, l->state, &to, &sealed);
  if (!e) e = buf_printf(url, "%s.sevenstep/enter/%s", x->lab->home.external_url.text, x->app->name);
  if (!e) e = form_add(url, "state", l->state);
  if (!e) e = form_add(url, "to", buf_str(&sealed));
  buf_clear(&sealed);
  return e;
}

void handover_ask(struct exchange *x)
{
  struct logon l = {0};
  struct fields f;
  struct buf url;
  begin(x);
  if (strcmp(x->head->method, "GET") != 0 && strcmp(x->head->method, "HEAD") != 0) {
    refuse(x, ERR_SESSION_REQUIRED, "a method other than GET without a session");
    return;
  }
  buf_init(&url, URL_MAX);
  fields_init(&f, 48, 16384);
  enum err e =
      logon_begin(&l, &x->ctx, false, buf_str(&x->head->target), x->head->target.len, clock_wall_s());
  if (!e) e = enter_url(x, &l, &url);
  if (!e) e = logon_cookie_set(x, &f, &l, "Lax");
  if (e)
    refuse(x, e == ERR_TOO_LARGE ? ERR_HTTP_URI_TOO_LONG : e,
           "the URL to come back to after logon is too long");
  else
    exchange_redirect(x, 302, buf_str(&url), &f);
  explicit_bzero(&l, sizeof l);
  buf_clear(&url);
  fields_clear(&f);
}

/* -- at home: a ticket is given -------------------------------------------------------------------------- */

/* The state and one further parameter of the target's query. list is the caller's to clear. */
static enum err read_query(struct exchange *x, const char *name, struct fields *list, const char **ret_state,
                           const char **ret_value)
{
  const char *query = strchr(buf_str(&x->head->target), '?');
  char cookie[64];
  enum err e = query ? form_parse(list, query + 1, strlen(query + 1)) : ERR_SYNTAX;
  if (!e) e = form_get(list, "state", ret_state);
  if (!e) e = form_get(list, name, ret_value);
  return e ? ERR_STATE_MISMATCH : logon_cookie_name(*ret_state, cookie);
}

/* Where the ticket is for: an application's host that is published now. */
static const struct lab_app *find_goal(struct exchange *x, const struct handover *to,
                                       struct lab_concrete *storage)
{
  const struct lab_app *goal = lab_published(x->lab, x->app->name, to->segment);
  if (!goal || lab_is_wildcard(goal->external_url.host) != (to->label[0] != 0)) return NULL;
  return to->label[0] ? lab_app_for_label(goal, to->label, storage) : goal;
}

static enum err session_url(struct exchange *x, const struct lab_app *goal, const char *state,
                            struct buf *url)
{
  struct buf ticket;
  buf_init(&ticket, URL_MAX);
  enum err e = ticket_seal(x->cloud->seal, goal, state, clock_wall_s(), &x->session, &ticket);
  if (!e) e = buf_printf(url, "%s.sevenstep/session", goal->external_url.text);
  if (!e) e = form_add(url, "state", state);
  if (!e) e = form_add(url, "ticket", buf_str(&ticket));
  buf_wipe(&ticket);
  return e;
}

static void give_ticket(struct exchange *x, const char *state, const char *sealed)
{
  struct handover to;
  struct lab_concrete storage;
  struct fields f;
  struct buf url;
  begin(x);
  enum err e = handover_open(x->cloud->seal, x->app, state, sealed, clock_wall_s(), &to);
  const struct lab_app *goal = e ? NULL : find_goal(x, &to, &storage);
  if (!goal) {
    refuse(x, ERR_STATE_MISMATCH,
           "this was not asked for by one of the application's hosts, or too long ago");
    return;
  }
  buf_init(&url, URL_MAX);
  fields_init(&f, 4, URL_MAX + 1024);
  if (session_url(x, goal, state, &url))
    exchange_abort(x);
  else
    exchange_redirect(x, 303, buf_str(&url), &f);
  buf_wipe(&url);
  fields_clear(&f);
}

static void enter(struct exchange *x)
{
  struct fields list;
  const char *state, *to;
  fields_init(&list, 8, URL_MAX);
  enum err e = read_query(x, "to", &list, &state, &to);
  if (!e && !x->clear_trace_cookie && trace_ctx_parse(&x->ctx, state, TRACEPARENT_LEN))
    x->ctx = (struct trace_ctx){0};
  if (!e && !x->session.upn[0]) {
    step1_redirect(x); /* and back here afterwards */
  } else if (!e) {
    give_ticket(x, state, to);
  } else {
    begin(x);
    refuse(x, e, "state or to is absent or malformed");
  }
  fields_clear(&list);
}

static const char *name_behind(const char *target, const char *prefix)
{
  size_t n = strlen(prefix);
  return strncmp(target, prefix, n) == 0 ? target + n : NULL;
}

const struct lab_app *handover_app(const struct lab *lab, const char *target)
{
  const char *name = name_behind(target, HANDOVER_CALLBACK);
  if (!name) name = name_behind(target, HANDOVER_ENTER);
  if (!name) return NULL;
  size_t n = strcspn(name, "?");
  for (size_t i = 0; i < lab->n_apps; i++) {
    const struct lab_app *app = &lab->apps[i];
    if (app->spread && app->preauth == PREAUTH_AAD && strlen(app->name) == n &&
        memcmp(app->name, name, n) == 0)
      return app;
  }
  return NULL;
}

void handover_at_home(struct exchange *x)
{
  if (name_behind(buf_str(&x->head->target), HANDOVER_CALLBACK))
    step3_token(x);
  else if (strcmp(x->head->method, "GET") == 0)
    enter(x);
  else {
    begin(x);
    refuse(x, ERR_HTTP_METHOD_REFUSED, "a session is handed over with GET");
  }
}

/* -- at the application's host again: the ticket becomes a session --------------------------------------- */

struct taking {
  struct exchange *x;
  struct session session;
  struct logon logon;
  char cookie[64];
};

static void taking_free(struct taking *t)
{
  struct exchange *x = t->x;
  explicit_bzero(t, sizeof *t);
  free(t);
  exchange_release(x);
}

static enum err take_fields(struct taking *t, struct fields *f, struct buf *location)
{
  struct exchange *x = t->x;
  struct buf value;
  char parent[TRACEPARENT_LEN + 1];
  int64_t left_s = t->session.expires_s - clock_wall_s();
  const char *url = x->app->external_url.text;
  buf_init(&value, URL_MAX);
  trace_ctx_format(&x->ctx, parent);
  enum err e = session_seal(x->cloud->seal, x->app, x->host, &t->session, &value);
  if (!e) e = session_cookie_set(f, x->app, buf_str(&value), left_s > 0 ? (unsigned)left_s : 1);
  if (!e) e = cookie_set(f, t->cookie, "", 0, "Lax");
  if (!e) e = cookie_set(f, COOKIE_TRACE, parent, 30, "Lax");
  /* Our own host, then the path we sealed ourselves (RP-09). */
  const char *path = t->logon.return_to;
  if (!e) e = buf_printf(location, "%.*s%s", (int)lab_origin_len(url), url, path[0] == '/' ? path : "/");
  buf_wipe(&value);
  return e;
}

static void ticket_used(void *arg, enum err used)
{
  struct taking *t = arg;
  struct fields f;
  struct buf location;
  fields_init(&f, 16, 16384);
  buf_init(&location, 4096);
  if (used == ERR_EXISTS)
    refuse(t->x, ERR_STATE_MISMATCH, "this ticket was used before");
  else if (used)
    refuse(t->x, used, "the used ticket could not be stored");
  else if (take_fields(t, &f, &location))
    exchange_abort(t->x);
  else
    exchange_redirect(t->x, 303, buf_str(&location), &f);
  fields_clear(&f);
  buf_clear(&location);
  taking_free(t);
}

static enum err read_ticket(struct taking *t, const char *state, const char *ticket)
{
  struct exchange *x = t->x;
  const char *value;
  size_t n;
  int64_t now_s = clock_wall_s();
  enum err e = logon_cookie_name(state, t->cookie);
  if (!e && rules_cookie_get(&x->head->fields, t->cookie, &value, &n)) e = ERR_STATE_MISMATCH;
  if (!e) e = logon_open(x->cloud->seal, x->app, x->host, value, n, state, now_s, &t->logon);
  if (!e) e = ticket_open(x->cloud->seal, x->app, state, ticket, now_s, TICKET_LIFETIME_S, &t->session);
  return e;
}

void handover_take(struct exchange *x)
{
  struct fields list;
  const char *state = "", *ticket;
  fields_init(&list, 8, URL_MAX);
  struct taking *t = strcmp(x->head->method, "GET") == 0 ? calloc(1, sizeof *t) : NULL;
  enum err e = read_query(x, "ticket", &list, &state, &ticket);
  if (!e && trace_ctx_parse(&x->ctx, state, TRACEPARENT_LEN)) x->ctx = (struct trace_ctx){0};
  begin(x);
  if (t) {
    t->x = x;
    exchange_hold(x);
    if (!e) e = read_ticket(t, state, ticket);
  }
  if (t && !e) {
    once_use_nonce(x->cloud->once, state, TICKET_LIFETIME_S + 60, ticket_used, t);
  } else {
    refuse(x, ERR_STATE_MISMATCH, "the ticket is not one for this host and this browser, or too old");
    if (t) taking_free(t);
  }
  fields_clear(&list);
}

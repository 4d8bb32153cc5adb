#include "websocket.h"

#include "clock.h"
#include "handshake.h"
#include "once.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND    1000000000LL
#define IDLE_MAX  (600 * SECOND) /* nothing from either side */
#define ENDED_MAX (60 * SECOND)  /* nothing from the application, after the user's end */

/* -- opening ----------------------------------------------------------------------------------------------
 */

/* As browsers write it (RFC 6454 6.2). */
static bool is_own_origin(const struct lab_url *url, const char *origin)
{
  char own[300];
  bool standard = url->port == (strcmp(url->scheme, "https") == 0 ? 443 : 80);
  snprintf(own, sizeof own, standard ? "%s://%s" : "%s://%s:%u", url->scheme, url->host, url->port);
  return strcasecmp(own, origin) == 0;
}

static enum err check_origin(const struct exchange *x, struct failure *f)
{
  const char *origin = fields_get(&x->head->fields, "Origin");
  if (!origin) return ERR_OK;
  if (fields_count_of(&x->head->fields, "Origin") > 1)
    return failure_set(f, ERR_WEBSOCKET_ORIGIN, "more than one Origin");
  if (is_own_origin(&x->app->external_url, origin)) return ERR_OK;
  return failure_set(f, ERR_WEBSOCKET_ORIGIN, "Origin is %.100s", origin);
}

enum err websocket_admit(const struct exchange *x, enum err session, struct failure *f)
{
  const struct http1_head *h = x->head;
  enum err e = h->websocket
                   ? websocket_check_version(&h->fields, f)
                   : websocket_check_request(h->method, h->minor, h->body != BODY_NONE, &h->fields, f);
  if (e) return e;
  if (session == ERR_NOT_FOUND) return failure_set(f, ERR_SESSION_REQUIRED, "a WebSocket without a session");
  if (session) return failure_set(f, session, "a WebSocket is not sent to the logon");
  return x->session.upn[0] ? check_origin(x, f) : ERR_OK;
}

/* -- open -------------------------------------------------------------------------------------------------
 */

enum err websocket_open(struct dispatch *d)
{
  struct cloud *c = d->x->cloud;
  struct websocket *w = calloc(1, sizeof *w);
  if (!w) return ERR_NOMEM;
  w->d = d;
  w->moved_ns = clock_mono_ns();
  w->next = c->websockets;
  if (w->next) w->next->prev = w;
  c->websockets = w;
  d->websocket = w;
  atomic_fetch_add_explicit(&c->counters.websockets, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&c->counters.open_websockets, 1, memory_order_relaxed);
  span_str(&d->x->respond, "sevenstep.upgrade", "websocket");
  return ERR_OK;
}

void websocket_moved(struct websocket *w, size_t n)
{
  w->from_user += n;
  w->moved_ns = clock_mono_ns();
}

void websocket_close(struct dispatch *d, const char *by)
{
  struct websocket *w = d->websocket;
  struct exchange *x = d->x;
  if (!w) return;
  d->websocket = NULL;
  if (w->prev)
    w->prev->next = w->next;
  else
    x->cloud->websockets = w->next;
  if (w->next) w->next->prev = w->prev;
  atomic_fetch_sub_explicit(&x->cloud->counters.open_websockets, 1, memory_order_relaxed);
  span_int(&x->respond, "http.response.status_code", 101);
  span_int(&x->respond, "sevenstep.bytes_from_user", (int64_t)w->from_user);
  span_int(&x->respond, "sevenstep.bytes_to_user", (int64_t)x->sent);
  span_str(&x->respond, "sevenstep.ended_by", by);
  span_end(&x->respond);
  free(w);
}

/* -- the end ----------------------------------------------------------------------------------------------
 */

/* Could it be opened still, as it was? The lab in force decides: its own may be that of long ago. */
static bool may_go_on(const struct exchange *x, const struct lab_app *app, int64_t wall_s)
{
  const struct session *s = &x->session;
  if (!s->upn[0]) return app->preauth == PREAUTH_PASSTHRU;
  if (wall_s >= s->expires_s || (x->by_token && !app->bearer_access)) return false;
  return session_may_use(x->cloud->lab, app, s, wall_s);
}

/* Why it must end now, or NULL. */
static const char *overdue(const struct websocket *w, int64_t now_ns, int64_t wall_s)
{
  const struct exchange *x = w->d->x;
  const struct session *s = &x->session;
  if (x->cloud->stopping) return "proxy"; /* it would outlast the drain */
  const struct lab_app *app = lab_app_by_name(x->cloud->lab, x->app->name);
  if (!app) return "removal";
  if (!may_go_on(x, app, wall_s)) return "session";
  if (s->upn[0] && (x->by_token ? once_user_ended : once_session_ended)(x->cloud->once, s)) return "logout";
  return now_ns - w->moved_ns > (w->user_ended ? ENDED_MAX : IDLE_MAX) ? "idle" : NULL;
}

/* The proxy cannot say goodbye in WebSocket's own words: a close frame of its making could fall into the
 * middle of another. */
static void end_now(struct websocket *w, const char *why)
{
  struct dispatch *d = w->d;
  struct exchange *x = d->x;
  websocket_close(d, why);
  exchange_hold(x);
  x->ops = NULL;
  dispatch_end(d);
  exchange_end(x, NULL);
  exchange_release(x);
}

void websockets_sweep(struct cloud *c, int64_t now_ns)
{
  int64_t wall_s = clock_wall_s();
  const char *why = NULL;
  do {
    struct websocket *w = c->websockets;
    while (w && !(why = overdue(w, now_ns, wall_s)))
      w = w->next;
    if (!w) break;
    end_now(w, why); /* what it sends may end others: so from the start again */
  } while (true);
}

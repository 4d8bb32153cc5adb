#include "websocket.h"

#include "clock.h"
#include "frames.h"
#include "handshake.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND     1000000000LL
#define IDLE_MAX   (600 * SECOND) /* nothing from either side */
#define ENDED_MAX  (60 * SECOND)  /* nothing from or to the application, after the user's end */
#define ANSWER_MAX SECOND         /* for both ends, to answer our close frame */

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
  span_str(&x->respond, "sevenstep.ended_by", w->ending ? w->ending : by);
  span_end(&x->respond);
  free(w);
}

/* -- the end ----------------------------------------------------------------------------------------------
 */

/* Does the application still let in who comes like this? The lab in force decides: its own may be that of
 * long ago. */
static bool is_open_to(const struct exchange *x, const struct lab_app *app)
{
  if (!x->session.upn[0]) return app->preauth == PREAUTH_PASSTHRU;
  return !x->by_token || app->bearer_access;
}

/* Why it must end now, or NULL. */
static const char *overdue(const struct websocket *w, int64_t now_ns, int64_t wall_s)
{
  const struct exchange *x = w->d->x;
  if (x->cloud->stopping) return "proxy"; /* it would outlast the drain */
  const struct lab_app *app = lab_app_by_name(x->cloud->lab, x->app->name);
  if (!app) return "removal";
  if (!is_open_to(x, app)) return "session";
  const char *lost = route_user_lost(x, wall_s);
  if (lost) return lost;
  return now_ns - w->moved_ns > (w->user_ended ? ENDED_MAX : IDLE_MAX) ? "idle" : NULL;
}

static void end_now(struct websocket *w)
{
  struct dispatch *d = w->d;
  struct exchange *x = d->x;
  websocket_close(d, "proxy");
  exchange_hold(x);
  x->ops = NULL;
  dispatch_end(d);
  exchange_end(x, NULL);
  exchange_release(x);
}

/* -- close frames -----------------------------------------------------------------------------------------
 */

/* 7.4.1: it is the proxy or the application that goes, or the user may not go on. */
static const struct goodbye {
  const char *why;
  int code;
  const char *reason;
} goodbyes[] = {
    {"logout", WEBSOCKET_POLICY, "signed out"},
    {"session", WEBSOCKET_POLICY, "the session has ended"},
    {"removal", WEBSOCKET_GOING_AWAY, "the application is not published any more"},
    {"idle", WEBSOCKET_GOING_AWAY, "nothing was sent for too long"},
    {"proxy", WEBSOCKET_GOING_AWAY, "the proxy stops"},
    {"connector", WEBSOCKET_GOING_AWAY, "the connector stops"},
};

static const struct goodbye *goodbye(const char *why)
{
  size_t i = 0;
  while (strcmp(goodbyes[i].why, why) != 0)
    i++;
  return &goodbyes[i];
}

static void write_to(struct websocket *w, enum websocket_end to, const void *data, size_t n)
{
  struct dispatch *d = w->d;
  if (to == WEBSOCKET_USER)
    exchange_write(d->x, data, n);
  else if (n && d->stream && tunnel_stream_write(d->stream, data, n) == ERR_OK) /* else it is cut off */
    link_flush(d->link);
}

/* For the application the proxy is a client, whose frames are masked (5.3). */
static void tell(struct websocket *w, enum websocket_end to)
{
  struct websocket_way *way = &w->to[to];
  const struct goodbye *g = goodbye(w->ending);
  struct buf frame;
  uint8_t mask[4];
  if (way->told || !websocket_at_boundary(&way->at)) return;
  way->told = true;
  if (way->at.closed) return; /* the other end has said goodbye itself */
  random_bytes(mask, sizeof mask);
  buf_init(&frame, 256);
  if (websocket_write_close(&frame, g->code, g->reason, to == WEBSOCKET_USER ? NULL : mask) == ERR_OK)
    write_to(w, to, frame.data, frame.len);
  buf_clear(&frame);
}

/* The rest of the frame that has begun, then ours. What comes behind it is only followed, to see the answer.
 */
static void pass_last(struct websocket *w, enum websocket_end to, const uint8_t *data, size_t n)
{
  struct websocket_way *way = &w->to[to];
  size_t rest = websocket_follow_frame(&way->at, data, n);
  if (!way->told) write_to(w, to, data, rest);
  tell(w, to);
  websocket_follow(&way->at, data + rest, n - rest);
}

/* Each direction is closed by the end that it comes from. */
static bool both_have_said_goodbye(const struct websocket *w)
{
  return w->to[WEBSOCKET_USER].at.closed && (w->to[WEBSOCKET_APPLICATION].at.closed || w->user_ended);
}

bool websocket_pass(struct dispatch *d, enum websocket_end to, const uint8_t *data, size_t *n)
{
  struct websocket *w = d->websocket;
  w->moved_ns = clock_mono_ns();
  if (to == WEBSOCKET_APPLICATION) w->from_user += *n;
  if (!w->ending) {
    websocket_follow(&w->to[to].at, data, *n);
    return true;
  }
  pass_last(w, to, data, *n);
  *n = 0;
  if (!both_have_said_goodbye(w)) return true;
  end_now(w);
  return false;
}

void websocket_connector_leaves(struct dispatch *d)
{
  d->websocket->ending = "connector";
  tell(d->websocket, WEBSOCKET_USER);
}

static void say_goodbye(struct websocket *w, const char *why, int64_t now_ns)
{
  w->ending = why;
  w->cut_ns = now_ns + ANSWER_MAX;
  tell(w, WEBSOCKET_USER);
  tell(w, WEBSOCKET_APPLICATION);
}

/* Has the application's end taken something of what is queued? After the user's end nothing else moves. */
static void notice_progress(struct websocket *w, int64_t now_ns)
{
  size_t queued = w->d->stream ? tunnel_stream_queued(w->d->stream) : 0;
  if (queued < w->queued) w->moved_ns = now_ns;
  w->queued = queued;
}

/* Did something come of it? */
static bool look_at(struct websocket *w, int64_t now_ns, int64_t wall_s)
{
  notice_progress(w, now_ns);
  const char *why = w->ending ? NULL : overdue(w, now_ns, wall_s);
  if (why)
    say_goodbye(w, why, now_ns);
  else if (w->ending && now_ns >= w->cut_ns)
    end_now(w);
  else
    return false;
  return true;
}

void websockets_sweep(struct cloud *c, int64_t now_ns)
{
  int64_t wall_s = clock_wall_s();
  struct websocket *w = c->websockets;
  while (w) /* what it sends may end others: so from the start again */
    w = look_at(w, now_ns, wall_s) ? c->websockets : w->next;
}

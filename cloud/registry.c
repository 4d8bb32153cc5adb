#include "registry.h"

#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONNECTORS 256
#define HANDSHAKE_MS   5000
#define HELLO_MAX      4096

struct connector {
  struct up up; /* owner of the hello stream */
  struct registry *r;
  struct link *link;
  const struct lab_connector *lab;
  bool ready;
  /* When it was picked last, and when any connection of its connector was: equal loads alternate between
   * connectors first. */
  int64_t picked, turn;
  struct buf hello;
  struct connector *prev, *next;
};

struct registry {
  struct cloud *cloud;
  struct listener *listener;
  struct connector *list;
  size_t count, ready, connections;
  _Atomic uint64_t *connections_of; /* as in the counters */
  int64_t picks;
  struct connector *last; /* picked last, in this turn of the loop */
  uint64_t last_turn;
};

/* A connector has several connections, and counts as long as one of them is ready. */
static void set_ready(struct connector *c, bool ready)
{
  struct registry *r = c->r;
  bool other = false;
  if (c->ready == ready) return;
  c->ready = ready;
  for (const struct connector *o = r->list; o && !other; o = o->next)
    other = o != c && o->ready && o->lab == c->lab;
  r->connections += ready ? 1 : (size_t)-1;
  if (!other) r->ready += ready ? 1 : (size_t)-1;
  atomic_store(&r->cloud->counters.ready_connectors, r->ready);
  atomic_store(&r->cloud->counters.ready_connections, r->connections);
  atomic_fetch_add(&r->connections_of[c->lab - r->cloud->lab->connectors], ready ? 1 : UINT64_MAX);
}

/* From now on requests may come: what is ready to take them may replace another connection. Nobody waits for
 * the answer. */
static enum err welcome(struct connector *c)
{
  static const char path[] = "/.sevenstep/welcome";
  struct tunnel_stream *s;
  struct fields none;
  fields_init(&none, 1, 64);
  enum err e =
      tunnel_request(link_tunnel(c->link), "GET", "connector", path, sizeof path - 1, &none, true, NULL, &s);
  if (!e) tunnel_stream_detach(s);
  fields_clear(&none);
  return e;
}

/* -- hello: the tunnel's first stream. The connector says who it is, and is ready when that fits its
 * certificate -- */

static void refuse(struct connector *c, const char *why, const char *value)
{
  struct failure f;
  failure_set(&f, ERR_TUNNEL_REFUSED, "%s %.100s", why, value ? value : "");
  link_close(c->link, &f);
}

static void hello_response(struct up *u, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)s;
  if (h->status != 200) refuse((struct connector *)u, "hello was answered with another status", NULL);
}

static void hello_data(struct up *u, struct tunnel_stream *s, const uint8_t *data, size_t n)
{
  struct connector *c = (struct connector *)u;
  if (buf_append(&c->hello, data, n)) refuse(c, "hello is too long", NULL);
  tunnel_stream_consume(s, n);
}

static void hello_end(struct up *u, const struct fields *trailers)
{
  (void)trailers;
  struct connector *c = (struct connector *)u;
  json_t *doc = json_loadb(buf_str(&c->hello), c->hello.len, JSON_REJECT_DUPLICATES, NULL);
  const char *name = json_string_value(json_object_get(doc, "name"));
  const char *group = json_string_value(json_object_get(doc, "group"));
  if (!name || strcmp(name, c->lab->name) != 0) {
    refuse(c, "hello names another connector than the certificate:", name);
  } else if (!group || strcmp(group, c->lab->group) != 0) {
    refuse(c, "hello names another group than lab.yaml:", group);
  } else if (welcome(c)) {
    refuse(c, "welcome could not be sent", NULL);
  } else {
    set_ready(c, true);
    log_info("connector %s of group %s is ready, from %s", c->lab->name, c->lab->group,
             stream_peer_ip(link_stream(c->link)));
  }
  json_decref(doc);
}

static void hello_close(struct up *u, const struct failure *f)
{
  if (f->err) refuse((struct connector *)u, "hello was not answered:", f->why);
}

static const struct up_ops hello_ops = {hello_response, hello_data, hello_end, NULL, hello_close};

/* -- tunnel events go to whoever owns the stream
 * ------------------------------------------------------------------ */

static void on_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  struct up *u = owner;
  u->ops->on_response(u, s, h);
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  struct up *u = owner;
  u->ops->on_data(u, s, data, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  struct up *u = owner;
  u->ops->on_end(u, trailers);
}

static void on_writable(struct tunnel_stream *s, void *owner)
{
  (void)s;
  struct up *u = owner;
  if (u->ops->on_writable) u->ops->on_writable(u);
}

static void on_stream_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  struct up *u = owner;
  u->ops->on_close(u, f);
}

static void on_goaway(struct tunnel *t, void *arg)
{
  (void)t;
  struct connector *c = arg;
  set_ready(c, false);
  log_info("connector %s is leaving; what it works on is finished first", c->lab->name);
}

static const struct tunnel_events tunnel_events = {
    .on_response = on_response,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_stream_close,
    .on_goaway = on_goaway,
};

/* -- a connector comes and goes
 * ------------------------------------------------------------------------------------- */

static bool on_open(struct link *l, void *arg, struct failure *f)
{
  struct connector *c = arg;
  const char *name = tls_peer_name(stream_tls(link_stream(l)));
  c->lab = lab_connector_by_name(c->r->cloud->lab, name);
  if (!c->lab) {
    failure_set(f, ERR_TUNNEL_REFUSED, "the certificate names '%.100s', which is no connector of lab.yaml",
                name);
    return false;
  }
  struct tunnel_stream *s;
  struct fields none;
  static const char path[] = "/.sevenstep/hello";
  fields_init(&none, 1, 64);
  enum err e =
      tunnel_request(link_tunnel(l), "GET", "connector", path, sizeof path - 1, &none, true, &c->up, &s);
  fields_clear(&none);
  if (e) failure_set(f, e, "hello could not be sent");
  return !e;
}

static void on_close(struct link *l, void *arg, const struct failure *f)
{
  (void)l;
  struct connector *c = arg;
  struct registry *r = c->r;
  set_ready(c, false);
  if (r->last == c) r->last = NULL;
  if (f->err == ERR_TUNNEL_REFUSED || f->err == ERR_TLS)
    log_failure(LOG_WARN, NULL, f);
  else if (c->lab)
    log_info("connector %s is gone: %s", c->lab->name, f->err ? f->why : "closed");
  if (c->prev)
    c->prev->next = c->next;
  else
    r->list = c->next;
  if (c->next) c->next->prev = c->prev;
  r->count--;
  buf_clear(&c->hello);
  free(c);
}

static const struct link_events link_events = {on_open, on_close};

static void *on_accept(void *arg, struct stream *s)
{
  (void)s;
  struct registry *r = arg;
  struct connector *c = r->count < MAX_CONNECTORS ? calloc(1, sizeof *c) : NULL;
  if (!c) return NULL;
  if (link_new(r->cloud->net, TUNNEL_CLOUD, &link_events, &tunnel_events, c, &c->link)) {
    free(c);
    return NULL;
  }
  c->up.ops = &hello_ops;
  c->r = r;
  buf_init(&c->hello, HELLO_MAX);
  c->next = r->list;
  if (c->next) c->next->prev = c;
  r->list = c;
  r->count++;
  return c->link;
}

enum err registry_new(struct cloud *cloud, struct registry **ret, struct failure *f)
{
  struct registry *r = calloc(1, sizeof *r);
  if (r) r->connections_of = calloc(cloud->lab->n_connectors, sizeof *r->connections_of);
  if (!r || !r->connections_of) {
    free(r);
    return failure_set(f, ERR_NOMEM, "no memory");
  }
  r->cloud = cloud;
  cloud->counters.connections_of = r->connections_of;
  enum err e = listener_new(cloud->net, &cloud->lab->cloud.tunnel, cloud->tunnel_tls, HANDSHAKE_MS, on_accept,
                            r, &link_stream_events, &r->listener, f);
  if (e) {
    registry_free(r);
    return e;
  }
  *ret = r;
  return ERR_OK;
}

void registry_stop(struct registry *r)
{
  listener_close(r->listener);
  r->listener = NULL;
}

void registry_free(struct registry *r)
{
  if (r) free(r->connections_of);
  free(r);
}

static bool usable(const struct connector *c, const char *group)
{
  /* A link that is closing would take the request and lose it. */
  return c->ready && strcmp(c->lab->group, group) == 0 && link_stream(c->link) &&
         stream_out(link_stream(c->link)) && tunnel_room(link_tunnel(c->link)) > 0;
}

static bool is_before(const struct connector *a, const struct connector *b)
{
  return a->turn != b->turn ? a->turn < b->turn : a->picked < b->picked;
}

static void take_turn(struct connector *best)
{
  struct registry *r = best->r;
  best->picked = ++r->picks;
  for (struct connector *c = r->list; c; c = c->next)
    if (c->lab == best->lab) c->turn = r->picks;
}

/* Requests that arrive in the same turn of the loop go down the same tunnel, in one record instead of many,
 * as long as that is hardly more loaded than the others. */
#define BATCH 8

static struct connector *batch_with(struct registry *r, const char *group, const struct connector * not,
                                    const struct lab_connector *except, size_t least)
{
  struct connector *last = r->last_turn == net_turn(r->cloud->net) ? r->last : NULL;
  if (!last || last == not || last->lab == except || !usable(last, group)) return NULL;
  return tunnel_streams(link_tunnel(last->link)) < least + BATCH ? last : NULL;
}

/* except: leaves out all connections of this one's connector. */
static struct connector *pick(struct registry *r, const char *group, const struct connector * not,
                              const struct lab_connector *except)
{
  struct connector *best = NULL;
  size_t best_load = 0;
  for (struct connector *c = r->list; c; c = c->next) {
    if (c == not || c->lab == except || !usable(c, group)) continue;
    size_t load = tunnel_streams(link_tunnel(c->link));
    if (!best || load < best_load || (load == best_load && is_before(c, best))) {
      best = c;
      best_load = load;
    }
  }
  struct connector *last = best ? batch_with(r, group, not, except, best_load) : NULL;
  if (last) return last;
  if (best) take_turn(best);
  r->last = best;
  r->last_turn = net_turn(r->cloud->net);
  return best;
}

struct connector *registry_pick(struct registry *r, const char *group, const struct connector * not )
{
  struct connector *best = pick(r, group, not, not ? not ->lab : NULL);
  return best || !not ? best : pick(r, group, not, NULL);
}

const char *connector_name(const struct connector *c)
{
  return c->lab->name;
}

struct link *connector_link(struct connector *c)
{
  return c->link;
}

#include "registry_private.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONNECTORS  256 /* connections of those that were admitted */
#define MAX_OF_ONE      32  /* of one connector, but those that end: four times what it may keep */
#define MAX_HANDSHAKES  256 /* connections that have not ended TLS; the oldest makes room */
#define MAX_REGISTERING 64  /* of those that have, without being admitted; the same */
#define HANDSHAKE_MS    5000
#define CROWDED_NS      60000000000LL /* once so long the log tells that somebody had to make room */
#define ADMIT_NS       10000000000LL /* from the handshake to welcome, or to the certificate */
/* A connector without a credential is tried again after this. */
#define NO_CREDENTIAL_NS 5000000000LL

static struct member *member_new(struct registry *r, const char *name)
{
  struct member *m = calloc(1, sizeof *m);
  if (!m) return NULL;
  m->name = name;
  m->next = r->members;
  if (m->next) m->next->prev = m;
  r->members = m;
  return m;
}

static size_t connections_of(const struct registry *r, const char *name)
{
  size_t n = 0;
  for (const struct connector *c = r->list; c; c = c->next)
    n += c->name == name;
  return n;
}

enum err connector_join(struct connector *c, struct failure *f)
{
  const char *name = roster_name(c->r->cloud->roster, c->certificate.name);
  struct member *m = c->r->members;
  if (c->r->count >= MAX_CONNECTORS)
    return failure_set(f, ERR_AGAIN, "connectors have %d connections already", MAX_CONNECTORS);
  if (name && connections_of(c->r, name) >= MAX_OF_ONE)
    return failure_set(f, ERR_AGAIN, "%s has %d connections already", name, MAX_OF_ONE);
  while (m && m->name != name)
    m = m->next;
  if (!m && name) m = member_new(c->r, name);
  if (!m) return failure_set(f, ERR_NOMEM, "no memory for a connector");
  snprintf(m->group, sizeof m->group, "%s", c->certificate.group);
  m->connections++;
  c->r->count++;
  c->name = name;
  c->member = m;
  return ERR_OK;
}

static void leave(struct connector *c)
{
  struct member *m = c->member;
  if (!m) return;
  c->r->count--;
  if (--m->connections > 0) return;
  if (m->prev)
    m->prev->next = m->next;
  else
    c->r->members = m->next;
  if (m->next) m->next->prev = m->prev;
  free(m);
}

/* A connector has several connections, and counts as long as one of them is ready. */
void connector_set_ready(struct connector *c, bool ready)
{
  struct registry *r = c->r;
  if (c->ready == ready) return;
  c->ready = ready;
  if (ready && c->member->ready++ == 0) r->ready++;
  if (!ready && --c->member->ready == 0) r->ready--;
  r->connections += ready ? 1 : (size_t)-1;
  atomic_store(&r->cloud->counters.ready_connectors, r->ready);
  atomic_store(&r->cloud->counters.ready_connections, r->connections);
  if (ready)
    roster_came(r->cloud->roster, &c->certificate, c->version, c->from);
  else
    roster_left(r->cloud->roster, c->name);
}

/* -- a connector comes and goes
 * ------------------------------------------------------------------------------------- */

/* Who was not admitted, and might be anybody: before TLS has ended, or since. */
static bool is_stranger(const struct connector *c, bool tls_done)
{
  return !c->name && !c->evicted && !c->since_ns != tls_done;
}

/* One more of them has come, the newest; nobody of the others is touched. */
static void make_room(struct registry *r, bool tls_done, size_t most)
{
  struct failure f;
  struct connector *oldest = NULL;
  size_t n = 0;
  for (struct connector *c = r->list; c; c = c->next)
    if (is_stranger(c, tls_done)) n++, oldest = c;
  if (n <= most) return;
  oldest->evicted = true;
  failure_set(&f, ERR_AGAIN, "newer connections took its place");
  stream_close(oldest->stream, &f);
  int64_t now_ns = clock_mono_ns();
  if (r->crowded_ns && now_ns - r->crowded_ns < CROWDED_NS) return;
  r->crowded_ns = now_ns;
  log_warn("more than %zu connections to the tunnel's port are those of nobody known, last from %s: the "
           "oldest make room",
           most, stream_peer_ip(r->list->stream));
}

static bool on_open(struct link *l, void *arg, struct failure *f)
{
  struct connector *c = arg;
  struct buf der;
  buf_init(&der, CERTIFICATE_MAX);
  enum err e = tls_peer_certificate(stream_tls(link_stream(l)), &der);
  if (!e && der.len) e = certificate_read(der.data, der.len, &c->certificate, f);
  buf_clear(&der);
  c->since_ns = clock_mono_ns();
  snprintf(c->from, sizeof c->from, "%s", stream_peer_ip(link_stream(l)));
  if (!e) admit_begin(c);
  if (!e) make_room(c->r, true, MAX_REGISTERING);
  return !e;
}

static void on_close(struct link *l, void *arg, const struct failure *f)
{
  (void)l;
  struct connector *c = arg;
  struct registry *r = c->r;
  connector_set_ready(c, false);
  admit_forget(c);
  if (r->last == c) r->last = NULL;
  if (f->err == ERR_TLS || f->err == ERR_TLS_CERTIFICATE)
    log_failure(LOG_WARN, NULL, f);
  else if (c->name && !c->refused)
    log_info("connector %s is gone: %s", c->name, f->err ? f->why : "closed");
  if (c->prev)
    c->prev->next = c->next;
  else
    r->list = c->next;
  if (c->next) c->next->prev = c->prev;
  leave(c);
  buf_wipe(&c->answer);
  free(c);
  configure_check(r);
}

static const struct link_events link_events = {on_open, on_close};

static void *on_accept(void *arg, struct stream *s)
{
  struct registry *r = arg;
  struct connector *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  if (link_new(r->cloud->net, TUNNEL_CLOUD, &link_events, &admit_tunnel_events, c, &c->link)) {
    free(c);
    return NULL;
  }
  c->r = r;
  c->stream = s;
  buf_init(&c->answer, HELLO_MAX);
  c->next = r->list;
  if (c->next) c->next->prev = c;
  r->list = c;
  make_room(r, false, MAX_HANDSHAKES);
  return c->link;
}

/* -- certificates that end, are revoked, or grow old
 * ---------------------------------------------------------------- */

/* Its other connections show the same certificate, and one answer is enough. */
static bool is_asked(const struct connector *c, int64_t now_ns)
{
  for (const struct connector *o = c->r->list; o; o = o->next)
    if (o->name == c->name && strcmp(o->certificate.serial, c->certificate.serial) == 0 &&
        now_ns < o->ask_again_ns)
      return true;
  return false;
}

static void look_at(struct connector *c, int64_t now_ns)
{
  struct failure f = {0};
  if (!c->since_ns || c->refused) return;
  tunnel_tick(link_tunnel(c->link));
  if (c->acked == 0 && now_ns - c->since_ns > ADMIT_NS) {
    failure_set(&f, ERR_TIMEOUT, "it did not say in time who it is");
    link_close(c->link, &f);
  } else if (c->name && roster_admit(c->r->cloud->roster, &c->certificate, &f)) {
    admit_refuse(c, &f);
  } else if (c->ready && roster_is_old(c->r->cloud->roster, &c->certificate) && !is_asked(c, now_ns)) {
    admit_renew(c);
  } else {
    configure_look_at(c, now_ns);
  }
}

static void save_run(void *arg)
{
  (void)!roster_save(((struct registry *)arg)->cloud->roster); /* it is tried again, and loses little */
}

static void save_done(void *arg)
{
  ((struct registry *)arg)->saving = false;
}

void registry_sweep(struct registry *r, int64_t now_ns)
{
  struct connector *next;
  for (struct connector *c = r->list; c; c = next) {
    next = c->next;
    look_at(c, now_ns);
  }
  if (r->saving || !roster_is_changed(r->cloud->roster)) return;
  r->saving = net_work(r->cloud->net, save_run, save_done, r) == ERR_OK;
}

static void woken(uv_async_t *wake)
{
  registry_sweep(wake->data, clock_mono_ns());
}

void registry_wake(struct registry *r)
{
  uv_async_send(&r->wake);
}

enum err registry_new(struct cloud *cloud, struct registry **ret, struct failure *f)
{
  struct registry *r = calloc(1, sizeof *r);
  if (!r) return failure_set(f, ERR_NOMEM, "no memory");
  r->cloud = cloud;
  r->newest = lab_ref(cloud->lab);
  r->newest_version = r->versions = cloud->version = 1;
  uv_async_init(net_loop(cloud->net), &r->wake, woken);
  r->wake.data = r;
  enum err e = listener_new(cloud->net, &cloud->lab->cloud.tunnel, cloud->tunnel_tls, HANDSHAKE_MS, on_accept,
                            r, &link_stream_events, &r->listener, f);
  *ret = r; /* also on failure: the loop still has its handle */
  return e;
}

void registry_stop(struct registry *r)
{
  listener_close(r->listener);
  r->listener = NULL;
  uv_close((uv_handle_t *)&r->wake, NULL);
}

void registry_free(struct registry *r)
{
  if (r) lab_free(r->newest);
  free(r);
}

/* -- who gets a request
 * -------------------------------------------------------------------------------------------------------------
 */

static size_t room_of(const struct registry *r, const struct member *m)
{
  size_t most = r->cloud->lab->cloud.limits.connector_at_once;
  return m->requests < most ? most - m->requests : 0;
}

void registry_group(const struct registry *r, const char *group, struct group_state *ret)
{
  *ret = (struct group_state){0};
  for (const struct member *m = r->members; m; m = m->next) {
    if (!m->ready || strcmp(m->group, group) != 0) continue;
    ret->connectors++;
    ret->room += room_of(r, m);
  }
}

void connector_begins(struct connector *c)
{
  c->member->requests++;
}

void connector_ends(struct connector *c)
{
  c->member->requests--;
}

/* Does this connector get tickets, as far as is known? */
static bool gets_tickets(const struct member *m, const struct errand *e)
{
  if (!e->kerberos || !m->no_credential_ns) return true;
  return !e->once && clock_mono_ns() - m->no_credential_ns > NO_CREDENTIAL_NS;
}

static bool usable(const struct connector *c, const struct errand *e)
{
  /* A link that is closing would take the request and lose it. */
  return c->ready && strcmp(c->certificate.group, e->group) == 0 && room_of(c->r, c->member) > 0 &&
         gets_tickets(c->member, e) && link_stream(c->link) && stream_out(link_stream(c->link)) &&
         tunnel_room(link_tunnel(c->link)) > 0;
}

/* Equal loads alternate between connectors first. */
static bool is_before(const struct connector *a, const struct connector *b)
{
  return a->member != b->member ? a->member->turn < b->member->turn : a->picked < b->picked;
}

static void take_turn(struct connector *best)
{
  best->picked = best->member->turn = ++best->r->picks;
}

/* Requests that follow each other closely go down the same tunnel, as long as that has not many more than the
 * others: those of one turn of the loop in one record instead of many, the others to a process that is still
 * awake. */
#define BATCH   32
#define CLOSELY 1000000 /* ns */

static struct connector *goes_on(struct registry *r, const struct errand *e, const struct connector * not,
                                 const char *except, size_t least, int64_t now_ns)
{
  struct connector *last = now_ns - r->last_ns < CLOSELY ? r->last : NULL;
  if (!last || last == not || last->name == except || !usable(last, e)) return NULL;
  return tunnel_streams(link_tunnel(last->link)) < least + BATCH ? last : NULL;
}

/* Has a connection before this one in the list the same connector, and could be picked as well? */
static bool is_another_of(const struct connector *c, const struct errand *e, const struct connector * not )
{
  for (const struct connector *o = c->r->list; o != c; o = o->next)
    if (o != not &&o->name == c->name && usable(o, e)) return true;
  return false;
}

/* Each connector with the same chance, however many connections it has. NULL: there is none. */
static const char *throw_dice(struct registry *r, const struct errand *e, const struct connector * not,
                              const char *except)
{
  const char *of[MAX_CONNECTORS];
  uint32_t dice, n = 0;
  for (const struct connector *c = r->list; c; c = c->next)
    if (c != not &&c->name != except && usable(c, e) && !is_another_of(c, e, not )) of[n++] = c->name;
  if (n == 0) return NULL;
  random_bytes(&dice, sizeof dice);
  return of[dice % n];
}

/* except: leaves out all connections of this one's connector; only: all others. */
static struct connector *least_loaded(struct registry *r, const struct errand *e,
                                      const struct connector * not, const char *except, const char *only,
                                      size_t *ret_load)
{
  struct connector *best = NULL;
  for (struct connector *c = r->list; c; c = c->next) {
    if (c == not || c->name == except || (only && c->name != only) || !usable(c, e)) continue;
    size_t load = tunnel_streams(link_tunnel(c->link));
    if (!best || load < *ret_load || (load == *ret_load && is_before(c, best))) {
      best = c;
      *ret_load = load;
    }
  }
  return best;
}

static struct connector *pick(struct registry *r, const struct errand *e, const struct connector * not,
                              const char *except)
{
  bool by_chance = roster_balancing(r->cloud->roster, e->group) == BALANCING_RANDOM;
  const char *only = by_chance ? throw_dice(r, e, not, except) : NULL;
  int64_t now_ns = clock_mono_ns();
  size_t least = 0;
  struct connector *c = only ? NULL : goes_on(r, e, not, except, least, now_ns);
  if (!c) {
    struct connector *best = least_loaded(r, e, not, except, only, &least);
    c = best && !only ? goes_on(r, e, not, except, least, now_ns) : NULL;
    if (!c && best) take_turn(best);
    if (!c) c = best;
  }
  r->last = c;
  r->last_ns = now_ns;
  return c;
}

/* Where nobody gets tickets, one of them is to say why. */
static struct connector *pick_for(struct registry *r, const struct errand *e, const struct connector * not,
                                  const char *except)
{
  const struct errand any = {.group = e->group};
  struct connector *best = pick(r, e, not, except);
  if (!best && e->kerberos) best = pick(r, &any, not, except);
  if (best && e->kerberos && best->member->no_credential_ns) connector_has_credential(best, false);
  return best;
}

struct connector *registry_pick_other(struct registry *r, const struct errand *e, const struct connector *c)
{
  return pick_for(r, e, c, c ? c->name : NULL);
}

struct connector *registry_pick(struct registry *r, const struct errand *e, const struct connector * not )
{
  struct connector *best = registry_pick_other(r, e, not );
  return best || !not ? best : pick_for(r, e, not, NULL);
}

void connector_has_credential(struct connector *c, bool has)
{
  c->member->no_credential_ns = has ? 0 : clock_mono_ns();
}

/* One connection of each connector; those that drain still serve. */
size_t registry_purge(struct registry *r, const char *upn)
{
  const char *told[MAX_CONNECTORS];
  size_t n = 0;
  for (struct connector *c = r->list; c; c = c->next) {
    bool again = !c->known || c->refused || !link_stream(c->link);
    for (size_t i = 0; i < n && !again; i++)
      again = told[i] == c->name;
    if (!again && admit_purge(c, upn)) told[n++] = c->name;
  }
  return n;
}

bool connector_leaves(const struct connector *c)
{
  return c->leaving;
}

const char *connector_name(const struct connector *c)
{
  return c->name;
}

struct link *connector_link(struct connector *c)
{
  return c->link;
}

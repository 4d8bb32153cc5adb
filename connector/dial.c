/* A connector keeps as many tunnels to the cloud as lab.yaml says. Each has its place; a place has the tunnel
 * in use and, while that is being replaced, the next one. A tunnel counts once the cloud has said welcome:
 * only then may the old one be told to take no more, or requests would find neither. A tunnel that drains has
 * no place any more. */
#include "backoff.h"
#include "clock.h"
#include "dial_private.h"
#include "identity.h"
#include "request.h"

#include <stdlib.h>

#define DIAL_TIMEOUT_MS 5000
#define CONTROL_STREAMS 8 /* for the cloud's own words (hello.h), however many requests there are */
#define STEADY_NS       10000000000LL /* a tunnel that lived so long was a success: the back-off begins anew */

struct place {
  struct dialer *d;
  struct line *line, *replacement;
  uv_timer_t again;
  unsigned failures;
};

static void dial(struct place *p);
static void replace(struct place *p);

/* -- what the cloud says --------------------------------------------------------------------------------- */

static void drain(struct line *l)
{
  if (l->welcome) atomic_fetch_sub(&l->d->c->counters.links, 1);
  l->welcome = false;
  l->place = NULL;
  if (tunnel_shutdown(link_tunnel(l->link)) == ERR_OK) link_flush(l->link);
}

/* The first tunnel shows that the cloud can be reached; only then the others follow. */
static void dial_others(struct dialer *d)
{
  for (unsigned i = 0; i < d->n; i++) {
    struct place *p = &d->places[i];
    if (!p->line && !uv_is_active((uv_handle_t *)&p->again)) dial(p);
  }
}

void line_welcomed(struct line *l)
{
  struct place *p = l->place;
  if (!p || l->welcome) return;
  struct connector *c = l->d->c;
  l->welcome = true;
  atomic_store(&c->counters.refused, ERR_OK);
  log_info("connected to the cloud at %s port %u (%u of %u)", c->lab->cloud.tunnel_connect.host,
           c->lab->cloud.tunnel_connect.port, (unsigned)atomic_fetch_add(&c->counters.links, 1) + 1, l->d->n);
  if (p->replacement == l) {
    struct line *old = p->line;
    p->line = l;
    p->replacement = NULL;
    drain(old);
  }
  if (!l->d->was_welcome) actor_ready(c->actor);
  l->d->was_welcome = true;
  dial_others(l->d);
}

/* Who is refused at the start ends with the reason; who has served goes on trying, and readiness says why: an
 * administrator may let it back in. */
void line_refused(struct line *l, const struct failure *f)
{
  struct connector *c = l->d->c;
  l->refused = true;
  atomic_store(&c->counters.refused_ns, clock_mono_ns());
  if (!l->d->was_welcome) {
    c->failure = *f;
    net_stop(c->net);
  } else if (atomic_exchange(&c->counters.refused, (int)f->err) != (int)f->err) {
    log_failure(LOG_ERROR, NULL, f);
  }
}

/* It ends in its time, with others beside it, and before it can carry no request more. What could not be
 * begun, or was lost, comes again in its own time, not at the next request. */
static void replace_worn(struct line *l)
{
  struct place *p = l->place;
  if (!p || p->replacement || !l->welcome || l->d->storing || uv_is_active((uv_handle_t *)&p->again)) return;
  replace(p);
}

static void on_request(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h)
{
  struct line *l = arg;
  if (!control_answer(l, s, h)) request_begin(l->d->c, &l->known, l->link, s, h);
  if (tunnel_worn(t)) replace_worn(l);
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  struct stream_owner *o = owner;
  o->ops->on_data(s, o, data, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  struct stream_owner *o = owner;
  o->ops->on_end(s, o, trailers);
}

static void on_writable(struct tunnel_stream *s, void *owner)
{
  struct stream_owner *o = owner;
  o->ops->on_writable(s, o);
}

static void on_stream_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  struct stream_owner *o = owner;
  if (o) o->ops->on_close(s, o, f);
}

static const struct tunnel_events tunnel_events = {
    .on_request = on_request,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_stream_close,
};

/* -- the link -------------------------------------------------------------------------------------------- */

static bool on_open(struct link *link, void *arg, struct failure *f)
{
  struct line *l = arg;
  if (l->d->drained) {
    failure_set(f, ERR_CLOSED, "the connector stops");
    return false;
  }
  if (tunnel_allow_streams(link_tunnel(link),
                           l->d->c->lab->cloud.limits.connector_at_once + CONTROL_STREAMS)) {
    failure_set(f, ERR_NOMEM, "no memory for a tunnel");
    return false;
  }
  l->open = true;
  l->opened_ns = clock_mono_ns();
  return true;
}

static bool is_any_welcome(const struct dialer *d)
{
  for (unsigned i = 0; i < d->n; i++)
    if (d->places[i].line && d->places[i].line->welcome) return true;
  return false;
}

static void dial_again(uv_timer_t *timer)
{
  struct place *p = timer->data;
  uv_timer_stop(timer);
  if (p->d->storing) return; /* dialer_stored() */
  if (p->line)
    replace(p);
  else if (p == p->d->places || is_any_welcome(p->d))
    dial(p); /* else dial_others() */
}

static void schedule(struct place *p)
{
  uint32_t dice;
  if (p->failures < 1000) p->failures++;
  random_bytes(&dice, sizeof dice);
  uv_timer_start(&p->again, dial_again, backoff_ms(p->failures, dice), 0);
}

static void line_free(struct line *l)
{
  if (l->prev)
    l->prev->next = l->next;
  else
    l->d->lines = l->next;
  if (l->next) l->next->prev = l->prev;
  tls_ctx_free(l->tls);
  configurations_clear(&l->known);
  free(l);
}

static bool is_any_open(const struct dialer *d)
{
  for (const struct line *l = d->lines; l; l = l->next)
    if (l->open) return true;
  return false;
}

/* Said once per outage, and again each minute or so, not at every try. */
static void tell_loss(const struct place *p, const struct line *l, const struct failure *f)
{
  const struct lab_addr *cloud = &p->d->c->lab->cloud.tunnel_connect;
  const char *what = p->replacement == l ? "no replacement for a tunnel to"
                     : l->open           ? "lost a tunnel to"
                                         : "cannot reach";
  if (l->refused || l->d->storing) return; /* said already; or it has served its purpose */
  if (l->open || p->replacement == l || p->failures % 10 == 3)
    log_warn("%s the cloud at %s port %u: %s", what, cloud->host, cloud->port, f->err ? f->why : "closed");
}

static bool is_worn(const struct line *l)
{
  return l->welcome && tunnel_worn(link_tunnel(l->link));
}

/* Its place, if it still has one, is for the replacement that is under way, or for a new one later. */
static void leave_place(struct line *l, const struct failure *f)
{
  struct place *p = l->place;
  if (l->welcome && clock_mono_ns() - l->opened_ns > STEADY_NS) p->failures = 0;
  tell_loss(p, l, f);
  if (!l->open) atomic_store(&l->d->c->counters.refused, ERR_OK); /* what it said before may be so no more */
  if (p->replacement == l) {
    p->replacement = NULL;
    if (p->line && is_worn(p->line)) schedule(p);
  } else {
    p->line = p->replacement;
    p->replacement = NULL;
    if (!p->line) schedule(p);
  }
}

static void on_close(struct link *link, void *arg, const struct failure *f)
{
  (void)link;
  struct line *l = arg;
  struct dialer *d = l->d;
  if (l->welcome) atomic_fetch_sub(&d->c->counters.links, 1);
  if (l->place && !d->stopped && !d->drained) leave_place(l, f);
  line_free(l);
  if (d->drained && !d->stopped && !is_any_open(d)) d->drained(d->c);
}

static const struct link_events link_events = {on_open, on_close};

static struct line *line_new(struct place *p)
{
  struct dialer *d = p->d;
  const struct lab *lab = d->c->lab;
  struct stream *s;
  struct failure f;
  struct line *l = calloc(1, sizeof *l);
  if (!l) return NULL;
  l->d = d;
  l->place = p;
  l->next = d->lines;
  if (l->next) l->next->prev = l;
  d->lines = l;
  if (identity_tls(d->c->identity, &l->tls, &l->registers, &f)) {
    log_failure(LOG_ERROR, NULL, &f);
  } else if (link_new(d->c->net, TUNNEL_CONNECTOR, &link_events, &tunnel_events, l, &l->link)) {
    log_error("no memory for a tunnel");
  } else if (stream_connect(d->c->net, &lab->cloud.tunnel_connect, l->tls, lab->cloud.tunnel_name,
                            DIAL_TIMEOUT_MS, &link_stream_events, l->link, &s)) {
    link_discard(l->link);
  } else {
    return l;
  }
  line_free(l);
  return NULL;
}

static void dial(struct place *p)
{
  p->line = line_new(p);
  if (!p->line) schedule(p);
}

/* Until the cloud has welcomed another one, the one in use goes on. */
static void replace(struct place *p)
{
  if (!p->line->welcome || p->replacement) return;
  p->replacement = line_new(p);
  if (!is_worn(p->line)) return;
  if (p->replacement)
    log_info("a tunnel to the cloud has carried half of the requests that it can; another takes its place");
  else
    schedule(p);
}

enum err dialer_new(struct connector *c, struct dialer **ret, struct failure *f)
{
  enum err e = identity_check(c->identity, f); /* what is wrong with it is said at the start */
  if (e) return e;
  struct dialer *d = calloc(1, sizeof *d);
  if (d) d->places = calloc(c->me->connections, sizeof *d->places);
  if (!d || !d->places) {
    free(d);
    return failure_set(f, ERR_NOMEM, "no memory");
  }
  d->c = c;
  d->n = c->me->connections;
  for (unsigned i = 0; i < d->n; i++) {
    uv_timer_init(net_loop(c->net), &d->places[i].again);
    d->places[i].again.data = &d->places[i];
    d->places[i].d = d;
  }
  *ret = d;
  dial(d->places);
  return ERR_OK;
}

void dialer_replace(struct dialer *d)
{
  if (d->drained || d->stopped) return;
  for (unsigned i = 0; i < d->n; i++) {
    struct place *p = &d->places[i];
    if (!p->line) dial_again(&p->again);
    if (p->line) replace(p);
    if (p->replacement && p->replacement->registers) return; /* the others when it has */
  }
}

const struct lab *dialer_configuration(const struct dialer *d)
{
  const struct configuration *newest = NULL;
  for (const struct line *l = d->lines; l; l = l->next)
    if (l->known.n && (!newest || l->known.v[0].version > newest->version)) newest = &l->known.v[0];
  return newest ? newest->lab : NULL;
}

/* It has served its purpose. */
static void drop_registering(struct line **at)
{
  struct line *l = *at;
  if (!l || !l->registers) return;
  *at = NULL;
  l->place = NULL;
  link_close(l->link, NULL);
}

void dialer_stored(struct dialer *d, bool ok)
{
  if (d->stopped || d->drained) return;
  for (unsigned i = 0; i < d->n; i++) {
    drop_registering(&d->places[i].line);
    drop_registering(&d->places[i].replacement);
  }
  for (unsigned i = 0; i < d->n; i++)
    if (!d->places[i].line) dial_again(&d->places[i].again);
  if (ok) dialer_replace(d);
}

void dialer_drain(struct dialer *d, void (*done)(struct connector *c))
{
  struct line *next;
  d->drained = done;
  for (unsigned i = 0; i < d->n; i++)
    uv_timer_stop(&d->places[i].again);
  for (struct line *l = d->lines; l; l = next) {
    next = l->next;
    if (l->open) drain(l);
  }
  if (!is_any_open(d)) done(d->c);
}

void dialer_stop(struct dialer *d)
{
  struct line *next;
  if (!d || d->stopped) return;
  d->stopped = true;
  for (unsigned i = 0; i < d->n; i++)
    uv_close((uv_handle_t *)&d->places[i].again, NULL);
  for (struct line *l = d->lines; l; l = next) {
    next = l->next;
    link_close(l->link, NULL);
  }
}

void dialer_free(struct dialer *d)
{
  if (d) free(d->places);
  free(d);
}

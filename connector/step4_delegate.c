/* Step 4: a Kerberos ticket on the user's behalf. From the cache if it has one; otherwise S4U2Self and
 * S4U2Proxy on a worker, once for all requests that wait for the same user and target. A cached ticket whose
 * time is nearly over serves on while a worker gets the next one, for which no request waits. A KDC that does
 * not answer costs those that wait STEP4_TIMEOUT_S and nobody else anything. Step 5, the KDC's own part, is
 * reported here for it, with its log line. */
#include "request.h"

#include "clock.h"
#include "kdc_log.h"

#include <stdlib.h>
#include <string.h>

/* A ticket being obtained; lives until the worker is done, though all that waited may have gone. */
struct delegation {
  struct connector *c;
  char upn[256], user[KRB_USER_MAX], spn[256];
  bool traced, done;
  bool renewal; /* of a ticket in use */
  bool purged;  /* meanwhile its user's tickets were purged: it serves who waits for it, and is not kept */
  int64_t asked_s;
  struct request *waiting; /* NULL with a renewal, unless the ticket's time ran out meanwhile */
  struct krb_ticket *ticket;
  struct krb_exchange exchange;
  struct krb_wire wire; /* only if traced */
  struct kdc_log log;
  struct failure failure;
  struct delegation *next;
};

/* -- the trace
 * ----------------------------------------------------------------------------------------------------------
 */

static void trace_ticket(struct span *s, const char *kind, const struct krb_ticket_info *t)
{
  const struct {
    const char *name, *text;
  } texts[] = {{"client", t->client},
               {"server", t->server},
               {"flags", t->flags},
               {"enctype", t->enctype},
               {"session_enctype", t->session_enctype}};
  const struct {
    const char *name;
    int64_t value;
  } numbers[] = {{"kvno", t->kvno},
                 {"auth_time", t->auth_time_s},
                 {"start_time", t->start_time_s},
                 {"end_time", t->end_time_s},
                 {"size", (int64_t)t->size}};
  char key[64];
  if (!t->client[0]) return;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    snprintf(key, sizeof key, "krb.%s.%s", kind, texts[i].name);
    span_str(s, key, texts[i].text);
  }
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    snprintf(key, sizeof key, "krb.%s.%s", kind, numbers[i].name);
    span_int(s, key, numbers[i].value);
  }
}

static void trace_cached(struct span *s, const struct krb_ticket *t)
{
  struct krb_ticket_info info;
  krb_ticket_describe(t, &info);
  trace_ticket(s, "service", &info);
}

static void trace_log(struct span *s, const struct kdc_log *log, bool issued_to_user)
{
  for (size_t i = 0; i < log->n; i++)
    if (log->lines[i].constrained == issued_to_user)
      span_event(s, log->lines[i].time_ns, "kdc.log", log->lines[i].text);
}

/* What was said to the KDCs before S4U2Proxy, or in it. */
static void trace_wire(struct span *s, const struct krb_wire *w, bool s4u2proxy)
{
  for (size_t i = 0; i < w->n; i++) {
    const struct krb_wire_exchange *x = &w->exchange[i];
    if (x->s4u2proxy != s4u2proxy) continue;
    span_wire(s, &(struct span_exchange){.peer = x->kdc,
                                         .transport = x->transport,
                                         .sent_ns = x->sent_ns,
                                         .received_ns = x->received_ns,
                                         .sent = x->sent,
                                         .sent_len = x->sent_len,
                                         .received = x->received,
                                         .received_len = x->received_len});
  }
}

/* Step 5, as the connector saw it and as the KDC logged it. */
static void report_kdc(struct request *r, const struct delegation *d)
{
  struct span s;
  const struct krb_exchange *x = &d->exchange;
  if (x->s4u2proxy_ns == 0) return;
  span_start(&s, r->c->actor->tracer, 5, SPAN_SERVER, NULL, &r->delegate.ctx, false);
  span_report_for(&s, "kdc", x->start_wall_ns + x->as_ns + x->s4u2self_ns, x->s4u2proxy_ns);
  span_str(&s, "sevenstep.upn", d->upn);
  span_str(&s, "sevenstep.spn", d->spn);
  if (x->kdc[0]) span_str(&s, "krb.kdc", x->kdc);
  trace_ticket(&s, "service", &x->service);
  trace_log(&s, &d->log, true);
  trace_wire(&s, &d->wire, true);
  if (!d->ticket) span_fail(&s, &d->failure);
  span_end(&s);
}

static void report_delegation(struct request *r, const struct delegation *d)
{
  const struct krb_exchange *x = &d->exchange;
  struct span *s = &r->delegate;
  if (x->as_ns) span_ms(s, "krb.as_ms", x->as_ns);
  if (x->s4u2self_ns) span_ms(s, "krb.s4u2self_ms", x->s4u2self_ns);
  if (x->s4u2proxy_ns) span_ms(s, "krb.s4u2proxy_ms", x->s4u2proxy_ns);
  if (x->kdc[0]) span_str(s, "krb.kdc", x->kdc);
  trace_ticket(s, "evidence", &x->evidence);
  if (x->evidence.client[0]) span_bool(s, "krb.evidence.forwardable", x->evidence_forwardable);
  if (x->krb5_code) span_int(s, "krb.error_code", x->krb5_code);
  trace_log(s, &d->log, false);
  trace_wire(s, &d->wire, false);
  report_kdc(r, d);
}

/* -- obtaining
 * -----------------------------------------------------------------------------------------------------------
 */

static void job_run(void *arg)
{
  struct delegation *d = arg;
  if (krb_obtain(d->c->delegator, d->user, d->spn, &d->ticket, &d->exchange, d->traced ? &d->wire : NULL,
                 &d->failure))
    d->ticket = NULL;
  if (d->traced && d->failure.err != ERR_KDC_UNREACHABLE)
    kdc_log_fetch(d->c, d->user, d->spn, &d->exchange, !d->ticket, &d->log);
}

static void unlink_delegation(struct delegation *d)
{
  for (struct delegation **at = &d->c->pending; *at; at = &(*at)->next)
    if (*at == d) {
      *at = d->next;
      return;
    }
}

static void deliver(struct request *r, struct delegation *d)
{
  report_delegation(r, d);
  r->deadline_ns = 0;
  if (d->ticket) {
    r->ticket = krb_ticket_ref(d->ticket);
    step6_present(r);
  } else {
    request_fail(r, &d->failure);
  }
}

static struct krb_cache_key key_of(const struct delegation *d)
{
  return (struct krb_cache_key){d->upn, d->user, d->spn};
}

static struct krb_cache_key key_for(const struct request *r)
{
  return (struct krb_cache_key){r->upn, r->user, r->app->spn};
}

static void count_tickets(struct connector *c)
{
  atomic_store_explicit(&c->counters.cached, krb_cache_count(c->tickets), memory_order_relaxed);
}

static void keep(struct delegation *d)
{
  struct krb_cache_key key = key_of(d);
  struct counters *n = &d->c->counters;
  if (!d->purged) krb_cache_put(d->c->tickets, &key, d->ticket, d->asked_s);
  atomic_fetch_add_explicit(&n->tickets, 1, memory_order_relaxed);
  if (d->renewal) atomic_fetch_add_explicit(&n->renewals, 1, memory_order_relaxed);
}

/* Does the failure mean that a ticket got before should not be used either? One of the way to the KDC, or of
 * the connector itself, says nothing about the user. */
static bool refuses_user(enum err e)
{
  switch (e) {
  case ERR_KRB_USER_UNKNOWN:
  case ERR_KRB_USER_REVOKED:
  case ERR_KRB_USER_EXPIRED:
  case ERR_KRB_NOT_FORWARDABLE:
  case ERR_KRB_NOT_ALLOWED_TO_DELEGATE:
  case ERR_KRB_SPN_UNKNOWN:
    return true;
  default:
    return false;
  }
}

static void give_up(struct delegation *d)
{
  struct krb_cache_key key = key_of(d);
  if (refuses_user(d->failure.err)) krb_cache_remove(d->c->tickets, &key);
  atomic_fetch_add_explicit(&d->c->counters.ticket_failures, 1, memory_order_relaxed);
  if (d->renewal && !d->waiting) log_failure(LOG_WARN, NULL, &d->failure);
}

static void job_done(void *arg)
{
  struct delegation *d = arg;
  d->done = true;
  if (d->ticket)
    keep(d);
  else
    give_up(d);
  count_tickets(d->c);
  while (d->waiting) {
    struct request *r = d->waiting;
    d->waiting = r->next_waiting;
    r->next_waiting = NULL;
    deliver(r, d);
  }
  unlink_delegation(
      d); /* not before: what one delivery sends may end others, which step4_forget() must find */
  krb_ticket_unref(d->ticket);
  kdc_log_clear(&d->log);
  krb_wire_clear(&d->wire);
  free(d);
}

static struct delegation *pending_for(struct connector *c, const struct krb_cache_key *k)
{
  for (struct delegation *d = c->pending; d; d = d->next)
    if (!d->done && !d->purged && strcmp(d->upn, k->upn) == 0 && strcmp(d->user, k->user) == 0 &&
        strcmp(d->spn, k->spn) == 0)
      return d;
  return NULL;
}

static struct delegation *start(struct connector *c, const struct krb_cache_key *k, bool traced)
{
  struct delegation *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  d->c = c;
  d->traced = traced;
  d->asked_s = clock_wall_s();
  snprintf(d->upn, sizeof d->upn, "%s", k->upn);
  snprintf(d->user, sizeof d->user, "%s", k->user);
  snprintf(d->spn, sizeof d->spn, "%s", k->spn);
  if (net_work(c->net, job_run, job_done, d)) {
    free(d);
    return NULL;
  }
  d->next = c->pending;
  c->pending = d;
  return d;
}

/* Without memory for it, the ticket's time runs out, and a request asks. */
static void renew(struct connector *c, const struct krb_cache_key *k)
{
  if (pending_for(c, k)) return;
  struct delegation *d = start(c, k, false);
  if (d) d->renewal = true;
}

/* Into r->user, by the application's mode. */
static enum err map_user(struct request *r, struct failure *f)
{
  static const enum krb_login how[] = {[LOGIN_UPN] = KRB_LOGIN_UPN,
                                       [LOGIN_ON_PREMISES_UPN] = KRB_LOGIN_UPN,
                                       [LOGIN_UPN_USERNAME] = KRB_LOGIN_UPN_USERNAME,
                                       [LOGIN_ON_PREMISES_UPN_USERNAME] = KRB_LOGIN_UPN_USERNAME,
                                       [LOGIN_SAM_ACCOUNT_NAME] = KRB_LOGIN_ACCOUNT};
  if (strcmp(r->login, r->upn) != 0) span_str(&r->delegate, "sevenstep.login", r->login);
  enum err e = krb_map_user(r->c->delegator, how[r->app->login], r->login, r->user, f);
  if (!e) span_str(&r->delegate, "krb.user", r->user);
  return e;
}

void step4_delegate(struct request *r)
{
  struct connector *c = r->c;
  struct failure f;
  span_start(&r->delegate, c->actor->tracer, 4, SPAN_CLIENT, NULL, &r->ctx, false);
  span_str(&r->delegate, "sevenstep.upn", r->upn);
  span_str(&r->delegate, "sevenstep.spn", r->app->spn);
  if (map_user(r, &f)) {
    request_fail(r, &f);
    return;
  }
  struct krb_cache_key key = key_for(r);
  bool due;
  r->ticket = krb_cache_get(c->tickets, &key, clock_wall_s(), &due);
  span_str(&r->delegate, "krb.cache", r->ticket ? "hit" : "miss");
  if (due) renew(c, &key);
  if (r->ticket) {
    r->ticket_cached = true;
    atomic_fetch_add_explicit(&c->counters.cache_hits, 1, memory_order_relaxed);
    if (r->delegate.ctx.sampled) trace_cached(&r->delegate, r->ticket);
    step6_present(r);
    return;
  }
  atomic_fetch_add_explicit(&c->counters.cache_misses, 1, memory_order_relaxed);
  struct delegation *d = pending_for(c, &key);
  if (!d) d = start(c, &key, r->delegate.ctx.sampled);
  if (!d) {
    failure_set(&f, ERR_NOMEM, "no memory");
    request_fail(r, &f);
    return;
  }
  r->deadline_ns = clock_mono_ns() + STEP4_TIMEOUT_S * 1000000000LL;
  r->next_waiting = d->waiting;
  d->waiting = r;
}

void step4_forget_ticket(const struct request *r)
{
  struct krb_cache_key key = key_for(r);
  krb_cache_remove(r->c->tickets, &key);
  count_tickets(r->c);
}

size_t step4_purge(struct connector *c, const char *name)
{
  for (struct delegation *d = c->pending; d; d = d->next)
    if (krb_cache_is_of(d->upn, d->user, name)) d->purged = true;
  size_t n = krb_cache_purge(c->tickets, name);
  count_tickets(c);
  return n;
}

void step4_forget(struct request *r)
{
  for (struct delegation *d = r->c->pending; d; d = d->next)
    for (struct request **at = &d->waiting; *at; at = &(*at)->next_waiting)
      if (*at == r) {
        *at = r->next_waiting;
        return;
      }
}

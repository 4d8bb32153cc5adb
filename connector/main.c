/* sevenstep-connector: dials out to the cloud and serves it. Steps 4 (delegate), 6 (present) and the way
 * back. */
#include "connector.h"

#include "clock.h"
#include "diagnose.h"
#include "dial.h"
#include "form.h"
#include "httpd.h"
#include "identity.h"
#include "origin.h"
#include "reload.h"
#include "request.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define TICKETS_MAX 10000
#define DRAIN_MAX_S 30

static const struct actor_spec spec = {
    .name = "connector",
    .program = "sevenstep-connector",
    .summary = "A connector: dials out of the corporate network, gets Kerberos tickets for users, reaches "
               "the applications.",
    .steps = "4 and 6",
    .usage = "[-c FILE] [-r FOLDER] -i NAME --diagnose USER [SPN] [--json]",
    .options =
        "      --diagnose USER [SPN]\n"
        "                        why does single sign-on fail for this user (UPN)? The checks of "
        "sevenstep-doctor,\n"
        "                        with this connector's keytab and krb5.conf; to the application with "
        "this SPN (default:\n"
        "                        the first with single sign-on kcd). --json: one JSON document. The exit "
        "code is\n"
        "                        the doctor's\n",
    .signals =
        "SIGTERM and SIGINT: it takes no more requests, and ends with the last one in progress, after 30 s "
        "at most;\na second one ends it at once.\n"
        "SIGHUP: it reads its certificate, keytab and authorities again, and replaces its connections; of "
        "one "
        "that\nis bad the old one stays in use.\n",
    .takes_instance = true,
};

/* -- admin
 * ---------------------------------------------------------------------------------------------------------------
 */

/* Without its reason it is not ready all the same. */
static bool not_ready(struct buf *reason, const char *what, const char *why)
{
  (void)!buf_printf(reason, *why ? "%s (%s)" : "%s", what, why);
  return false;
}

/* Whether it could get tickets is asked now, of the KDC: what it has in its memory may serve for hours yet.
 */
static bool ready(void *arg, struct buf *reason)
{
  struct connector *c = arg;
  struct failure f = {0};
  if (atomic_load(&c->counters.links) == 0) {
    enum err refused = (enum err)atomic_load(&c->counters.refused);
    int64_t s = (clock_mono_ns() - atomic_load(&c->counters.refused_ns)) / 1000000000;
    char when[64];
    if (!refused) return not_ready(reason, "not connected to the cloud", "");
    snprintf(when, sizeof when, "the cloud said so %d s ago; it is asked again", (int)s);
    return not_ready(reason, err_info(refused)->what, when);
  }
  enum err e = krb_delegator_check(c->delegator, &f);
  return e ? not_ready(reason, err_info(e)->what, f.why) : true;
}

static const struct metric {
  const char *name, *type, *help;
  size_t offset;
} metrics_table[] = {
    {"sevenstep_connector_requests_total", "counter", "Requests received through the tunnel.",
     offsetof(struct counters, requests)},
    {"sevenstep_connector_refused_total", "counter",
     "Requests refused because the cloud sent more than it has agreed to (cloud.limits.connector_at_once).",
     offsetof(struct counters, refused_requests)},
    {"sevenstep_connector_in_flight", "gauge", "Requests in progress.", offsetof(struct counters, in_flight)},
    {"sevenstep_connector_links", "gauge", "Connections to the cloud that take requests.",
     offsetof(struct counters, links)},
    {"sevenstep_connector_ticket_cache_hits_total", "counter", "Step 4: tickets found in the cache.",
     offsetof(struct counters, cache_hits)},
    {"sevenstep_connector_ticket_cache_misses_total", "counter", "Step 4: tickets not in the cache.",
     offsetof(struct counters, cache_misses)},
    {"sevenstep_connector_tickets_total", "counter", "Step 4: tickets obtained from the KDC.",
     offsetof(struct counters, tickets)},
    {"sevenstep_connector_ticket_renewals_total", "counter",
     "Step 4: tickets obtained ahead of need, which no request waited for.",
     offsetof(struct counters, renewals)},
    {"sevenstep_connector_cached_tickets", "gauge", "Step 4: tickets in the cache.",
     offsetof(struct counters, cached)},
    {"sevenstep_connector_ticket_failures_total", "counter", "Step 4: tickets not obtained.",
     offsetof(struct counters, ticket_failures)},
    {"sevenstep_connector_failures_total", "counter", "Requests answered with a failure of the connector.",
     offsetof(struct counters, failures)},
    {"sevenstep_connector_origin_connects_total", "counter", "Connections opened to applications.",
     offsetof(struct counters, origin_connects)},
    {"sevenstep_connector_origin_reuses_total", "counter", "Requests sent on a connection that was open.",
     offsetof(struct counters, origin_reuses)},
    {"sevenstep_connector_websockets_total", "counter", "Requests that became WebSockets.",
     offsetof(struct counters, websockets)},
    {"sevenstep_connector_open_websockets", "gauge", "WebSockets open now.",
     offsetof(struct counters, open_websockets)},
};

static void metrics(void *arg, struct buf *out)
{
  struct connector *c = arg;
  enum err e = ERR_OK;
  for (size_t i = 0; i < sizeof metrics_table / sizeof metrics_table[0] && !e; i++) {
    const struct metric *m = &metrics_table[i];
    _Atomic uint64_t *value = (_Atomic uint64_t *)(void *)((char *)&c->counters + m->offset);
    e = buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", m->name, m->help, m->name, m->type, m->name,
                   (unsigned long long)atomic_load(value));
  }
}

/* -- purging
 * -------------------------------------------------------------------------------------------------------------
 */

struct purge {
  struct connector *c;
  const char *name; /* NULL: everybody */
  size_t purged;
};

static void purge(void *arg, struct net_call *call)
{
  struct purge *p = arg;
  p->purged = step4_purge(p->c, p->name);
  net_call_end(p->c->net, call);
}

static void answer_purge(struct purge *p, struct httpd_response *r)
{
  struct failure f = {0};
  char text[64];
  enum err e =
      net_call(p->c->net, purge, p) ? ERR_OK : failure_set(&f, ERR_CLOSED, "the connector is stopping");
  if (!e) log_info("tickets of %s were purged: %zu", p->name ? "one user" : "all users", p->purged);
  snprintf(text, sizeof text, "tickets purged: %zu\n", p->purged);
  httpd_outcome(r, e, &f, text);
}

/* POST /tickets/purge[?user=NAME] */
static void handle_purge(const struct httpd_request *q, struct httpd_response *r)
{
  struct purge p = {.c = q->arg};
  struct failure f;
  struct fields query;
  fields_init(&query, 2, 1024);
  enum err e = *q->query ? form_parse(&query, q->query, strlen(q->query)) : ERR_OK;
  if (!e && *q->query) e = form_get(&query, "user", &p.name);
  if (e) {
    failure_set(&f, ERR_SYNTAX, "the query may be user=NAME only");
    httpd_outcome(r, f.err, &f, "");
  } else {
    answer_purge(&p, r);
  }
  fields_clear(&query);
}

static const struct httpd_route admin_routes[] = {
    {.method = "POST", .path = "/tickets/purge", .handle = handle_purge},
    {.method = "POST", .path = "/reload", .handle = handle_reload},
    {.method = NULL}};

/* -- life
 * ----------------------------------------------------------------------------------------------------------------
 */

static void on_second(uv_timer_t *timer)
{
  struct connector *c = timer->data;
  int64_t now = clock_mono_ns();
  requests_sweep(c, now);
  origin_pool_sweep(c->origins, now);
  if (!c->draining || now < c->drain_until_ns) return;
  log_warn("draining took more than %d s; what is left is cut off", DRAIN_MAX_S);
  net_stop(c->net);
}

static void drained(struct connector *c)
{
  net_stop(c->net);
}

/* The first signal drains, the second forces. */
static void stop(uv_signal_t *signal, int number)
{
  struct connector *c = signal->data;
  if (c->draining) {
    log_warn("signal %d again: stopping at once", number);
    net_stop(c->net);
    return;
  }
  log_info("stopping: signal %d; what is in progress is finished first", number);
  c->draining = true;
  c->drain_until_ns = clock_mono_ns() + DRAIN_MAX_S * 1000000000LL;
  dialer_drain(c->dialer, drained);
}

static void reload(uv_signal_t *signal, int number)
{
  (void)number;
  struct connector *c = signal->data;
  if (!c->draining) reload_signalled(c);
}

static enum err open_kerberos(struct connector *c, struct failure *f)
{
  char keytab[4096 + 128], recording[4096 + 128];
  actor_path(c->actor, keytab, "keytabs/%s.keytab", c->me->name);
  actor_path(c->actor, recording, "capture/recording.pcap");
  struct krb_delegator_config config = {.keytab = keytab,
                                        .principal = c->me->principal,
                                        .realm = c->lab->realm,
                                        .upn_suffix = c->lab->upn_suffix,
                                        .partner_realm = c->lab->partner.realm,
                                        .partner_upn_suffix = c->lab->partner.upn_suffix,
                                        .record = recording};
  if (!lab_is_member(c->lab, c->me)) { /* to the partner's connector we are the partner */
    config.realm = c->lab->partner.realm;
    config.upn_suffix = c->lab->partner.upn_suffix;
    config.partner_realm = c->lab->realm;
    config.partner_upn_suffix = c->lab->upn_suffix;
  }
  enum err e = krb_delegator_new(&config, &c->delegator, f);
  if (!e && krb_cache_new(TICKETS_MAX, c->me->ticket_trust_s, &c->tickets))
    e = failure_set(f, ERR_NOMEM, "no memory");
  return e;
}

static enum err open_connector(struct connector *c, struct httpd **admin, struct failure *f)
{
  char path[4096 + 128];
  c->me = lab_connector_by_name(c->lab, c->actor->instance);
  if (!c->me) return failure_set(f, ERR_CONFIG, "lab.yaml has no connector named %s", c->actor->instance);
  actor_path(c->actor, path, "%s.sock", c->me->name);
  struct httpd_admin config = {.unix_path = path,
                               .ready = ready,
                               .metrics = metrics,
                               .tracer = c->actor->tracer,
                               .more = admin_routes,
                               .arg = c};
  enum err e = open_kerberos(c, f);
  if (!e) e = origin_pool_new(c, &c->origins, f);
  if (!e) e = httpd_admin_start(&config, admin, f);
  if (!e) e = identity_new(c->actor, c->me, &c->identity, f);
  if (!e) e = dialer_new(c, &c->dialer, f);
  return e;
}

static void start_timers(struct connector *c)
{
  uv_timer_init(net_loop(c->net), &c->second);
  uv_signal_init(net_loop(c->net), &c->sigterm);
  uv_signal_init(net_loop(c->net), &c->sigint);
  uv_signal_init(net_loop(c->net), &c->sighup);
  c->second.data = c->sigterm.data = c->sigint.data = c->sighup.data = c;
}

static void run(struct connector *c)
{
  uv_timer_start(&c->second, on_second, 1000, 1000);
  uv_signal_start(&c->sigterm, stop, SIGTERM);
  uv_signal_start(&c->sigint, stop, SIGINT);
  uv_signal_start(&c->sighup, reload, SIGHUP);
  net_run(c->net);
}

static void close_connector(struct connector *c, struct httpd *admin)
{
  net_refuse_calls(c->net);
  httpd_stop(admin);
  dialer_stop(c->dialer);
  if (c->origins) origin_pool_stop(c->origins);
  uv_close((uv_handle_t *)&c->second, NULL);
  uv_close((uv_handle_t *)&c->sigterm, NULL);
  uv_close((uv_handle_t *)&c->sigint, NULL);
  uv_close((uv_handle_t *)&c->sighup, NULL);
  net_free(c->net);
  dialer_free(c->dialer);
  identity_free(c->identity);
  origin_pool_free(c->origins);
  krb_cache_free(c->tickets);
  krb_delegator_free(c->delegator);
}

int main(int argc, char **argv)
{
  struct actor actor;
  struct httpd *admin = NULL;
  struct failure f = {0};
  diagnose_if_asked(argc, argv);
  /* Before any thread: workers wait for the KDC, and a stalled one must not use them up. */
  setenv("UV_THREADPOOL_SIZE", "16", 1);
  actor_start(&actor, &spec, argc, argv);
  actor_use_krb5_conf(&actor);
  struct connector *c = calloc(1, sizeof *c);
  if (!c || net_new(&c->net)) abort();
  c->actor = &actor;
  c->lab = actor.lab;
  start_timers(c);
  enum err e = open_connector(c, &admin, &f);
  if (!e) run(c);
  close_connector(c, admin);
  if (!e && c->failure.err) {
    f = c->failure;
    e = f.err;
  }
  if (e) log_failure(LOG_ERROR, NULL, &f);
  free(c);
  actor_stop(&actor);
  return e ? actor_exit_code(e) : 0;
}

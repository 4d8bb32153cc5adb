/* sevenstep-cloud: the proxy that users meet. Step 1 redirects, step 3 validates and dispatches, step 7
 * responds.
 *
 *   sevenstep-cloud token NAME [options]   prints a registration token for a connector, and ends
 *   sevenstep-cloud [options]              serves until SIGTERM, which lets requests end; SIGHUP: reads its
 * certificates again */
#include "cloud.h"

#include "admin.h"
#include "clock.h"
#include "exchange.h"
#include "httpd.h"
#include "oidc.h"
#include "once.h"
#include "registry.h"
#include "reload.h"
#include "roster.h"
#include "rotate.h"
#include "throttle.h"
#include "websocket.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HANDSHAKE_MS 10000
#define DRAIN_MAX_S  3 /* of the 5 that ./sevenstep stop waits */

static const struct actor_spec spec = {
    .name = "cloud",
    .program = "sevenstep-cloud",
    .summary =
        "The cloud proxy: users reach internal applications through it, connectors dial in to it. With "
        "the words\n\"token NAME\" before the options it prints a token that registers this connector, and "
        "ends.",
    .steps = "1, 3 and 7",
    .usage = "token NAME [-c FILE] [-r FOLDER]",
    .signals =
        "SIGTERM and SIGINT let requests in progress end, for 3 s at most; a second one ends it at once.\n"
        "SIGHUP lets it read its certificates again; of one that is bad the old one stays in use.\n",
    .lab_flags = LAB_CLIENT_SECRETS,
};

/* -- admin: from the admin server's thread --------------------------------------------------------------- */

static bool not_ready(struct buf *reason, const char *why)
{
  (void)!buf_puts(reason, why); /* without its reason it is not ready all the same */
  return false;
}

static bool ready(void *arg, struct buf *reason)
{
  struct cloud *c = arg;
  struct counters *n = &c->counters;
  struct failure f;
  if (!atomic_load(&n->keys_loaded)) return not_ready(reason, "the identity provider's keys are not loaded");
  if (atomic_load(&n->ready_connectors) == 0) return not_ready(reason, "no connector is ready");
  if (once_probe(c->once, &f)) return not_ready(reason, f.why);
  return true;
}

static const struct metric {
  const char *name, *type, *help;
  size_t offset;
} metrics_table[] = {
    {"sevenstep_cloud_connections_total", "counter", "Connections accepted from users.",
     offsetof(struct counters, connections)},
    {"sevenstep_cloud_open_connections", "gauge", "Users' connections open now.",
     offsetof(struct counters, open_connections)},
    {"sevenstep_cloud_requests_total", "counter", "Requests received.", offsetof(struct counters, requests)},
    {"sevenstep_cloud_redirects_total", "counter", "Step 1: users sent to the logon page.",
     offsetof(struct counters, redirects)},
    {"sevenstep_cloud_tokens_accepted_total", "counter", "Step 3: tokens accepted.",
     offsetof(struct counters, tokens_accepted)},
    {"sevenstep_cloud_tokens_refused_total", "counter", "Step 3: tokens refused.",
     offsetof(struct counters, tokens_refused)},
    {"sevenstep_cloud_dispatched_total", "counter", "Step 3: requests directed to a connector.",
     offsetof(struct counters, dispatched)},
    {"sevenstep_cloud_retried_total", "counter", "Requests sent again to another connector.",
     offsetof(struct counters, retried)},
    {"sevenstep_cloud_websockets_total", "counter", "Requests that became WebSockets.",
     offsetof(struct counters, websockets)},
    {"sevenstep_cloud_open_websockets", "gauge", "WebSockets open now.",
     offsetof(struct counters, open_websockets)},
    {"sevenstep_cloud_throttled_total", "counter", "Requests refused by a limit of cloud.limits (429).",
     offsetof(struct counters, throttled)},
    {"sevenstep_cloud_full_total", "counter",
     "Requests refused because the connectors of the group were at cloud.limits.connector_at_once.",
     offsetof(struct counters, full)},
    {"sevenstep_cloud_failures_total", "counter", "Requests answered with an error page.",
     offsetof(struct counters, failures)},
    {"sevenstep_cloud_ready_connectors", "gauge", "Connectors that can take requests.",
     offsetof(struct counters, ready_connectors)},
    {"sevenstep_cloud_ready_connections", "gauge", "Connections of these connectors that take requests.",
     offsetof(struct counters, ready_connections)},
};

static void metrics(void *arg, struct buf *out)
{
  struct cloud *c = arg;
  enum err e = configuration_metrics(c, out);
  for (size_t i = 0; i < sizeof metrics_table / sizeof metrics_table[0] && !e; i++) {
    const struct metric *m = &metrics_table[i];
    _Atomic uint64_t *value = (_Atomic uint64_t *)(void *)((char *)&c->counters + m->offset);
    e = buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", m->name, m->help, m->name, m->type, m->name,
                   (unsigned long long)atomic_load(value));
  }
}

/* -- life
 * --------------------------------------------------------------------------------------------------------------
 */

static void on_second(uv_timer_t *timer)
{
  struct cloud *c = timer->data;
  int64_t now = clock_mono_ns();
  websockets_sweep(c, now);
  conn_sweep(c, now);
  registry_sweep(c->registry, now);
  oidc_sweep(c->oidc, now);
  rotate_sweep(c);
  if (!c->stopping || now < c->drain_until_ns) return;
  log_warn("connections took more than %d s to end; what is left is cut off", DRAIN_MAX_S);
  net_stop(c->net);
}

static void drained(struct cloud *c)
{
  net_stop(c->net);
}

/* The first signal drains, the second forces. */
static void stop(uv_signal_t *signal, int number)
{
  struct cloud *c = signal->data;
  if (c->stopping) {
    log_warn("signal %d again: stopping at once", number);
    net_stop(c->net);
    return;
  }
  log_info("stopping: signal %d; what is in progress is finished first", number);
  c->drain_until_ns = clock_mono_ns() + DRAIN_MAX_S * 1000000000LL;
  listener_close(c->front);
  c->front = NULL;
  c->stopping = true;
  websockets_sweep(c, clock_mono_ns()); /* ahead of GOAWAY, for which some clients drop their streams */
  conn_shutdown(c, drained);
}

static void keys_ready(struct cloud *c)
{
  actor_ready(c->actor);
}

static enum err open_tls(struct cloud *c, struct failure *f)
{
  char cert[4096 + 128], key[4096 + 128], ca[4096 + 128];
  actor_path(c->actor, cert, "pki/cloud.crt");
  actor_path(c->actor, key, "pki/cloud.key");
  enum err e = tls_server_ctx_new(cert, key, NULL, "h2,http/1.1", &c->front_tls, f);
  actor_path(c->actor, cert, "pki/tunnel.crt");
  actor_path(c->actor, key, "pki/tunnel.key");
  actor_path(c->actor, ca, "cloud/connector-ca.crt");
  if (!e) e = tls_server_ctx_new(cert, key, ca, "h2", &c->tunnel_tls, f);
  return e;
}

static void renew_certificate(const struct cloud *c, struct tls_ctx *tls, const char *name)
{
  struct failure f;
  if (!reload_certificate(c, tls, name, &f))
    log_info("SIGHUP: new connections get the certificate that is in pki/%s.crt now", name);
  else
    log_error("SIGHUP: the certificate in use stays: %s", f.why);
}

static void reload(uv_signal_t *signal, int number)
{
  const struct cloud *c = signal->data;
  (void)number;
  if (c->front_tls) renew_certificate(c, c->front_tls, "cloud");
  if (c->tunnel_tls) renew_certificate(c, c->tunnel_tls, "tunnel");
}

static enum err open_roster(struct cloud *c, struct failure *f)
{
  char path[4096 + 128];
  actor_path(c->actor, path, "cloud");
  if (mkdir(path, 0700) != 0 && errno != EEXIST)
    return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  return roster_new(c->lab, path, &c->roster, f);
}

static enum err open_cloud(struct cloud *c, struct httpd **admin, struct failure *f)
{
  char path[4096 + 128];
  enum err e = open_roster(c, f);
  if (!e) e = open_tls(c, f);
  actor_path(c->actor, path, "cloud/session.key");
  if (!e) e = seal_new(path, &c->seal, f);
  actor_path(c->actor, path, "cloud/store.db");
  if (!e) e = once_new(c, path, &c->once, f);
  if (!e && throttle_new(&c->throttle)) e = failure_set(f, ERR_NOMEM, "no memory");
  actor_path(c->actor, path, "%s.sock", c->actor->instance);
  struct httpd_admin config = {.unix_path = path,
                               .ready = ready,
                               .metrics = metrics,
                               .tracer = c->actor->tracer,
                               .more = admin_routes,
                               .arg = c};
  if (!e) e = registry_new(c, &c->registry, f);
  if (!e)
    e = listener_new(c->net, &c->lab->cloud.listen, c->front_tls, HANDSHAKE_MS, conn_accept, c, &conn_events,
                     &c->front, f);
  if (!e) e = httpd_admin_start(&config, admin, f);
  if (!e) e = oidc_new(c, keys_ready, &c->oidc, f);
  return e;
}

static void start_timers(struct cloud *c)
{
  uv_timer_init(net_loop(c->net), &c->second);
  uv_signal_init(net_loop(c->net), &c->sigterm);
  uv_signal_init(net_loop(c->net), &c->sigint);
  uv_signal_init(net_loop(c->net), &c->sighup);
  c->second.data = c->sigterm.data = c->sigint.data = c->sighup.data = c;
  uv_timer_start(&c->second, on_second, 1000, 1000);
  uv_signal_start(&c->sigterm, stop, SIGTERM);
  uv_signal_start(&c->sigint, stop, SIGINT);
  uv_signal_start(&c->sighup, reload, SIGHUP);
}

static void close_cloud(struct cloud *c, struct httpd *admin)
{
  c->drained = NULL;
  net_refuse_calls(c->net); /* or the admin endpoint's thread might wait for this one */
  httpd_stop(admin);
  oidc_stop(c->oidc);
  if (c->registry) registry_stop(c->registry);
  listener_close(c->front);
  uv_close((uv_handle_t *)&c->second, NULL);
  uv_close((uv_handle_t *)&c->sigterm, NULL);
  uv_close((uv_handle_t *)&c->sigint, NULL);
  uv_close((uv_handle_t *)&c->sighup, NULL);
  net_free(c->net);
  oidc_free(c->oidc);
  registry_free(c->registry);
  roster_free(c->roster);
  once_free(c->once);
  throttle_free(c->throttle);
  conn_free_spare(c);
  seal_free(c->seal);
  tls_ctx_free(c->front_tls);
  tls_ctx_free(c->tunnel_tls);
  lab_free(c->lab);
}

static int print_token(struct actor *actor, const char *name)
{
  struct cloud c = {.actor = actor, .lab = actor->lab};
  struct failure f = {0};
  char token[TOKEN_LEN + 1];
  enum err e = open_roster(&c, &f);
  if (!e) e = roster_token(c.roster, name, NULL, token, &f);
  roster_free(c.roster);
  if (e)
    log_failure(LOG_ERROR, NULL, &f);
  else
    printf("%s\n", token);
  OPENSSL_cleanse(token, sizeof token);
  return e ? actor_exit_code(e) : 0;
}

static int serve(struct actor *actor)
{
  struct httpd *admin = NULL;
  struct failure f = {0};
  struct cloud *c = calloc(1, sizeof *c);
  if (!c || net_new(&c->net)) abort();
  c->actor = actor;
  c->lab = lab_ref(actor->lab);
  start_timers(c);
  enum err e = open_cloud(c, &admin, &f);
  if (e)
    log_failure(LOG_ERROR, NULL, &f);
  else
    net_run(c->net);
  close_cloud(c, admin);
  free(c);
  return e ? actor_exit_code(e) : 0;
}

int main(int argc, char **argv)
{
  struct actor actor;
  const char *token_for = argc > 2 && strcmp(argv[1], "token") == 0 ? argv[2] : NULL;
  if (token_for) {
    argv[2] = argv[0];
    argv += 2;
    argc -= 2;
  }
  /* Before any thread: some wait for the identity provider, and others write what is void. */
  setenv("UV_THREADPOOL_SIZE", CLOUD_WORKERS, 1);
  actor_start(&actor, &spec, argc, argv);
  int code = token_for ? print_token(&actor, token_for) : serve(&actor);
  actor_stop(&actor);
  return code;
}

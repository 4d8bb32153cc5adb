#include "reload.h"

#include "registry.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is asked of the loop's thread. */
struct look {
  struct cloud *c;
  struct buf *out;
  enum err e;
};

static const struct {
  const char *name, *help;
} connector_gauges[] = {
    {"sevenstep_cloud_connector_connections",
     "A connector's connections that take requests; 0: it is inactive."},
    {"sevenstep_cloud_connector_requests", "The requests and WebSockets that a connector works on."},
    {"sevenstep_cloud_connector_version",
     "The version of the configuration that a connector has acknowledged."},
};

static enum err connector_gauge(const struct cloud *c, size_t which, struct buf *out)
{
  const char *name = connector_gauges[which].name;
  enum err e = buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, connector_gauges[which].help, name);
  for (size_t i = 0; i < c->lab->n_connectors && !e; i++) {
    const struct lab_connector *row = &c->lab->connectors[i];
    struct connector_state now;
    registry_look(c->registry, row, &now);
    e = buf_printf(out, "%s{connector=\"%s\",group=\"%s\"} %u\n", name, row->name, row->group,
                   which == 0   ? now.connections
                   : which == 1 ? now.requests
                                : now.version);
  }
  return e;
}

static void look_at_gauges(void *arg, struct net_call *call)
{
  struct look *l = arg;
  for (size_t i = 0; i < sizeof connector_gauges / sizeof connector_gauges[0] && !l->e; i++)
    l->e = connector_gauge(l->c, i, l->out);
  if (!l->e)
    l->e = buf_printf(l->out,
                      "# HELP sevenstep_cloud_version The version of the configuration in force.\n"
                      "# TYPE sevenstep_cloud_version gauge\nsevenstep_cloud_version %u\n",
                      l->c->version);
  net_call_end(l->c->net, call);
}

enum err configuration_metrics(struct cloud *c, struct buf *out)
{
  struct look look = {.c = c, .out = out};
  return net_call(c->net, look_at_gauges, &look) ? look.e : ERR_CLOSED;
}

/* -- GET /configuration
 * ----------------------------------------------------------------------------------------------------- */

static json_t *list_connectors(const struct cloud *c)
{
  json_t *list = json_array();
  for (size_t i = 0; list && i < c->lab->n_connectors; i++) {
    const struct lab_connector *row = &c->lab->connectors[i];
    struct connector_state now;
    registry_look(c->registry, row, &now);
    json_t *one = json_pack("{s:s,s:s,s:i,s:i}", "name", row->name, "group", row->group, "connections",
                            (int)now.connections, "version", (int)now.version);
    if (json_array_append_new(list, one)) json_decref(list), list = NULL;
  }
  return list;
}

static void look_at_connectors(void *arg, struct net_call *call)
{
  struct look *l = arg;
  json_t *doc = json_pack("{s:i,s:o}", "version", (int)l->c->version, "connectors", list_connectors(l->c));
  char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
  l->e = text ? buf_printf(l->out, "%s\n", text) : ERR_NOMEM;
  free(text);
  json_decref(doc);
  net_call_end(l->c->net, call);
}

void handle_configuration(const struct httpd_request *q, struct httpd_response *r)
{
  struct look look = {.c = q->arg, .out = &r->body};
  if (!net_call(look.c->net, look_at_connectors, &look) || look.e ||
      fields_set(&r->fields, "Content-Type", "application/json"))
    r->status = 503;
}

/* -- certificates
 * ----------------------------------------------------------------------------------------------------- */

enum err reload_certificate(const struct cloud *c, struct tls_ctx *tls, const char *name, struct failure *f)
{
  char cert[4096 + 128], key[4096 + 128];
  actor_path(c->actor, cert, "pki/%s.crt", name);
  actor_path(c->actor, key, "pki/%s.key", name);
  return tls_ctx_reload(tls, cert, key, f);
}

/* -- POST /reload
 * ------------------------------------------------------------------------------------------------------------
 */

struct reload {
  struct cloud *c;
  const struct lab *lab;
  bool firm;
  struct net_call *call;
  struct failure f;
  size_t applications;
  unsigned version;
};

static void reload_done(void *arg, const struct failure *f)
{
  struct reload *l = arg;
  l->f = *f;
  l->version = l->c->version;
  net_call_end(l->c->net, l->call);
}

static void reload_begin(void *arg, struct net_call *call)
{
  struct reload *l = arg;
  const struct lab *lab = l->lab;
  l->call = call;
  /* It may have new hosts, and their first user must find the certificate there. */
  if (reload_certificate(l->c, l->c->front_tls, "cloud", &l->f)) {
    net_call_end(l->c->net, call);
    return;
  }
  l->lab = NULL;
  registry_configure(l->c->registry, lab, l->firm, reload_done, l);
}

/* This thread waits; it has nobody else to serve. */
void handle_reload(const struct httpd_request *q, struct httpd_response *r)
{
  struct reload l = {.c = q->arg, .firm = strcmp(q->query, "firm") == 0};
  char text[128];
  enum err e = actor_reload(l.c->actor, &l.lab, &l.f);
  if (!e) {
    l.applications = l.lab->n_apps;
    if (!net_call(l.c->net, reload_begin, &l)) failure_set(&l.f, ERR_CLOSED, "the cloud is stopping");
    lab_free(l.lab); /* NULL where it was taken */
    e = l.f.err;
  }
  if (e)
    log_failure(LOG_WARN, NULL, &l.f);
  else
    log_info("reloaded: version %u, %zu applications", l.version, l.applications);
  snprintf(text, sizeof text, "version %u, %zu applications\n", l.version, l.applications);
  httpd_outcome(r, e, &l.f, text);
}

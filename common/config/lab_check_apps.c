/* The checks of applications: keys that make sense together, and names and URLs of their own. */
#include "lab_check_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* -- URLs ------------------------------------------------------------------------------------------------ */

/* The place of a published URL: the application's, or its segment's. */
static struct yaml_place place_of_url(const struct checking *c, const struct lab_app *app, const char *key)
{
  const struct yaml_node *row = lab_find_row(c, "applications", app->name);
  if (app->segment) row = yaml_get(yaml_get(row, "segments"), app->segment);
  return yaml_get(row, key) ? yaml_get(row, key)->at : c->root->at;
}

/* "NAME" or "NAME.segments.SEGMENT". */
static const char *path_of(const struct lab_app *app, char out[160])
{
  snprintf(out, 160, "%s%s%s", app->name, app->segment ? ".segments." : "", app->segment ? app->segment : "");
  return out;
}

static bool same_place(const struct lab_url *a, const struct lab_url *b)
{
  return strcasecmp(a->host, b->host) == 0 && strcmp(a->path, b->path) == 0;
}

/* Each external URL is of one application only, and none of the cloud's and the identity provider's hosts. */
static enum err check_external_url(const struct checking *c, size_t index)
{
  const struct lab *lab = c->lab;
  const struct lab_app *app = &lab->published[index];
  const char *host = app->external_url.host;
  char label[LAB_LABEL_MAX + 1], own[160], other[160];
  struct yaml_place at = place_of_url(c, app, "external_url");
  path_of(app, own);
  if (lab_host_matches(host, lab->idp.issuer.host, strlen(lab->idp.issuer.host), label))
    return lab_fail(c, at, "applications.%s.external_url: %s is the identity provider's host", own,
                    lab->idp.issuer.host);
  if (lab_is_home(lab, host, strlen(host)))
    return lab_fail(c, at, "applications.%s.external_url: %s is the host of cloud.home_url", own, host);
  for (size_t i = 0; i < index; i++)
    if (same_place(&app->external_url, &lab->published[i].external_url))
      return lab_fail(
          c, at,
          "applications.%s.external_url: %s%s is published as %s already; each application needs a "
          "host or a path of its own",
          own, host, app->external_url.path, path_of(&lab->published[i], other));
  return ERR_OK;
}

/* A "*" inside is filled by that of the external host. */
static enum err check_wildcards(const struct checking *c, const struct lab_app *app)
{
  char own[160];
  if (lab_is_wildcard(app->external_url.host)) return ERR_OK;
  path_of(app, own);
  if (lab_is_wildcard(app->internal_url.host))
    return lab_fail(c, place_of_url(c, app, "internal_url"),
                    "applications.%s.internal_url: *. only where the external URL's host begins so", own);
  if (lab_is_wildcard(app->spn))
    return lab_fail(c, lab_place_of(c, "applications", app->name, "spn"),
                    "applications.%s.spn: with a *, each external URL's host must begin with *.; %s does not",
                    app->name, app->external_url.host);
  return ERR_OK;
}

enum err lab_check_published(const struct checking *c)
{
  enum err e = ERR_OK;
  for (size_t i = 0; !e && i < c->lab->n_published; i++) {
    e = check_external_url(c, i);
    if (!e) e = check_wildcards(c, &c->lab->published[i]);
  }
  return e;
}

/* -- each application ------------------------------------------------------------------------------------ */

static bool is_group(const struct lab *lab, const char *name)
{
  for (size_t i = 0; i < lab->n_groups; i++)
    if (strcmp(lab->groups[i].name, name) == 0) return true;
  return false;
}

static enum err check_assignment(const struct checking *c, const struct lab_app *app)
{
  const struct yaml_node *list = lab_find(c, "applications", app->name, "assigned_groups");
  for (size_t i = 0; i < app->assigned_groups.n; i++)
    if (!is_group(c->lab, app->assigned_groups.v[i]))
      return lab_fail(c, lab_place_of_item(c, list, i),
                      "applications.%s.assigned_groups: there is no group \"%s\"", app->name,
                      app->assigned_groups.v[i]);
  return lab_check_known_users(c, &app->assigned_users,
                               lab_find(c, "applications", app->name, "assigned_users"), "application",
                               app->name);
}

/* Keys that have no effect together are refused: a lab that reads as protected must be. */
static enum err check_combination(const struct checking *c, const struct lab_app *app)
{
  const char *n = app->name;
  const struct yaml_node *row = lab_find_row(c, "applications", n);
  if (app->preauth == PREAUTH_PASSTHRU && app->sso != SSO_NONE)
    return lab_fail(
        c, lab_place_of(c, "applications", n, "single_sign_on"),
        "applications.%s.single_sign_on: needs preauthentication: with passthru nobody is signed in", n);
  if (app->preauth == PREAUTH_PASSTHRU && app->assigned_users.n + app->assigned_groups.n)
    return lab_fail(
        c, row->key_at,
        "applications.%s: with preauthentication: passthru everybody gets through, so nobody is assigned", n);
  if (app->preauth == PREAUTH_PASSTHRU && app->bearer_access)
    return lab_fail(
        c, lab_place_of(c, "applications", n, "bearer_access"),
        "applications.%s.bearer_access: needs preauthentication: with passthru no token is looked at", n);
  if ((app->sso == SSO_HEADER) != (app->n_headers > 0))
    return lab_fail(c, lab_place_of(c, "applications", n, app->n_headers ? "headers" : "single_sign_on"),
                    app->n_headers
                        ? "applications.%s.headers: only with single_sign_on: header"
                        : "applications.%s.single_sign_on: header needs headers:, e.g. {X-User: upn}",
                    n);
  if (app->sso == SSO_KCD && !app->spn)
    return lab_fail(c, lab_place_of(c, "applications", n, "single_sign_on"),
                    "applications.%s.single_sign_on: kcd needs the application's spn, e.g. spn: HTTP/%s", n,
                    app->internal_url.host);
  if (lab_is_wildcard(app->spn) && app->allowed_to_act.n)
    return lab_fail(c, lab_place_of(c, "applications", n, "allowed_to_act"),
                    "applications.%s.allowed_to_act: the spn's * stands for what connectors' "
                    "allowed_to_delegate_to lists "
                    "name; add the SPNs there",
                    n);
  if (!app->spn && app->allowed_to_act.n)
    return lab_fail(c, lab_place_of(c, "applications", n, "allowed_to_act"),
                    "applications.%s.allowed_to_act: only with an spn", n);
  if (app->sso != SSO_KCD && app->spn)
    return lab_fail(c, lab_place_of(c, "applications", n, "spn"),
                    "applications.%s.spn: only with single_sign_on: kcd", n);
  if (!app->secure_cookie)
    return lab_fail(
        c, lab_place_of(c, "applications", n, "secure_cookie"),
        "applications.%s.secure_cookie: must be true: browsers take a cookie named __Host- only when "
        "it is Secure (RFC 6265bis 4.1.3.2)",
        n);
  if (app->flow != FLOW_CODE && yaml_get(row, "client_secret"))
    return lab_fail(c, lab_place_of(c, "applications", n, "client_secret"),
                    "applications.%s.client_secret: only with flow: code", n);
  return ERR_OK;
}

/* What is said of a certificate needs one, and one that is looked at. */
static enum err check_certificate(const struct checking *c, const struct lab_app *app)
{
  const char *n = app->name;
  bool https = strcmp(app->internal_url.scheme, "https") == 0;
  if (!https && !app->validate_certificate)
    return lab_fail(c, lab_place_of(c, "applications", n, "validate_backend_certificate"),
                    "applications.%s.validate_backend_certificate: only with an https internal_url", n);
  if (app->backend_ca && (!https || !app->validate_certificate))
    return lab_fail(
        c, lab_place_of(c, "applications", n, "backend_ca"),
        "applications.%s.backend_ca: only with an https internal_url whose certificate is validated", n);
  return ERR_OK;
}

/* A guest has no seat where the lab's own program sits, which has no key for it. */
static enum err check_seat(const struct checking *c, const struct lab_app *app)
{
  const struct lab_addr *own[] = {&c->lab->backend.listen, &c->lab->backend.listen_tls};
  if (app->played_by == SEAT_LAB) return ERR_OK;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (own[i]->host && own[i]->port == app->connect.port && strcmp(own[i]->host, app->connect.host) == 0)
      return lab_fail(
          c, lab_place_of(c, "applications", app->name, "connect"),
          "applications.%s.connect: the lab's own backend listens on %s:%u; a guest listens elsewhere",
          app->name, app->connect.host, app->connect.port);
  return ERR_OK;
}

static enum err check_app_name(const struct checking *c, const struct lab_app *app)
{
  const struct lab *lab = c->lab;
  if (strcmp(app->name, lab->home.name) == 0)
    return lab_fail(c, lab_place_of(c, "applications", app->name, NULL),
                    "applications.%s: this name is the cloud's own (cloud.home_url)", app->name);
  for (size_t i = 0; i < lab->idp.n_clients; i++)
    if (strcmp(lab->idp.clients[i].id, app->name) == 0)
      return lab_fail(
          c, lab_place_of(c, "applications", app->name, NULL),
          "applications.%s: idp.clients has a client of this id; each application is a client by itself",
          app->name);
  return ERR_OK;
}

static enum err check_connector_group(const struct checking *c, const struct lab_app *app)
{
  for (size_t i = 0; i < c->lab->n_connectors; i++)
    if (strcmp(c->lab->connectors[i].group, app->connector_group) == 0) return ERR_OK;
  return lab_fail(c, lab_place_of(c, "applications", app->name, "connector_group"),
                  "applications.%s.connector_group: no connector is in the group \"%s\"", app->name,
                  app->connector_group);
}

static enum err check_allowed_to_act(const struct checking *c, const struct lab_app *app)
{
  const struct yaml_node *list = lab_find(c, "applications", app->name, "allowed_to_act");
  for (size_t i = 0; i < app->allowed_to_act.n; i++)
    if (!lab_connector_by_name(c->lab, app->allowed_to_act.v[i]))
      return lab_fail(c, lab_place_of_item(c, list, i),
                      "applications.%s.allowed_to_act: there is no connector \"%s\"", app->name,
                      app->allowed_to_act.v[i]);
  return ERR_OK;
}

enum err lab_check_apps(const struct checking *c)
{
  enum err e = ERR_OK;
  for (size_t i = 0; !e && i < c->lab->n_apps; i++) {
    const struct lab_app *app = &c->lab->apps[i];
    e = check_app_name(c, app);
    if (!e) e = check_combination(c, app);
    if (!e) e = check_certificate(c, app);
    if (!e) e = check_seat(c, app);
    if (!e) e = check_assignment(c, app);
    if (!e) e = check_connector_group(c, app);
    if (!e) e = check_allowed_to_act(c, app);
  }
  return e;
}

/* What follows from a loaded lab: derived defaults, and the look-ups. Labs are small, so look-ups are plain
 * loops. */
#include "buf.h"
#include "encode.h"
#include "lab_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* https://NAME-TENANT.DOMAIN/, as the real service names what is published under its own domain: here that of
 * the home page. The tenant's first label, since the host has to be one label below the domain. */
static enum err derive_external(const struct lab *lab, struct lab_app *app, struct arena *arena)
{
  char text[1024], port[8] = "";
  const struct lab_url *home = &lab->cloud.home_url;
  if (app->external_url.text) return ERR_OK;
  if (!home->text) return ERR_CONFIG; /* what connectors are told has all */
  const char *dot = strchr(home->host, '.');
  if (home->port != 443) snprintf(port, sizeof port, ":%u", home->port);
  int n = snprintf(text, sizeof text, "https://%s-%.*s.%s%s/", app->name, (int)strcspn(lab->tenant, "."),
                   lab->tenant, dot ? dot + 1 : home->host, port);
  if (n < 0 || (size_t)n >= sizeof text) return ERR_NOMEM;
  return lab_parse_url(arena, text, &app->external_url) ? ERR_CONFIG : ERR_OK; /* a label of more than 63 */
}

static enum err derive_callback(const struct lab *lab, struct lab_app *app, struct arena *arena)
{
  char text[2048];
  const char *base = app->spread ? lab->cloud.home_url.text : app->external_url.text;
  if (!base) return ERR_OK; /* what connectors are told has no home */
  int n = snprintf(text, sizeof text, "%s.sevenstep/callback%s%s", base, app->spread ? "/" : "",
                   app->spread ? app->name : "");
  if (n < 0 || (size_t)n >= sizeof text) return ERR_NOMEM;
  app->callback_uri = arena_strndup(arena, text, (size_t)n);
  return app->callback_uri ? ERR_OK : ERR_NOMEM;
}

static bool is_spread(const struct lab_app *app)
{
  bool spread = lab_is_wildcard(app->external_url.host);
  for (size_t i = 0; i < app->n_segments; i++)
    spread |= strcmp(app->segments[i].external_url.host, app->external_url.host) != 0;
  return spread;
}

static bool any_with_credentials(const struct lab_cors *rules, size_t n)
{
  bool any = false;
  for (size_t i = 0; i < n; i++)
    any |= rules[i].credentials;
  return any;
}

static bool is_cross_site(const struct lab_app *app)
{
  bool any = any_with_credentials(app->cors, app->n_cors);
  for (size_t i = 0; i < app->n_segments; i++)
    any |= any_with_credentials(app->segments[i].cors, app->segments[i].n_cors);
  return any;
}

static void derive_connect(struct lab_addr *connect, const struct lab_url *internal)
{
  if (!connect->host) *connect = (struct lab_addr){internal->host, internal->port};
}

static enum err derive_app(const struct lab *lab, struct lab_app *app, struct arena *arena)
{
  if (!app->title) app->title = app->name;
  derive_connect(&app->connect, &app->internal_url);
  for (size_t i = 0; i < app->n_segments; i++)
    derive_connect(&app->segments[i].connect, &app->segments[i].internal_url);
  app->spread = is_spread(app);
  app->cross_site = is_cross_site(app);
  return derive_callback(lab, app, arena);
}

static void derive_segment(const struct lab_app *app, const struct lab_segment *segment, struct lab_app *ret)
{
  *ret = *app;
  ret->segment = segment->name;
  ret->external_url = segment->external_url;
  ret->internal_url = segment->internal_url;
  ret->connect = segment->connect;
  ret->cors = segment->cors;
  ret->n_cors = segment->n_cors;
}

static bool has_path(const struct lab_url *url)
{
  return url->path[1] != 0;
}

static void derive_by_path(struct lab *lab)
{
  for (size_t i = 0; i < lab->n_published; i++) {
    struct lab_app *a = &lab->published[i];
    a->by_path = has_path(&a->external_url) || has_path(&a->internal_url);
    for (size_t k = 0; k < lab->n_published && !a->by_path; k++)
      a->by_path = k != i && strcasecmp(a->external_url.host, lab->published[k].external_url.host) == 0;
  }
}

static enum err derive_published(struct lab *lab, struct arena *arena)
{
  size_t n = lab->n_apps;
  for (size_t i = 0; i < lab->n_apps; i++)
    n += lab->apps[i].n_segments;
  lab->published = arena_alloc(arena, n * sizeof *lab->published);
  if (!lab->published) return ERR_NOMEM;
  for (size_t i = 0; i < lab->n_apps; i++) {
    const struct lab_app *app = &lab->apps[i];
    lab->published[lab->n_published++] = *app;
    for (size_t k = 0; k < app->n_segments; k++)
      derive_segment(app, &app->segments[k], &lab->published[lab->n_published++]);
  }
  derive_by_path(lab);
  return ERR_OK;
}

static enum err derive_home(struct lab *lab, struct arena *arena)
{
  lab->home = (struct lab_app){
      .name = LAB_HOME_NAME,
      .title = "My applications",
      .external_url = lab->cloud.home_url,
      .internal_url = lab->cloud.home_url,
      .preauth = PREAUTH_AAD,
      .sso = SSO_NONE,
      .flow = FLOW_ID_TOKEN,
      .connector_group = "", /* no connector's */
      .http_only_cookie = true,
      .secure_cookie = true,
  };
  return derive_app(lab, &lab->home, arena);
}

static enum err derive_connector(const struct lab *lab, struct lab_connector *c, struct arena *arena)
{
  if (!c->realm) c->realm = lab->realm;
  if (c->principal) return ERR_OK;
  char text[512];
  bool here = strcmp(c->realm, lab->realm) == 0;
  int n = snprintf(text, sizeof text, "HTTP/%s.%s", c->name,
                   here ? lab->internal_domain : lab->partner.internal_domain);
  c->principal = arena_strndup(arena, text, (size_t)n);
  return c->principal ? ERR_OK : ERR_NOMEM;
}

enum err lab_derive(struct lab *lab, struct arena *arena)
{
  if (!lab->idp.connect.host)
    lab->idp.connect = (struct lab_addr){lab->idp.issuer.host, lab->idp.issuer.port};
  if (!lab->cloud.tunnel_connect.host) lab->cloud.tunnel_connect = lab->cloud.tunnel;
  if (!lab->kdc.connect.host) lab->kdc.connect = lab->kdc.listen;
  if (!lab->kdc.admin_connect.host) lab->kdc.admin_connect = lab->kdc.admin;
  if (!lab->partner.connect.host) lab->partner.connect = lab->partner.listen;
  if (!lab->partner.admin_connect.host) lab->partner.admin_connect = lab->partner.admin;
  for (size_t i = 0; i < lab->n_users; i++) {
    struct lab_user *u = &lab->users[i];
    if (!u->display_name) u->display_name = u->name;
    if (!u->sam_account_name) u->sam_account_name = u->name;
    if (!u->realm) u->realm = lab->realm;
  }
  enum err e = ERR_OK;
  for (size_t i = 0; !e && i < lab->n_apps; i++) {
    e = derive_external(lab, &lab->apps[i], arena);
    if (!e) e = derive_app(lab, &lab->apps[i], arena);
  }
  if (!e) e = derive_home(lab, arena);
  if (!e) e = derive_published(lab, arena);
  for (size_t i = 0; !e && i < lab->n_connectors; i++)
    e = derive_connector(lab, &lab->connectors[i], arena);
  return e;
}

const struct lab_app *lab_app_by_name(const struct lab *lab, const char *name)
{
  for (size_t i = 0; i < lab->n_apps; i++)
    if (strcmp(lab->apps[i].name, name) == 0) return &lab->apps[i];
  return NULL;
}

bool lab_is_home(const struct lab *lab, const char *host, size_t n)
{
  const char *home = lab->home.external_url.host;
  return strlen(home) == n && strncasecmp(home, host, n) == 0;
}

const struct lab_user *lab_user_by_name(const struct lab *lab, const char *name)
{
  for (size_t i = 0; i < lab->n_users; i++)
    if (strcmp(lab->users[i].name, name) == 0) return &lab->users[i];
  return NULL;
}

const struct lab_user *lab_user_by_upn(const struct lab *lab, const char *upn)
{
  for (size_t i = 0; i < lab->n_users; i++)
    if (lab->users[i].upn && strcasecmp(lab->users[i].upn, upn) == 0) return &lab->users[i];
  return NULL;
}

const struct lab_connector *lab_connector_by_name(const struct lab *lab, const char *name)
{
  for (size_t i = 0; i < lab->n_connectors; i++)
    if (strcmp(lab->connectors[i].name, name) == 0) return &lab->connectors[i];
  return NULL;
}

enum err lab_directory_uri(const char *run, struct buf *out)
{
  static const char socket_name[] = "/directory/ldapi";
  enum err e = buf_puts(out, "ldapi://");
  if (!e) e = percent_encode(out, run, strlen(run));
  return e ? e : percent_encode(out, socket_name, strlen(socket_name));
}

enum lab_balancing lab_balancing(const struct lab *lab, const char *connector_group)
{
  for (size_t i = 0; i < lab->n_connector_groups; i++)
    if (strcmp(lab->connector_groups[i].name, connector_group) == 0)
      return lab->connector_groups[i].balancing;
  return BALANCING_LEAST_WORK;
}

static bool contains(const struct lab_strings *list, const char *text)
{
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->v[i], text) == 0) return true;
  return false;
}

bool lab_user_is_active(const struct lab_user *user, int64_t now_s)
{
  return user->enabled && (user->expires_s == 0 || now_s < user->expires_s);
}

const char *lab_login_identity(const struct lab_app *app, const struct lab_user *user)
{
  switch (app->login) {
  case LOGIN_ON_PREMISES_UPN:
  case LOGIN_ON_PREMISES_UPN_USERNAME:
    return user->on_premises_upn;
  case LOGIN_SAM_ACCOUNT_NAME:
    return user->sam_account_name;
  default:
    return user->upn;
  }
}

bool lab_may_delegate(const struct lab_connector *connector, const struct lab_app *app)
{
  const struct lab_strings *list = &connector->allowed_to_delegate_to;
  bool listed = false;
  for (size_t i = 0; app->spn && i < list->n; i++)
    listed |= lab_spn_matches(app->spn, list->v[i]);
  return app->spn && (listed || contains(&app->allowed_to_act, connector->name));
}

bool lab_user_assigned(const struct lab *lab, const struct lab_app *app, const struct lab_user *user)
{
  if (!app->assignment_required || contains(&app->assigned_users, user->name)) return true;
  for (size_t i = 0; i < lab->n_groups; i++)
    if (contains(&app->assigned_groups, lab->groups[i].name) && contains(&lab->groups[i].members, user->name))
      return true;
  return false;
}

/* -- KDCs ------------------------------------------------------------------------------------------------ */

struct lab_kdc lab_kdc(const struct lab *lab, unsigned which)
{
  static const char *const names[LAB_KDCS_MAX] = {"kdc", "kdc-2", "kdc-3"};
  struct lab_kdc k = {names[which], lab->kdc.listen, lab->kdc.connect, lab->kdc.admin,
                      lab->kdc.admin_connect};
  if (which) {
    k.listen.port = k.connect.port = (uint16_t)(lab->port_base + LAB_PORT_REPLICAS + 2 * (which - 1));
    k.admin.port = k.admin_connect.port = (uint16_t)(k.listen.port + 1);
  }
  return k;
}

/* -- two realms ------------------------------------------------------------------------------------------ */

bool lab_is_partners(const struct lab *lab, const char *spn)
{
  const char *slash = spn ? strchr(spn, '/') : NULL, *domain = lab->partner.internal_domain;
  if (!lab->partner.realm || !slash) return false;
  size_t n = strlen(slash + 1), tail = strlen(domain);
  const char *end = slash + 1 + n - (n < tail ? n : tail);
  return strcmp(end, domain) == 0 && (n == tail || end[-1] == '.');
}

bool lab_is_member(const struct lab *lab, const struct lab_connector *connector)
{
  return strcmp(connector->realm, lab->realm) == 0;
}

enum err lab_side(const struct lab *lab, bool partner, unsigned which, struct lab *ret)
{
  struct lab side = *lab;
  struct lab_kdc kdc = lab_kdc(lab, which);
  side.is_partner = partner;
  side.which = which;
  side.kdc.listen = kdc.listen;
  side.kdc.connect = kdc.connect;
  side.kdc.admin = kdc.admin;
  side.kdc.admin_connect = kdc.admin_connect;
  side.whole = lab;
  side.users = calloc(lab->n_users + 1, sizeof *side.users);
  side.apps = calloc(lab->n_apps + 1, sizeof *side.apps);
  side.n_users = side.n_apps = 0;
  if (!side.users || !side.apps) {
    lab_side_clear(&side);
    return ERR_NOMEM;
  }
  if (partner) {
    side.realm = lab->partner.realm;
    side.upn_suffix = lab->partner.upn_suffix;
    side.internal_domain = lab->partner.internal_domain;
    side.kdc.listen = lab->partner.listen;
    side.kdc.connect = lab->partner.connect;
    side.kdc.admin = lab->partner.admin;
    side.kdc.admin_connect = lab->partner.admin_connect;
  }
  for (size_t i = 0; i < lab->n_users; i++)
    if (strcmp(lab->users[i].realm, side.realm) == 0) side.users[side.n_users++] = lab->users[i];
  for (size_t i = 0; i < lab->n_apps; i++)
    if (lab_is_partners(lab, lab->apps[i].spn) == partner) side.apps[side.n_apps++] = lab->apps[i];
  *ret = side;
  return ERR_OK;
}

void lab_side_clear(struct lab *side)
{
  free(side->users);
  free(side->apps);
}

bool lab_app_tells(const struct lab_app *app, enum lab_claim claim)
{
  for (size_t i = 0; i < app->n_headers; i++)
    if (app->headers[i].claim == claim) return true;
  return false;
}

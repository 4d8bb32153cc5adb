/* Which applications and users the variables name is found by what they are, not by their names: the KCD
 * application is the first that a connector may delegate to, the forbidden one the first that none may, and
 * so on. A variable for which the lab has nothing is not printed. */
#include "buf.h"
#include "tool.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void export(const char *name, const char *value)
{
  if (!value) return;
  printf("export %s='", name);
  for (; *value; value++) {
    if (*value == '\'')
      printf("'\\''");
    else
      putchar(*value);
  }
  printf("'\n");
}

static void export_below(const char *name, const char *folder, const char *file)
{
  char path[4096 + 64];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  export(name, path);
}

static void export_port(const char *name, unsigned port)
{
  char text[16];
  snprintf(text, sizeof text, "%u", port);
  export(name, text);
}

/* Some connector of the application's group may delegate to it. */
static bool is_delegated(const struct lab *lab, const struct lab_app *app)
{
  for (size_t i = 0; i < lab->n_connectors; i++) {
    const struct lab_connector *c = &lab->connectors[i];
    if (strcmp(c->group, app->connector_group) != 0) continue;
    if (lab_may_delegate(c, app)) return true;
  }
  return false;
}

static const struct lab_app *find_kcd(const struct lab *lab, bool delegated, enum lab_flow flow)
{
  for (size_t i = 0; i < lab->n_apps; i++) {
    const struct lab_app *app = &lab->apps[i];
    if (app->sso == SSO_KCD && !lab_is_wildcard(app->external_url.host) && app->flow == flow &&
        is_delegated(lab, app) == delegated)
      return app;
  }
  return NULL;
}

static const struct lab_app *find_passthru(const struct lab *lab)
{
  for (size_t i = 0; i < lab->n_apps; i++)
    if (lab->apps[i].preauth == PREAUTH_PASSTHRU && !lab_is_wildcard(lab->apps[i].external_url.host))
      return &lab->apps[i];
  return NULL;
}

static const struct lab_user *find_user(const struct lab *lab, const struct lab_app *app)
{
  for (size_t i = 0; app && i < lab->n_users; i++) {
    const struct lab_user *u = &lab->users[i];
    if (lab_user_is_active(u, time(NULL)) && !u->sensitive && u->upn && lab_user_assigned(lab, app, u))
      return u;
  }
  return NULL;
}

static void export_client(const struct lab *lab)
{
  for (size_t i = 0; i < lab->idp.n_clients; i++) {
    const struct lab_client *c = &lab->idp.clients[i];
    if (!c->secret) continue;
    export("SEVENSTEP_CLIENT_ID", c->id);
    export("SEVENSTEP_CLIENT_SECRET", c->secret);
    export("SEVENSTEP_REDIRECT_URI", c->redirect_uris.v[0]);
    return;
  }
}

static void export_directory(const char *run)
{
  struct buf uri;
  buf_init(&uri, 3 * 4096);
  if (!lab_directory_uri(run, &uri)) export("SEVENSTEP_LDAP_URI", buf_str(&uri));
  buf_clear(&uri);
}

int tool_env(const struct lab *lab, const char *run)
{
  const struct lab_app *app = find_kcd(lab, true, FLOW_ID_TOKEN), *code_app = find_kcd(lab, true, FLOW_CODE),
                       *forbidden = find_kcd(lab, false, FLOW_ID_TOKEN), *passthru = find_passthru(lab);
  const struct lab_user *user = find_user(lab, app);
  char backend[320];
  snprintf(backend, sizeof backend, "http://%s:%u/", lab->backend.listen.host, lab->backend.listen.port);

  export("SEVENSTEP_LAB", lab->path);
  export("SEVENSTEP_RUN", run);
  export_port("SEVENSTEP_PORT_BASE", lab->port_base);
  export_below("SEVENSTEP_CA", run, "pki/ca.crt");
  export("SEVENSTEP_ISSUER", lab->idp.issuer.text);
  export("SEVENSTEP_APP_URL", app ? app->external_url.text : NULL);
  export("SEVENSTEP_APP_SPN", app ? app->spn : NULL);
  export("SEVENSTEP_CODE_APP_URL", code_app ? code_app->external_url.text : NULL);
  export("SEVENSTEP_PASSTHROUGH_URL", passthru ? passthru->external_url.text : NULL);
  export("SEVENSTEP_FORBIDDEN_URL", forbidden ? forbidden->external_url.text : NULL);
  export("SEVENSTEP_USER", user ? user->upn : NULL);
  export("SEVENSTEP_PASSWORD", user ? user->password : NULL);
  export_client(lab);
  export("SEVENSTEP_REALM", lab->realm);
  export_below("KRB5_CONFIG", run, "krb5.conf");
  export_below("SEVENSTEP_KEYTABS", run, "keytabs");
  export_port("SEVENSTEP_KDC_PORT", lab->kdc.connect.port);
  export_port("SEVENSTEP_TUNNEL_PORT", lab->cloud.tunnel.port);
  export("SEVENSTEP_BACKEND_URL", backend);
  if (lab->kdc.database == DATABASE_LDAP) export_directory(run);
  return 0;
}

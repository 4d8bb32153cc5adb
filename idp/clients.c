#include "clients.h"

#include <string.h>

bool client_find(const struct lab *lab, const char *id, struct client *ret)
{
  const struct lab_app *app = strcmp(id, lab->home.name) == 0 ? &lab->home : lab_app_by_name(lab, id);
  if (app && app->preauth == PREAUTH_AAD) {
    *ret = (struct client){.id = app->name, .title = app->title, .secret = app->client_secret, .app = app};
    return true;
  }
  for (size_t i = 0; i < lab->idp.n_clients; i++) {
    const struct lab_client *c = &lab->idp.clients[i];
    if (strcmp(c->id, id) != 0) continue;
    *ret = (struct client){.id = c->id, .title = c->id, .secret = c->secret, .other = c};
    return true;
  }
  return false;
}

bool client_redirect_uri(const struct client *c, const char *uri)
{
  if (c->app) return !strcmp(uri, c->app->callback_uri);
  for (size_t i = 0; i < c->other->redirect_uris.n; i++)
    if (!strcmp(c->other->redirect_uris.v[i], uri)) return true;
  return false;
}

bool client_post_logout_uri(const struct client *c, const char *uri)
{
  return c->app && !strcmp(c->app->external_url.text, uri);
}

bool client_assigned(const struct lab *lab, const struct client *c, const struct lab_user *u)
{
  return !c->app || lab_user_assigned(lab, c->app, u);
}

/* Who may ask for tokens: each published application (but those passed through without logon) is a client
 * with one redirect URI, its callback at the proxy; so is the proxy's home page; and the lab file's further
 * clients. Pure functions on the lab. */
#ifndef SEVENSTEP_CLIENTS_H
#define SEVENSTEP_CLIENTS_H

#include "lab.h"

struct client {
  const char *id, *title;
  const char *secret;             /* NULL: a public client */
  const struct lab_app *app;      /* or */
  const struct lab_client *other; /* one of lab.idp.clients */
};

/* False: no such client. */
bool client_find(const struct lab *lab, const char *id, struct client *ret);
/* Is uri, byte for byte, a registered one? (OP-11) */
bool client_redirect_uri(const struct client *c, const char *uri);
/* Where an application's user may be sent after logout: its external URL, byte for byte. */
bool client_post_logout_uri(const struct client *c, const char *uri);
/* May this user have tokens for this client? Further clients are open to all. */
bool client_assigned(const struct lab *lab, const struct client *c, const struct lab_user *u);

#endif

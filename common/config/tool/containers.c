/* The lab file as one container's actor gets it. lab.yaml stays the one source; what differs in containers is
 * derived from it here: the actors listen on all addresses and find each other by the names of their services
 * in docker-compose.yml. And since a file that everybody mounts keeps no secrets, each actor's copy holds
 * only those that it needs. */
#include "lab_write.h"
#include "tool.h"

#include <stdio.h>
#include <string.h>

/* Passes the rule for secrets, and is nobody's. */
static const char withheld[] = "withheld-from-this-actor";

static void move(struct lab_addr *listen, struct lab_addr *connect, const char *service)
{
  *connect = (struct lab_addr){service, listen->port};
  listen->host = "0.0.0.0";
}

/* tls NULL: nobody plays applications with TLS, and they stay where they are. */
static void move_place(struct lab_addr *connect, const struct lab_url *internal, const struct lab_addr *plain,
                       const struct lab_addr *tls)
{
  if (strcmp(internal->scheme, "https") != 0)
    *connect = *plain;
  else if (tls)
    *connect = *tls;
}

static void move_all(struct lab *lab)
{
  struct lab_addr backend, backend_tls;
  bool tls = lab->backend.listen_tls.host != NULL;
  move(&lab->idp.listen, &lab->idp.connect, "idp");
  move(&lab->cloud.tunnel, &lab->cloud.tunnel_connect, "cloud");
  move(&lab->kdc.listen, &lab->kdc.connect, "kdc");
  move(&lab->kdc.admin, &lab->kdc.admin_connect, "kdc");
  move(&lab->partner.listen, &lab->partner.connect, "partner-kdc");
  move(&lab->partner.admin, &lab->partner.admin_connect, "partner-kdc");
  move(&lab->backend.listen, &backend, "backend");
  if (tls) move(&lab->backend.listen_tls, &backend_tls, "backend");
  lab->cloud.listen.host = "0.0.0.0";
  for (size_t i = 0; i < lab->n_apps; i++) {
    struct lab_app *app = &lab->apps[i];
    move_place(&app->connect, &app->internal_url, &backend, tls ? &backend_tls : NULL);
    for (size_t k = 0; k < app->n_segments; k++)
      move_place(&app->segments[k].connect, &app->segments[k].internal_url, &backend,
                 tls ? &backend_tls : NULL);
  }
}

static void withhold(struct lab *lab, const char *actor)
{
  bool idp = strcmp(actor, "idp") == 0, kdc = strcmp(actor, "kdc") == 0, cloud = strcmp(actor, "cloud") == 0;
  for (size_t i = 0; i < lab->n_users && !idp && !kdc; i++)
    lab->users[i].password = withheld;
  for (size_t i = 0; i < lab->n_apps && !idp && !cloud; i++)
    lab->apps[i].client_secret = NULL;
  if (!idp) lab->idp.n_clients = 0;
}

static int print(const struct lab *lab)
{
  struct buf text;
  buf_init(&text, 1 << 20);
  enum err e = lab_write(lab, &text);
  if (!e) printf("# Derived from the lab file; changes are overwritten.\n%s", buf_str(&text));
  buf_wipe(&text);
  return e || fflush(stdout) ? 1 : 0;
}

int tool_containers(struct lab *lab, const char *actor)
{
  move_all(lab);
  withhold(lab, actor);
  return print(lab);
}

#include "actor.h"
#include "idp.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const struct actor_spec spec = {
    .name = "idp",
    .program = "sevenstep-idp",
    .summary = "The identity provider: the logon page, and tokens by OpenID Connect.",
    .steps = "2",
    .lab_flags = LAB_SECRETS,
};

enum { PATH_LEN = 4096 + 128, THREADS = 4 };

static enum err start_server(const struct actor *a, struct idp *i, struct httpd **ret, struct failure *f)
{
  char cert[PATH_LEN], key[PATH_LEN];
  actor_path(a, cert, "pki/idp.crt");
  actor_path(a, key, "pki/idp.key");
  const struct httpd_config c = {
      .listen = a->lab->idp.listen,
      .cert_path = cert,
      .key_path = key,
      .routes = idp_routes,
      .arg = i,
      .threads = THREADS, /* each may be at a password's hash */
      .refuse = idp_refuse,
  };
  return httpd_start(&c, ret, f);
}

static enum err start_admin(const struct actor *a, struct idp *i, struct httpd **ret, struct failure *f)
{
  char path[PATH_LEN];
  actor_path(a, path, "%s.sock", a->instance);
  const struct httpd_admin c = {
      .unix_path = path, .ready = idp_ready, .metrics = idp_metrics, .more = idp_admin_routes, .arg = i};
  return httpd_admin_start(&c, ret, f);
}

int main(int argc, char **argv)
{
  struct actor a;
  struct idp i = {0};
  struct httpd *server = NULL, *admin = NULL;
  struct failure f = {0};
  char folder[PATH_LEN];
  sigset_t signals;
  int got;

  /* Before any thread, so that all inherit it and sigwait alone receives them. */
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  actor_start(&a, &spec, argc, argv);

  actor_path(&a, folder, "idp");
  enum err e = idp_open(&i, a.lab, a.tracer, folder, &f);
  if (!e) e = start_server(&a, &i, &server, &f);
  if (!e) e = start_admin(&a, &i, &admin, &f);
  if (e) {
    log_failure(LOG_ERROR, NULL, &f);
  } else {
    actor_ready(&a);
    sigwait(&signals, &got);
    log_info("stopping: %s", got == SIGINT ? "interrupted" : "asked to");
  }
  httpd_stop(admin);
  httpd_stop(server);
  idp_close(&i);
  actor_stop(&a);
  return actor_exit_code(e);
}

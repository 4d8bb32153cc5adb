#include "actor.h"
#include "idp.h"
#include "revocation.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct actor_spec spec = {
    .name = "idp",
    .program = "sevenstep-idp",
    .summary = "The identity provider: the logon page, and tokens by OpenID Connect.",
    .steps = "2",
    .lab_flags = LAB_SECRETS,
};

enum { PATH_LEN = 4096 + 128, THREADS = 4, RELOAD_TEXT_MAX = 32 << 20 };

/* What the admin endpoint's reload needs. */
struct program {
  struct idp_site site;
  struct actor a;
};

/* POST /reload, on the admin endpoint's one thread. */
static void handle_reload(const struct httpd_request *q, struct httpd_response *r)
{
  struct idp *held = q->arg;
  struct program *p = (struct program *)held->site; /* its first member */
  struct failure f = {0};
  const struct lab *lab;
  struct buf text;
  buf_init(&text, RELOAD_TEXT_MAX);
  enum err e = actor_reload(&p->a, &lab, &f);
  if (!e) e = idp_site_put(&p->site, lab, &f);
  if (!e && buf_printf(&text, "%zu applications, %zu users, %zu groups\n", lab->n_apps, lab->n_users,
                       lab->n_groups))
    e = failure_set(&f, ERR_NOMEM, "reload");
  /* Now that no logon begins by the lab of before any more. */
  if (!e) e = revoke_by_change(held, held->lab, lab, &text, &f);
  if (e)
    log_failure(LOG_WARN, NULL, &f);
  else
    log_info("reloaded: %.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
  httpd_outcome(r, e, &f, buf_str(&text));
  buf_clear(&text);
}

static const struct httpd_route admin_routes[] = {
    {.method = "POST", .path = "/reload", .handle = handle_reload},
    {.method = "POST", .path = "/keys/rotate", .handle = idp_rotate_keys},
    {.method = "POST", .path = "/users/revoke", .handle = revocation_ask},
    {0},
};

static enum err start_server(const struct actor *a, struct idp_site *site, struct httpd **ret,
                             struct failure *f)
{
  char cert[PATH_LEN], key[PATH_LEN];
  actor_path(a, cert, "pki/idp.crt");
  actor_path(a, key, "pki/idp.key");
  const struct httpd_config c = {
      .listen = a->lab->idp.listen,
      .cert_path = cert,
      .key_path = key,
      .strict_transport = true,
      .routes = idp_routes,
      .arg = site,
      .hold = idp_hold,
      .release = idp_release,
      .threads = THREADS, /* each may be at a password's hash */
      .refuse = idp_refuse,
  };
  return httpd_start(&c, ret, f);
}

static enum err start_admin(const struct actor *a, struct idp_site *site, struct httpd **ret,
                            struct failure *f)
{
  char path[PATH_LEN];
  actor_path(a, path, "%s.sock", a->instance);
  const struct httpd_admin c = {.unix_path = path,
                                .ready = idp_ready,
                                .metrics = idp_metrics,
                                .tracer = a->tracer,
                                .more = admin_routes,
                                .arg = site,
                                .hold = idp_hold,
                                .release = idp_release};
  return httpd_admin_start(&c, ret, f);
}

int main(int argc, char **argv)
{
  static struct program p;
  struct actor *a = &p.a;
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
  actor_start(a, &spec, argc, argv);

  actor_path(a, folder, "idp");
  enum err e = idp_open(&i, a->lab, a->tracer, folder, &f);
  if (!e) idp_site_init(&p.site, &i);
  if (!e) e = start_server(a, &p.site, &server, &f);
  if (!e) e = start_admin(a, &p.site, &admin, &f);
  if (e) {
    log_failure(LOG_ERROR, NULL, &f);
  } else {
    actor_ready(a);
    sigwait(&signals, &got);
    log_info("stopping: %s", got == SIGINT ? "interrupted" : "asked to");
  }
  httpd_stop(admin);
  httpd_stop(server);
  idp_site_clear(&p.site);
  idp_close(&i);
  actor_stop(a);
  return actor_exit_code(e);
}

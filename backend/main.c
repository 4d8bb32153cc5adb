/* sevenstep-backend: the applications inside, which accept Kerberos tickets and nothing else. Step 6. */
#include "actor.h"
#include "backend.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct actor_spec spec = {
    .name = "backend",
    .program = "sevenstep-backend",
    .summary =
        "The internal web applications with integrated Windows authentication: they accept Kerberos tickets.",
    .steps = "6",
};

enum { PATH_LEN = 4096 + 128 };

static bool lab_needs_tickets(const struct lab *lab)
{
  for (size_t i = 0; i < lab->n_apps; i++)
    if (lab->apps[i].spn) return true;
  return false;
}

static enum err open_acceptor(const struct actor *a, struct krb_acceptor **ret, struct failure *f)
{
  char keytab[PATH_LEN], folder[PATH_LEN], replay[PATH_LEN];
  if (!lab_needs_tickets(a->lab)) return ERR_OK;
  actor_path(a, keytab, "keytabs/backend.keytab");
  actor_path(a, folder, "backend");
  actor_path(a, replay, "backend/replay");
  if (mkdir(folder, 0700) != 0 && errno != EEXIST)
    return failure_set(f, ERR_IO, "%s: %s", folder, strerror(errno));
  const struct krb_acceptor_config c = {.keytab = keytab, .replay = replay};
  return krb_acceptor_new(&c, ret, f);
}

static enum err start_servers(const struct actor *a, struct backend *b, struct httpd **server,
                              struct httpd **admin, struct failure *f)
{
  char path[PATH_LEN];
  const struct httpd_config c = {.listen = a->lab->backend.listen,
                                 .routes = backend_routes,
                                 .arg = b,
                                 .refuse = backend_refuse,
                                 .upgrades = true,
                                 .connection_memory = 56 << 10};
  actor_path(a, path, "%s.sock", a->instance);
  const struct httpd_admin d = {
      .unix_path = path, .ready = backend_is_ready, .metrics = backend_metrics, .arg = b};
  enum err e = httpd_start(&c, server, f);
  return e ? e : httpd_admin_start(&d, admin, f);
}

int main(int argc, char **argv)
{
  struct actor a;
  struct backend b = {0};
  struct httpd *server = NULL, *admin = NULL;
  struct failure f = {0};
  sigset_t signals;
  int got;

  /* Before any thread, so that all inherit it and sigwait alone receives them. */
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  actor_start(&a, &spec, argc, argv);
  actor_use_krb5_conf(&a);

  b.lab = a.lab;
  b.tracer = a.tracer;
  enum err e = open_acceptor(&a, &b.acceptor, &f);
  if (!e) e = start_servers(&a, &b, &server, &admin, &f);
  if (e) {
    log_failure(LOG_ERROR, NULL, &f);
  } else {
    actor_ready(&a);
    sigwait(&signals, &got);
    log_info("stopping: %s", got == SIGINT ? "interrupted" : "asked to");
  }
  httpd_stop(admin);
  httpd_stop(server);
  krb_acceptor_free(b.acceptor);
  actor_stop(&a);
  return actor_exit_code(e);
}

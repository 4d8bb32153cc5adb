/* sevenstep-backend: the applications inside, which accept Kerberos tickets and nothing else. Step 6. */
#include "actor.h"
#include "backend.h"
#include "tls.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
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

/* What the admin endpoint is given: the backend first, which its ordinary routes know. */
struct program {
  struct backend b;
  struct actor a;
};

static bool lab_needs_tickets(const struct lab *lab)
{
  for (size_t i = 0; i < lab->n_apps; i++)
    if (lab->apps[i].spn && lab->apps[i].played_by == SEAT_LAB) return true;
  return false;
}

static enum err open_acceptor(const struct actor *a, const struct lab *lab, struct krb_acceptor **ret,
                              struct failure *f)
{
  char keytab[PATH_LEN], folder[PATH_LEN], replay[PATH_LEN];
  *ret = NULL;
  if (!lab_needs_tickets(lab)) return ERR_OK;
  actor_path(a, keytab, "keytabs/backend.keytab");
  actor_path(a, folder, "backend");
  actor_path(a, replay, "backend/replay");
  if (mkdir(folder, 0700) != 0 && errno != EEXIST)
    return failure_set(f, ERR_IO, "%s: %s", folder, strerror(errno));
  const struct krb_acceptor_config c = {.keytab = keytab, .replay = replay};
  return krb_acceptor_new(&c, ret, f);
}

/* Keys first: whoever asks for a new application has a ticket for it. */
static enum err reload_keys(struct program *p, const struct lab *lab, struct failure *f)
{
  struct krb_acceptor *acceptor = atomic_load(&p->b.acceptor);
  if (acceptor) return lab_needs_tickets(lab) ? krb_acceptor_reload(acceptor, f) : ERR_OK;
  enum err e = open_acceptor(&p->a, lab, &acceptor, f);
  if (!e) atomic_store(&p->b.acceptor, acceptor);
  return e;
}

/* POST /reload, on the admin endpoint's one thread. */
static void handle_reload(const struct httpd_request *q, struct httpd_response *r)
{
  struct program *p = q->arg;
  struct failure f = {0};
  const struct lab *lab;
  char text[128];
  enum err e = actor_reload(&p->a, &lab, &f);
  if (!e && (e = reload_keys(p, lab, &f))) lab_free(lab);
  if (e) {
    log_failure(LOG_WARN, NULL, &f);
  } else {
    snprintf(text, sizeof text, "%zu applications\n", lab->n_apps);
    lab_slot_put(&p->b.lab, lab);
    log_info("reloaded: %.*s", (int)strcspn(text, "\n"), text);
  }
  httpd_outcome(r, e, &f, text);
}

static const struct httpd_route admin_routes[] = {
    {.method = "POST", .path = "/reload", .handle = handle_reload},
    {0},
};

/* What tokens may be bound to: the certificate of the TLS listener, and on the plain one nothing. */
static enum err open_channels(const struct actor *a, struct backend *b, struct failure *f)
{
  char cert[PATH_LEN];
  uint8_t hash[TLS_END_POINT_MAX];
  size_t n = 0;
  enum err e = ERR_OK;
  bool required = a->lab->backend.channel_bindings == BINDINGS_REQUIRE;
  b->look_at_bindings = a->lab->backend.channel_bindings != BINDINGS_NONE;
  if (!b->look_at_bindings) return ERR_OK;
  actor_path(a, cert, "pki/backend.crt");
  if (a->lab->backend.listen_tls.host) e = tls_end_point_of_file(cert, hash, &n, f);
  if (!e && (krb_channel_init(hash, n, required, &b->tls) || krb_channel_init(NULL, 0, false, &b->plain)))
    e = failure_set(f, ERR_INTERNAL, "channel bindings cannot be computed");
  return e;
}

struct servers {
  struct httpd *plain, *tls, *admin;
};

/* The same application over TLS, where the lab wants it. */
static enum err start_tls(const struct actor *a, const struct httpd_config *plain, struct httpd **ret,
                          struct failure *f)
{
  char cert[PATH_LEN], key[PATH_LEN];
  struct httpd_config c = *plain;
  if (!a->lab->backend.listen_tls.host) return ERR_OK;
  actor_path(a, cert, "pki/backend.crt");
  actor_path(a, key, "pki/backend.key");
  c.listen = a->lab->backend.listen_tls;
  c.cert_path = cert;
  c.key_path = key;
  return httpd_start(&c, ret, f);
}

static enum err start_servers(struct program *p, struct servers *s, struct failure *f)
{
  const struct actor *a = &p->a;
  char path[PATH_LEN];
  const struct httpd_config c = {.listen = a->lab->backend.listen,
                                 .routes = backend_routes,
                                 .arg = &p->b,
                                 .refuse = backend_refuse,
                                 .upgrades = true,
                                 .connection_memory = 56 << 10};
  actor_path(a, path, "%s.sock", a->instance);
  const struct httpd_admin d = {.unix_path = path,
                                .ready = backend_is_ready,
                                .metrics = backend_metrics,
                                .tracer = a->tracer,
                                .more = admin_routes,
                                .arg = p};
  enum err e = httpd_start(&c, &s->plain, f);
  if (!e) e = start_tls(a, &c, &s->tls, f);
  return e ? e : httpd_admin_start(&d, &s->admin, f);
}

int main(int argc, char **argv)
{
  static struct program p;
  struct krb_acceptor *acceptor = NULL;
  struct servers servers = {0};
  struct failure f = {0};
  sigset_t signals;
  int got;

  /* Before any thread, so that all inherit it and sigwait alone receives them. */
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  actor_start(&p.a, &spec, argc, argv);
  actor_use_krb5_conf(&p.a);

  lab_slot_init(&p.b.lab, p.a.lab);
  p.b.tracer = p.a.tracer;
  enum err e = open_acceptor(&p.a, p.a.lab, &acceptor, &f);
  atomic_store(&p.b.acceptor, acceptor);
  if (!e) e = open_channels(&p.a, &p.b, &f);
  if (!e) e = start_servers(&p, &servers, &f);
  if (e) {
    log_failure(LOG_ERROR, NULL, &f);
  } else {
    actor_ready(&p.a);
    sigwait(&signals, &got);
    log_info("stopping: %s", got == SIGINT ? "interrupted" : "asked to");
  }
  httpd_stop(servers.admin);
  httpd_stop(servers.tls);
  httpd_stop(servers.plain);
  krb_acceptor_free(atomic_load(&p.b.acceptor));
  lab_slot_clear(&p.b.lab);
  actor_stop(&p.a);
  return actor_exit_code(e);
}

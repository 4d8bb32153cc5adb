/* sevenstep-kdc: makes the realm of the lab file, then runs MIT's KDC for it. Step 5 is krb5kdc's; this
 * program stands beside it, reads its log, and answers for it.
 *
 *   sevenstep-kdc provision [options]   makes or updates the realm, and ends
 *   sevenstep-kdc [options]             the same, then serves until SIGTERM */
#include "actor.h"
#include "admin.h"
#include "provision.h"
#include "supervise.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct actor_spec spec = {
    .name = "kdc",
    .program = "sevenstep-kdc",
    .summary = "The Kerberos KDC of the lab: makes its realm from the lab file and runs MIT's krb5kdc. With "
               "the word\n"
               "\"provision\" before the options it makes the realm and ends.",
    .steps = "5",
    .lab_flags = LAB_SECRETS,
};

static void log_line(void *arg, const char *text)
{
  (void)arg;
  const char *mark = strncmp(text, "krb5kdc: ", 9) == 0 ? "" : "krb5kdc: ";
  log_info("%s%s", mark, text);
}

static enum err make_realm(const struct actor *a, struct failure *f)
{
  struct provision_result r;
  enum err e = provision(a->lab, a->run, &r, f);
  if (e) return e;
  if (r.new_database) log_info("new database of %s%s%s", a->lab->realm, *r.why_new ? ": " : "", r.why_new);
  log_info(
      "realm %s: %u principals created, %u changed, %u removed, %u as they were; %u keytabs written; %.0f ms",
      a->lab->realm, r.created, r.changed, r.removed, r.unchanged, r.keytabs, (double)r.duration_ns / 1e6);
  return ERR_OK;
}

static enum err reload(void *arg, char *text, size_t size, struct failure *f)
{
  const struct lab *lab;
  struct provision_result r;
  const struct actor *a = arg;
  enum err e = actor_reload(a, &lab, f);
  if (!e) {
    e = provision_running(lab, a->run, &r, f);
    lab_free(lab);
  }
  if (e) {
    log_failure(LOG_WARN, NULL, f);
    return e;
  }
  snprintf(text, size, "principals: %u created, %u changed, %u removed; %u keytabs written\n", r.created,
           r.changed, r.removed, r.keytabs);
  log_info("reloaded: %.*s", (int)strcspn(text, "\n"), text);
  return ERR_OK;
}

static enum err serve(struct actor *a, struct failure *f)
{
  char socket_path[4096 + 128];
  struct supervised *kdc = NULL;
  struct kdc_admin *admin = NULL;
  actor_path(a, socket_path, "%s.sock", a->instance);
  enum err e = supervise_start(a->lab, log_line, NULL, &kdc, f);
  if (!e) e = supervise_until_ready(kdc, f);
  if (!e)
    e = kdc_admin_start(&a->lab->kdc.admin, socket_path, kdc, &(struct kdc_reload){reload, a}, &admin, f);
  if (!e) {
    actor_ready(a);
    e = supervise_run(kdc, f);
  }
  kdc_admin_stop(admin);
  supervise_stop(kdc);
  return e == ERR_CLOSED ? ERR_OK : e; /* asked to end before it was ready */
}

/* Blocked before any thread starts, so that every thread has them blocked and the supervisor's signalfd gets
 * them. */
static void block_signals(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
  struct actor a;
  struct failure f = {0};
  bool only_provision = argc > 1 && strcmp(argv[1], "provision") == 0;
  if (only_provision) {
    argv[1] = argv[0];
    argv++;
    argc--;
  }
  if (!only_provision) block_signals();
  actor_start(&a, &spec, argc, argv);
  enum err e = provision_environment(a.run, &f);
  if (!e) e = make_realm(&a, &f);
  if (!e && !only_provision) e = serve(&a, &f);
  if (e) log_failure(LOG_ERROR, NULL, &f);
  actor_stop(&a);
  return actor_exit_code(e);
}

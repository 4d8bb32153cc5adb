/* sevenstep-directory: the directory that holds the realm where the lab file says kdc.database: ldap. It is
 * OpenLDAP's slapd; this program writes what it needs, starts it, and answers for it. Who fills it is
 * sevenstep-kdc, by way of MIT's kldap. */
#include "actor.h"
#include "httpd.h"
#include "slapd.h"
#include "supervise.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct actor_spec spec = {
    .name = "directory",
    .program = "sevenstep-directory",
    .summary =
        "The directory with the KDC's realm, where the lab file says kdc.database: ldap: OpenLDAP's slapd.",
};

static void log_line(void *arg, const char *text)
{
  (void)arg;
  log_info("slapd: %s", text);
}

static enum err start_once(const struct actor *a, struct supervised **ret, struct failure *f)
{
  struct supervised *s = NULL;
  enum err e = supervise_slapd(a->run, log_line, NULL, &s, f);
  if (!e) e = supervise_until_ready(s, f);
  if (e)
    supervise_stop(s);
  else
    *ret = s;
  return e;
}

/* All that is in it comes from the lab file, so damaged data are worth nothing. */
static enum err start(const struct actor *a, struct supervised **ret, struct failure *f)
{
  struct failure first = {0};
  enum err e = start_once(a, ret, &first);
  if (e == ERR_KDC_DIRECTORY && strstr(first.why, "Restore from backup")) {
    log_warn("the data are damaged, and the directory begins anew: %s", first.why);
    e = slapd_forget(a->run, f);
    return e ? e : start_once(a, ret, f);
  }
  if (e) *f = first;
  return e;
}

static bool is_ready(void *arg, struct buf *reason)
{
  if (supervise_is_serving(arg)) return true;
  enum err e = buf_puts(reason, "slapd does not serve");
  (void)e; /* not ready, with or without words */
  return false;
}

static enum err serve(struct actor *a, struct failure *f)
{
  char socket_path[4096 + 128];
  struct supervised *slapd = NULL;
  struct httpd *admin = NULL;
  actor_path(a, socket_path, "%s.sock", a->instance);
  enum err e = start(a, &slapd, f);
  if (!e)
    e = httpd_admin_start(&(struct httpd_admin){.unix_path = socket_path, .ready = is_ready, .arg = slapd},
                          &admin, f);
  if (!e) {
    actor_ready(a);
    e = supervise_run(slapd, f);
  }
  httpd_stop(admin);
  supervise_stop(slapd);
  return e == ERR_CLOSED ? ERR_OK : e; /* asked to end before it was ready */
}

/* Paths in slapd.conf are relative to it. */
static enum err enter(const struct actor *a, struct failure *f)
{
  char folder[4096 + 128];
  actor_path(a, folder, SLAPD_FOLDER);
  return chdir(folder) == 0 ? ERR_OK : failure_set(f, ERR_IO, "%s: %s", folder, strerror(errno));
}

int main(int argc, char **argv)
{
  struct actor a;
  struct failure f = {0};
  supervise_block_signals();
  actor_start(&a, &spec, argc, argv);
  enum err e = ERR_OK;
  if (a.lab->kdc.database != DATABASE_LDAP)
    e = failure_set(&f, ERR_CONFIG, "kdc.database is not ldap: there is no directory");
  if (!e) e = slapd_prepare(a.run, &f);
  if (!e) e = enter(&a, &f);
  if (!e) e = serve(&a, &f);
  if (e) log_failure(LOG_ERROR, NULL, &f);
  actor_stop(&a);
  return actor_exit_code(e);
}

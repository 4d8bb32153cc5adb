/* sevenstep-kdc: makes the realm of the lab file, then runs MIT's KDC for it. Step 5 is krb5kdc's; this
 * program stands beside it, reads its log, and answers for it.
 *
 *   sevenstep-kdc keys [FILE] [options]  writes all keys of the realm into FILE (RUN/capture/lab.keytab), and
 *                                       ends
 *   sevenstep-kdc provision [options]   makes or updates the realm, and ends
 *   sevenstep-kdc [options]             the same, then serves until SIGTERM
 *
 * Before all that a word may say which KDC: kdc-2, kdc-3, partner. */
#include "actor.h"
#include "admin.h"
#include "database.h"
#include "keytabs.h"
#include "ldap_realm.h"
#include "provision.h"
#include "supervise.h"

#include <stdio.h>
#include <string.h>

/* The realm's own, in lab_kdc()'s order, and the partner's. */
enum { PARTNER = LAB_KDCS_MAX };
static const struct actor_spec specs[] = {
    {.name = "kdc",
     .program = "sevenstep-kdc",
     .summary =
         "The Kerberos KDC of the lab: makes its realm from the lab file and runs MIT's krb5kdc. With "
         "the word\n"
         "\"provision\" before the options it makes the realm and ends; with \"keys\" it writes all its "
         "keys into a\n"
         "keytab, \"keys FILE\" or the run folder's capture/lab.keytab, and ends. With \"partner\" before "
         "that it is the partner\n"
         "realm's; with "
         "\"kdc-2\" or \"kdc-3\" one more of the lab's realm, on the same database (kdc.replicas).",
     .steps = "5",
     .lab_flags = LAB_SECRETS},
    {.name = "kdc-2",
     .program = "sevenstep-kdc kdc-2",
     .summary = "The second KDC of the lab's realm, where kdc.replicas is 2 or more.",
     .steps = "5",
     .lab_flags = LAB_SECRETS},
    {.name = "kdc-3",
     .program = "sevenstep-kdc kdc-3",
     .summary = "The third KDC of the lab's realm, where kdc.replicas is 3.",
     .steps = "5",
     .lab_flags = LAB_SECRETS},
    {.name = "partner-kdc",
     .program = "sevenstep-kdc partner",
     .summary = "The KDC of the partner's realm, where the lab file has one.",
     .steps = "5",
     .lab_flags = LAB_SECRETS},
};

static void log_line(void *arg, const char *text)
{
  (void)arg;
  const char *mark = strncmp(text, "krb5kdc: ", 9) == 0 ? "" : "krb5kdc: ";
  log_info("%s%s", mark, text);
}

static enum err make_realm(const struct actor *a, const struct lab *lab, struct failure *f)
{
  struct provision_result r;
  enum err e = provision(lab, a->run, &r, f);
  if (e) return e;
  if (r.new_database) log_info("new database of %s%s%s", lab->realm, *r.why_new ? ": " : "", r.why_new);
  log_info(
      "realm %s: %u principals created, %u changed, %u removed, %u as they were; %u keytabs written; %.0f ms",
      lab->realm, r.created, r.changed, r.removed, r.unchanged, r.keytabs, (double)r.duration_ns / 1e6);
  return ERR_OK;
}

/* The lab as this KDC sees it: whole, or its side. *side is cleared by the caller, whatever comes of it. */
static enum err choose_side(const struct lab *lab, const struct actor_spec *spec, struct lab *side,
                            const struct lab **ret, struct failure *f)
{
  unsigned which = (unsigned)(spec - specs);
  bool partner = which == PARTNER;
  *ret = lab;
  if (partner && !lab->partner.realm) return failure_set(f, ERR_CONFIG, "%s has no partner", lab->path);
  if (!partner && which >= lab->kdc.replicas)
    return failure_set(f, ERR_CONFIG, "%s: kdc.replicas is %u, there is no %s", lab->path, lab->kdc.replicas,
                       spec->name);
  if (!lab->partner.realm && which == 0) return ERR_OK;
  *ret = side;
  return lab_side(lab, partner, partner ? 0 : which, side) ? failure_set(f, ERR_NOMEM, "no memory") : ERR_OK;
}

/* What an order does with the lab as it is on disk now. */
typedef enum err (*order)(const struct lab *lab, const char *run, const char *name, char *text, size_t size,
                          struct failure *f);

static enum err provision_now(const struct lab *lab, const char *run, const char *name, char *text,
                              size_t size, struct failure *f)
{
  (void)name;
  struct provision_result r;
  enum err e = provision_running(lab, run, &r, f);
  if (!e)
    snprintf(text, size, "principals: %u created, %u changed, %u removed; %u keytabs written\n", r.created,
             r.changed, r.removed, r.keytabs);
  return e;
}

static enum err carry_out(const struct actor *a, order run, const char *name, char *text, size_t size,
                          struct failure *f)
{
  const struct lab *lab, *mine;
  struct lab side = {0};
  enum err e = actor_reload(a, &lab, f);
  if (!e) {
    e = choose_side(lab, a->spec, &side, &mine, f);
    if (!e) e = run(mine, a->run, name, text, size, f);
    lab_side_clear(&side);
    lab_free(lab);
  }
  if (e)
    log_failure(LOG_WARN, NULL, f);
  else
    log_info("done: %.*s", (int)strcspn(text, "\n"), text);
  return e;
}

static enum err reload(void *arg, char *text, size_t size, struct failure *f)
{
  return carry_out(arg, provision_now, NULL, text, size, f);
}

static enum err rotate(void *arg, const char *name, char *text, size_t size, struct failure *f)
{
  return carry_out(arg, provision_rotate, name, text, size, f);
}

/* krb5kdc says so itself only to who asks it for a ticket. */
static enum err check_directory(void *arg, struct failure *f)
{
  const struct actor *a = arg;
  struct ldap_realm *l = NULL;
  enum err e = ldap_realm_open(a->run, a->lab->realm, &l, f);
  ldap_realm_close(l);
  return e;
}

/* file NULL: the capture's. */
static enum err write_keys(const struct actor *a, const struct lab *lab, const char *file, struct failure *f)
{
  char path[4096 + 128];
  struct database db = {0};
  actor_path(a, path, "capture/lab.keytab");
  enum err e = database_open(lab, a->run, &db, f);
  if (!e) e = keytab_export(&db, file ? file : path, lab->partner.realm != NULL, f);
  database_close(&db);
  return e;
}

static enum err serve(struct actor *a, const struct lab *lab, struct failure *f)
{
  char socket_path[4096 + 128];
  struct supervised *kdc = NULL;
  struct kdc_admin *admin = NULL;
  actor_path(a, socket_path, "%s.sock", a->instance);
  const struct kdc_orders orders = {.reload = reload,
                                    .rotate = rotate,
                                    .check = lab->kdc.database == DATABASE_LDAP ? check_directory : NULL,
                                    .arg = a};
  enum err e = supervise_krb5kdc(lab, log_line, NULL, &kdc, f);
  if (!e) e = supervise_until_ready(kdc, f);
  if (!e) e = kdc_admin_start(&lab->kdc.admin, socket_path, kdc, &orders, &admin, f);
  if (!e) {
    actor_ready(a);
    e = supervise_run(kdc, f);
  }
  kdc_admin_stop(admin);
  supervise_stop(kdc);
  return e == ERR_CLOSED ? ERR_OK : e; /* asked to end before it was ready */
}

/* Is this the first word of the command line? Then it is taken away. */
static bool take_word(int *argc, char ***argv, const char *word)
{
  if (*argc < 2 || strcmp((*argv)[1], word) != 0) return false;
  (*argv)[1] = (*argv)[0];
  ++*argv;
  --*argc;
  return true;
}

/* The same for whatever word comes first, but an option. */
static const char *take_operand(int *argc, char ***argv)
{
  const char *word = *argc > 1 && (*argv)[1][0] != '-' ? (*argv)[1] : NULL;
  return word && take_word(argc, argv, word) ? word : NULL;
}

static const struct actor_spec *take_spec(int *argc, char ***argv)
{
  for (size_t i = 1; i < PARTNER; i++)
    if (take_word(argc, argv, specs[i].name)) return &specs[i];
  return take_word(argc, argv, "partner") ? &specs[PARTNER] : &specs[0];
}

int main(int argc, char **argv)
{
  struct actor a;
  struct failure f = {0};
  struct lab side = {0};
  const struct actor_spec *spec = take_spec(&argc, &argv);
  bool keys = take_word(&argc, &argv, "keys");
  const char *keys_file = keys ? take_operand(&argc, &argv) : NULL;
  bool only_provision = !keys && take_word(&argc, &argv, "provision");
  if (!keys && !only_provision) supervise_block_signals();
  actor_start(&a, spec, argc, argv);
  const struct lab *lab;
  enum err e = choose_side(a.lab, spec, &side, &lab, &f);
  if (!e) e = provision_environment(lab, a.run, &f);
  if (!e && lab->kdc.played_by == SEAT_GUEST && !only_provision)
    e = failure_set(&f, ERR_CONFIG, "kdc.played_by is guest: the lab has neither a KDC nor its keys");
  if (!e && keys) e = write_keys(&a, lab, keys_file, &f);
  if (!e && !keys) e = make_realm(&a, lab, &f);
  if (!e && !keys && !only_provision) e = serve(&a, lab, &f);
  if (e) log_failure(LOG_ERROR, NULL, &f);
  lab_side_clear(&side);
  actor_stop(&a);
  return actor_exit_code(e);
}

/* sevenstep-doctor: names the link at which single sign-on breaks, its cause, and what to do. */
#include "clock.h"
#include "doctor.h"
#include "lab.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char help_text[] =
    "usage: sevenstep-doctor -c LAB.YAML -r RUN [--connector NAME] [--app NAME] [OPTIONS]\n"
    "       sevenstep-doctor --keytab FILE --principal NAME --realm REALM --user UPN --spn SPN [OPTIONS]\n"
    "\n"
    "Checks every link of single sign-on by constrained delegation, in the order in which they are needed: "
    "krb5.conf,\n"
    "names, the KDC by UDP and TCP, its clock, the connector's keytab, encryption types, its own ticket, the "
    "ticket in\n"
    "the user's name (S4U2Self), key version, PAC, whether it is forwardable, the ticket for the application "
    "(S4U2Proxy),\n"
    "and the application's answer and proof; where user or application are of another realm, its KDC and the "
    "trust, both\n"
    "ways. What fails is told with its cause and the fix for MIT and for "
    "Active\n"
    "Directory. It changes nothing, and waits at most two seconds for a KDC. It works with the lab, and with "
    "a real\n"
    "domain from the connector's host.\n"
    "\n"
    "  -c, --lab FILE         the lab file: everything below is taken from it, unless given\n"
    "  -r, --run FOLDER       the lab's run folder: krb5.conf and keytabs\n"
    "      --connector NAME   which connector of the lab file (default: the first of the application's "
    "group)\n"
    "      --app NAME         which application of the lab file (default: the first with single sign-on "
    "kcd,\n"
    "                         or with the SPN given)\n"
    "\n"
    "      --krb5-conf FILE   default: $KRB5_CONFIG, or the system's\n"
    "      --keytab FILE      the connector's keytab\n"
    "      --principal NAME   the connector's principal, without realm: HTTP/connector.corp.example\n"
    "      --realm REALM      the Kerberos realm (in Active Directory: the domain's name in capitals)\n"
    "      --user-realm REALM where the user's account is (default: the connector's realm)\n"
    "      --app-realm REALM  where the application's is (the same)\n"
    "      --user UPN         for whom a ticket is asked: alice@corp.example\n"
    "      --upn-suffix NAME  what must follow the @ (default: whatever does)\n"
    "      --other-user UPN   a second user, to tell a user's fault from the connector's\n"
    "      --spn SPN          the application's service principal: HTTP/web.corp.example\n"
    "      --url URL          the application, as the connector opens it; without it the last three checks "
    "are skipped\n"
    "      --connect ADDRESS  where it really is, HOST:PORT\n"
    "      --ca FILE          the authority of its certificate\n"
    "      --json             one JSON document instead of lines\n"
    "  -h, --help             this text\n"
    "\n"
    "Exit code: 0 nothing failed, 1 something failed, 2 usage, 3 the lab file or krb5.conf is wrong.\n";

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3 };

struct options {
  const char *lab, *run, *connector, *app, *krb5_conf;
  struct doctor_subject subject;
  bool json;
};

/* Values that are made of the lab file's. */
enum { NAME_SIZE = 512 };
struct made {
  char keytab[4096 + 128], krb5_conf[4096 + 128], connect[300], ca[4096 + 128];
  char user[NAME_SIZE], other[NAME_SIZE];
};

static int usage(const char *why)
{
  fprintf(stderr, "sevenstep-doctor: %s\nsevenstep-doctor --help tells the options.\n", why);
  return EXIT_USAGE;
}

static int misused(const char *option, const char *why)
{
  char text[256];
  snprintf(text, sizeof text, "%.200s: %s", option, why);
  return usage(text);
}

/* 0 to go on, else the exit code plus one. */
static int parse(int argc, char **argv, struct options *o)
{
  struct doctor_subject *s = &o->subject;
  const struct {
    const char *name;
    const char **value;
  } texts[] = {{"lab", &o->lab},
               {"run", &o->run},
               {"connector", &o->connector},
               {"app", &o->app},
               {"krb5-conf", &o->krb5_conf},
               {"keytab", &s->keytab},
               {"principal", &s->principal},
               {"realm", &s->realm},
               {"user-realm", &s->user_realm},
               {"app-realm", &s->app_realm},
               {"user", &s->upn},
               {"upn-suffix", &s->upn_suffix},
               {"other-user", &s->other_upn},
               {"spn", &s->spn},
               {"url", &s->url},
               {"connect", &s->connect},
               {"ca", &s->ca}};
  enum { TEXTS = sizeof texts / sizeof texts[0], TEXT_BASE = 1000 };
  struct option longs[TEXTS + 3] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}};
  for (int i = 0; i < TEXTS; i++)
    longs[i + 2] = (struct option){texts[i].name, required_argument, NULL, TEXT_BASE + i};
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, ":c:r:h", longs, NULL)) != -1;) {
    if (c == 'c') c = TEXT_BASE;
    if (c == 'r') c = TEXT_BASE + 1;
    if (c == 'h') {
      fputs(help_text, stdout);
      return 1;
    }
    if (c == ':') return 1 + misused(argv[optind - 1], "a value is missing");
    if (c == '?') return 1 + misused(argv[optind - 1], "unknown option");
    if (c == 'j')
      o->json = true;
    else
      *texts[c - TEXT_BASE].value = optarg;
  }
  return optind == argc ? 0 : 1 + usage("unexpected argument");
}

/* By its name, or by its SPN; else the first that there is something to say of. */
static const struct lab_app *choose_app(const struct lab *lab, const char *name, const char *spn)
{
  if (name) return lab_app_by_name(lab, name);
  for (size_t i = 0; spn && i < lab->n_apps; i++)
    if (lab->apps[i].sso == SSO_KCD && lab->apps[i].spn && strcmp(lab->apps[i].spn, spn) == 0)
      return &lab->apps[i];
  for (size_t i = 0; i < lab->n_apps; i++)
    if (lab->apps[i].sso == SSO_KCD && !lab_is_wildcard(lab->apps[i].external_url.host)) return &lab->apps[i];
  return NULL;
}

/* The name that the application's mode takes of the user, as a UPN: by itself an account's name means one of
 * the connector's realm. "" when the user has none. */
static void identity_as_upn(const struct lab *lab, const struct lab_connector *c, const struct lab_app *app,
                            const struct lab_user *u, char out[NAME_SIZE])
{
  const char *name = lab_login_identity(app, u), *at = name ? strchr(name, '@') : NULL;
  bool foreign = app->login == LOGIN_UPN ||
                 (app->login == LOGIN_ON_PREMISES_UPN && at && strcasecmp(at + 1, lab->realm) != 0);
  if (!name)
    out[0] = 0;
  else if (foreign)
    snprintf(out, NAME_SIZE, "%s", name);
  else
    snprintf(out, NAME_SIZE, "%.*s@%s", at ? (int)(at - name) : (int)strlen(name), name,
             lab_is_member(lab, c) ? lab->upn_suffix : lab->partner.upn_suffix);
}

/* As the connector tells by the suffix. */
static bool is_partners_user(const struct lab *lab, const char *upn)
{
  const char *at = strchr(upn, '@');
  return at && lab->partner.realm &&
         (strcasecmp(at + 1, lab->partner.realm) == 0 || strcasecmp(at + 1, lab->partner.upn_suffix) == 0);
}

/* The first users for whom it should work: enabled and not expired, with a UPN, assigned; the first of them,
 * and another of the same realm. */
static void choose_users(const struct lab *lab, const struct lab_connector *c, const struct lab_app *app,
                         struct doctor_subject *s, struct made *m)
{
  const struct lab_user *given = s->upn ? lab_user_by_upn(lab, s->upn) : NULL;
  if (given) {
    identity_as_upn(lab, c, app, given, m->user);
    if (m->user[0]) s->upn = m->user;
  }
  for (size_t i = 0; i < lab->n_users && !s->other_upn; i++) {
    const struct lab_user *u = &lab->users[i];
    bool usable =
        u->upn && lab_user_is_active(u, clock_wall_s()) && !u->sensitive && lab_user_assigned(lab, app, u);
    if (!usable || u == given) continue;
    char *name = s->upn ? m->other : m->user;
    identity_as_upn(lab, c, app, u, name);
    if (!name[0] || (s->upn && strcmp(s->upn, name) == 0)) continue;
    if (s->upn && is_partners_user(lab, s->upn) != is_partners_user(lab, name)) continue;
    *(s->upn ? &s->other_upn : &s->upn) = name;
  }
}

static void fill(const char **field, const char *value)
{
  if (!*field) *field = value;
}

/* Who is of which realm. A partner's user may have any suffix, as it is what told the realm. */
static void fill_realms(const struct lab *lab, const struct lab_connector *c, struct doctor_subject *s)
{
  bool partners_user = s->upn && is_partners_user(lab, s->upn);
  fill(&s->realm, c->realm);
  fill(&s->user_realm, partners_user ? lab->partner.realm : lab->realm);
  fill(&s->app_realm, lab_is_partners(lab, s->spn) ? lab->partner.realm : lab->realm);
  if (!partners_user) fill(&s->upn_suffix, lab->upn_suffix);
}

static const struct lab_connector *choose_connector(const struct lab *lab, const char *name,
                                                    const struct lab_app *app)
{
  if (name) return lab_connector_by_name(lab, name);
  for (size_t i = 0; i < lab->n_connectors; i++)
    if (strcmp(lab->connectors[i].group, app->connector_group) == 0) return &lab->connectors[i];
  return NULL;
}

static enum err fill_from_lab(struct options *o, const struct lab *lab, struct made *m, struct failure *f)
{
  struct doctor_subject *s = &o->subject;
  const struct lab_app *app = choose_app(lab, o->app, s->spn);
  if (!app || app->sso != SSO_KCD)
    return failure_set(f, ERR_CONFIG, "%s has no application%s%s with single sign-on kcd", lab->path,
                       o->app ? " " : "", o->app ? o->app : "");
  if (lab_is_wildcard(app->external_url.host) && (!s->spn || !s->url))
    return failure_set(f, ERR_CONFIG, "%s is published with a *: name one of its hosts by --spn and --url",
                       app->name);
  bool is_its = o->app || !s->spn || (app->spn && strcmp(app->spn, s->spn) == 0);
  const struct lab_connector *c = choose_connector(lab, o->connector, app);
  if (!c)
    return failure_set(f, ERR_CONFIG, "%s has no connector %s%s", lab->path,
                       o->connector ? "" : "of the group ",
                       o->connector ? o->connector : app->connector_group);
  snprintf(m->keytab, sizeof m->keytab, "%s/keytabs/%s.keytab", o->run, c->name);
  snprintf(m->krb5_conf, sizeof m->krb5_conf, "%s/krb5.conf", o->run);
  snprintf(m->connect, sizeof m->connect, "%s:%u", app->connect.host, app->connect.port);
  fill(&o->krb5_conf, m->krb5_conf);
  fill(&s->keytab, m->keytab);
  fill(&s->principal, c->principal);
  fill(&s->spn, app->spn);
  if (!s->url && is_its) {
    const char *ca = app->backend_ca ? app->backend_ca : "pki/ca.crt";
    snprintf(m->ca, sizeof m->ca, "%s%s%s", *ca == '/' ? "" : o->run, *ca == '/' ? "" : "/", ca);
    fill(&s->ca, m->ca);
    fill(&s->connect, m->connect);
    s->any_certificate = !app->validate_certificate;
    s->url = app->internal_url.text;
  }
  choose_users(lab, c, app, s, m);
  fill_realms(lab, c, s);
  return ERR_OK;
}

static int examine(const struct options *o)
{
  struct report report;
  struct failure f = {0};
  if (report_init(&report, stdout, o->json)) abort();
  enum err e = doctor_examine(&o->subject, &report, &f);
  if (e)
    fprintf(stderr, "sevenstep-doctor: %s\n", f.why);
  else
    report_end(&report);
  bool failed = report.failed > 0;
  report_clear(&report);
  return e ? EXIT_CONFIG : failed ? EXIT_FAILED : 0;
}

int main(int argc, char **argv)
{
  struct options o = {0};
  struct made made;
  struct lab *lab = NULL;
  struct failure f = {0};
  int code = parse(argc, argv, &o);
  if (code) return code - 1;
  if (o.lab && !o.run) return usage("-c needs -r");
  if (o.lab) {
    enum err e = lab_load_changed(o.lab, o.run, 0, &lab, &f);
    if (!e) e = fill_from_lab(&o, lab, &made, &f);
    if (e) {
      fprintf(stderr, "sevenstep-doctor: %s\n", f.why);
      lab_free(lab);
      return EXIT_CONFIG;
    }
  }
  const struct doctor_subject *s = &o.subject;
  if (!s->keytab || !s->principal || !s->realm || !s->upn || !s->spn) {
    lab_free(lab);
    return usage("--keytab, --principal, --realm, --user and --spn are needed, or -c and -r");
  }
  if (o.krb5_conf) setenv("KRB5_CONFIG", o.krb5_conf, 1);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  code = examine(&o);
  curl_global_cleanup();
  lab_free(lab);
  return code;
}

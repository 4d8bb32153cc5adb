#include "lab_load.h"
#include "tool.h"

#include "clock.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_CONFIG = 3 };

static const char help[] =
    "usage: sevenstep-lab [-c FILE] [-r FOLDER] COMMAND\n"
    "\n"
    "Answers scripts' questions about a lab: the lab file, with FOLDER/changes.yaml merged into it.\n"
    "\n"
    "  check            says \"configuration OK\", or what is wrong and where\n"
    "  env              shell variables: eval \"$(sevenstep-lab env)\"\n"
    "  list WHAT        one a line: actors (NAME PROGRAM), connectors, delegation (NAME GROUP SPN),\n"
    "                   applications (NAME URL), published (NAME URL file|changed|added), guests (NAME "
    "SPN),\n"
    "                   users (NAME active|disabled|expired UPN), hosts\n"
    "  ports [--free]   listening addresses: KEY HOST PORT; with --free exit code 4 if one is taken\n"
    "  certificates     arguments for pki/provision\n"
    "  containers ACTOR the lab file as this actor gets it in containers: their addresses, its secrets only\n"
    "  change OUT TABLE add|set|remove [--delegate] NAME [KEY=VALUE...]\n"
    "                   writes OUT: FOLDER/changes.yaml with one row of applications, connectors, users or "
    "groups "
    "changed\n"
    "  export           the lab file with FOLDER/changes.yaml merged into it\n"
    "  doc              the reference of the lab file, as Markdown\n"
    "\n"
    "  -c, --config FILE   the lab file (default: $SEVENSTEP_LAB, else ./lab.yaml)\n"
    "  -r, --run FOLDER    the run folder (default: $SEVENSTEP_RUN, else ./run)\n"
    "\n"
    "Exit codes: 0 done, 2 usage, 3 configuration, 4 address taken.\n";

static int usage(const char *why)
{
  fprintf(stderr, "sevenstep-lab: %s\nTry: sevenstep-lab --help\n", why);
  return EXIT_USAGE;
}

/* The further ones are told by a word which they are. */
static void list_kdcs(const struct lab *lab)
{
  printf("kdc sevenstep-kdc\n");
  for (unsigned which = 1; which < lab->kdc.replicas; which++)
    printf("%s sevenstep-kdc %s\n", lab_kdc(lab, which).name, lab_kdc(lab, which).name);
}

/* Providers before those who need them. */
static void list_actors(const struct lab *lab)
{
  if (lab->partner.realm) printf("partner-kdc sevenstep-kdc partner\n");
  if (lab->kdc.database == DATABASE_LDAP) printf("directory sevenstep-directory\n");
  if (lab->kdc.played_by == SEAT_LAB) list_kdcs(lab);
  printf("idp sevenstep-idp\nbackend sevenstep-backend\ncloud sevenstep-cloud\n");
  for (size_t i = 0; i < lab->n_connectors; i++)
    printf("%s sevenstep-connector\n", lab->connectors[i].name);
}

/* Which connector may delegate to what. */
static void list_delegation(const struct lab *lab)
{
  for (size_t i = 0; i < lab->n_connectors; i++)
    for (size_t k = 0; k < lab->connectors[i].allowed_to_delegate_to.n; k++)
      printf("%s %s %s\n", lab->connectors[i].name, lab->connectors[i].group,
             lab->connectors[i].allowed_to_delegate_to.v[k]);
}

static void list_users(const struct lab *lab)
{
  for (size_t i = 0; i < lab->n_users; i++) {
    const struct lab_user *u = &lab->users[i];
    const char *state = !u->enabled                             ? "disabled"
                        : lab_user_is_active(u, clock_wall_s()) ? "active"
                                                                : "expired";
    printf("%s %s %s\n", u->name, state, u->upn ? u->upn : "-");
  }
}

/* The names that must lead to the proxy, the identity provider and the tunnel. */
static void list_hosts(const struct lab *lab)
{
  printf("%s\n%s\n", lab->idp.issuer.host, lab->cloud.tunnel_name);
  size_t n;
  const char **hosts = tool_external_hosts(lab, &n);
  for (size_t i = 0; hosts && i < n; i++)
    printf("%s\n", hosts[i]);
  free(hosts);
}

/* Applications that somebody else's program plays. */
static void list_guests(const struct lab *lab)
{
  for (size_t i = 0; i < lab->n_apps; i++)
    if (lab->apps[i].played_by == SEAT_GUEST)
      printf("%s %s\n", lab->apps[i].name, lab->apps[i].spn ? lab->apps[i].spn : "-");
}

static int list(const struct lab *lab, const char *what)
{
  if (strcmp(what, "actors") == 0)
    list_actors(lab);
  else if (strcmp(what, "delegation") == 0)
    list_delegation(lab);
  else if (strcmp(what, "hosts") == 0)
    list_hosts(lab);
  else if (strcmp(what, "connectors") == 0)
    for (size_t i = 0; i < lab->n_connectors; i++)
      printf("%s\n", lab->connectors[i].name);
  else if (strcmp(what, "applications") == 0)
    for (size_t i = 0; i < lab->n_apps; i++)
      printf("%s %s\n", lab->apps[i].name, lab->apps[i].external_url.text);
  else if (strcmp(what, "guests") == 0)
    list_guests(lab);
  else if (strcmp(what, "users") == 0)
    list_users(lab);
  else if (strcmp(what, "published") == 0)
    return tool_published(lab);
  else
    return usage(
        "list: expected actors, connectors, delegation, applications, guests, published, users or hosts");
  return 0;
}

static int containers(struct lab *lab, const char *actor)
{
  static const char *const singles[] = {"kdc", "idp", "backend", "cloud"};
  bool known = lab_connector_by_name(lab, actor) != NULL;
  for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
    known |= strcmp(singles[i], actor) == 0;
  if (lab->kdc.database == DATABASE_LDAP || lab->kdc.replicas > 1) {
    fprintf(stderr, "%s: kdc.database: ldap and kdc.replicas are not for containers (docs/limits.md)\n",
            lab->path);
    return EXIT_CONFIG;
  }
  return known ? tool_containers(lab, actor)
               : usage("containers: expected kdc, idp, backend, cloud or a connector");
}

static int answer(struct lab *lab, const char *run, int argc, char **argv)
{
  const char *command = argv[0], *what = argc > 1 ? argv[1] : "";
  if (argc > 2) return usage("too many arguments");
  if (strcmp(command, "list") == 0) return list(lab, what);
  if (strcmp(command, "ports") == 0) {
    if (*what && strcmp(what, "--free") != 0) return usage("ports: expected --free or nothing");
    return tool_ports(lab, *what != 0);
  }
  if (strcmp(command, "containers") == 0) return containers(lab, what);
  if (*what) return usage("too many arguments");
  if (strcmp(command, "env") == 0) return tool_env(lab, run);
  if (strcmp(command, "certificates") == 0) return tool_certificates(lab);
  if (strcmp(command, "check") == 0) return tool_check(lab);
  return usage("unknown command");
}

static bool is_table(const char *name)
{
  for (const struct lab_key *k = lab_top_keys.keys; k->name; k++)
    if (k->type == KEY_TABLE && strcmp(k->name, name) == 0) return true;
  return false;
}

/* change OUT TABLE VERB [--delegate] NAME [KEY=VALUE...] */
static int change(const char *path, const char *changes, int argc, char **argv)
{
  bool delegate = argc > 4 && strcmp(argv[4], "--delegate") == 0;
  int at = delegate ? 5 : 4;
  if (argc <= at || !is_table(argv[2])) return usage("change: expected OUT, a table, a verb and a name");
  const char *verb = argv[3];
  bool remove = strcmp(verb, "remove") == 0;
  if (!remove && strcmp(verb, "add") != 0 && strcmp(verb, "set") != 0)
    return usage("change: expected add, set or remove");
  if (remove && argc > at + 1) return usage("change: remove takes a name only");
  if (delegate && (remove || strcmp(argv[2], "applications") != 0))
    return usage("change: --delegate is for applications that are added or set");
  struct tool_change what = {.path = path,
                             .changes = changes,
                             .out = argv[1],
                             .table = argv[2],
                             .verb = verb,
                             .name = argv[at],
                             .delegate = delegate,
                             .settings = argv + at + 1,
                             .n_settings = argc - at - 1};
  return tool_change(&what);
}

static const char *from_environment(const char *name, const char *otherwise)
{
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

int main(int argc, char **argv)
{
  static const struct option table[] = {{"config", required_argument, NULL, 'c'},
                                        {"run", required_argument, NULL, 'r'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  const char *path = from_environment("SEVENSTEP_LAB", "lab.yaml"),
             *run = from_environment("SEVENSTEP_RUN", "run");
  int c;
  /* "+": options end at the command, whose own follow it. */
  while ((c = getopt_long(argc, argv, "+c:r:h", table, NULL)) != -1) {
    if (c == 'h') return fputs(help, stdout), 0;
    if (c != 'c' && c != 'r') return EXIT_USAGE;
    *(c == 'c' ? &path : &run) = optarg;
  }
  if (optind >= argc) return usage("a command is missing");
  if (strcmp(argv[optind], "doc") == 0) return tool_reference();

  struct failure f = {0};
  struct lab *lab;
  char changes[LAB_CHANGES_MAX];
  if (lab_changes_path(run, changes, &f)) return usage(f.why);
  argc -= optind;
  argv += optind;
  if (strcmp(argv[0], "change") == 0) return change(path, changes, argc, argv);
  if (strcmp(argv[0], "export") == 0) return tool_export(path, changes);
  if (lab_load_changed(path, run, LAB_SECRETS, &lab, &f)) {
    fprintf(stderr, "%s\n", f.why);
    return EXIT_CONFIG;
  }
  int code = answer(lab, run, argc, argv);
  lab_free(lab);
  return code;
}

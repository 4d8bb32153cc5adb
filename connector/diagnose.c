#include "diagnose.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct question {
  const char *lab, *run, *connector, *user, *spn;
  bool json;
};

static _Noreturn void die(int code, const char *why)
{
  fprintf(stderr, "sevenstep-connector: %s\n", why);
  if (code == EXIT_USAGE) fprintf(stderr, "Try: sevenstep-connector --help\n");
  exit(code);
}

static bool is_asked(int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "--diagnose") == 0 || strncmp(argv[i], "--diagnose=", 11) == 0) return true;
  return false;
}

static const char *from_environment(const char *name, const char *otherwise)
{
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

static struct question parse(int argc, char **argv)
{
  static const struct option table[] = {
      {"config", required_argument, NULL, 'c'},   {"run", required_argument, NULL, 'r'},
      {"instance", required_argument, NULL, 'i'}, {"diagnose", required_argument, NULL, 'd'},
      {"json", no_argument, NULL, 'j'},           {NULL, 0, NULL, 0}};
  struct question q = {.lab = from_environment("SEVENSTEP_LAB", "lab.yaml"),
                       .run = from_environment("SEVENSTEP_RUN", "run")};
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, ":c:r:i:", table, NULL)) != -1;) {
    if (c == 'c') q.lab = optarg;
    if (c == 'r') q.run = optarg;
    if (c == 'i') q.connector = optarg;
    if (c == 'd') q.user = optarg;
    if (c == 'j') q.json = true;
    if (c == ':' && optopt != 'd') die(EXIT_USAGE, "-c, -r and -i need a value");
    if (c == '?') die(EXIT_USAGE, "--diagnose goes with -c, -r, -i and --json only");
  }
  if (!q.user || *q.user == '-') die(EXIT_USAGE, "--diagnose: the UPN of a user is missing");
  if (!q.connector) die(EXIT_USAGE, "-i NAME is required");
  if (optind < argc) q.spn = argv[optind++];
  if (optind < argc) die(EXIT_USAGE, "--diagnose takes a user and an SPN");
  return q;
}

/* The doctor that was built with this program; else the system's. */
static void become(char *const *arguments)
{
  static const char name[] = "sevenstep-doctor";
  char path[4096];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof name);
  char *slash = NULL;
  if (n > 0) {
    path[n] = 0;
    slash = strrchr(path, '/');
  }
  if (slash) {
    memcpy(slash + 1, name, sizeof name);
    execv(path, arguments);
  }
  execvp(name, arguments);
}

void diagnose_if_asked(int argc, char **argv)
{
  char why[128];
  if (!is_asked(argc, argv)) return;
  const struct question q = parse(argc, argv);
  const char *arguments[13] = {"sevenstep-doctor", "--lab",     q.lab,    "--run", q.run,
                               "--connector",      q.connector, "--user", q.user};
  size_t n = 9;
  if (q.spn) arguments[n++] = "--spn", arguments[n++] = q.spn;
  if (q.json) arguments[n++] = "--json";
  become((char *const *)(uintptr_t)arguments);
  snprintf(why, sizeof why, "sevenstep-doctor cannot be started: %s", strerror(errno));
  die(EXIT_FAILED, why);
}

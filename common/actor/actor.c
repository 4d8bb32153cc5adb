#include "actor.h"

#include "lab_write.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SEVENSTEP_VERSION
#define SEVENSTEP_VERSION "0"
#endif

enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3, EXIT_ADDRESS = 4 };

/* The command line and the environment as given. */
struct options {
  const char *lab, *run, *instance;
  bool check_only;
  int ready_fd;
};

const char *actor_version(void)
{
  return SEVENSTEP_VERSION;
}

int actor_exit_code(enum err e)
{
  switch (e) {
  case ERR_OK:
    return 0;
  case ERR_USAGE:
    return EXIT_USAGE;
  case ERR_CONFIG:
    return EXIT_CONFIG;
  case ERR_PORT_TAKEN:
    return EXIT_ADDRESS;
  default:
    return EXIT_RUNTIME;
  }
}

static void print_help(const struct actor_spec *s)
{
  printf("usage: %s [-c FILE] [-r FOLDER] %s[-n] [--ready-fd N]\n", s->program,
         s->takes_instance ? "-i NAME " : "");
  if (s->usage) printf("       %s %s\n", s->program, s->usage);
  printf("\n%s\n", s->summary);
  if (s->steps) printf("Of the seven steps it takes: %s.\n", s->steps);
  printf("\n"
         "  -c, --config FILE     the lab file (default: $SEVENSTEP_LAB, else ./lab.yaml)\n"
         "  -r, --run FOLDER      the run folder: keys, traces, sockets (default: $SEVENSTEP_RUN, else "
         "./run)\n");
  if (s->takes_instance)
    printf("  -i, --instance NAME   which one of the lab file's it is, e.g. connector-1\n");
  if (s->options) fputs(s->options, stdout);
  printf(
      "  -n, --check           check the lab file, say \"configuration OK\" and exit\n"
      "      --ready-fd N      write \"READY\" and a newline to descriptor N when it can serve, and close "
      "it\n"
      "  -h, --help            this text\n"
      "      --version         the version\n"
      "\n"
      "SEVENSTEP_LOG=error|warn|info|debug and SEVENSTEP_LOG_FORMAT=json shape the log, on standard error.\n"
      "SEVENSTEP_PORT_BASE moves all ports of the lab.\n"
      "\n");
  if (s->signals) printf("%s\n", s->signals);
  printf("Exit codes: 0 done, 1 failed while running, 2 usage, 3 configuration, 4 address taken.\n");
}

static _Noreturn void die(const struct actor_spec *s, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static _Noreturn void die(const struct actor_spec *s, int code, const char *fmt, ...)
{
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  fprintf(stderr, "%s: %s\n", s->program, text);
  if (code == EXIT_USAGE) fprintf(stderr, "Try: %s --help\n", s->program);
  exit(code);
}

static const char *from_environment(const char *name, const char *otherwise)
{
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

static int parse_fd(const struct actor_spec *s, const char *text)
{
  char *end;
  errno = 0;
  long fd = strtol(text, &end, 10);
  if (errno || *end || end == text || fd < 0 || fd > 65535 || fcntl((int)fd, F_GETFD) < 0)
    die(s, EXIT_USAGE, "--ready-fd: \"%s\" is not an open descriptor", text);
  return (int)fd;
}

static struct options parse_options(const struct actor_spec *s, int argc, char **argv)
{
  enum { OPT_READY = 256, OPT_VERSION };
  static const struct option table[] = {{"config", required_argument, NULL, 'c'},
                                        {"run", required_argument, NULL, 'r'},
                                        {"instance", required_argument, NULL, 'i'},
                                        {"check", no_argument, NULL, 'n'},
                                        {"help", no_argument, NULL, 'h'},
                                        {"ready-fd", required_argument, NULL, OPT_READY},
                                        {"version", no_argument, NULL, OPT_VERSION},
                                        {NULL, 0, NULL, 0}};
  struct options o = {.lab = from_environment("SEVENSTEP_LAB", "lab.yaml"),
                      .run = from_environment("SEVENSTEP_RUN", "run"),
                      .ready_fd = -1};
  int c;
  opterr = 0;
  optind = 1;
  while ((c = getopt_long(argc, argv, ":c:r:i:nh", table, NULL)) != -1) {
    switch (c) {
    case 'c':
      o.lab = optarg;
      break;
    case 'r':
      o.run = optarg;
      break;
    case 'i':
      o.instance = optarg;
      break;
    case 'n':
      o.check_only = true;
      break;
    case 'h':
      print_help(s);
      exit(0);
    case OPT_READY:
      o.ready_fd = parse_fd(s, optarg);
      break;
    case OPT_VERSION:
      printf("%s %s\n", s->program, SEVENSTEP_VERSION);
      exit(0);
    default:
      die(s, EXIT_USAGE, "%s: %s", argv[optind - 1], c == ':' ? "a value is missing" : "unknown option");
    }
  }
  if (optind < argc) die(s, EXIT_USAGE, "unexpected argument \"%s\"", argv[optind]);
  if (o.instance && !s->takes_instance) die(s, EXIT_USAGE, "-i: there is only one %s", s->name);
  return o;
}

static void set_instance(struct actor *a, const struct options *o)
{
  const struct actor_spec *s = a->spec;
  if (s->takes_instance && !o->instance) die(s, EXIT_USAGE, "-i NAME is required");
  if (s->takes_instance && !lab_connector_by_name(a->lab, o->instance))
    die(s, EXIT_CONFIG, "%s: there is no %s named \"%s\"", a->lab->path, s->name, o->instance);
  snprintf(a->instance, sizeof a->instance, "%s", o->instance ? o->instance : s->name);
}

static void make_run_folder(struct actor *a, const char *run)
{
  if (mkdir(run, 0700) < 0 && errno != EEXIST) die(a->spec, EXIT_RUNTIME, "%s: %s", run, strerror(errno));
  char whole[PATH_MAX];
  if (!realpath(run, whole)) die(a->spec, EXIT_RUNTIME, "%s: %s", run, strerror(errno));
  struct sockaddr_un socket_name;
  if (strlen(whole) + strlen("/.sock") + strlen(a->instance) >= sizeof socket_name.sun_path)
    die(a->spec, EXIT_RUNTIME,
        "%s: the path is too long for the unix socket in it (%zu characters at most in all)", run,
        sizeof socket_name.sun_path - 1);
  memcpy(a->run, whole, strlen(whole) + 1);
}

/* Shells give 1,024, which some hundred users, or who only begins connections, would use up for everybody. */
static void raise_file_limit(void)
{
  struct rlimit l;
  if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur >= ACTOR_FILES) return;
  l.rlim_cur = l.rlim_max < ACTOR_FILES ? l.rlim_max : ACTOR_FILES;
  if (setrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur < ACTOR_FILES)
    log_warn("no more than %llu files and connections can be open at once (ulimit -Hn); %d are for all that "
             "docs/limits.md allows",
             (unsigned long long)l.rlim_cur, ACTOR_FILES);
}

void actor_start(struct actor *a, const struct actor_spec *spec, int argc, char **argv)
{
  *a = (struct actor){.spec = spec, .ready_fd = -1};
  struct options o = parse_options(spec, argc, argv);
  struct failure f = {0};
  struct lab *lab;
  enum err e = lab_load_changed(o.lab, o.run, spec->lab_flags, &lab, &f);
  if (e) die(spec, actor_exit_code(e), "%s", *f.why ? f.why : err_info(e)->what);
  a->lab = lab;
  if (o.check_only) {
    if (o.instance) set_instance(a, &o);
    printf("configuration OK\n");
    lab_free(a->lab);
    exit(0);
  }

  set_instance(a, &o);
  umask(077);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* a file at its limit is as a full disk: a write that fails */
  make_run_folder(a, o.run);
  log_init(a->instance);
  raise_file_limit();
  a->ready_fd = o.ready_fd;
  if (a->ready_fd >= 0) fcntl(a->ready_fd, F_SETFD, FD_CLOEXEC);
  e = tracer_new(a->run, spec->name, a->instance, &a->tracer, &f);
  if (e) die(spec, actor_exit_code(e), "trace: %s %s", err_info(e)->what, f.why);
}

void actor_use_krb5_conf(const struct actor *a)
{
  char path[4096 + 128];
  actor_path(a, path, "krb5.conf");
  if (access(path, R_OK) == 0) setenv("KRB5_CONFIG", path, 1);
}

void actor_ready(struct actor *a)
{
  log_info("ready");
  if (a->ready_fd < 0) return;
  /* Whoever waited may be gone; that is no reason to stop serving. */
  ssize_t n = write(a->ready_fd, "READY\n", 6);
  (void)n;
  close(a->ready_fd);
  a->ready_fd = -1;
}

enum err actor_reload(const struct actor *a, const struct lab **ret, struct failure *f)
{
  struct lab *lab;
  enum err e = lab_load_changed(a->lab->path, a->run, a->spec->lab_flags, &lab, f);
  if (e) return e;
  e = lab_can_become(a->lab, lab, f);
  if (e)
    lab_free(lab);
  else
    *ret = lab;
  return e;
}

void actor_stop(struct actor *a)
{
  if (a->ready_fd >= 0) close(a->ready_fd);
  a->ready_fd = -1;
  tracer_free(a->tracer);
  lab_free(a->lab);
  a->tracer = NULL;
  a->lab = NULL;
}

void actor_path(const struct actor *a, char out[4096 + 128], const char *fmt, ...)
{
  enum { SIZE = 4096 + 128 };
  int n = snprintf(out, SIZE, "%s/", a->run);
  va_list ap;
  va_start(ap, fmt);
  int m = vsnprintf(out + n, (size_t)(SIZE - n), fmt, ap);
  va_end(ap);
  if (m < 0 || n + m >= SIZE) abort();
}

/* What every actor's main() has in common: command line, lab file, run folder, log, tracer, readiness.
 *
 *   sevenstep-NAME [-c lab.yaml] [-r RUN] [-i INSTANCE] [-n] [-h|--help] [--version] [--ready-fd N]
 *
 * The lab is the lab file with RUN/changes.yaml, if that is there, merged into it.
 * -c defaults to $SEVENSTEP_LAB or ./lab.yaml, -r to $SEVENSTEP_RUN or ./run. -n checks the lab file, prints
 * "configuration OK" and exits 0. Exit codes: 0 done, 1 failed while running, 2 usage, 3 configuration, 4
 * address taken.
 * --ready-fd: when the actor can serve, it writes "READY\n" there and closes it; when it fails before, it
 * writes nothing and the descriptor closes with it. */
#ifndef SEVENSTEP_ACTOR_H
#define SEVENSTEP_ACTOR_H

#include "lab.h"
#include "log.h"
#include "trace.h"

#define ACTOR_FILES 18432 /* open at once: 16,384 connections of users, and what the cloud needs besides */

struct actor_spec {
  const char *name;    /* "cloud" */
  const char *program; /* "sevenstep-cloud" */
  const char *summary; /* one sentence for --help */
  const char *steps;   /* which steps it takes, for --help, e.g. "1, 3 and 7" */
  const char *usage;   /* a second way to call it, for --help; or NULL */
  const char *options; /* lines of --help on options that main() takes before actor_start(); or NULL */
  const char *signals; /* lines of --help on what signals do, where that is more than to end it; or NULL */
  bool takes_instance; /* -i NAME is required (connectors) */
  unsigned lab_flags;  /* for lab_load */
};

struct actor {
  const struct actor_spec *spec;
  const struct lab *lab; /* as it was at the start */
  char run[4096];        /* absolute */
  char instance[64];     /* spec->name, or -i */
  struct tracer *tracer;
  int ready_fd; /* -1: none */
};

/* Parses, loads, opens. Returns 0 to go on, else exits the process itself with the code above after a message
 * on standard error. Ignores SIGPIPE, sets umask 077, raises the soft limit of open files to ACTOR_FILES, as
 * far as the hard one allows; says so when it does not. */
void actor_start(struct actor *a, const struct actor_spec *spec, int argc, char **argv);
/* KRB5_CONFIG becomes the run folder's krb5.conf when that is there; else it stays what it was. Call it
 * behind actor_start(), before any thread. */
void actor_use_krb5_conf(const struct actor *a);
/* The actor can serve: tells --ready-fd and logs "ready". Once. */
void actor_ready(struct actor *a);
/* Frees. */
void actor_stop(struct actor *a);
/* The lab file and its changes as they are on disk now, for POST /reload: all as at the start, or why not
 * (ERR_CONFIG: it is wrong, or differs in what cannot change while the actor runs). Thread safe. */
enum err actor_reload(const struct actor *a, const struct lab **ret, struct failure *f) MUST_CHECK;
/* The version of all programs, e.g. "0.1.0". */
const char *actor_version(void);
/* The exit code for a failure. */
int actor_exit_code(enum err e);
/* "RUN/sub/path" into out; aborts when it does not fit (run is bounded). */
void actor_path(const struct actor *a, char out[4096 + 128], const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif

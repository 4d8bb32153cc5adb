/* MIT's server programs, and OpenLDAP's, run as children: found, started, fed, read. They lie in /usr/sbin,
 * which PATH often lacks. */
#ifndef SEVENSTEP_KDC_PROGRAM_H
#define SEVENSTEP_KDC_PROGRAM_H

#include "err.h"

#include <sys/types.h>

/* The program's path: along PATH, then in the folders for system programs. ERR_PACKAGE_MISSING names the
 * package. */
enum err program_find(const char *name, char out[4096], struct failure *f) MUST_CHECK;

/* Starts it with these descriptors as its standard input, output and error (-1: /dev/null). It is sent
 * SIGTERM when the thread that started it ends, and begins with no signal blocked. */
enum err program_start(const char *const argv[], int in, int out, int err, pid_t *ret,
                       struct failure *f) MUST_CHECK;

struct program_output {
  int status;     /* exit code, or 128 + signal */
  char text[300]; /* the beginning of what it wrote on standard error */
};
/* Runs it to its end, with input (at most 4 KiB) on its standard input. */
enum err program_run(const char *const argv[], const char *input, struct program_output *ret,
                     struct failure *f) MUST_CHECK;

#endif

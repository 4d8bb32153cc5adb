/* The smallest actor: starts, says what it found, is ready, stops. As "probe-instance" it is one of the
 * connectors. */
#include "actor.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
  const char *name = strrchr(argv[0], '/');
  const struct actor_spec spec = {.name = "probe",
                                  .program = "sevenstep-probe",
                                  .summary = "Does nothing, well.",
                                  .steps = "none",
                                  .takes_instance = name && strcmp(name, "/probe-instance") == 0};
  struct actor a;
  actor_start(&a, &spec, argc, argv);
  char path[4096 + 128];
  actor_path(&a, path, "%s.sock", a.instance);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files)) return 1;
  printf("%s\n%s\n%llu files\n", path, a.lab->realm, (unsigned long long)files.rlim_cur);
  fflush(stdout);
  actor_ready(&a);
  actor_stop(&a);
  return 0;
}

/* Any bytes as a lab file: loaded or refused with its place, never a crash, a leak or an endless loop. */
#include "lab_load.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 itself loses 4 KiB on some malformed documents; the unit tests watch that we free what is
 * ours. */
const char *__lsan_default_suppressions(void)
{
  return "leak:libfyaml.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct lab *lab = NULL;
  struct failure f = {0};
  enum err e = lab_load_text("lab", (const char *)data, n, 0, LAB_SECRETS, &lab, &f);
  if (e) {
    /* A refusal names a place, and leaves the result alone. */
    if (lab || (e == ERR_CONFIG && strncmp(f.why, "lab:", 4) != 0)) abort();
    return 0;
  }
  for (size_t i = 0; i < lab->n_apps; i++)
    for (size_t k = 0; k < lab->n_users; k++)
      (void)lab_user_assigned(lab, &lab->apps[i], &lab->users[k]);
  lab_free(lab);
  return 0;
}

#include "logon.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

struct logon {
  struct logon_info info; /* first: a pointer to it is one to all of it */
  atomic_uint refs;
};

static struct logon *logon_of(const struct logon_info *l)
{
  return (struct logon *)(uintptr_t)l;
}

const struct logon_info *logon_new(const void *data, size_t n)
{
  struct logon *l = malloc(sizeof *l);
  if (!l) return NULL;
  if (logon_info_parse(data, n, &l->info)) {
    free(l);
    return NULL;
  }
  atomic_init(&l->refs, 1);
  return &l->info;
}

const struct logon_info *logon_ref(const struct logon_info *l)
{
  if (l) atomic_fetch_add_explicit(&logon_of(l)->refs, 1, memory_order_relaxed);
  return l;
}

void logon_unref(const struct logon_info *l)
{
  if (l && atomic_fetch_sub_explicit(&logon_of(l)->refs, 1, memory_order_acq_rel) == 1) free(logon_of(l));
}

#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct err_info infos[ERR_COUNT] = {
    [ERR_OK] = {"ok", 0, "any", 200, 0, "All is well.", ""},
#define ERR(id, name, step, actor, status, event, what, fix)                                                 \
  [ERR_##id] = {name, step, actor, status, event, what, fix},
#include "err.def"
#undef ERR
};

const struct err_info *err_info(enum err e)
{
  return (unsigned)e < ERR_COUNT ? &infos[e] : &infos[ERR_INTERNAL];
}

enum err err_by_name(const char *name)
{
  for (int i = 1; i < ERR_COUNT; i++)
    if (strcmp(infos[i].name, name) == 0) return (enum err)i;
  return ERR_OK;
}

enum err failure_set(struct failure *f, enum err e, const char *why, ...)
{
  if (!f) return e;
  f->err = e;
  va_list ap;
  va_start(ap, why);
  vsnprintf(f->why, sizeof f->why, why, ap);
  va_end(ap);
  for (unsigned char *c = (unsigned char *)f->why; *c; c++)
    if (*c < 0x20 || *c == 0x7f) *c = '?';
  return e;
}

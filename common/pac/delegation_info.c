#include "delegation_info.h"

#include "ndr.h"

#include <string.h>

static bool append_name(struct delegation_info *info, const char *name)
{
  size_t have = strlen(info->transited), n = strlen(name);
  if (have + n + 2 > sizeof info->transited) return false;
  if (have) info->transited[have++] = ',';
  memcpy(info->transited + have, name, n + 1);
  return true;
}

static bool parse_transited(struct ndr *d, uint32_t count, struct delegation_info *info)
{
  enum { SERVICES_MAX = 64 };
  struct ndr_string head[SERVICES_MAX];
  uint32_t maximum;
  if (count > SERVICES_MAX || !ndr_u32(d, &maximum) || maximum != count) return false;
  for (uint32_t i = 0; i < count; i++)
    if (!ndr_string_head(d, &head[i])) return false;
  bool room = true;
  for (uint32_t i = 0; i < count; i++) {
    char name[256];
    if (!ndr_string_text(d, &head[i], name, sizeof name)) return false;
    room = room && append_name(info, name);
  }
  return true;
}

enum err delegation_info_parse(const void *data, size_t n, struct delegation_info *ret)
{
  struct ndr d;
  struct delegation_info info = {{0}, {0}};
  struct ndr_string target;
  uint32_t count, list;
  if (!ndr_begin(&d, data, n) || !ndr_string_head(&d, &target) || !ndr_u32(&d, &count) ||
      !ndr_u32(&d, &list) || !ndr_string_text(&d, &target, info.target, sizeof info.target))
    return ERR_SYNTAX;
  if (count && (!list || !parse_transited(&d, count, &info))) return ERR_SYNTAX;
  *ret = info;
  return ERR_OK;
}

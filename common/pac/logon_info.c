#include "logon_info.h"

#include "ndr.h"

#include <string.h>

/* What stands before the texts and lists that the pointers lead to, in the order in which those follow. */
struct heads {
  struct ndr_string text[6], server, domain;
  uint32_t groups, domain_sid, sids, group_count, sid_count;
};

static bool read_times(struct ndr *d, struct logon_info *info)
{
  int64_t ignored;
  if (!ndr_time(d, &info->logon_time_s)) return false;
  for (int i = 0; i < 5; i++) /* logoff, kick-off, and three of the password's */
    if (!ndr_time(d, &ignored)) return false;
  return true;
}

static bool read_heads(struct ndr *d, struct logon_info *info, struct heads *h)
{
  enum { SESSION_KEY = 16, RESERVED = 8, INTERACTIVE = 4 + 16 + 8 };
  uint32_t counts, flags;
  if (!read_times(d, info)) return false;
  for (size_t i = 0; i < sizeof h->text / sizeof *h->text; i++)
    if (!ndr_string_head(d, &h->text[i])) return false;
  return ndr_u32(d, &counts) && ndr_u32(d, &info->user_rid) && ndr_u32(d, &info->primary_group_rid) &&
         ndr_u32(d, &h->group_count) && ndr_u32(d, &h->groups) && ndr_u32(d, &flags) &&
         ndr_skip(d, SESSION_KEY) && ndr_string_head(d, &h->server) && ndr_string_head(d, &h->domain) &&
         ndr_u32(d, &h->domain_sid) && ndr_skip(d, RESERVED) && ndr_u32(d, &info->account_control) &&
         ndr_skip(d, INTERACTIVE) && ndr_u32(d, &h->sid_count) && ndr_u32(d, &h->sids) &&
         ndr_skip(d, 12); /* resource groups */
}

static bool read_texts(struct ndr *d, struct logon_info *info, const struct heads *h)
{
  char ignored[PAC_TEXT_MAX];
  char *const to[] = {info->account, info->full_name, ignored, ignored, ignored, ignored};
  for (size_t i = 0; i < sizeof h->text / sizeof *h->text; i++)
    if (!ndr_string_text(d, &h->text[i], to[i], PAC_TEXT_MAX)) return false;
  return true;
}

static bool read_groups(struct ndr *d, struct logon_info *info, const struct heads *h)
{
  uint32_t maximum, rid, attributes;
  if (!h->groups) return h->group_count == 0;
  if (!ndr_u32(d, &maximum) || maximum != h->group_count) return false;
  for (info->groups = 0; info->groups < h->group_count; info->groups++) {
    if (!ndr_u32(d, &rid) || !ndr_u32(d, &attributes)) return false;
    if (info->groups < PAC_GROUPS_MAX) info->group_rid[info->groups] = rid;
  }
  return true;
}

static bool read_sids(struct ndr *d, struct logon_info *info, const struct heads *h)
{
  char sid[NDR_SID_MAX];
  uint32_t maximum;
  if (!h->sids) return h->sid_count == 0;
  if (!ndr_u32(d, &maximum) || maximum != h->sid_count || !ndr_skip(d, 8 * (size_t)h->sid_count))
    return false;
  for (info->sids = 0; info->sids < h->sid_count; info->sids++) {
    if (!ndr_counted_sid(d, sid)) return false;
    if (info->sids < PAC_SIDS_MAX) memcpy(info->sid[info->sids], sid, sizeof sid);
  }
  return true;
}

enum err logon_info_parse(const void *data, size_t n, struct logon_info *ret)
{
  struct ndr d;
  struct heads h;
  struct logon_info info = {0};
  if (!ndr_begin(&d, data, n) || !read_heads(&d, &info, &h) || !read_texts(&d, &info, &h) ||
      !read_groups(&d, &info, &h) || !ndr_string_text(&d, &h.server, info.server, PAC_TEXT_MAX) ||
      !ndr_string_text(&d, &h.domain, info.domain, PAC_TEXT_MAX) ||
      (h.domain_sid && !ndr_counted_sid(&d, info.domain_sid)) || !read_sids(&d, &info, &h))
    return ERR_SYNTAX;
  *ret = info;
  return ERR_OK;
}

enum err client_info_parse(const void *data, size_t n, struct client_info *ret)
{
  struct ndr d;
  struct client_info info = {0};
  uint16_t length;
  ndr_plain(&d, data, n);
  if (!ndr_time(&d, &info.auth_time_s) || !ndr_u16(&d, &length) || length % 2 || d.end - d.p < length)
    return ERR_SYNTAX;
  ndr_convert(d.p, length / 2u, info.name, sizeof info.name);
  *ret = info;
  return ERR_OK;
}

/* A length and an offset into the buffer; *ret is what they show. */
static bool read_place(struct ndr *d, struct ndr *ret)
{
  uint16_t length, offset;
  if (!ndr_u16(d, &length) || !ndr_u16(d, &offset) || (size_t)offset + length > (size_t)(d->end - d->start))
    return false;
  ndr_plain(ret, d->start + offset, length);
  return true;
}

static bool read_text(struct ndr *d, char out[PAC_TEXT_MAX])
{
  struct ndr text;
  if (!read_place(d, &text) || (text.end - text.p) % 2) return false;
  ndr_convert(text.p, (size_t)(text.end - text.p) / 2, out, PAC_TEXT_MAX);
  return true;
}

enum err upn_info_parse(const void *data, size_t n, struct upn_info *ret)
{
  enum { EXTENDED = 2 };
  struct ndr d, sid;
  struct upn_info info = {0};
  uint32_t flags;
  ndr_plain(&d, data, n);
  if (!read_text(&d, info.upn) || !read_text(&d, info.dns_domain) || !ndr_u32(&d, &flags)) return ERR_SYNTAX;
  if (flags & EXTENDED && (!read_text(&d, info.account) || !read_place(&d, &sid) || !ndr_sid(&sid, info.sid)))
    return ERR_SYNTAX;
  *ret = info;
  return ERR_OK;
}

enum err requester_sid_parse(const void *data, size_t n, char ret[PAC_SID_MAX])
{
  struct ndr d;
  char sid[NDR_SID_MAX];
  ndr_plain(&d, data, n);
  if (!ndr_sid(&d, sid)) return ERR_SYNTAX;
  memcpy(ret, sid, sizeof sid);
  return ERR_OK;
}

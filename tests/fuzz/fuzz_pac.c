/* The buffers of a PAC: every parser of the library pac, over the same bytes. */
#include "delegation_info.h"
#include "logon_info.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* It ends, and can be shown. */
static void require_text(const char *text, size_t size)
{
  if (!memchr(text, 0, size)) abort();
  for (; *text; text++)
    if ((unsigned char)*text < 0x20) abort();
}

static void logon(const uint8_t *data, size_t n)
{
  struct logon_info info;
  if (logon_info_parse(data, n, &info)) return;
  require_text(info.account, sizeof info.account);
  require_text(info.full_name, sizeof info.full_name);
  require_text(info.server, sizeof info.server);
  require_text(info.domain, sizeof info.domain);
  require_text(info.domain_sid, sizeof info.domain_sid);
  for (size_t i = 0; i < info.sids && i < PAC_SIDS_MAX; i++)
    require_text(info.sid[i], sizeof info.sid[i]);
}

static void upn(const uint8_t *data, size_t n)
{
  struct upn_info info;
  if (upn_info_parse(data, n, &info)) return;
  require_text(info.upn, sizeof info.upn);
  require_text(info.dns_domain, sizeof info.dns_domain);
  require_text(info.account, sizeof info.account);
  require_text(info.sid, sizeof info.sid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct delegation_info delegation;
  struct client_info client;
  char sid[PAC_SID_MAX];
  logon(data, n);
  upn(data, n);
  if (!delegation_info_parse(data, n, &delegation)) {
    require_text(delegation.target, sizeof delegation.target);
    require_text(delegation.transited, sizeof delegation.transited);
  }
  if (!client_info_parse(data, n, &client)) require_text(client.name, sizeof client.name);
  if (!requester_sid_parse(data, n, sid)) require_text(sid, sizeof sid);
  return 0;
}

/* A user principal name becomes a Kerberos principal later (step 4); here it is decided what may be one, so
 * that no spelling can steer that mapping: no second @, no / or \, no NUL, no realm but ours. */
#include "token.h"

#include <string.h>
#include <strings.h>

enum { LOCAL_PART_MAX = 64 };

static bool local_char(char c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         (c && strchr("._-'", c));
}

bool token_upn_valid(const char *upn, const char *upn_suffix)
{
  if (strlen(upn) > TOKEN_UPN_MAX) return false;
  const char *at = strchr(upn, '@');
  if (!at || at == upn || at - upn > LOCAL_PART_MAX) return false;
  for (const char *c = upn; c < at; c++)
    if (!local_char(*c)) return false;
  return upn[0] != '.' && at[-1] != '.' && !strcasecmp(at + 1, upn_suffix);
}

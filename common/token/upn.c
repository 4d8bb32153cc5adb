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

static bool local_part_valid(const char *name, size_t n)
{
  if (n == 0 || n > LOCAL_PART_MAX || name[0] == '.' || name[n - 1] == '.') return false;
  for (size_t i = 0; i < n; i++)
    if (!local_char(name[i])) return false;
  return true;
}

/* Labels of letters, digits and - between dots. */
static bool is_domain(const char *text)
{
  static const char label[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
  for (;;) {
    size_t n = strspn(text, label);
    if (n == 0 || n > 63 || (text[n] && text[n] != '.')) return false;
    if (!text[n]) return true;
    text += n + 1;
  }
}

bool token_upn_valid(const char *upn, const char *upn_suffix)
{
  if (strlen(upn) > TOKEN_UPN_MAX) return false;
  const char *at = strchr(upn, '@');
  if (!at || !local_part_valid(upn, (size_t)(at - upn))) return false;
  return upn_suffix ? !strcasecmp(at + 1, upn_suffix) : is_domain(at + 1);
}

bool token_account_valid(const char *name)
{
  return local_part_valid(name, strlen(name));
}

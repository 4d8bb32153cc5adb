#include "krb_name.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Letters, digits and the marks that directories allow in account names. No separator of Kerberos names (/
 * @), no escape (\), no space, no control character; what is not ASCII has no one spelling, so it is refused
 * too. */
static bool is_account_char(unsigned char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c && strchr("._-+'$!#&~^%", c));
}

enum err krb_account_of_upn(const char *upn, const char *suffix, char ret[KRB_ACCOUNT_MAX + 1],
                            struct failure *f)
{
  const char *at = strchr(upn, '@');
  if (!at) return failure_set(f, ERR_KRB_NAME_MALFORMED, "the user principal name has no @");
  size_t n = (size_t)(at - upn);
  if (n == 0 || n > KRB_ACCOUNT_MAX)
    return failure_set(f, ERR_KRB_NAME_MALFORMED, "the account name has %zu characters; 1 to %d are allowed",
                       n, KRB_ACCOUNT_MAX);
  for (size_t i = 0; i < n; i++)
    if (!is_account_char((unsigned char)upn[i]))
      return failure_set(f, ERR_KRB_NAME_MALFORMED,
                         "the account name holds a character (0x%02x) that is not allowed",
                         (unsigned)(unsigned char)upn[i]);
  if (strcasecmp(at + 1, suffix) != 0)
    return failure_set(f, ERR_KRB_NAME_MALFORMED, "the user principal name does not end in @%s", suffix);
  memcpy(ret, upn, n);
  ret[n] = '\0';
  return ERR_OK;
}

static bool is_spn_char(unsigned char c)
{
  return c > ' ' && c < 0x7f && c != '@' && c != '/' && c != '\\';
}

static bool copy_component(char *out, size_t size, const char *from, size_t n)
{
  if (n == 0 || n >= size) return false;
  for (size_t i = 0; i < n; i++)
    if (!is_spn_char((unsigned char)from[i])) return false;
  memcpy(out, from, n);
  out[n] = '\0';
  return true;
}

enum err krb_spn_split(const char *spn, struct krb_spn *ret, struct failure *f)
{
  struct krb_spn s = {{0}, {0}};
  const char *slash = strchr(spn, '/');
  size_t n = slash ? (size_t)(slash - spn) : strlen(spn);
  if (!copy_component(s.first, sizeof s.first, spn, n) ||
      (slash && !copy_component(s.second, sizeof s.second, slash + 1, strlen(slash + 1))))
    return failure_set(f, ERR_KRB_SPN_UNKNOWN, "\"%s\" is not a service principal name (service/host)", spn);
  *ret = s;
  return ERR_OK;
}

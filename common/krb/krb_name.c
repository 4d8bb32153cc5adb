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

static enum err check_account(const char *name, size_t n, struct failure *f)
{
  if (n == 0 || n > KRB_ACCOUNT_MAX)
    return failure_set(f, ERR_KRB_NAME_MALFORMED, "the account name has %zu characters; 1 to %d are allowed",
                       n, KRB_ACCOUNT_MAX);
  for (size_t i = 0; i < n; i++)
    if (!is_account_char((unsigned char)name[i]))
      return failure_set(f, ERR_KRB_NAME_MALFORMED,
                         "the account name holds a character (0x%02x) that is not allowed",
                         (unsigned)(unsigned char)name[i]);
  return ERR_OK;
}

enum err krb_account_check(const char *name, struct failure *f)
{
  return check_account(name, strlen(name), f);
}

/* What stands before the @; *ret_suffix: what stands behind it. */
static enum err split_upn(const char *upn, char ret[KRB_ACCOUNT_MAX + 1], const char **ret_suffix,
                          struct failure *f)
{
  const char *at = strchr(upn, '@');
  if (!at) return failure_set(f, ERR_KRB_NAME_MALFORMED, "the user principal name has no @");
  size_t n = (size_t)(at - upn);
  enum err e = check_account(upn, n, f);
  if (e) return e;
  memcpy(ret, upn, n);
  ret[n] = '\0';
  *ret_suffix = at + 1;
  return ERR_OK;
}

enum err krb_account_of_upn(const char *upn, const char *suffix, char ret[KRB_ACCOUNT_MAX + 1],
                            struct failure *f)
{
  char account[KRB_ACCOUNT_MAX + 1];
  const char *found;
  enum err e = split_upn(upn, account, &found, f);
  if (e) return e;
  if (strcasecmp(found, suffix) != 0)
    return failure_set(f, ERR_KRB_NAME_MALFORMED, "the user principal name does not end in @%s", suffix);
  memcpy(ret, account, sizeof account);
  return ERR_OK;
}

enum err krb_account_of_any_upn(const char *upn, char ret[KRB_ACCOUNT_MAX + 1], struct failure *f)
{
  static const char domain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
  char account[KRB_ACCOUNT_MAX + 1];
  const char *suffix;
  enum err e = split_upn(upn, account, &suffix, f);
  if (e) return e;
  size_t n = strlen(suffix);
  if (n == 0 || n > 255 || strspn(suffix, domain) != n || suffix[0] == '.' || suffix[n - 1] == '.')
    return failure_set(f, ERR_KRB_NAME_MALFORMED, "what follows the @ is no domain name");
  memcpy(ret, account, sizeof account);
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

#include "ldap_realm.h"

#include "buf.h"
#include "lab.h"

#include <ldap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

struct ldap_realm {
  LDAP *ld;
  char realm[256];
};

static char targets_attribute[] = "krbAllowedToDelegateTo";
static const struct timeval patience = {.tv_sec = 5};

static enum err failed(int code, const char *doing, const char *what, struct failure *f)
{
  return failure_set(f, ERR_KDC_DATABASE, "%s %s in the directory: %s", doing, what, ldap_err2string(code));
}

/* -- the connection -------------------------------------------------------------------------------------- */

static int bind_as_who_runs_us(LDAP *ld)
{
  const int version = LDAP_VERSION3;
  struct berval nobody_else = {.bv_val = (char[]){""}}; /* no authorization identity but the peer's own */
  int code = ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
  if (!code) code = ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &patience);
  if (!code) code = ldap_set_option(ld, LDAP_OPT_TIMEOUT, &patience);
  return code ? code : ldap_sasl_bind_s(ld, NULL, "EXTERNAL", &nobody_else, NULL, NULL, NULL);
}

enum err ldap_realm_open(const char *run, const char *realm, struct ldap_realm **ret, struct failure *f)
{
  struct buf uri;
  struct ldap_realm *l = calloc(1, sizeof *l);
  if (!l) return failure_set(f, ERR_NOMEM, "directory");
  buf_init(&uri, 4096);
  snprintf(l->realm, sizeof l->realm, "%s", realm);
  int code = lab_directory_uri(run, &uri) ? LDAP_NO_MEMORY : ldap_initialize(&l->ld, buf_str(&uri));
  if (!code) code = bind_as_who_runs_us(l->ld);
  buf_clear(&uri);
  if (code) {
    ldap_realm_close(l);
    return failure_set(f, ERR_KDC_DIRECTORY, "the directory does not answer: %s", ldap_err2string(code));
  }
  *ret = l;
  return ERR_OK;
}

void ldap_realm_close(struct ldap_realm *l)
{
  if (!l) return;
  if (l->ld) ldap_unbind_ext_s(l->ld, NULL, NULL);
  free(l);
}

/* -- a realm as a whole ---------------------------------------------------------------------------------- */

/* Every entry but base itself. */
static int remove_below(LDAP *ld, const char *base)
{
  LDAPMessage *found = NULL;
  char *none[] = {(char[]){LDAP_NO_ATTRS}, NULL};
  int code = ldap_search_ext_s(ld, base, LDAP_SCOPE_ONELEVEL, NULL, none, 0, NULL, NULL, NULL, LDAP_NO_LIMIT,
                               &found);
  for (LDAPMessage *m = ldap_first_entry(ld, found); m && !code; m = ldap_next_entry(ld, m)) {
    char *dn = ldap_get_dn(ld, m);
    code = dn ? ldap_delete_ext_s(ld, dn, NULL, NULL) : LDAP_NO_MEMORY;
    ldap_memfree(dn);
  }
  ldap_msgfree(found);
  return code;
}

enum err ldap_realm_remove(struct ldap_realm *l, struct failure *f)
{
  char base[sizeof l->realm + 32];
  snprintf(base, sizeof base, "cn=%s," LDAP_BASE, l->realm);
  int code = remove_below(l->ld, base);
  if (!code) code = ldap_delete_ext_s(l->ld, base, NULL, NULL);
  return code && code != LDAP_NO_SUCH_OBJECT ? failed(code, "removing", l->realm, f) : ERR_OK;
}

/* -- targets --------------------------------------------------------------------------------------------- */

/* Full names of principals. */
struct names {
  struct buf text; /* each with its NUL */
  char **v;        /* ends with NULL */
  size_t n;
};

static void names_clear(struct names *names)
{
  buf_clear(&names->text);
  free(names->v);
}

/* The words of targets, each with the realm behind it. */
static bool names_read(struct names *ret, const char *targets, const char *realm)
{
  struct names names = {.n = 0};
  enum err e = ERR_OK;
  buf_init(&names.text, 1 << 20);
  for (const char *p = targets + strspn(targets, " "); *p && !e; p += strspn(p, " "), names.n++) {
    size_t word = strcspn(p, " ");
    e = buf_printf(&names.text, "%.*s@%s%c", (int)word, p, realm, 0);
    p += word;
  }
  names.v = calloc(names.n + 1, sizeof *names.v);
  if (e || !names.v) {
    names_clear(&names);
    return false;
  }
  char *at = (char *)names.text.data;
  for (size_t i = 0; i < names.n; i++, at += strlen(at) + 1)
    names.v[i] = at;
  *ret = names;
  return true;
}

static bool has(struct berval **values, const char *text)
{
  for (size_t i = 0; values && values[i]; i++)
    if (values[i]->bv_len == strlen(text) && memcmp(values[i]->bv_val, text, values[i]->bv_len) == 0)
      return true;
  return false;
}

/* The principal's entry, alone in *ret, with its targets. */
static int find(LDAP *ld, const char *principal, LDAPMessage **ret)
{
  struct berval raw = {.bv_len = strlen(principal), .bv_val = (char *)(uintptr_t)principal}, escaped = {0};
  char *attributes[] = {targets_attribute, NULL}, filter[1024];
  if (ldap_bv2escaped_filter_value(&raw, &escaped)) return LDAP_NO_MEMORY;
  int n = snprintf(filter, sizeof filter, "(krbPrincipalName=%s)", escaped.bv_val);
  ldap_memfree(escaped.bv_val);
  if (n < 0 || (size_t)n >= sizeof filter) return LDAP_FILTER_ERROR;
  int code =
      ldap_search_ext_s(ld, LDAP_BASE, LDAP_SCOPE_SUBTREE, filter, attributes, 0, NULL, NULL, NULL, 2, ret);
  return !code && ldap_count_entries(ld, *ret) != 1 ? LDAP_NO_SUCH_OBJECT : code;
}

/* wanted[0] NULL: the attribute is removed. */
static int replace(LDAP *ld, LDAPMessage *entry, char **wanted)
{
  LDAPMod change = {.mod_op = LDAP_MOD_REPLACE,
                    .mod_type = targets_attribute,
                    .mod_vals.modv_strvals = *wanted ? wanted : NULL};
  LDAPMod *changes[] = {&change, NULL};
  char *dn = ldap_get_dn(ld, entry);
  int code = dn ? ldap_modify_ext_s(ld, dn, changes, NULL, NULL) : LDAP_NO_MEMORY;
  ldap_memfree(dn);
  return code;
}

static int set_targets(LDAP *ld, const char *principal, const struct names *wanted, bool *ret_changed)
{
  LDAPMessage *found = NULL;
  int code = find(ld, principal, &found);
  if (!code) {
    LDAPMessage *entry = ldap_first_entry(ld, found);
    struct berval **have = ldap_get_values_len(ld, entry, targets_attribute);
    bool same = (size_t)ldap_count_values_len(have) == wanted->n;
    for (size_t i = 0; i < wanted->n && same; i++)
      same = has(have, wanted->v[i]);
    ldap_value_free_len(have);
    if (!same) code = replace(ld, entry, wanted->v);
    *ret_changed = !same;
  }
  ldap_msgfree(found);
  return code;
}

enum err ldap_realm_set_targets(struct ldap_realm *l, const char *principal, const char *targets,
                                bool *ret_changed, struct failure *f)
{
  struct names wanted;
  if (!names_read(&wanted, targets ? targets : "", l->realm)) return failure_set(f, ERR_NOMEM, "targets");
  int code = set_targets(l->ld, principal, &wanted, ret_changed);
  names_clear(&wanted);
  return code ? failed(code, "setting the targets of", principal, f) : ERR_OK;
}

/* The KDC's database module: MIT's db2 with the one thing it lacks, a say in delegation.
 *
 * Stock db2 refuses every S4U2Proxy request. This module loads db2.so, takes over its table of methods, and
 * replaces three: who may delegate to whom (MS-SFU 3.2.5.2.1), the same from the target's side
 * (resource-based), the look-up of enterprise names (RFC 6806 section 5), so that a user principal name
 * finds its account. It is loaded by stock krb5kdc and
 * kdb5_util and therefore links nothing of ours. See docs/kerberos.md.
 *
 * Lists are string attributes of principals, space-separated principal names (the realm may be left out):
 *   allowed_to_delegate_to    on a connector: the targets for which it may ask tickets in users' names
 *   allowed_to_act_from       on a target: the services which may do so towards it
 * and kdc.conf says in [realms] REALM { upn_suffix = ... } which suffix of user principal names is this
 * realm's. */
#include <kdb.h>

#include <dlfcn.h>
#include <errno.h>
#include <profile.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What libkdb5 looks up by name. It copies the table before it calls init_library: so it is filled at load.
 */
extern kdb_vftabl kdb_function_table;
__attribute__((visibility("default"))) kdb_vftabl kdb_function_table;

static kdb_vftabl db2;

/* -- delegation ----------------------------------------------------------------------------------------- */

/* Is the word text[0..n) among the space-separated words of list? */
static bool list_has(const char *list, const char *text, size_t n)
{
  for (const char *p = list; *p;) {
    size_t skip = strspn(p, " \t"), len = strcspn(p + skip, " \t");
    if (len == n && memcmp(p + skip, text, n) == 0) return true;
    p += skip + len;
  }
  return false;
}

/* Does the list name who? Without a realm it means the realm of the entry which holds the list. */
static krb5_error_code list_permits(krb5_context ctx, const char *list, krb5_const_principal who,
                                    const krb5_db_entry *holder)
{
  char *full = NULL, *bare = NULL;
  krb5_error_code code = krb5_unparse_name(ctx, who, &full);
  if (!code) code = krb5_unparse_name_flags(ctx, who, KRB5_PRINCIPAL_UNPARSE_NO_REALM, &bare);
  if (!code) {
    bool local = krb5_realm_compare(ctx, who, holder->princ);
    bool named = list_has(list, full, strlen(full)) || (local && list_has(list, bare, strlen(bare)));
    code = named ? 0 : KRB5KDC_ERR_BADOPTION;
  }
  krb5_free_unparsed_name(ctx, full);
  krb5_free_unparsed_name(ctx, bare);
  return code;
}

/* who NULL asks whether there is any list at all. */
static krb5_error_code attribute_permits(krb5_context ctx, const krb5_db_entry *holder, const char *attribute,
                                         krb5_const_principal who)
{
  char *list = NULL;
  krb5_db_entry copy = *holder; /* krb5_dbe_get_string reads, but its parameter is not const */
  krb5_error_code code = krb5_dbe_get_string(ctx, &copy, attribute, &list);
  if (code) return code;
  if (!list || !list[strspn(list, " \t")])
    code = KRB5KDC_ERR_BADOPTION;
  else if (who)
    code = list_permits(ctx, list, who, holder);
  krb5_dbe_free_string(ctx, list);
  return code;
}

static krb5_error_code check_allowed_to_delegate(krb5_context ctx, krb5_const_principal client,
                                                 const krb5_db_entry *server, krb5_const_principal proxy)
{
  (void)client;
  return attribute_permits(ctx, server, "allowed_to_delegate_to", proxy);
}

static krb5_error_code allowed_to_delegate_from(krb5_context ctx, krb5_const_principal client,
                                                krb5_const_principal server, krb5_pac server_pac,
                                                const krb5_db_entry *proxy)
{
  (void)client;
  (void)server_pac;
  return attribute_permits(ctx, proxy, "allowed_to_act_from", server);
}

/* -- enterprise names ------------------------------------------------------------------------------------ */

static bool is_suffix_of_realm(krb5_context ctx, const krb5_data *realm, const char *suffix, size_t n)
{
  if (n == realm->length && memcmp(suffix, realm->data, n) == 0) return true;
  char name[256];
  if (realm->length >= sizeof name) return false;
  memcpy(name, realm->data, realm->length);
  name[realm->length] = '\0';
  profile_t profile = NULL;
  char *upn_suffix = NULL;
  bool same = false;
  if (krb5_get_profile(ctx, &profile)) return false;
  if (!profile_get_string(profile, "realms", name, "upn_suffix", NULL, &upn_suffix) && upn_suffix)
    same = strlen(upn_suffix) == n && strncasecmp(upn_suffix, suffix, n) == 0;
  profile_release_string(upn_suffix);
  profile_release(profile);
  return same;
}

/* name@elsewhere: the way there, if this realm shares a key with it. */
static krb5_error_code get_foreign(krb5_context ctx, const krb5_data *realm, const char *local,
                                   size_t local_len, const char *other, size_t other_len, unsigned flags,
                                   krb5_db_entry **entry)
{
  if (!(flags & KRB5_KDB_FLAG_REFERRAL_OK)) return KRB5_KDB_NOENTRY;
  krb5_principal tgs = NULL, user = NULL;
  krb5_error_code code =
      krb5_build_principal_ext(ctx, &tgs, realm->length, realm->data, (unsigned)KRB5_TGS_NAME_SIZE,
                               KRB5_TGS_NAME, (unsigned)other_len, other, 0);
  if (code) return code;
  krb5_db_entry *found = NULL;
  code = db2.get_principal(ctx, tgs, flags, &found);
  if (code) goto out;
  if (!(flags & KRB5_KDB_FLAG_CLIENT)) {
    *entry = found;
    found = NULL;
    goto out;
  }
  /* A client referral is an entry with nothing but an out-of-realm name (kdb.h). */
  code = krb5_build_principal_ext(ctx, &user, (unsigned)other_len, other, (unsigned)local_len, local, 0);
  if (code) goto out;
  krb5_db_entry *referral = calloc(1, sizeof *referral);
  if (!referral) {
    code = ENOMEM;
    goto out;
  }
  referral->princ = user;
  user = NULL;
  *entry = referral;
out:
  if (found) krb5_db_free_principal(ctx, found);
  krb5_free_principal(ctx, tgs);
  krb5_free_principal(ctx, user);
  return code;
}

static krb5_error_code get_enterprise(krb5_context ctx, krb5_const_principal name, unsigned flags,
                                      krb5_db_entry **entry)
{
  const krb5_data *c = &name->data[0];
  const char *at = c->length ? memrchr(c->data, '@', c->length) : NULL;
  if (!at || at == c->data) return KRB5_KDB_NOENTRY;
  size_t local_len = (size_t)(at - c->data), suffix_len = c->length - local_len - 1;
  bool ours = is_suffix_of_realm(ctx, &name->realm, at + 1, suffix_len);
  /* A service of another realm, SERVICE/HOST@REALM: that is how a connector names itself to the user's realm
   * in S4U2Self (MS-SFU 3.1.5.1.1.2). Only the way there is asked for. */
  if (!ours && !(flags & KRB5_KDB_FLAG_CLIENT))
    return get_foreign(ctx, &name->realm, c->data, local_len, at + 1, suffix_len, flags, entry);
  /* One component exactly: a separator or an escape in the account's name would lead to another principal. */
  for (size_t i = 0; i < local_len; i++)
    if (memchr("@/\\", c->data[i], 4)) return KRB5_KDB_NOENTRY; /* 4: NUL too */
  if (!ours) return get_foreign(ctx, &name->realm, c->data, local_len, at + 1, suffix_len, flags, entry);

  krb5_principal account = NULL;
  krb5_error_code code = krb5_build_principal_ext(ctx, &account, name->realm.length, name->realm.data,
                                                  (unsigned)local_len, c->data, 0);
  if (code) return code;
  code = db2.get_principal(ctx, account, flags, entry);
  krb5_free_principal(ctx, account);
  return code;
}

static krb5_error_code get_principal(krb5_context ctx, krb5_const_principal name, unsigned flags,
                                     krb5_db_entry **entry)
{
  if (name->type == KRB5_NT_ENTERPRISE_PRINCIPAL && name->length == 1)
    return get_enterprise(ctx, name, flags, entry);
  return db2.get_principal(ctx, name, flags, entry);
}

/* -- loading --------------------------------------------------------------------------------------------- */

/* db2.so lies in the plugin folder beside libkdb5 itself, wherever this system keeps that. */
static const kdb_vftabl *load_db2(char *why, size_t size)
{
  Dl_info where;
  if (!dladdr((void *)(uintptr_t)krb5_db_fini, &where) || !where.dli_fname) {
    snprintf(why, size, "libkdb5 cannot be located");
    return NULL;
  }
  char path[400];
  const char *slash = strrchr(where.dli_fname, '/');
  int dir_len = slash ? (int)(slash - where.dli_fname) : 0;
  int n = snprintf(path, sizeof path, "%.*s/krb5/plugins/kdb/db2.so", dir_len, where.dli_fname);
  if (n < 0 || (size_t)n >= sizeof path) return NULL;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const kdb_vftabl *table = library ? dlsym(library, "kdb_function_table") : NULL;
  if (!table) {
    snprintf(why, size, "%s", dlerror());
    return NULL;
  }
  if (table->maj_ver != KRB5_KDB_DAL_MAJOR_VERSION) {
    snprintf(why, size, "%s has database interface %d, this module was built for %d", path, table->maj_ver,
             KRB5_KDB_DAL_MAJOR_VERSION);
    return NULL;
  }
  return table;
}

/* On failure the table stays zero, so that libkdb5 refuses the module by its version. */
__attribute__((constructor)) static void fill_table(void)
{
  char why[512] = "";
  const kdb_vftabl *table = load_db2(why, sizeof why);
  if (!table) {
    fprintf(stderr, "sevenstep KDB module: %s\n", why);
    return;
  }
  db2 = *table;
  kdb_function_table = *table;
  kdb_function_table.get_principal = get_principal;
  kdb_function_table.check_allowed_to_delegate = check_allowed_to_delegate;
  kdb_function_table.allowed_to_delegate_from = allowed_to_delegate_from;
}

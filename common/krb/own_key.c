#include "own_key.h"

#include <stdatomic.h>
#include <stdio.h>

static krb5_error_code open_file(krb5_context ctx, const char *path, krb5_keytab *ret)
{
  char name[4096 + 8];
  snprintf(name, sizeof name, "FILE:%s", path);
  return krb5_kt_resolve(ctx, name, ret);
}

krb5_kvno own_key_newest(krb5_context ctx, const char *path, krb5_const_principal self)
{
  krb5_keytab file;
  krb5_keytab_entry entry;
  krb5_kvno kvno = 0;
  if (open_file(ctx, path, &file)) return 0;
  if (krb5_kt_get_entry(ctx, file, self, 0, 0, &entry) == 0) {
    kvno = entry.vno;
    krb5_free_keytab_entry_contents(ctx, &entry);
  }
  krb5_kt_close(ctx, file);
  return kvno;
}

bool own_key_is_wrong(krb5_error_code code)
{
  return code == KRB5KDC_ERR_PREAUTH_FAILED || code == KRB5KRB_AP_ERR_BAD_INTEGRITY;
}

/* Calls use() for each entry of self's; stops at its first error. */
static krb5_error_code
each_entry(krb5_context ctx, krb5_keytab file, krb5_const_principal self,
           krb5_error_code (*use)(krb5_context ctx, krb5_keytab_entry *entry, void *arg), void *arg)
{
  krb5_kt_cursor cursor;
  krb5_keytab_entry entry;
  krb5_error_code code = krb5_kt_start_seq_get(ctx, file, &cursor);
  if (code) return code;
  while (!code && krb5_kt_next_entry(ctx, file, &entry, &cursor) == 0) {
    if (krb5_principal_compare(ctx, entry.principal, self)) code = use(ctx, &entry, arg);
    krb5_free_keytab_entry_contents(ctx, &entry);
  }
  krb5_kt_end_seq_get(ctx, file, &cursor);
  return code;
}

struct choice {
  krb5_kvno tried, best;
};

static krb5_error_code choose(krb5_context ctx, krb5_keytab_entry *entry, void *arg)
{
  (void)ctx;
  struct choice *c = arg;
  if (entry->vno != c->tried && entry->vno > c->best) c->best = entry->vno;
  return 0;
}

struct copy {
  krb5_keytab to;
  krb5_kvno kvno;
};

static krb5_error_code copy_entry(krb5_context ctx, krb5_keytab_entry *entry, void *arg)
{
  struct copy *c = arg;
  return entry->vno == c->kvno ? krb5_kt_add_entry(ctx, c->to, entry) : 0;
}

/* Keytabs in memory are known by name to the whole process. */
static krb5_error_code make_empty(krb5_context ctx, krb5_keytab *ret)
{
  static atomic_uint count;
  char name[64];
  snprintf(name, sizeof name, "MEMORY:sevenstep-own-key-%u", atomic_fetch_add(&count, 1));
  return krb5_kt_resolve(ctx, name, ret);
}

krb5_error_code own_key_other(krb5_context ctx, const char *path, krb5_const_principal self, krb5_kvno tried,
                              krb5_keytab *ret)
{
  krb5_keytab file;
  struct choice choice = {.tried = tried};
  struct copy copy = {.to = NULL};
  krb5_error_code code = open_file(ctx, path, &file);
  if (code) return code;
  code = each_entry(ctx, file, self, choose, &choice);
  if (!code && !choice.best) code = KRB5_KT_NOTFOUND;
  if (!code) code = make_empty(ctx, &copy.to);
  copy.kvno = choice.best;
  if (!code) code = each_entry(ctx, file, self, copy_entry, &copy);
  krb5_kt_close(ctx, file);
  if (!code)
    *ret = copy.to;
  else if (copy.to)
    krb5_kt_close(ctx, copy.to);
  return code;
}

/* The connector's keytab: is it there, does it have the connector's key, and may that key be used? */
#include "doctor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct inventory {
  int keys, others,
      usable; /* of the connector, of anybody else, and the connector's that krb5.conf permits */
  char enctypes[200];
  char first_other[200];
};

static bool permitted(const krb5_enctype *list, krb5_enctype e)
{
  for (; list && *list; list++)
    if (*list == e) return true;
  return false;
}

static void count_entry(struct doctor *d, const krb5_keytab_entry *e, const krb5_enctype *list,
                        struct inventory *v)
{
  char name[64];
  if (!krb5_principal_compare(d->ctx, e->principal, d->self)) {
    char *text = NULL;
    if (v->others++ == 0 && krb5_unparse_name(d->ctx, e->principal, &text) == 0) {
      snprintf(v->first_other, sizeof v->first_other, "%s", text);
      krb5_free_unparsed_name(d->ctx, text);
    }
    return;
  }
  v->keys++;
  if ((int)e->vno > d->kvno) d->kvno = (int)e->vno;
  if (permitted(list, e->key.enctype)) v->usable++;
  if (krb5_enctype_to_name(e->key.enctype, 0, name, sizeof name))
    snprintf(name, sizeof name, "%d", e->key.enctype);
  size_t used = strlen(v->enctypes);
  if (!strstr(v->enctypes, name))
    snprintf(v->enctypes + used, sizeof v->enctypes - used, "%s%s", used ? ", " : "", name);
}

static krb5_error_code take_inventory(struct doctor *d, struct inventory *v)
{
  char name[4096 + 8];
  krb5_keytab keytab = NULL;
  krb5_kt_cursor cursor = NULL;
  krb5_keytab_entry entry;
  krb5_enctype *list = NULL;
  *v = (struct inventory){0};
  snprintf(name, sizeof name, "FILE:%s", d->subject->keytab);
  krb5_error_code code = krb5_kt_resolve(d->ctx, name, &keytab);
  if (!code) code = krb5_get_permitted_enctypes(d->ctx, &list);
  if (!code) code = krb5_kt_start_seq_get(d->ctx, keytab, &cursor);
  if (!code) {
    while (!(code = krb5_kt_next_entry(d->ctx, keytab, &entry, &cursor))) {
      count_entry(d, &entry, list, v);
      krb5_free_keytab_entry_contents(d->ctx, &entry);
    }
    krb5_kt_end_seq_get(d->ctx, keytab, &cursor);
    if (code == KRB5_KT_END) code = 0;
  }
  krb5_free_enctypes(d->ctx, list);
  if (keytab) krb5_kt_close(d->ctx, keytab);
  return code;
}

void check_keytab(struct doctor *d, const char *name)
{
  struct inventory v;
  char text[300];
  if (access(d->subject->keytab, F_OK) != 0) {
    doctor_fail(d, name, ADVICE_KEYTAB_ABSENT, "%s: %s", d->subject->keytab, strerror(errno));
    return;
  }
  krb5_error_code code = take_inventory(d, &v);
  if (code)
    doctor_fail(d, name, ADVICE_KEYTAB_UNREADABLE, "%s: %s", d->subject->keytab,
                doctor_krb5_text(d, code, text, sizeof text));
  else if (!v.keys)
    doctor_fail(d, name, ADVICE_KEYTAB_PRINCIPAL, "%s has %d keys of others%s%s, none of %s",
                d->subject->keytab, v.others, v.others ? ", the first of " : "", v.first_other,
                d->subject->principal);
  else
    report_pass(d->report, name, "%s has %s, newest key version %d", d->subject->keytab,
                d->subject->principal, d->kvno);
}

void check_enctypes(struct doctor *d, const char *name)
{
  struct inventory v;
  char text[300];
  krb5_error_code code = take_inventory(d, &v);
  if (code)
    doctor_fail(d, name, ADVICE_KEYTAB_ENCTYPE, "krb5.conf permits none: %s",
                doctor_krb5_text(d, code, text, sizeof text));
  else if (!v.usable)
    doctor_fail(d, name, ADVICE_KEYTAB_ENCTYPE, "the keytab has %s, which krb5.conf does not permit",
                v.enctypes);
  else
    report_pass(d->report, name, "the keytab has %s", v.enctypes);
}

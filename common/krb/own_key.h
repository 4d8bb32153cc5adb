/* Which of the connector's keys in its keytab: private to this library. While its key is replaced, keytab and
 * KDC differ for a moment, whichever is written first; so one that the KDC does not take is not the last word
 * when there is another. */
#ifndef SEVENSTEP_KRB_OWN_KEY_H
#define SEVENSTEP_KRB_OWN_KEY_H

#include <krb5.h>
#include <stdbool.h>

/* The version that a keytab's first choice has: the newest; 0 when it holds none. */
krb5_kvno own_key_newest(krb5_context ctx, const char *path, krb5_const_principal self);
/* Does the KDC say that the key is not the one it knows? */
bool own_key_is_wrong(krb5_error_code code);
/* A keytab in memory with the keys of the best other version: a newer one than the tried, which has come
 * since, or else the last before it. KRB5_KT_NOTFOUND when there is none. The caller closes it. */
krb5_error_code own_key_other(krb5_context ctx, const char *path, krb5_const_principal self, krb5_kvno tried,
                              krb5_keytab *ret);

#endif

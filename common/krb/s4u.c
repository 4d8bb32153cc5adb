#include "s4u.h"

#include <stddef.h>
#include <string.h>

krb5_error_code s4u_name(krb5_context ctx, const char *realm, const char *first, const char *second, int type,
                         krb5_principal *ret)
{
  krb5_principal p = NULL;
  krb5_error_code code = krb5_build_principal(ctx, &p, (unsigned)strlen(realm), realm, first,
                                              *second ? second : (const char *)NULL, (const char *)NULL);
  if (code) return code;
  p->type = type;
  *ret = p;
  return 0;
}

/* Where the realm is open the target is named by its host alone: the KDC then refers to the realm that
 * [domain_realm] of its krb5.conf names, and libkrb5 follows only when the name has no realm and referrals
 * are asked for. */
krb5_error_code s4u_proxy(krb5_context ctx, krb5_ccache tgt, krb5_principal self, const krb5_creds *evidence,
                          const struct krb_spn *spn, const char *realm, krb5_creds **ret)
{
  const krb5_flags flags =
      KRB5_GC_CONSTRAINED_DELEGATION | KRB5_GC_NO_STORE | (realm ? 0 : KRB5_GC_CANONICALIZE);
  krb5_creds in = {.client = self, .second_ticket = evidence->ticket};
  krb5_error_code code = s4u_name(ctx, realm ? realm : "", spn->first, spn->second,
                                  realm ? KRB5_NT_SRV_INST : KRB5_NT_SRV_HST, &in.server);
  if (code) return code;
  code = krb5_get_credentials(ctx, flags, tgt, &in, ret);
  krb5_free_principal(ctx, in.server);
  return code;
}

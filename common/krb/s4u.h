/* The exchanges of MS-SFU by libkrb5, as connector and doctor have them in common. Private to this library
 * and the doctor. */
#ifndef SEVENSTEP_KRB_S4U_H
#define SEVENSTEP_KRB_S4U_H

#include "krb_name.h"

#include <krb5.h>

/* S4U2Self in libkrb5: exported since 1.7, but declared in a private header only. Flag bits are those of
 * krb5_get_credentials. Follows referrals when the client is of another realm. */
krb5_error_code krb5_get_credentials_for_user(krb5_context context, krb5_flags options, krb5_ccache ccache,
                                              krb5_creds *in_creds, krb5_data *cert, krb5_creds **out_creds);

/* S4U2Proxy: with the user's evidence, a ticket for the application in his name. realm NULL: whichever the
 * KDC says that its host belongs to. Free with krb5_free_creds. */
krb5_error_code s4u_proxy(krb5_context ctx, krb5_ccache tgt, krb5_principal self, const krb5_creds *evidence,
                          const struct krb_spn *spn, const char *realm, krb5_creds **ret);

/* A principal by its components; second "": it has one only. */
krb5_error_code s4u_name(krb5_context ctx, const char *realm, const char *first, const char *second, int type,
                         krb5_principal *ret);

#endif

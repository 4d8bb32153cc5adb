/* S4U2Self in libkrb5: exported since 1.7, but declared in a private header only. Flag bits are those of
 * krb5_get_credentials. */
#ifndef SEVENSTEP_KRB_S4U_H
#define SEVENSTEP_KRB_S4U_H

#include <krb5.h>

krb5_error_code krb5_get_credentials_for_user(krb5_context context, krb5_flags options, krb5_ccache ccache,
                                              krb5_creds *in_creds, krb5_data *cert, krb5_creds **out_creds);

#endif

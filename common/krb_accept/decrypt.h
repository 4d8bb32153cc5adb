/* Decrypting a ticket by one key, in libkrb5: exported for its KDC, but declared in a private header only. On
 * success ticket->enc_part2 is set. */
#ifndef SEVENSTEP_KRB_ACCEPT_DECRYPT_H
#define SEVENSTEP_KRB_ACCEPT_DECRYPT_H

#include <krb5.h>

krb5_error_code krb5_decrypt_tkt_part(krb5_context context, const krb5_keyblock *key, krb5_ticket *ticket);

#endif

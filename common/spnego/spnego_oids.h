/* Numbers both halves of this library share. */
#ifndef SEVENSTEP_SPNEGO_OIDS_H
#define SEVENSTEP_SPNEGO_OIDS_H

#include <stdint.h>

static const uint8_t oid_spnego[6] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x02}; /* 1.3.6.1.5.5.2 */
static const uint8_t oid_krb5[9] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                    0x12, 0x01, 0x02, 0x02}; /* 1.2.840.113554.1.2.2 */
/* What old Windows writes for it: 1.2.840.48018.1.2.2 */
static const uint8_t oid_krb5_windows[9] = {0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02};

/* Application tags of RFC 4120 5.10. */
enum { AUTHENTICATOR = 2, AP_REQ = 14, AP_REP = 15, ENC_AP_REP_PART = 27, KRB_ERROR = 30 };

#endif

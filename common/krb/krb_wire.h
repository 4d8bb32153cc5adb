/* What one krb_obtain and the KDCs said to each other, byte for byte, for the trace's wire view. Tickets in
 * it are encrypted as they were; no key is kept. Caller storage, for one thread at a time. */
#ifndef SEVENSTEP_KRB_WIRE_H
#define SEVENSTEP_KRB_WIRE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KRB_WIRE_EXCHANGES = 16 }; /* across two realms, with everything asked twice, there are twelve */

struct krb_wire_exchange {
  bool s4u2proxy;        /* of step 5; else of the connector's own logon, or S4U2Self */
  const char *transport; /* static: "udp", "tcp"; "libkrb5" where the library chose */
  char kdc[64];          /* "127.0.0.1:8448", "[::1]:8448"; "a KDC of REALM" where only the library knows */
  int64_t sent_ns, received_ns;
  void *sent, *received; /* owned; received NULL: nobody answered */
  size_t sent_len, received_len;
};

struct krb_wire {
  bool s4u2proxy; /* what comes now is of step 5 */
  size_t n;
  struct krb_wire_exchange exchange[KRB_WIRE_EXCHANGES];
};

/* Takes copies; when there is no room or no memory, it is left out. x->s4u2proxy is set. */
void krb_wire_put(struct krb_wire *w, const struct krb_wire_exchange *x);
/* Frees; *w is empty and usable again. */
void krb_wire_clear(struct krb_wire *w);

#endif

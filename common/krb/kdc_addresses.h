/* Where a realm's KDCs are: private to the way to the KDC (kdc_link.h). */
#ifndef SEVENSTEP_KDC_ADDRESSES_H
#define SEVENSTEP_KDC_ADDRESSES_H

#include "kdc_link.h"

#include <stddef.h>
#include <sys/socket.h>

enum { KDC_MAX = 8 };

struct kdc_address {
  struct sockaddr_storage addr;
  socklen_t len;
  bool udp, tcp; /* which to use */
};

/* The addresses known now, at most KDC_MAX, best first; waits for the resolver until deadline_ns if there are
 * none. Returns how many. */
size_t kdc_addresses_get(struct kdc_addresses *a, int64_t deadline_ns, struct kdc_address out[KDC_MAX]);
/* An exchange begins. False: it must not, for the last one met with silence, and another is finding out
 * already whether that lasts. If true, kdc_addresses_end() follows. */
bool kdc_addresses_begin(struct kdc_addresses *a) MUST_CHECK;
/* answered: who did, who is first next time; NULL: nobody, for silence or because all refused, and the names
 * are resolved anew before the next use. */
void kdc_addresses_end(struct kdc_addresses *a, const struct kdc_address *answered, bool silent);
/* ADDRESS:PORT, the address in brackets if it is IPv6's. */
void kdc_address_text(const struct kdc_address *k, char *out, size_t size);
bool kdc_addresses_is_realm(const struct kdc_addresses *a, const krb5_data *realm);

#endif

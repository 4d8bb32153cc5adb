/* The way to the KDC: libkrb5's messages over UDP and TCP by sockets of our own, because the library's way
 * cannot be bounded (a KDC that is stopped holds it for 27 s; request_timeout has no effect in 1.20). Hooked
 * in by krb5_set_kdc_send_hook.
 *
 * The KDCs come from krb5.conf ([realms] REALM { kdc = host:port }, several of them; also tcp/ and udp/
 * before the host). Order: UDP to each, then TCP to each, the next one as soon as one fails or when it has
 * not answered for a while; whoever answers first wins and is asked first next time. Large messages, and
 * replies that the KDC says are too big, go by TCP (RFC 4120 7.2). Host names are resolved with a time limit,
 * and again when nobody answers.
 *
 * Silence of two seconds ends an exchange. After that, as long as nobody has answered, only one exchange at a
 * time asks, and the others fail at once: a KDC that hangs costs one thread, not all of them, and its first
 * answer ends that.
 *
 * kdc_addresses is shared by threads; a kdc_link belongs to one krb5_context. */
#ifndef SEVENSTEP_KDC_LINK_H
#define SEVENSTEP_KDC_LINK_H

#include "krb_wire.h"

#include <krb5.h>

struct kdc_addresses;
/* Reads krb5.conf by ctx; resolves nothing yet. A realm without kdc entries is left to the library. */
enum err kdc_addresses_new(krb5_context ctx, const char *realm, struct kdc_addresses **ret,
                           struct failure *f) MUST_CHECK;
void kdc_addresses_free(struct kdc_addresses *a);

struct kdc_link {
  struct kdc_addresses *addresses;
  struct kdc_addresses *partner; /* of a second realm, or NULL */
  const char *record;            /* where to record the messages (kdc_record.h), or NULL */
  struct krb_wire *wire;         /* where to keep them, or NULL; set before each call into libkrb5 */
  int64_t deadline_ns; /* clock_mono_ns(), of all exchanges together; set before each call into libkrb5 */
  int64_t sent_ns;     /* wall; of an exchange that is left to the library */
  bool timed_out;      /* the last failure was for lack of time, not for refusal */
  char answered[64];   /* the KDC that answered last, ADDRESS:PORT; "" when the last exchange got no answer */
};
/* From now on ctx's exchanges with this realm's KDC go this way. link must outlive ctx. */
void kdc_link_attach(krb5_context ctx, struct kdc_link *link, struct kdc_addresses *addresses);

#endif

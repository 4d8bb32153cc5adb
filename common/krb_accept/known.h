/* Tickets that GSSAPI has verified, with their session keys: a bounded table. Private to this library. */
#ifndef SEVENSTEP_KNOWN_H
#define SEVENSTEP_KNOWN_H

#include "krb_accept.h"
#include "spnego.h"

#include <krb5.h>
#include <pthread.h>
#include <stdatomic.h>

enum { KNOWN_KEYS = 2 };

/* Read-only once it is in the table, but for what locks guard; reference-counted. */
struct known_ticket {
  atomic_uint refs;
  struct known_ticket *chain, *newer, *older; /* the table's */
  uint64_t hash;
  /* The session key, as often as threads are likely to use it side by side; each copy by one thread at a
   * time, because MIT derives keys at their first use, and counts references to them without a lock. */
  struct known_key {
    pthread_mutex_t lock;
    krb5_key key;
  } keys[KNOWN_KEYS];
  krb5_enctype enctype;
  struct krb_accepted info;
  bool pac_signed; /* by the service's key: what it says holds */
  char *realm; /* of the client, and its name's components, as GeneralStrings with their headers */
  size_t realm_len;
  uint8_t *names;
  size_t names_len;
  size_t ticket_len;
  uint8_t ticket[];
};

/* From an encoded ticket that GSSAPI has accepted: decrypts it by the keytab, and judges nothing but
 * the PAC's signature. info's names, flags and times of the ticket are filled in. One reference. */
enum err known_ticket_new(krb5_keytab keytab, const struct der *ticket, struct known_ticket **ret,
                          struct failure *f) MUST_CHECK;
/* A copy of the key for this thread alone, until it is given back. */
struct known_key *known_ticket_lock_key(struct known_ticket *t);
void known_ticket_unlock_key(struct known_key *k);
void known_ticket_unref(struct known_ticket *t); /* accepts NULL; wipes the key */

struct known; /* thread safe */
enum err known_new(size_t max, struct known **ret) MUST_CHECK;
void known_free(struct known *k);
struct known_ticket *known_get(struct known *k, const struct der *ticket); /* a new reference, or NULL */
void known_put(struct known *k, struct known_ticket *t);                   /* takes a reference */
void known_forget_all(struct known *k);
size_t known_count(struct known *k);

/* A context for cryptography alone, one a thread; NULL when there is no memory. */
krb5_context known_crypto_context(void);

#endif

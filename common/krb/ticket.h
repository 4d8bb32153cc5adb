/* A service ticket ready for use: private to this library. */
#ifndef SEVENSTEP_KRB_TICKET_H
#define SEVENSTEP_KRB_TICKET_H

#include "krb.h"
#include "spnego.h"

#include <krb5.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a ticket says, but for the names. */
struct krb_ticket_facts {
  krb5_flags flags;
  krb5_enctype enctype; /* of the ticket; 0: it cannot be read */
  krb5_enctype session_enctype;
  int kvno;
  uint32_t auth_time_s, start_time_s, end_time_s; /* krb5_timestamp counts to 2106 when read as unsigned */
  uint32_t size;
};

/* Built once from the credential, then only read: the part of the Authorization value that is the same in
 * every request is kept as base64 text, and the session key with its derived keys, so that one request costs
 * one small encryption. There is one for each cached user, so what has a variable length lies behind it
 * without a gap: the head, the authenticator, the names. */
struct krb_ticket {
  atomic_uint refs;
  struct krb_ticket_facts facts;
  /* Usage 11 (encrypt) is derived already; still MIT counts references inside a key without atomics at every
   * use, so that only one thread at a time may use it. */
  krb5_key key;
  pthread_mutex_t key_lock;
  struct spnego_form form; /* of the authenticator */
  uint16_t cipher_len;     /* of the encrypted authenticator */
  uint32_t head_len; /* "Negotiate " and the base64 of all whole groups of three bytes before the cipher */
  uint8_t tail[2];   /* what is left of them */
  uint8_t tail_len;
  uint8_t data[]; /* head, authenticator, client NUL, server NUL */
};

static inline const uint8_t *krb_ticket_authenticator(const struct krb_ticket *t)
{
  return t->data + t->head_len;
}

enum { KRB_USAGE_AP_REQ_AUTHENTICATOR = 11, KRB_USAGE_AP_REP = 12, KRB_USAGE_ACCEPTOR_SIGN = 23 };
enum { KRB_TICKET_MAX = 48 * 1024, KRB_CIPHER_MAX = 1280 };

/* One reference. */
enum err krb_ticket_new(krb5_context ctx, const krb5_creds *creds, struct krb_ticket **ret,
                        struct failure *f) MUST_CHECK;
void krb_ticket_info_fill(krb5_context ctx, const krb5_creds *creds, struct krb_ticket_info *out);

/* A context for cryptography alone, one a thread; NULL when there is no memory. */
krb5_context krb_crypto_context(void);

#endif

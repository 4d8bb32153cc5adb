/* What the files of this library share: the state of decoding, and the tables that say what a message is made
 * of. */
#ifndef SEVENSTEP_WIRE_PRIVATE_H
#define SEVENSTEP_WIRE_PRIVATE_H

#include "der.h"
#include "wire.h"

#include <krb5.h>

enum { KEY_BYTES_MAX = 64, LEARNED_MAX = 64, DEPTH_MAX = 24 };

struct key {
  krb5_enctype type;
  size_t n; /* 0: none */
  uint8_t bytes[KEY_BYTES_MAX];
};

struct wire {
  krb5_context ctx;
  krb5_keytab keytab; /* in memory */
  size_t n_keys;
  /* Session keys that came to light, by the tickets that carry them; the oldest is forgotten first. */
  struct learned {
    void *ticket; /* owned */
    size_t n;
    struct key key;
  } learned[LEARNED_MAX];
  size_t n_learned; /* ever */

  /* Of the exchange that is being decoded: */
  struct der request;        /* the whole message, empty before */
  bool replying;             /* we are in the reply */
  bool inside_fast;          /* of the request or reply that FAST hides */
  struct key ticket_key;     /* the session key of the ticket that was presented */
  struct key subkey;         /* the authenticator's */
  struct key strengthen_key; /* FAST's */
  struct der reply_ticket;
  unsigned depth;
};

/* -- keys (keys.c) --------------------------------------------------------------------------------------- */

void key_set(struct key *k, krb5_enctype type, const void *bytes, size_t n);
/* RFC 6113 5.1. False when either is missing, or they do not go together. */
bool key_combine(const struct wire *w, const struct key *a, const char *pepper_a, const struct key *b,
                 const char *pepper_b, struct key *ret);
void keys_learn(struct wire *w, const struct der *ticket, const struct key *k);
bool keys_learned(const struct wire *w, const struct der *ticket, struct key *ret);

/* EncryptedData (RFC 4120 5.2.9). */
struct sealed {
  int64_t enctype, kvno; /* kvno 0: none */
  struct der cipher;
};
bool sealed_take(struct der *d, struct sealed *ret);
/* The plain text, to be freed by plain_free; NULL: this is not its key. */
uint8_t *sealed_open(const struct wire *w, const struct sealed *s, const struct key *k, int usage,
                     size_t *ret_n);
/* The same by whichever key of the keytabs it is. */
uint8_t *sealed_open_by_keytab(const struct wire *w, const struct sealed *s, int usage, size_t *ret_n);
void plain_free(uint8_t *plain, size_t n);

/* -- tables (schema.c) ----------------------------------------------------------------------------------- */

/* The name of a number, or of a bit, the first one on the left being 0. Ends with text NULL. */
struct word {
  int64_t value;
  const char *text;
};

struct field;
/* in: what is inside of the field. NULL: it is malformed. */
typedef json_t *reader(struct wire *w, const struct field *f, struct der in);

/* A field of a SEQUENCE, [n] EXPLICIT. Fields stand in the order of their numbers; each may be absent. */
struct field {
  uint8_t n;
  const char *name; /* NULL: it is read, and not told */
  reader *read;
  const struct word *words; /* for field_number, field_numbers, field_flags */
  const struct type *type;  /* for field_sequence, field_list */
};
struct type {
  uint8_t tag; /* DER_APPLICATION(n) around the SEQUENCE; 0: none */
  const struct field *fields;
  size_t n;
};
#define TYPE_OF(tag, fields)                                                                                 \
  {                                                                                                          \
    tag, fields, sizeof fields / sizeof *fields                                                              \
  }

/* The SEQUENCE at in as an object. What is not as the table says ends it with the member "malformed", which
 * names the place. */
json_t *schema_read(struct wire *w, const struct type *t, struct der in);

reader field_integer, field_number, field_numbers, field_flags, field_text, field_time, field_name,
    field_bytes, field_sequence, field_list, field_nothing;

json_t *json_hex(const void *data, size_t n);
json_t *json_time(int64_t s);
json_t *json_number(const struct word *words, int64_t v); /* "aes256-cts-hmac-sha1-96 (18)", "18" */
json_t *json_flags(const struct word *words, uint32_t flags);
json_t *json_key(const struct key *k);

/* -- names (names.c) ------------------------------------------------------------------------------------- */

extern const struct word enctype_names[], checksum_names[], ticket_flag_names[], kdc_option_names[],
    ap_option_names[], padata_names[], error_names[], pac_option_names[], fast_option_names[],
    s4u_option_names[], gss_flag_names[];

/* -- what is inside of messages -------------------------------------------------------------------------- */

/* messages.c: the message at in, by its tag. */
json_t *message_read(struct wire *w, struct der in);
extern const struct type kdc_req_body_type;
reader field_checksum;

/* encrypted.c */
reader field_authenticator, field_ap_rep_part, field_kdc_rep_part, field_timestamp, field_fast_request,
    field_fast_reply;

/* padata.c */
reader field_padata; /* SEQUENCE OF PA-DATA */
reader field_req_body_in_fast;

/* ticket.c: a whole Ticket (RFC 4120 5.3). ret_key: its session key, as far as it is known; or NULL. */
json_t *ticket_read(struct wire *w, struct der in, struct key *ret_key);
/* pac.c: the PAC in a ticket's authorization data; NULL: it has none. */
json_t *pac_read(const struct wire *w, const krb5_ticket *t);

/* token.c: the Kerberos message in a token of GSSAPI or SPNEGO, or what it is itself; false: it carries none.
 */
bool token_message(struct der token, struct der *ret);

#endif

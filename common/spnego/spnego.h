/* The tokens of RFC 4559 as bytes: the first token a client sends, with the Kerberos AP-REQ inside, and the
 * last one a server answers with the AP-REP. No key, no I/O, no allocation; whoever calls does the
 * cryptography.
 *
 *   NegTokenInit (RFC 4178 4.2.1) { krb5 OID } > mechToken (RFC 4121 4.1) 01 00 > AP-REQ (RFC 4120 5.5.1)
 *   NegTokenResp (RFC 4178 4.2.2) accept-completed > responseToken 02 00 > AP-REP (RFC 4120 5.5.2) */
#ifndef SEVENSTEP_SPNEGO_H
#define SEVENSTEP_SPNEGO_H

#include "der.h"

/* Writes everything of the first token that stands before the authenticator's cipher, so that what follows is
 * exactly cipher_len bytes. ticket is the encoded Ticket. The result is w->at..w->end. */
void spnego_write_init(struct der_writer *w, const void *ticket, size_t ticket_len, int enctype,
                       size_t cipher_len);

/* The DER of the mechTypes list offered there: what a mechListMIC protects (RFC 4178 5). */
const void *spnego_mech_types(size_t *ret_len);

/* The authenticator (RFC 4120 5.5.1) with the GSS checksum 0x8003 (RFC 4121 4.1.1): mutual, integrity,
 * channel bindings. All that changes between requests has a fixed place and width, to be filled in by
 * spnego_stamp: cusec must be in [32768, 999999] and seq in [0x20000000, 0x3fffffff], whose encodings have
 * one length. */
enum { SPNEGO_AUTHENTICATOR_MAX = 1024 };
struct spnego_form {
  uint16_t len, cusec_at, ctime_at, seq_at, bnd_at;
};
struct spnego_name {
  int type;
  const char *realm;
  size_t realm_len;
  size_t count;
  struct {
    const char *data;
    size_t len;
  } component[8];
};
/* Writes form->len bytes. False when the name is too long for it. */
bool spnego_authenticator_init(uint8_t plain[static SPNEGO_AUTHENTICATOR_MAX], struct spnego_form *form,
                               const struct spnego_name *client);
/* Copies what that wrote to out with these values in place. ctime is seconds since 1970; bnd NULL: not
 * bound to a channel. */
enum { SPNEGO_BND_LEN = 16 };
void spnego_stamp(const uint8_t *plain, const struct spnego_form *form, uint8_t *out, int64_t ctime,
                  uint32_t cusec, uint32_t seq, const uint8_t *bnd);

/* What Bnd is the MD5 of (RFC 4121 4.1.1.2): no addresses, and as application data the channel binding
 * tls-server-end-point (RFC 5929 4), of which hash is the certificate's; n 0: no data at all. Returns how
 * many bytes were written; the data begins at SPNEGO_BINDINGS_DATA. */
enum { SPNEGO_BINDINGS_MAX = 128, SPNEGO_BINDINGS_DATA = 20, SPNEGO_END_POINT_MAX = 64 };
size_t spnego_write_bindings(uint8_t out[static SPNEGO_BINDINGS_MAX], const void *hash, size_t n);

/* A server's reply. Pointers go into the token. */
struct spnego_reply {
  int enctype;
  struct der cipher; /* of EncAPRepPart */
  struct der mic;    /* mechListMIC, empty if absent */
};
/* NULL on success, else why it is not one (a static text); KRB-ERROR inside gives its code in *ret_krb_error.
 */
const char *spnego_parse_reply(const void *token, size_t n, struct spnego_reply *ret, int *ret_krb_error);

/* The decrypted EncAPRepPart (RFC 4120 5.5.2). */
struct spnego_ap_rep {
  int64_t ctime;
  uint32_t cusec;
  int subkey_type; /* 0: none */
  struct der subkey;
};
bool spnego_parse_ap_rep(const void *plain, size_t n, struct spnego_ap_rep *ret);

/* A GeneralizedTime as Kerberos writes it, YYYYMMDDHHMMSSZ, exactly 15 characters. */
bool spnego_parse_time(const struct der *text, int64_t *ret);

/* -- the acceptor's side --------------------------------------------------------------------------------- */

/* A client's first token. Pointers go into the token. */
struct spnego_request {
  bool raw;          /* the Kerberos token itself, without SPNEGO */
  bool first;        /* krb5 is the mechanism offered first (or the token is raw), and there is no MIC */
  bool mutual;       /* an answer is wanted */
  int enctype;       /* of the authenticator */
  struct der ticket; /* the encoded Ticket, with its header */
  struct der cipher; /* of the authenticator */
};
/* NULL on success, else why it is not one (a static text). */
const char *spnego_parse_request(const void *token, size_t n, struct spnego_request *ret);

/* The decrypted Authenticator (RFC 4120 5.5.1). */
struct spnego_authenticated {
  int64_t ctime;
  uint32_t cusec;
  struct der realm, names; /* names: the GeneralStrings of cname, one after another with their headers */
  int checksum_type;       /* 0: none */
  struct der checksum;
  bool has_authdata;
};
bool spnego_parse_authenticator(const void *plain, size_t n, struct spnego_authenticated *ret);

/* Writes EncAPRepPart with a sequence number and no subkey. */
void spnego_write_ap_rep_part(struct der_writer *w, int64_t ctime, uint32_t cusec, uint32_t seq);
/* Writes the answer: AP-REP with this cipher, as a raw token or inside a NegTokenResp with accept-completed.
 * cipher NULL: the client wanted no AP-REP (then raw has no answer at all). */
void spnego_write_reply(struct der_writer *w, bool raw, int enctype, const void *cipher, size_t n);

/* The error code of a KRB-ERROR (RFC 4120 5.9.1), or -1 when it is none. */
int spnego_krb_error(const void *data, size_t n);

#endif

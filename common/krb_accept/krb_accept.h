/* Step 6 from the application's side: verifies a SPNEGO or raw Kerberos token (RFC 4559 4.1, RFC 4178, RFC
 * 4120 3.2.3). A library of its own: the backend links this and no delegation code.
 *
 * The first token with a ticket is verified by GSSAPI, whole: ticket, PAC, authenticator. The ticket's
 * session key and what it says are then kept (bounded, least recently used first out), and the next
 * authenticators made from the same ticket are verified with them here: decrypted, compared with the ticket's
 * client, checked for time and replay, and answered with an AP-REP. That is what makes a fresh authenticator
 * on every request affordable: see docs/kerberos.md. Whatever is out of the ordinary goes to GSSAPI, which
 * also words every refusal.
 *
 * The keytab is read into memory, and again when the file changes (looked at once a second, and before a
 * token is refused); known tickets are then forgotten. One
 * acceptor serves many threads. KRB5_CONFIG must be in the environment already. */
#ifndef SEVENSTEP_KRB_ACCEPT_H
#define SEVENSTEP_KRB_ACCEPT_H

#include "buf.h"
#include "logon_info.h"

struct krb_acceptor;
struct krb_acceptor_config {
  const char *keytab; /* path */
  const char *replay; /* folder of the replay cache, made if absent; outlives the process. NULL: replays are
                         not noticed */
  bool gssapi_only;   /* every token by GSSAPI */
  size_t max_tickets; /* kept; 0: 4096 */
};
enum err krb_acceptor_new(const struct krb_acceptor_config *c, struct krb_acceptor **ret,
                          struct failure *f) MUST_CHECK;
void krb_acceptor_free(struct krb_acceptor *a); /* accepts NULL */
/* Reads the keytab now, instead of when it is looked at next. On failure the old keys stay in force. */
enum err krb_acceptor_reload(struct krb_acceptor *a, struct failure *f) MUST_CHECK;

struct krb_accepted {
  char client[256];       /* alice@CORP.SEVENSTEP.TEST */
  char target[256];       /* the service principal the ticket was for */
  char mechanism[32];     /* "spnego", or "krb5" without it */
  char flags[128];        /* of the context: "mutual,integrity,..." */
  char ticket_flags[160]; /* "forwardable,pre-authent,..." */
  char enctype[64];       /* of the ticket */
  int kvno;               /* of the service's key */
  int64_t auth_time_s, start_time_s, end_time_s;
  bool delegated;                 /* the PAC has S4U_DELEGATION_INFO (MS-PAC 2.9) */
  char delegated_target[256];     /* S4U2proxyTarget */
  char delegated_by[512];         /* transited services, comma separated */
  const struct logon_info *logon; /* of the PAC, whose signature GSSAPI has verified; NULL: it has none */
  bool channel_bound;             /* to the channel it came by */
  bool known_ticket;              /* verified without GSSAPI, from a ticket it had verified before */
};

/* Gives back what is shared; accepts one that is all zero. */
void krb_accepted_clear(struct krb_accepted *w);

/* What is known of the channel that tokens come by (RFC 5929 4, RFC 4121 4.1.1.2). */
struct krb_channel {
  bool required;           /* tokens must be bound to it */
  unsigned char data[128]; /* application data of the bindings */
  size_t n;
  unsigned char bnd[16];
};
/* hash: that of our certificate, at most 64 bytes. n 0: the channel has none to bind to, so that a token
 * which is bound is for another one. */
enum err krb_channel_init(const void *hash, size_t n, bool required, struct krb_channel *ret) MUST_CHECK;

/* value: the Authorization field's value, "Negotiate <base64>". On success appends "Negotiate <base64>" for
 * WWW-Authenticate to reply (nothing if there is no reply token). ERR_TICKET_REQUIRED when it is of another
 * scheme, ERR_TICKET_MECHANISM, ERR_TICKET_INVALID, ERR_TICKET_CHANNEL. channel NULL: bindings are not looked
 * at. *ret is to be cleared. */
enum err krb_accept(struct krb_acceptor *a, const struct krb_channel *channel, const char *value, size_t n,
                    struct buf *reply, struct krb_accepted *ret, struct failure *f) MUST_CHECK;

struct krb_acceptor_counts {
  uint64_t by_gssapi, by_known_ticket, refused, replays;
  size_t tickets, replay_entries;
};
void krb_acceptor_count(struct krb_acceptor *a, struct krb_acceptor_counts *ret);

#endif

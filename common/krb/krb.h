/* Steps 4 to 6 from the connector's side: a service ticket on a user's behalf by S4U2Self and S4U2Proxy
 * (MS-SFU), a bounded cache of such tickets, and a fresh SPNEGO authenticator per request from a cached
 * ticket (RFC 4559, RFC 4178).
 *
 * Threads: krb_delegator is shared; krb_obtain blocks on the KDC and is called on workers, many at once (each
 * call has a krb5_context and a connector credential of its own, from a pool inside). krb_cache_* and
 * krb_initiator_* never talk to a KDC and do no blocking I/O: they belong to the loop thread. A krb_ticket is
 * immutable but for a lock inside, reference-counted, and may be used by many threads. Keys are wiped when
 * the last reference goes. */
#ifndef SEVENSTEP_KRB_H
#define SEVENSTEP_KRB_H

#include "buf.h"
#include "krb_wire.h"

struct krb_delegator_config {
  const char *keytab;    /* path of the connector's keytab */
  const char *principal; /* HTTP/connector-1.corp.sevenstep.test, without realm */
  const char *realm;
  const char *upn_suffix;                         /* user principal names end in @this */
  const char *partner_realm, *partner_upn_suffix; /* of a second realm that trusts the first; NULL: none */
  const char
      *record; /* a pcap file: what is exchanged with KDCs is appended while it is there; NULL: never */
};

struct krb_delegator;
/* Reads nothing from the network. KRB5_CONFIG must be in the environment already. */
enum err krb_delegator_new(const struct krb_delegator_config *c, struct krb_delegator **ret,
                           struct failure *f) MUST_CHECK;
void krb_delegator_free(struct krb_delegator *d); /* accepts NULL; no krb_obtain may be running */
/* The keytab has been replaced: asks the KDC for the connector's own credential by what is in it now, and
 * from then on no call uses an earlier one. When the KDC does not take it, those in use go on. Blocks as
 * krb_obtain does, and may be called while that runs. */
enum err krb_delegator_reload(struct krb_delegator *d, struct failure *f) MUST_CHECK;

/* Would the KDC give the connector its own credential now, by what is in the keytab? Nothing is kept of it,
 * and what is in use stays as it is. Blocks as krb_obtain does. */
enum err krb_delegator_check(struct krb_delegator *d, struct failure *f) MUST_CHECK;

/* What a ticket says, for the trace. Strings are NUL-terminated and cut if need be. */
struct krb_ticket_info {
  char client[256];
  char server[256];
  char flags[160];  /* names, comma separated: "forwardable,pre-authent,..." */
  char enctype[64]; /* of the ticket: "aes256-cts-hmac-sha1-96" */
  char session_enctype[64];
  int kvno; /* of the service key, 0 if unknown */
  int64_t auth_time_s, start_time_s, end_time_s;
  size_t size; /* bytes of the encoded ticket */
};

/* What happened in one krb_obtain, for the trace; filled as far as it went, also on failure. Nanoseconds. */
struct krb_exchange {
  int64_t start_wall_ns;
  int64_t as_ns;        /* 0: the connector's own credential was still good */
  int64_t s4u2self_ns;  /* 0: not reached */
  int64_t s4u2proxy_ns; /* 0: not reached */
  bool evidence_forwardable;
  struct krb_ticket_info evidence; /* client "" if not reached */
  struct krb_ticket_info service;
  int krb5_code; /* the library's code when it failed, else 0 */
  char kdc[64];  /* who answered last, ADDRESS:PORT; "" for nobody */
};

/* From a user's name, as the token has it, to the principal: account@REALM, in ret. */
enum krb_login {
  KRB_LOGIN_UPN,          /* account@suffix, where suffix is the realm's UPN suffix or its name */
  KRB_LOGIN_UPN_USERNAME, /* account@anything */
  KRB_LOGIN_ACCOUNT,      /* the account's name */
};
enum { KRB_USER_MAX = 384 };
/* Checked strictly: a name that could be read as another principal, another realm or more than one component
 * is refused. ERR_KRB_NAME_MALFORMED. */
enum err krb_map_user(const struct krb_delegator *d, enum krb_login how, const char *name,
                      char ret[KRB_USER_MAX], struct failure *f) MUST_CHECK;

struct krb_ticket;
/* Blocking: AS if needed, S4U2Self for user, S4U2Proxy to spn. user is what
 * krb_map_user made, or a UPN; it is checked strictly and turned into a principal by components, never by
 * parsing. wire: cleared storage for what is said meanwhile, also on failure; NULL: it is not kept.
 * ERR_KDC_UNREACHABLE, ERR_KRB_*. */
enum err krb_obtain(struct krb_delegator *d, const char *user, const char *spn, struct krb_ticket **ret,
                    struct krb_exchange *x, struct krb_wire *wire, struct failure *f) MUST_CHECK;
struct krb_ticket *krb_ticket_ref(struct krb_ticket *t);
void krb_ticket_unref(struct krb_ticket *t); /* accepts NULL */
void krb_ticket_describe(const struct krb_ticket *t, struct krb_ticket_info *ret);
int64_t krb_ticket_end_s(const struct krb_ticket *t);

/* Tickets by who the user is outside, who he is inside and which target. At most max entries, the least
 * recently used goes first. A ticket is given out for trust_s after it was got, and at most until 60 s before
 * its end: then the KDC is to be asked again, whether the user still is one. */
struct krb_cache;
struct krb_cache_key {
  const char *upn;  /* as the token has it */
  const char *user; /* the principal, as krb_map_user made it */
  const char *spn;
};
enum err krb_cache_new(size_t max, unsigned trust_s, struct krb_cache **ret) MUST_CHECK;
void krb_cache_free(struct krb_cache *c);
/* A new reference, or NULL when there is none that may still be given out. *ret_renew: its time is nearly
 * over, so put another one, while this one serves; said to one caller, and to another after a while if
 * nothing came of it. Nobody is told of a ticket that nobody uses. */
struct krb_ticket *krb_cache_get(struct krb_cache *c, const struct krb_cache_key *key, int64_t now_s,
                                 bool *ret_renew);
/* Takes a reference. now_s: when it was asked for. */
void krb_cache_put(struct krb_cache *c, const struct krb_cache_key *key, struct krb_ticket *t, int64_t now_s);
void krb_cache_remove(struct krb_cache *c, const struct krb_cache_key *key);
/* All tickets of who has this name, outside or inside (in whatever case); NULL: all of everybody. Returns how
 * many. */
size_t krb_cache_purge(struct krb_cache *c, const char *name);
/* Would a purge of name concern a ticket of upn, who is user inside? */
bool krb_cache_is_of(const char *upn, const char *user, const char *name);
size_t krb_cache_count(const struct krb_cache *c);

/* The TLS channel that a token is for (RFC 5929 4, RFC 4121 4.1.1.2): an acceptor behind another one refuses
 * it. */
struct krb_binding {
  unsigned char bnd[16];
};
/* hash: the server certificate's, at most 64 bytes. */
enum err krb_binding_make(const void *hash, size_t n, struct krb_binding *ret) MUST_CHECK;

/* One request's security context. */
struct krb_initiator;
/* Appends the value for the Authorization field: "Negotiate <base64>". binding NULL: good for any channel. */
enum err krb_initiator_new(struct krb_ticket *t, const struct krb_binding *binding, struct buf *authorization,
                           struct krb_initiator **ret, struct failure *f) MUST_CHECK;
/* value: the application's WWW-Authenticate value, "Negotiate <base64>". ERR_BACKEND_MUTUAL unless it
 * completes the context with mutual authentication. */
enum err krb_initiator_finish(struct krb_initiator *i, const char *value, size_t n,
                              struct failure *f) MUST_CHECK;
void krb_initiator_free(struct krb_initiator *i); /* accepts NULL */

#endif

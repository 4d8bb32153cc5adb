/* Why does single sign-on not work? Every link of the chain from the connector's krb5.conf to the
 * application's proof, checked in the order in which it is needed; whatever fails is explained with its cause
 * and the command that mends it, for MIT and for Active Directory. It uses the connector's own code (krb), on
 * the lab or on a real domain, and changes nothing anywhere.
 *
 * One thread. Each look at a KDC ends after two seconds. */
#ifndef SEVENSTEP_DOCTOR_H
#define SEVENSTEP_DOCTOR_H

#include "advice.h"
#include "kdc_addresses.h"
#include "kdc_link.h"
#include "krb.h"
#include "report.h"

#include <krb5.h>

/* What is examined. Strings belong to the caller; NULL where a value may be missing. */
struct doctor_subject {
  const char *keytab;
  const char *principal; /* the connector's, without realm */
  const char *realm;
  const char *user_realm; /* of the users; NULL: the connector's */
  const char
      *app_realm;  /* of the application; NULL: the connector's. The two may name one realm besides its */
  const char *upn; /* of the user */
  const char *upn_suffix; /* NULL: what follows the @ of upn */
  const char *other_upn;  /* a second user, to tell a user's fault from the connector's; NULL: none */
  const char *spn;        /* of the application */
  const char *url;        /* NULL: the application is not asked */
  const char *connect;    /* HOST:PORT where url really is, or NULL */
  const char *ca;         /* authorities for url, or NULL for the system's */
  bool any_certificate;   /* of url: it is not looked at */
};

/* What is known of a realm's KDCs. */
struct doctor_realm {
  const char *name;                /* NULL: there is no such realm */
  struct kdc_addresses *addresses; /* of krb5.conf */
  struct kdc_address kdc[KDC_MAX];
  size_t kdcs;
  bool udp, tcp;       /* one answered by it */
  int64_t clock_ahead; /* its clock minus ours, seconds */
  bool clock_known;
};

struct doctor {
  const struct doctor_subject *subject;
  struct report *report;
  krb5_context ctx;
  struct doctor_realm home, other; /* the connector's, and the one that user or application are of besides */
  bool user_abroad, app_abroad;    /* is it of the other one? */
  struct kdc_link link;
  krb5_principal self;
  krb5_data *probe; /* a message that every KDC answers */
  int kvno;         /* newest of the connector in its keytab */
  krb5_ccache tgt;
  krb5_flags tgt_flags;
  krb5_creds *evidence;
  krb5_creds *service;
  bool http_negotiates;
  char reply[4096]; /* the application's WWW-Authenticate to our ticket, "" if none */
  struct krb_initiator *initiator;
  struct krb_ticket *ticket;
};

/* Runs all checks; findings go to the report. ERR_CONFIG when krb5.conf cannot be read at all, or user and
 * application are of two other realms; ERR_NOMEM. */
enum err doctor_examine(const struct doctor_subject *subject, struct report *report,
                        struct failure *f) MUST_CHECK;

/* Reports a failure with the advice's cause and fixes; the evidence is what was seen. */
void doctor_fail(struct doctor *d, const char *check, enum advice_id id, const char *evidence, ...)
    PRINTF_LIKE(4, 5);
/* The same where the advice's {realm} is this one. */
void doctor_fail_in(struct doctor *d, const struct doctor_realm *r, const char *check, enum advice_id id,
                    const char *evidence, ...) PRINTF_LIKE(5, 6);
/* Text of a krb5 code: "TEXT (krb5 code N)". */
const char *doctor_krb5_text(struct doctor *d, krb5_error_code code, char *out, size_t size);
/* Two seconds from now on for what is asked of a KDC. */
void doctor_arm(struct doctor *d);
/* Has no KDC answered? Then that is the check's finding. */
bool doctor_no_kdc(struct doctor *d, const char *check, krb5_error_code code);
/* Does the other realm know the application, asked without delegation? */
bool doctor_is_known_abroad(struct doctor *d);
/* The local part of the user's name at his realm, as the connector maps it. */
enum err doctor_account(const struct doctor *d, const char *upn, char out[65], struct failure *f) MUST_CHECK;

/* The checks, by file. Each reports exactly one finding under its name. */
typedef void doctor_check(struct doctor *d, const char *name);
doctor_check check_krb5_conf, check_names, check_kdc_udp, check_kdc_tcp, check_clock; /* kdc.c */
doctor_check check_keytab, check_enctypes;                                            /* keytab.c */
doctor_check check_other_names, check_other_kdc;             /* kdc.c, of the other realm */
doctor_check check_trust, check_trust_key, check_trust_back; /* trust.c */
doctor_check check_as, check_s4u2self, check_kvno, check_forwardable, check_pac,
    check_s4u2proxy;                                        /* delegation.c */
doctor_check check_application, check_ticket, check_mutual; /* application.c */

#endif

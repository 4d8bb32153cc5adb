/* The lab's generated users (lib/lab.bash): who they are, and their tickets by libkrb5 alone, as a yardstick
 * for common/krb. One thread at a time uses a plain_s4u. */
#ifndef SEVENSTEP_BENCH_USERS_H
#define SEVENSTEP_BENCH_USERS_H

#include "krb.h"

#include <krb5.h>

/* Command line: KEYTAB PRINCIPAL REALM SPN USERS. Users are PREFIX1 to PREFIX<users>. */
enum { USERS_ARGUMENTS = 5 };
#define USERS_USAGE  "KEYTAB PRINCIPAL REALM SPN USERS"
#define USERS_PREFIX "crowd"
struct users {
  const char *keytab, *principal, *realm, *spn;
  size_t count;
};
struct users users_of(char *const argv[USERS_ARGUMENTS]);

/* Of the user's place, from 0; they come round again after the last. */
void users_account(const struct users *u, size_t i, char *out, size_t size);
/* The ticket by common/krb. */
struct krb_ticket *users_obtain(const struct users *u, struct krb_delegator *d, size_t i);
struct krb_delegator *users_delegator(const struct users *u);

/* A krb5_context of its own, and the connector's ticket-granting ticket in a MEMORY cache of its own: what is
 * fastest with several threads. */
struct plain_s4u {
  krb5_context ctx;
  krb5_ccache tgt;
  krb5_principal self, target;
};
void plain_s4u_open(struct plain_s4u *p, const struct users *u);
/* S4U2Self and S4U2Proxy for this user, nothing kept. Free with krb5_free_creds. */
krb5_creds *plain_s4u_obtain(struct plain_s4u *p, const struct users *u, size_t i);
void plain_s4u_close(struct plain_s4u *p);

/* There are no figures when anything unexpected came: a line on standard error, and the end. */
_Noreturn void give_up(const char *what, const char *why);
void give_up_if(krb5_context ctx, krb5_error_code code, const char *what);
/* A number from 1. */
size_t number_of(const char *text);

#endif

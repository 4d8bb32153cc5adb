#include "users.h"

#include "s4u.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void give_up(const char *what, const char *why)
{
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

void give_up_if(krb5_context ctx, krb5_error_code code, const char *what)
{
  if (code) give_up(what, krb5_get_error_message(ctx, code));
}

size_t number_of(const char *text)
{
  char *end;
  errno = 0;
  unsigned long n = strtoul(text, &end, 10);
  if (errno || *end || n < 1 || n > 10000000) give_up(text, "not a number from 1 to 10000000");
  return n;
}

struct users users_of(char *const argv[USERS_ARGUMENTS])
{
  return (struct users){
      .keytab = argv[0], .principal = argv[1], .realm = argv[2], .spn = argv[3], .count = number_of(argv[4])};
}

void users_account(const struct users *u, size_t i, char *out, size_t size)
{
  snprintf(out, size, USERS_PREFIX "%zu", 1 + i % u->count);
}

/* -- by common/krb --------------------------------------------------------------------------------------- */

struct krb_delegator *users_delegator(const struct users *u)
{
  const struct krb_delegator_config config = {
      .keytab = u->keytab, .principal = u->principal, .realm = u->realm, .upn_suffix = u->realm};
  struct krb_delegator *d = NULL;
  struct failure f = {0};
  if (krb_delegator_new(&config, &d, &f)) give_up(u->principal, f.why);
  return d;
}

struct krb_ticket *users_obtain(const struct users *u, struct krb_delegator *d, size_t i)
{
  char account[64], name[KRB_USER_MAX];
  struct krb_ticket *t = NULL;
  struct krb_exchange x;
  struct failure f = {0};
  users_account(u, i, account, sizeof account);
  snprintf(name, sizeof name, "%s@%s", account, u->realm);
  if (krb_obtain(d, name, u->spn, &t, &x, NULL, &f)) give_up(name, f.why);
  return t;
}

/* -- by libkrb5 alone ------------------------------------------------------------------------------------ */

static void obtain_tgt(struct plain_s4u *p, const struct users *u)
{
  krb5_keytab keytab = NULL;
  krb5_get_init_creds_opt *opt = NULL;
  krb5_creds creds = {0};
  give_up_if(p->ctx, krb5_kt_resolve(p->ctx, u->keytab, &keytab), u->keytab);
  give_up_if(p->ctx, krb5_get_init_creds_opt_alloc(p->ctx, &opt), "options");
  krb5_get_init_creds_opt_set_forwardable(opt, 1);
  give_up_if(p->ctx, krb5_get_init_creds_keytab(p->ctx, &creds, p->self, keytab, 0, NULL, opt), "AS");
  give_up_if(p->ctx, krb5_cc_new_unique(p->ctx, "MEMORY", NULL, &p->tgt), "cache");
  give_up_if(p->ctx, krb5_cc_initialize(p->ctx, p->tgt, p->self), "cache");
  give_up_if(p->ctx, krb5_cc_store_cred(p->ctx, p->tgt, &creds), "cache");
  krb5_free_cred_contents(p->ctx, &creds);
  krb5_get_init_creds_opt_free(p->ctx, opt);
  krb5_kt_close(p->ctx, keytab);
}

void plain_s4u_open(struct plain_s4u *p, const struct users *u)
{
  char name[1024];
  *p = (struct plain_s4u){0};
  give_up_if(NULL, krb5_init_context(&p->ctx), "krb5.conf");
  snprintf(name, sizeof name, "%s@%s", u->principal, u->realm);
  give_up_if(p->ctx, krb5_parse_name(p->ctx, name, &p->self), name);
  snprintf(name, sizeof name, "%s@%s", u->spn, u->realm);
  give_up_if(p->ctx, krb5_parse_name(p->ctx, name, &p->target), name);
  obtain_tgt(p, u);
}

krb5_creds *plain_s4u_obtain(struct plain_s4u *p, const struct users *u, size_t i)
{
  char account[64];
  krb5_principal user = NULL;
  krb5_creds *evidence = NULL, *service = NULL;
  users_account(u, i, account, sizeof account);
  give_up_if(
      p->ctx,
      krb5_build_principal(p->ctx, &user, (unsigned)strlen(u->realm), u->realm, account, (const char *)NULL),
      account);
  krb5_creds self = {.client = user, .server = p->self};
  give_up_if(p->ctx, krb5_get_credentials_for_user(p->ctx, KRB5_GC_NO_STORE, p->tgt, &self, NULL, &evidence),
             "S4U2Self");
  krb5_creds proxy = {.client = p->self, .server = p->target, .second_ticket = evidence->ticket};
  give_up_if(p->ctx,
             krb5_get_credentials(p->ctx, KRB5_GC_CONSTRAINED_DELEGATION | KRB5_GC_NO_STORE, p->tgt, &proxy,
                                  &service),
             "S4U2Proxy");
  krb5_free_creds(p->ctx, evidence);
  krb5_free_principal(p->ctx, user);
  return service;
}

void plain_s4u_close(struct plain_s4u *p)
{
  krb5_cc_destroy(p->ctx, p->tgt);
  krb5_free_principal(p->ctx, p->self);
  krb5_free_principal(p->ctx, p->target);
  krb5_free_context(p->ctx);
}

/* Steps 4 and 5: AS for the connector itself, then S4U2Self and S4U2Proxy (MS-SFU 3.1.5) by raw libkrb5,
 * which gives exact codes, the evidence ticket's flags and a time for each exchange; GSSAPI would hide all
 * three.
 *
 * Each call takes a session from a pool: a krb5_context, the connector's ticket-granting ticket in a MEMORY
 * cache of its own, and the way to the KDC. So calls do not wait for each other's KDC, and there are as many
 * sessions as calls ever ran at once. */
#include "kdc_link.h"
#include "krb_error.h"
#include "krb_name.h"
#include "own_key.h"
#include "s4u.h"
#include "ticket.h"

#include "clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next user must see an error within five seconds when the KDC is silent (all exchanges of one call
 * together). */
static const int64_t kdc_patience_ns = 4000 * 1000000LL;
enum { TGT_RENEW_BEFORE_S = 300 };

struct session {
  struct session *next;
  krb5_context ctx;
  struct kdc_link link;
  krb5_principal self;
  krb5_ccache tgt; /* NULL: none yet */
  int64_t tgt_end_s;
  unsigned reloads; /* of the delegator, that it has seen */
};

struct krb_delegator {
  char keytab[4096], realm[256], upn_suffix[256], principal[512];
  char partner_realm[256], partner_upn_suffix[256]; /* "" when there is none */
  char record[4096];                                /* the same */
  struct krb_spn self;
  struct kdc_addresses *addresses, *partner_addresses;
  pthread_mutex_t lock;
  struct session *idle;
  unsigned reloads;
};

/* -- sessions -------------------------------------------------------------------------------------------- */

static void forget_tgt(struct session *s)
{
  if (s->tgt) krb5_cc_destroy(s->ctx, s->tgt);
  s->tgt = NULL;
  s->tgt_end_s = 0;
}

static void session_free(struct session *s)
{
  if (!s) return;
  if (s->ctx) {
    forget_tgt(s);
    krb5_free_principal(s->ctx, s->self);
    krb5_free_context(s->ctx);
  }
  free(s);
}

static enum err session_new(const struct krb_delegator *d, struct session **ret, struct failure *f)
{
  struct session *s = calloc(1, sizeof *s);
  if (!s) return failure_set(f, ERR_NOMEM, "KDC session");
  krb5_error_code code = krb5_init_context(&s->ctx);
  if (code) {
    s->ctx = NULL;
    session_free(s);
    return failure_set(f, ERR_KRB_OTHER, "krb5.conf cannot be used (krb5 code %d); see KRB5_CONFIG",
                       (int)code);
  }
  if (s4u_name(s->ctx, d->realm, d->self.first, d->self.second, KRB5_NT_PRINCIPAL, &s->self)) {
    session_free(s);
    return failure_set(f, ERR_NOMEM, "principal");
  }
  kdc_link_attach(s->ctx, &s->link, d->addresses);
  s->link.partner = d->partner_addresses;
  s->link.record = d->record[0] ? d->record : NULL;
  *ret = s;
  return ERR_OK;
}

static enum err session_take(struct krb_delegator *d, struct session **ret, struct failure *f)
{
  pthread_mutex_lock(&d->lock);
  struct session *s = d->idle;
  unsigned reloads = d->reloads;
  if (s) d->idle = s->next;
  pthread_mutex_unlock(&d->lock);
  enum err e = s ? ERR_OK : session_new(d, &s, f);
  if (e) return e;
  if (s->reloads != reloads) forget_tgt(s);
  s->reloads = reloads;
  *ret = s;
  return ERR_OK;
}

static void session_give(struct krb_delegator *d, struct session *s)
{
  s->link.wire = NULL; /* is the caller's, and goes with it */
  pthread_mutex_lock(&d->lock);
  s->next = d->idle;
  d->idle = s;
  pthread_mutex_unlock(&d->lock);
}

/* -- the connector's own credential ---------------------------------------------------------------------- */

static krb5_error_code ask_tgt(struct session *s, krb5_keytab keytab, krb5_creds *ret)
{
  krb5_get_init_creds_opt *opt = NULL;
  krb5_error_code code = krb5_get_init_creds_opt_alloc(s->ctx, &opt);
  if (code) return code;
  krb5_get_init_creds_opt_set_forwardable(opt, 1);
  code = krb5_get_init_creds_keytab(s->ctx, ret, s->self, keytab, 0, NULL, opt);
  krb5_get_init_creds_opt_free(s->ctx, opt);
  return code;
}

/* With the newest key, or the other one when that is not the KDC's yet, or not any more. */
static krb5_error_code ask_tgt_with_keys(struct session *s, const char *path, krb5_creds *ret)
{
  char name[4096 + 8];
  krb5_keytab keytab = NULL;
  snprintf(name, sizeof name, "FILE:%s", path);
  krb5_kvno tried = own_key_newest(s->ctx, path, s->self);
  krb5_error_code code = krb5_kt_resolve(s->ctx, name, &keytab);
  if (code) return code;
  code = ask_tgt(s, keytab, ret);
  krb5_kt_close(s->ctx, keytab);
  if (!own_key_is_wrong(code) || own_key_other(s->ctx, path, s->self, tried, &keytab) != 0) return code;
  krb5_error_code other = ask_tgt(s, keytab, ret);
  krb5_kt_close(s->ctx, keytab);
  return own_key_is_wrong(other) ? code : other;
}

static krb5_error_code obtain_tgt(struct session *s, const char *keytab_path)
{
  krb5_creds creds = {0};
  krb5_ccache cc = NULL;
  krb5_error_code code = ask_tgt_with_keys(s, keytab_path, &creds);
  if (!code) code = krb5_cc_new_unique(s->ctx, "MEMORY", NULL, &cc);
  if (!code) code = krb5_cc_initialize(s->ctx, cc, s->self);
  if (!code) code = krb5_cc_store_cred(s->ctx, cc, &creds);
  if (code) goto out;
  forget_tgt(s);
  s->tgt = cc;
  s->tgt_end_s = (uint32_t)creds.times.endtime;
  cc = NULL;
out:
  if (cc) krb5_cc_destroy(s->ctx, cc);
  krb5_free_cred_contents(s->ctx, &creds);
  return code;
}

/* -- one delegation -------------------------------------------------------------------------------------- */

struct call {
  struct krb_delegator *d;
  struct session *s;
  const char *account, *realm, *spn; /* account@realm: the user */
  const struct krb_spn *target;
  struct krb_exchange *x;
  struct krb_wire *wire;         /* or NULL */
  struct krb_circumstance where; /* of the last exchange */
};

static krb5_error_code step_as(struct call *c)
{
  if (c->s->tgt && c->s->tgt_end_s > clock_wall_s() + TGT_RENEW_BEFORE_S) return 0;
  c->where = (struct krb_circumstance){.phase = KRB_PHASE_AS, .subject = c->d->principal};
  int64_t start = clock_mono_ns();
  krb5_error_code code = obtain_tgt(c->s, c->d->keytab);
  c->x->as_ns += clock_mono_ns() - start;
  return code;
}

static krb5_error_code step_s4u2self(struct call *c, krb5_creds **ret)
{
  struct session *s = c->s;
  krb5_creds in = {.server = s->self};
  c->where = (struct krb_circumstance){
      .phase = KRB_PHASE_S4U2SELF, .subject = c->account, .abroad = c->realm == c->d->partner_realm};
  krb5_error_code code = s4u_name(s->ctx, c->realm, c->account, "", KRB5_NT_PRINCIPAL, &in.client);
  if (code) return code;
  int64_t start = clock_mono_ns();
  krb5_creds *evidence = NULL;
  code = krb5_get_credentials_for_user(s->ctx, KRB5_GC_NO_STORE, s->tgt, &in, NULL, &evidence);
  c->x->s4u2self_ns = clock_mono_ns() - start;
  krb5_free_principal(s->ctx, in.client);
  if (code) return code;
  c->x->evidence_forwardable = (evidence->ticket_flags & TKT_FLG_FORWARDABLE) != 0;
  krb_ticket_info_fill(s->ctx, evidence, &c->x->evidence);
  *ret = evidence;
  return 0;
}

static krb5_error_code step_s4u2proxy(struct call *c, const krb5_creds *evidence, krb5_creds **ret)
{
  struct session *s = c->s;
  bool two = c->d->partner_realm[0] && *c->target->second;
  c->where = (struct krb_circumstance){.phase = KRB_PHASE_S4U2PROXY,
                                       .subject = c->spn,
                                       .evidence_forwardable = c->x->evidence_forwardable,
                                       .abroad = two};
  int64_t start = clock_mono_ns();
  krb5_error_code code =
      s4u_proxy(s->ctx, s->tgt, s->self, evidence, c->target, two ? NULL : c->d->realm, ret);
  c->x->s4u2proxy_ns = clock_mono_ns() - start;
  return code;
}

/* The user's evidence ticket never leaves this function: only the service ticket is kept. */
static krb5_error_code delegate_once(struct call *c, krb5_creds **ret)
{
  krb5_creds *evidence = NULL;
  if (c->wire) c->wire->s4u2proxy = false;
  krb5_error_code code = step_as(c);
  if (!code) code = step_s4u2self(c, &evidence);
  if (c->wire) c->wire->s4u2proxy = true;
  if (!code) code = step_s4u2proxy(c, evidence, ret);
  krb5_free_creds(c->s->ctx, evidence);
  return code;
}

static enum err delegate(struct call *c, struct krb_ticket **ret, struct failure *f)
{
  struct session *s = c->s;
  krb5_creds *service = NULL;
  s->link.deadline_ns = clock_mono_ns() + kdc_patience_ns;
  s->link.answered[0] = '\0';
  krb5_error_code code = delegate_once(c, &service);
  /* A KDC that was set up anew does not know the ticket-granting ticket of before. Once, with a fresh one: */
  if (code && c->x->as_ns == 0 && c->where.phase != KRB_PHASE_AS && krb_error_is_stale_tgt(code)) {
    forget_tgt(s);
    code = delegate_once(c, &service);
  }
  c->x->krb5_code = (int)code;
  snprintf(c->x->kdc, sizeof c->x->kdc, "%s", s->link.answered);
  if (code) {
    c->where.timed_out = s->link.timed_out;
    return krb_error(s->ctx, code, &c->where, f);
  }
  krb_ticket_info_fill(s->ctx, service, &c->x->service);
  enum err e = krb_ticket_new(s->ctx, service, ret, f);
  krb5_free_creds(s->ctx, service); /* wipes the key */
  return e;
}

/* -- names ----------------------------------------------------------------------------------------------- */

static enum err account_of(const struct krb_delegator *d, enum krb_login how, const char *name,
                           char ret[KRB_ACCOUNT_MAX + 1], const char **ret_realm, struct failure *f)
{
  *ret_realm = d->realm;
  switch (how) {
  case KRB_LOGIN_ACCOUNT:
    if (krb_account_check(name, f)) return ERR_KRB_NAME_MALFORMED;
    snprintf(ret, KRB_ACCOUNT_MAX + 1, "%s", name);
    return ERR_OK;
  case KRB_LOGIN_UPN_USERNAME:
    return krb_account_of_any_upn(name, ret, f);
  default:
    if (krb_account_of_upn(name, d->realm, ret, NULL) == ERR_OK) return ERR_OK;
    if (d->partner_realm[0] && (krb_account_of_upn(name, d->partner_realm, ret, NULL) == ERR_OK ||
                                krb_account_of_upn(name, d->partner_upn_suffix, ret, NULL) == ERR_OK)) {
      *ret_realm = d->partner_realm;
      return ERR_OK;
    }
    return krb_account_of_upn(name, d->upn_suffix, ret, f);
  }
}

enum err krb_map_user(const struct krb_delegator *d, enum krb_login how, const char *name,
                      char ret[KRB_USER_MAX], struct failure *f)
{
  char account[KRB_ACCOUNT_MAX + 1];
  const char *realm;
  enum err e = account_of(d, how, name, account, &realm, f);
  if (!e) snprintf(ret, KRB_USER_MAX, "%s@%s", account, realm); /* both are bounded: it fits */
  return e;
}

enum err krb_obtain(struct krb_delegator *d, const char *user, const char *spn, struct krb_ticket **ret,
                    struct krb_exchange *x, struct krb_wire *wire, struct failure *f)
{
  char account[KRB_ACCOUNT_MAX + 1];
  const char *realm;
  struct krb_spn target;
  struct session *s = NULL;
  *x = (struct krb_exchange){.start_wall_ns = clock_wall_ns()};
  enum err e = account_of(d, KRB_LOGIN_UPN, user, account, &realm, f);
  if (!e) e = krb_spn_split(spn, &target, f);
  if (!e) e = session_take(d, &s, f);
  if (e) return e;
  struct call c = {.d = d,
                   .s = s,
                   .account = account,
                   .realm = realm,
                   .spn = spn,
                   .target = &target,
                   .x = x,
                   .wire = wire};
  s->link.wire = wire;
  e = delegate(&c, ret, f);
  session_give(d, s);
  return e;
}

static enum err authenticate(const struct krb_delegator *d, struct session *s, struct failure *f)
{
  struct krb_circumstance where = {.phase = KRB_PHASE_AS, .subject = d->principal};
  s->link.wire = NULL;
  s->link.deadline_ns = clock_mono_ns() + kdc_patience_ns;
  krb5_error_code code = obtain_tgt(s, d->keytab);
  where.timed_out = s->link.timed_out;
  return code ? krb_error(s->ctx, code, &where, f) : ERR_OK;
}

enum err krb_delegator_check(struct krb_delegator *d, struct failure *f)
{
  struct session *s = NULL;
  enum err e = session_new(d, &s, f);
  if (e) return e;
  e = authenticate(d, s, f);
  session_free(s);
  return e;
}

enum err krb_delegator_reload(struct krb_delegator *d, struct failure *f)
{
  struct session *s = NULL;
  enum err e = session_take(d, &s, f);
  if (e) return e;
  e = authenticate(d, s, f);
  if (!e) {
    pthread_mutex_lock(&d->lock);
    s->reloads = ++d->reloads;
    pthread_mutex_unlock(&d->lock);
  }
  session_give(d, s);
  return e;
}

/* -- the delegator --------------------------------------------------------------------------------------- */

static bool copy_text(char *out, size_t size, const char *text)
{
  int n = snprintf(out, size, "%s", text ? text : "");
  return n > 0 && (size_t)n < size;
}

enum err krb_delegator_new(const struct krb_delegator_config *c, struct krb_delegator **ret,
                           struct failure *f)
{
  struct krb_delegator *d = calloc(1, sizeof *d);
  if (!d) return failure_set(f, ERR_NOMEM, "delegator");
  enum err e = ERR_OK;
  struct session *first = NULL;
  pthread_mutex_init(&d->lock, NULL);
  if (!copy_text(d->keytab, sizeof d->keytab, c->keytab) || !copy_text(d->realm, sizeof d->realm, c->realm) ||
      !copy_text(d->upn_suffix, sizeof d->upn_suffix, c->upn_suffix) ||
      !copy_text(d->principal, sizeof d->principal, c->principal))
    e = failure_set(f, ERR_CONFIG, "keytab, principal, realm or UPN suffix is empty or too long");
  if (!e && c->partner_realm &&
      (!copy_text(d->partner_realm, sizeof d->partner_realm, c->partner_realm) ||
       !copy_text(d->partner_upn_suffix, sizeof d->partner_upn_suffix, c->partner_upn_suffix)))
    e = failure_set(f, ERR_CONFIG, "the partner's realm or UPN suffix is empty or too long");
  if (!e && c->record && !copy_text(d->record, sizeof d->record, c->record))
    e = failure_set(f, ERR_CONFIG, "the path of the record is too long");
  if (!e) e = krb_spn_split(d->principal, &d->self, f);
  if (!e) e = session_new(d, &first, f);
  if (!e) e = kdc_addresses_new(first->ctx, d->realm, &d->addresses, f);
  if (!e && d->partner_realm[0])
    e = kdc_addresses_new(first->ctx, d->partner_realm, &d->partner_addresses, f);
  if (e) {
    session_free(first);
    krb_delegator_free(d);
    return e;
  }
  first->link.addresses = d->addresses;
  first->link.partner = d->partner_addresses;
  session_give(d, first);
  *ret = d;
  return ERR_OK;
}

void krb_delegator_free(struct krb_delegator *d)
{
  if (!d) return;
  while (d->idle) {
    struct session *s = d->idle;
    d->idle = s->next;
    session_free(s);
  }
  kdc_addresses_free(d->addresses);
  kdc_addresses_free(d->partner_addresses);
  pthread_mutex_destroy(&d->lock);
  free(d);
}

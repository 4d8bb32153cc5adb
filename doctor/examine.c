/* The checks in their order, and what each of them needs: a check whose ground is missing is skipped, so that
 * the first failure is the cause and not one of its consequences. */
#include "doctor.h"

#include "clock.h"
#include "krb_name.h"
#include "s4u.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEEDS_MAX = 2, CHECKS_MAX = 24 };
static const int64_t exchange_patience_ns = 2000 * 1000000LL;

/* Whom a check concerns: everybody, or only those who have to do with another realm. */
enum concern { ALL, ABROAD, USER_ABROAD };

static const struct {
  const char *name;
  doctor_check *run;
  const char *needs[NEEDS_MAX];
  enum concern concern;
} checks[] = {
    {"krb5.conf", check_krb5_conf, {0}, ALL},
    {"names", check_names, {"krb5.conf"}, ALL},
    {"kdc-udp", check_kdc_udp, {"names"}, ALL},
    {"kdc-tcp", check_kdc_tcp, {"names"}, ALL},
    {"clock", check_clock, {"kdc"}, ALL},
    {"keytab", check_keytab, {0}, ALL},
    {"enctypes", check_enctypes, {"keytab"}, ALL},
    {"as", check_as, {"kdc", "enctypes"}, ALL},
    {"other-names", check_other_names, {"krb5.conf"}, ABROAD},
    {"other-kdc", check_other_kdc, {"other-names"}, ABROAD},
    {"trust", check_trust, {"as"}, ABROAD},
    {"trust-key", check_trust_key, {"trust", "other-kdc"}, ABROAD},
    {"trust-back", check_trust_back, {"trust-key"}, USER_ABROAD},
    {"s4u2self", check_s4u2self, {"as", "trust-back"}, ALL},
    {"kvno", check_kvno, {"s4u2self"}, ALL},
    {"pac", check_pac, {"s4u2self", "kvno"}, ALL},
    {"forwardable", check_forwardable, {"s4u2self"}, ALL},
    {"s4u2proxy", check_s4u2proxy, {"forwardable", "trust-key"}, ALL},
    {"application", check_application, {0}, ALL},
    {"ticket", check_ticket, {"s4u2proxy", "application"}, ALL},
    {"mutual", check_mutual, {"ticket"}, ALL},
};
enum { CHECKS = sizeof checks / sizeof checks[0] };

/* -- what checks share ---------------------------------------------------------------------------------- */

PRINTF_LIKE(5, 0)
static void fail(struct doctor *d, const char *realm, const char *check, enum advice_id id,
                 const char *evidence, va_list ap)
{
  const struct advice *a = advice_of(id);
  const struct err_info *info = err_info(a->error);
  const struct doctor_subject *s = d->subject;
  char host[256] = "", account[KRB_ACCOUNT_MAX + 1], user[KRB_USER_MAX] = "?";
  struct failure ignored = {0};
  const char *slash = strchr(s->principal, '/'), *first = slash ? slash + 1 : s->principal;
  snprintf(host, sizeof host, "%.*s", (int)strcspn(first, "."), first);
  if (doctor_account(d, s->upn, account, &ignored) == ERR_OK)
    snprintf(user, sizeof user, "%s%s%s", account, d->user_abroad ? "@" : "",
             d->user_abroad ? d->other.name : "");
  const struct advice_names names = {s->keytab,     s->principal, host,   realm,
                                     d->other.name, user,         s->spn, s->url};
  struct finding f = {.check = check, .outcome = OUTCOME_FAIL, .error = info->name, .event = info->event};
  vsnprintf(f.what, sizeof f.what, evidence, ap);
  advice_expand(a->cause, &names, f.cause, sizeof f.cause);
  advice_expand(a->mit, &names, f.mit, sizeof f.mit);
  advice_expand(a->ad, &names, f.ad, sizeof f.ad);
  report_add(d->report, &f);
}

void doctor_fail(struct doctor *d, const char *check, enum advice_id id, const char *evidence, ...)
{
  va_list ap;
  va_start(ap, evidence);
  fail(d, d->home.name, check, id, evidence, ap);
  va_end(ap);
}

void doctor_fail_in(struct doctor *d, const struct doctor_realm *r, const char *check, enum advice_id id,
                    const char *evidence, ...)
{
  va_list ap;
  va_start(ap, evidence);
  fail(d, r->name, check, id, evidence, ap);
  va_end(ap);
}

const char *doctor_krb5_text(struct doctor *d, krb5_error_code code, char *out, size_t size)
{
  const char *text = krb5_get_error_message(d->ctx, code);
  snprintf(out, size, "%s (krb5 code %d)", text, (int)code);
  krb5_free_error_message(d->ctx, text);
  return out;
}

void doctor_arm(struct doctor *d)
{
  d->link.deadline_ns = clock_mono_ns() + exchange_patience_ns;
}

bool doctor_no_kdc(struct doctor *d, const char *check, krb5_error_code code)
{
  char text[300];
  if (code != KRB5_KDC_UNREACH) return false;
  doctor_fail(d, check, d->link.timed_out ? ADVICE_KDC_SILENT : ADVICE_KDC_REFUSES, "%s",
              doctor_krb5_text(d, code, text, sizeof text));
  return true;
}

enum err doctor_account(const struct doctor *d, const char *upn, char out[65], struct failure *f)
{
  const char *suffix = d->subject->upn_suffix, *at = strrchr(upn, '@');
  if (!suffix) suffix = at ? at + 1 : "";
  return krb_account_of_upn(upn, suffix, out, f);
}

/* -- the run -------------------------------------------------------------------------------------------- */

struct progress {
  bool passed[CHECKS_MAX];
};

static bool concerns(const struct doctor *d, size_t check)
{
  return checks[check].concern == ALL || d->user_abroad || (checks[check].concern == ABROAD && d->app_abroad);
}

/* What does not concern us stands in nobody's way. */
static bool has(const struct doctor *d, const struct progress *p, const char *need)
{
  if (strcmp(need, "kdc") == 0) return d->home.udp || d->home.tcp;
  for (size_t i = 0; i < CHECKS; i++)
    if (strcmp(checks[i].name, need) == 0) return p->passed[i] || !concerns(d, i);
  return false;
}

static const char *missing(const struct doctor *d, const struct progress *p, size_t check)
{
  for (size_t i = 0; i < NEEDS_MAX; i++)
    if (checks[check].needs[i] && !has(d, p, checks[check].needs[i])) return checks[check].needs[i];
  return NULL;
}

static void run_checks(struct doctor *d)
{
  struct progress p = {0};
  for (size_t i = 0; i < CHECKS; i++) {
    if (!concerns(d, i)) continue;
    const char *lacks = missing(d, &p, i);
    unsigned before = d->report->passed;
    if (lacks)
      report_skip(d->report, checks[i].name, "needs %s", lacks);
    else
      checks[i].run(d, checks[i].name);
    p.passed[i] = d->report->passed > before;
  }
}

static enum err choose_realms(struct doctor *d, struct failure *f)
{
  const struct doctor_subject *s = d->subject;
  d->home.name = s->realm;
  d->user_abroad = s->user_realm && strcmp(s->user_realm, s->realm) != 0;
  d->app_abroad = s->app_realm && strcmp(s->app_realm, s->realm) != 0;
  if (d->user_abroad && d->app_abroad && strcmp(s->user_realm, s->app_realm) != 0)
    return failure_set(f, ERR_CONFIG,
                       "user and application are of two other realms, %s and %s: examine one at a time",
                       s->user_realm, s->app_realm);
  d->other.name = d->user_abroad ? s->user_realm : d->app_abroad ? s->app_realm : NULL;
  enum err e = kdc_addresses_new(d->ctx, d->home.name, &d->home.addresses, f);
  if (!e && d->other.name) e = kdc_addresses_new(d->ctx, d->other.name, &d->other.addresses, f);
  return e;
}

/* libkrb5 does without a file that it cannot read, and asks DNS; who named one wants that one. Of a list one
 * will do. */
static enum err require_krb5_conf(struct failure *f)
{
  const char *list = getenv("KRB5_CONFIG");
  char file[4096];
  size_t n;
  if (!list || !*list) return ERR_OK;
  for (const char *at = list;; at += n + 1) {
    n = strcspn(at, ":");
    snprintf(file, sizeof file, "%.*s", (int)n, at);
    if (access(file, R_OK) == 0) return ERR_OK;
    if (!at[n]) return failure_set(f, ERR_CONFIG, "krb5.conf cannot be read: %s: %s", list, strerror(errno));
  }
}

static enum err prepare(struct doctor *d, struct failure *f)
{
  struct krb_spn self;
  const struct doctor_subject *s = d->subject;
  enum err e = require_krb5_conf(f);
  if (e) return e;
  krb5_error_code code = krb5_init_context(&d->ctx);
  if (code) {
    d->ctx = NULL;
    return failure_set(f, ERR_CONFIG, "krb5.conf cannot be used (krb5 code %d); see KRB5_CONFIG", (int)code);
  }
  e = krb_spn_split(s->principal, &self, f);
  if (!e) e = choose_realms(d, f);
  if (e) return e;
  if (s4u_name(d->ctx, s->realm, self.first, self.second, KRB5_NT_PRINCIPAL, &d->self))
    return failure_set(f, ERR_NOMEM, "principal");
  kdc_link_attach(d->ctx, &d->link, d->home.addresses);
  d->link.partner = d->other.addresses;
  return ERR_OK;
}

static void clear(struct doctor *d)
{
  krb_initiator_free(d->initiator);
  krb_ticket_unref(d->ticket);
  if (!d->ctx) return;
  krb5_free_creds(d->ctx, d->service);
  krb5_free_creds(d->ctx, d->evidence);
  if (d->tgt) krb5_cc_destroy(d->ctx, d->tgt);
  krb5_free_data(d->ctx, d->probe);
  krb5_free_principal(d->ctx, d->self);
  kdc_addresses_free(d->home.addresses);
  kdc_addresses_free(d->other.addresses);
  krb5_free_context(d->ctx);
}

enum err doctor_examine(const struct doctor_subject *subject, struct report *report, struct failure *f)
{
  struct doctor d = {.subject = subject, .report = report};
  enum err e = prepare(&d, f);
  if (!e) run_checks(&d);
  clear(&d);
  return e;
}

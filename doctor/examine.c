/* The checks in their order, and what each of them needs: a check whose ground is missing is skipped, so that
 * the first failure is the cause and not one of its consequences. */
#include "doctor.h"

#include "krb_name.h"

#include <stdarg.h>
#include <string.h>

enum { NEEDS_MAX = 2, CHECKS_MAX = 20 };

static const struct {
  const char *name;
  doctor_check *run;
  const char *needs[NEEDS_MAX];
} checks[] = {
    {"krb5.conf", check_krb5_conf, {0}},
    {"names", check_names, {"krb5.conf"}},
    {"kdc-udp", check_kdc_udp, {"names"}},
    {"kdc-tcp", check_kdc_tcp, {"names"}},
    {"clock", check_clock, {"kdc"}},
    {"keytab", check_keytab, {0}},
    {"enctypes", check_enctypes, {"keytab"}},
    {"as", check_as, {"kdc", "enctypes"}},
    {"s4u2self", check_s4u2self, {"as"}},
    {"kvno", check_kvno, {"s4u2self"}},
    {"pac", check_pac, {"s4u2self", "kvno"}},
    {"forwardable", check_forwardable, {"s4u2self"}},
    {"s4u2proxy", check_s4u2proxy, {"forwardable"}},
    {"application", check_application, {0}},
    {"ticket", check_ticket, {"s4u2proxy", "application"}},
    {"mutual", check_mutual, {"ticket"}},
};
enum { CHECKS = sizeof checks / sizeof checks[0] };

/* -- what checks share ---------------------------------------------------------------------------------- */

void doctor_fail(struct doctor *d, const char *check, enum advice_id id, const char *evidence, ...)
{
  const struct advice *a = advice_of(id);
  const struct err_info *info = err_info(a->error);
  const struct doctor_subject *s = d->subject;
  char host[256] = "", user[KRB_ACCOUNT_MAX + 1] = "?";
  struct failure ignored = {0};
  const char *slash = strchr(s->principal, '/'), *first = slash ? slash + 1 : s->principal;
  snprintf(host, sizeof host, "%.*s", (int)strcspn(first, "."), first);
  if (doctor_account(d, s->upn, user, &ignored)) snprintf(user, sizeof user, "?");
  const struct advice_names names = {s->keytab, s->principal, host, s->realm, user, s->spn, s->url};
  struct finding f = {.check = check, .outcome = OUTCOME_FAIL, .error = info->name, .event = info->event};
  va_list ap;
  va_start(ap, evidence);
  vsnprintf(f.what, sizeof f.what, evidence, ap);
  va_end(ap);
  advice_expand(a->cause, &names, f.cause, sizeof f.cause);
  advice_expand(a->mit, &names, f.mit, sizeof f.mit);
  advice_expand(a->ad, &names, f.ad, sizeof f.ad);
  report_add(d->report, &f);
}

const char *doctor_krb5_text(struct doctor *d, krb5_error_code code, char *out, size_t size)
{
  const char *text = krb5_get_error_message(d->ctx, code);
  snprintf(out, size, "%s (krb5 code %d)", text, (int)code);
  krb5_free_error_message(d->ctx, text);
  return out;
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

static bool has(const struct doctor *d, const struct progress *p, const char *need)
{
  if (strcmp(need, "kdc") == 0) return d->udp || d->tcp;
  for (size_t i = 0; i < CHECKS; i++)
    if (strcmp(checks[i].name, need) == 0) return p->passed[i];
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
    const char *lacks = missing(d, &p, i);
    unsigned before = d->report->passed;
    if (lacks)
      report_skip(d->report, checks[i].name, "needs %s", lacks);
    else
      checks[i].run(d, checks[i].name);
    p.passed[i] = d->report->passed > before;
  }
}

static enum err prepare(struct doctor *d, struct failure *f)
{
  struct krb_spn self;
  const struct doctor_subject *s = d->subject;
  krb5_error_code code = krb5_init_context(&d->ctx);
  if (code) {
    d->ctx = NULL;
    return failure_set(f, ERR_CONFIG, "krb5.conf cannot be used (krb5 code %d); see KRB5_CONFIG", (int)code);
  }
  enum err e = krb_spn_split(s->principal, &self, f);
  if (!e) e = kdc_addresses_new(d->ctx, s->realm, &d->addresses, f);
  if (e) return e;
  if (krb5_build_principal(d->ctx, &d->self, (unsigned)strlen(s->realm), s->realm, self.first,
                           *self.second ? self.second : (const char *)NULL, (const char *)NULL))
    return failure_set(f, ERR_NOMEM, "principal");
  d->self->type = KRB5_NT_PRINCIPAL;
  kdc_link_attach(d->ctx, &d->link, d->addresses);
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
  kdc_addresses_free(d->addresses);
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

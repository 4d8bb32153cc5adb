/* The connector's own ticket, the user's evidence ticket, and the ticket for the application: the exchanges
 * of steps 4 and 5 one by one. What the KDC says with one and the same code is told apart by what else is
 * known: the tickets' flags and a second user. */
#include "doctor.h"

#include "clock.h"
#include "krb_error.h"
#include "krb_name.h"
#include "s4u.h"
#include "ticket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- AS: the connector itself --------------------------------------------------------------------------- */

static krb5_error_code obtain_tgt(struct doctor *d)
{
  char name[4096 + 8];
  krb5_keytab keytab = NULL;
  krb5_get_init_creds_opt *opt = NULL;
  krb5_creds creds = {0};
  snprintf(name, sizeof name, "FILE:%s", d->subject->keytab);
  krb5_error_code code = krb5_kt_resolve(d->ctx, name, &keytab);
  if (!code) code = krb5_get_init_creds_opt_alloc(d->ctx, &opt);
  if (!code) {
    krb5_get_init_creds_opt_set_forwardable(opt, 1);
    doctor_arm(d);
    code = krb5_get_init_creds_keytab(d->ctx, &creds, d->self, keytab, 0, NULL, opt);
  }
  if (!code) code = krb5_cc_new_unique(d->ctx, "MEMORY", NULL, &d->tgt);
  if (!code) code = krb5_cc_initialize(d->ctx, d->tgt, d->self);
  if (!code) code = krb5_cc_store_cred(d->ctx, d->tgt, &creds);
  if (!code) d->tgt_flags = creds.ticket_flags;
  krb5_free_cred_contents(d->ctx, &creds);
  if (opt) krb5_get_init_creds_opt_free(d->ctx, opt);
  if (keytab) krb5_kt_close(d->ctx, keytab);
  return code;
}

static enum advice_id as_advice(krb5_error_code code)
{
  switch (code) {
  case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
    return ADVICE_CONNECTOR_UNKNOWN;
  case KRB5KDC_ERR_CLIENT_REVOKED:
  case KRB5KDC_ERR_POLICY: /* Samba's word for it */
    return ADVICE_CONNECTOR_REVOKED;
  case KRB5KDC_ERR_NAME_EXP:
  case KRB5KDC_ERR_KEY_EXP:
    return ADVICE_CONNECTOR_EXPIRED;
  case KRB5KDC_ERR_PREAUTH_FAILED:
  case KRB5KRB_AP_ERR_BAD_INTEGRITY:
  case KRB5_KT_KVNONOTFOUND:
    return ADVICE_OLD_KEY;
  case KRB5KDC_ERR_ETYPE_NOSUPP:
  case KRB5_CONFIG_ETYPE_NOSUPP:
  case KRB5_PROG_ETYPE_NOSUPP:
    return ADVICE_NO_COMMON_ENCTYPE;
  case KRB5_KDCREP_SKEW:
  case KRB5KRB_AP_ERR_SKEW:
    return ADVICE_CLOCK;
  case KRB5KRB_ERR_GENERIC:
    return ADVICE_KDC_FAILED;
  default:
    return ADVICE_AS_OTHER;
  }
}

void check_as(struct doctor *d, const char *name)
{
  char text[300];
  krb5_error_code code = obtain_tgt(d);
  if (!code)
    report_pass(d->report, name, "the KDC gives %s a ticket", d->subject->principal);
  else if (!doctor_no_kdc(d, name, code))
    doctor_fail(d, name, as_advice(code), "%s", doctor_krb5_text(d, code, text, sizeof text));
}

/* -- S4U2Self: a ticket in the user's name -------------------------------------------------------------- */

static krb5_error_code evidence_for(struct doctor *d, krb5_principal user, krb5_creds **ret)
{
  krb5_creds in = {.client = user, .server = d->self};
  doctor_arm(d);
  return krb5_get_credentials_for_user(d->ctx, KRB5_GC_NO_STORE, d->tgt, &in, NULL, ret);
}

static const char *user_realm(const struct doctor *d)
{
  return d->user_abroad ? d->other.name : d->home.name;
}

static krb5_error_code evidence_for_account(struct doctor *d, const char *account, krb5_creds **ret)
{
  krb5_principal user = NULL;
  krb5_error_code code = s4u_name(d->ctx, user_realm(d), account, "", KRB5_NT_PRINCIPAL, &user);
  if (code) return code;
  code = evidence_for(d, user, ret);
  krb5_free_principal(d->ctx, user);
  return code;
}

/* The last exchange is with our own KDC again, which must be able to read the other one's ticket. */
static enum advice_id s4u2self_advice(const struct doctor *d, krb5_error_code code)
{
  if (d->user_abroad && krb_error_is_strange_key(code)) return ADVICE_TRUST_BACK_KEY;
  switch (code) {
  case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
    return ADVICE_USER_UNKNOWN;
  case KRB5KDC_ERR_CLIENT_REVOKED:
  case KRB5KDC_ERR_POLICY:
    return ADVICE_USER_REVOKED;
  case KRB5KDC_ERR_NAME_EXP:
    return ADVICE_USER_EXPIRED;
  case KRB5KDC_ERR_TGT_REVOKED: /* MIT's word when it makes no PAC */
    return ADVICE_NO_PAC;
  case KRB5KRB_ERR_GENERIC:
    return ADVICE_KDC_FAILED;
  default:
    return ADVICE_S4U2SELF_OTHER;
  }
}

void check_s4u2self(struct doctor *d, const char *name)
{
  char account[KRB_ACCOUNT_MAX + 1], text[300];
  struct failure f = {0};
  if (doctor_account(d, d->subject->upn, account, &f)) {
    doctor_fail(d, name, ADVICE_NAME_MALFORMED, "%s: %s", d->subject->upn, f.why);
    return;
  }
  krb5_error_code code = evidence_for_account(d, account, &d->evidence);
  if (!code)
    report_pass(d->report, name, "the KDC gives a ticket in the name of %s@%s%s", account, user_realm(d),
                d->user_abroad ? ", whom his own has vouched for" : "");
  else if (!doctor_no_kdc(d, name, code))
    doctor_fail(d, name, s4u2self_advice(d, code), "%s@%s: %s", account, user_realm(d),
                doctor_krb5_text(d, code, text, sizeof text));
}

/* The evidence ticket is encrypted in the connector's own key, and says in which version. */
void check_kvno(struct doctor *d, const char *name)
{
  krb5_ticket *ticket = NULL;
  if (krb5_decode_ticket(&d->evidence->ticket, &ticket)) {
    report_skip(d->report, name, "the ticket is not understood");
    return;
  }
  int kdc = (int)ticket->enc_part.kvno;
  krb5_free_ticket(d->ctx, ticket);
  if (kdc && kdc > d->kvno)
    doctor_fail(d, name, ADVICE_KVNO, "the KDC uses key version %d, the keytab ends at %d", kdc, d->kvno);
  else
    report_pass(d->report, name, "the KDC uses key version %d, which the keytab has", kdc);
}

/* -- PAC ------------------------------------------------------------------------------------------------ */

static krb5_error_code pac_of(struct doctor *d, krb5_ticket *ticket, krb5_pac *ret)
{
  krb5_authdata **list = NULL;
  krb5_error_code code =
      krb5_find_authdata(d->ctx, ticket->enc_part2->authorization_data, NULL, KRB5_AUTHDATA_WIN2K_PAC, &list);
  if (code) return code;
  code = list && list[0] ? krb5_pac_parse(d->ctx, list[0]->contents, list[0]->length, ret) : ENOENT;
  krb5_free_authdata(d->ctx, list);
  return code;
}

static krb5_error_code verify_pac(struct doctor *d, krb5_ticket *ticket, krb5_keytab keytab, krb5_pac pac)
{
  krb5_keytab_entry key;
  krb5_error_code code =
      krb5_kt_get_entry(d->ctx, keytab, d->self, ticket->enc_part.kvno, ticket->enc_part.enctype, &key);
  if (code) return code;
  code = krb5_pac_verify(d->ctx, pac, ticket->enc_part2->times.authtime, ticket->enc_part2->client, &key.key,
                         NULL);
  krb5_free_keytab_entry_contents(d->ctx, &key);
  return code;
}

static void judge_pac(struct doctor *d, const char *name, krb5_ticket *ticket, krb5_keytab keytab)
{
  char text[300];
  krb5_pac pac = NULL;
  uint32_t *types = NULL;
  size_t n = 0;
  krb5_error_code code = pac_of(d, ticket, &pac);
  if (code == ENOENT) {
    doctor_fail(d, name, ADVICE_NO_PAC, "the ticket has none");
    return;
  }
  if (!code) code = verify_pac(d, ticket, keytab, pac);
  if (code)
    doctor_fail(d, name, ADVICE_BAD_PAC, "%s", doctor_krb5_text(d, code, text, sizeof text));
  else if (krb5_pac_get_types(d->ctx, pac, &n, &types) == 0)
    report_pass(d->report, name, "signed with the connector's key, %zu buffers", n);
  else
    report_pass(d->report, name, "signed with the connector's key");
  free(types);
  krb5_pac_free(d->ctx, pac);
}

void check_pac(struct doctor *d, const char *name)
{
  char path[4096 + 8], text[300];
  krb5_ticket *ticket = NULL;
  krb5_keytab keytab = NULL;
  snprintf(path, sizeof path, "FILE:%s", d->subject->keytab);
  krb5_error_code code = krb5_decode_ticket(&d->evidence->ticket, &ticket);
  if (!code) code = krb5_kt_resolve(d->ctx, path, &keytab);
  if (!code) code = krb5_server_decrypt_ticket_keytab(d->ctx, keytab, ticket);
  if (code)
    doctor_fail(d, name, ADVICE_BAD_PAC, "the ticket cannot be decrypted: %s",
                doctor_krb5_text(d, code, text, sizeof text));
  else
    judge_pac(d, name, ticket, keytab);
  if (keytab) krb5_kt_close(d->ctx, keytab);
  krb5_free_ticket(d->ctx, ticket);
}

/* -- S4U2Proxy: the ticket for the application ---------------------------------------------------------- */

static krb5_error_code obtain_service(struct doctor *d)
{
  struct krb_spn spn;
  struct failure f = {0};
  if (krb_spn_split(d->subject->spn, &spn, &f)) return KRB5_PARSE_MALFORMED;
  doctor_arm(d);
  return s4u_proxy(d->ctx, d->tgt, d->self, d->evidence, &spn, d->app_abroad ? NULL : d->home.name,
                   &d->service);
}

/* Would the ticket be forwardable for somebody else? The second user if one is given, else the connector as
 * its own user: that account exists for certain. -1: no answer. */
static int others_are_forwardable(struct doctor *d)
{
  char account[KRB_ACCOUNT_MAX + 1];
  struct failure f = {0};
  krb5_creds *probe = NULL;
  krb5_error_code code;
  if (d->subject->other_upn && !doctor_account(d, d->subject->other_upn, account, &f))
    code = evidence_for_account(d, account, &probe);
  else
    code = evidence_for(d, d->self, &probe);
  if (code) return -1;
  int yes = (probe->ticket_flags & TKT_FLG_FORWARDABLE) != 0;
  krb5_free_creds(d->ctx, probe);
  return yes;
}

static enum advice_id not_forwardable_advice(struct doctor *d)
{
  if (!(d->tgt_flags & TKT_FLG_FORWARDABLE)) return ADVICE_TGT_NOT_FORWARDABLE;
  int others = others_are_forwardable(d);
  return others < 0 ? ADVICE_NOT_FORWARDABLE_UNDECIDED
         : others   ? ADVICE_USER_SENSITIVE
                    : ADVICE_NO_PROTOCOL_TRANSITION;
}

void check_forwardable(struct doctor *d, const char *name)
{
  if (d->evidence->ticket_flags & TKT_FLG_FORWARDABLE) {
    report_pass(d->report, name, "the user's ticket may be passed on");
    return;
  }
  /* Resource-based delegation does without. */
  if (obtain_service(d) == 0) {
    report_pass(d->report, name,
                "the user's ticket is not, but the application's own list permits it all the same");
    return;
  }
  doctor_fail(d, name, not_forwardable_advice(d), "the user's ticket lacks the flag forwardable");
}

static enum advice_id s4u2proxy_advice(struct doctor *d, krb5_error_code code)
{
  switch (code) {
  case KRB5KDC_ERR_BADOPTION:
  case KRB5KDC_ERR_POLICY:
    return d->app_abroad ? ADVICE_NOT_ALLOWED_ABROAD : ADVICE_NOT_ALLOWED;
  case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
    return d->app_abroad && doctor_is_known_abroad(d) ? ADVICE_NO_REFERRAL : ADVICE_SPN_UNKNOWN;
  case KRB5KDC_ERR_ETYPE_NOSUPP:
    return ADVICE_NO_COMMON_ENCTYPE;
  default:
    return ADVICE_S4U2PROXY_OTHER;
  }
}

void check_s4u2proxy(struct doctor *d, const char *name)
{
  char text[300];
  krb5_error_code code = d->service ? 0 : obtain_service(d);
  if (!code) {
    struct krb_ticket_info info;
    krb_ticket_info_fill(d->ctx, d->service, &info);
    report_pass(d->report, name, "a ticket of %s for %s, %s, key version %d", info.client, d->subject->spn,
                info.enctype, info.kvno);
  } else if (!doctor_no_kdc(d, name, code)) {
    doctor_fail(d, name, s4u2proxy_advice(d, code), "%s: %s", d->subject->spn,
                doctor_krb5_text(d, code, text, sizeof text));
  }
}

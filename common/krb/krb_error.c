#include "krb_error.h"

static enum err general_error(krb5_error_code code, const struct krb_circumstance *c)
{
  switch (code) {
  case KRB5_KDC_UNREACH:
    return c->timed_out ? ERR_KDC_TIMEOUT : ERR_KDC_UNREACHABLE;
  case KRB5_REALM_UNKNOWN:
  case KRB5_REALM_CANT_RESOLVE:
  case KRB5KDC_ERR_SVC_UNAVAILABLE:
    return ERR_KDC_UNREACHABLE;
  case KRB5KRB_ERR_GENERIC: /* krb5kdc's word for a database that it cannot read; abroad see below */
    return c->abroad ? ERR_OK : ERR_KDC_FAILED;
  case KRB5_KDCREP_SKEW:
  case KRB5KRB_AP_ERR_SKEW:
    return ERR_KRB_CLOCK_SKEW;
  case KRB5KDC_ERR_ETYPE_NOSUPP:
  case KRB5_CONFIG_ETYPE_NOSUPP:
  case KRB5_PROG_ETYPE_NOSUPP:
    return ERR_KRB_ENCTYPE;
  default:
    return ERR_OK;
  }
}

static enum err s4u2self_error(krb5_error_code code)
{
  switch (code) {
  case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
    return ERR_KRB_USER_UNKNOWN;
  case KRB5KDC_ERR_CLIENT_REVOKED:
  case KRB5KDC_ERR_POLICY: /* Samba's word for a disabled user */
    return ERR_KRB_USER_REVOKED;
  case KRB5KDC_ERR_NAME_EXP:
    return ERR_KRB_USER_EXPIRED;
  case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN: /* the connector itself */
    return ERR_KRB_CONNECTOR_CREDENTIAL;
  default:
    return ERR_KRB_OTHER;
  }
}

static enum err s4u2proxy_error(krb5_error_code code, bool forwardable)
{
  switch (code) {
  case KRB5KDC_ERR_BADOPTION:
  case KRB5KDC_ERR_POLICY:
    return forwardable ? ERR_KRB_NOT_ALLOWED_TO_DELEGATE : ERR_KRB_NOT_FORWARDABLE;
  case KRB5_TKT_NOT_FORWARDABLE:
    return ERR_KRB_NOT_FORWARDABLE;
  case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
    return ERR_KRB_SPN_UNKNOWN;
  case KRB5KDC_ERR_CLIENT_REVOKED:
    return ERR_KRB_USER_REVOKED;
  default:
    return ERR_KRB_OTHER;
  }
}

bool krb_error_is_strange_key(krb5_error_code code)
{
  switch (code) {
  case KRB5KRB_ERR_GENERIC: /* MIT's word for all of them */
  case KRB5KRB_AP_ERR_BAD_INTEGRITY:
  case KRB5KRB_AP_ERR_MODIFIED:
  case KRB5KRB_AP_ERR_BADKEYVER:
  case KRB5KRB_AP_ERR_NOKEY:
    return true;
  default:
    return false;
  }
}

/* In S4U2Self what is not found is the way: the connector is known, as it has a ticket, and a user has a word
 * of his own. In S4U2Proxy it may be the SPN. */
static enum err trust_error(krb5_error_code code, enum krb_phase phase)
{
  bool no_way = phase == KRB_PHASE_S4U2SELF && code == KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN;
  return no_way || krb_error_is_strange_key(code) ? ERR_KRB_TRUST : ERR_OK;
}

enum err krb_error(krb5_context ctx, krb5_error_code code, const struct krb_circumstance *c,
                   struct failure *f)
{
  static const char *const phases[] = {"AS", "S4U2Self", "S4U2Proxy"};
  enum err e = general_error(code, c);
  if (!e && c->phase == KRB_PHASE_AS) e = ERR_KRB_CONNECTOR_CREDENTIAL;
  if (!e && c->abroad) e = trust_error(code, c->phase);
  if (!e && c->phase == KRB_PHASE_S4U2SELF) e = s4u2self_error(code);
  if (!e) e = s4u2proxy_error(code, c->evidence_forwardable);
  const char *text = krb5_get_error_message(ctx, code);
  failure_set(f, e, "%s for %s: %s (krb5 code %d)", phases[c->phase], c->subject, text, (int)code);
  krb5_free_error_message(ctx, text);
  return e;
}

bool krb_error_is_stale_tgt(krb5_error_code code)
{
  switch (code) {
  case KRB5KRB_AP_ERR_BAD_INTEGRITY: /* the KDC cannot decrypt it: its key changed */
  case KRB5KRB_AP_ERR_MODIFIED:
  case KRB5KRB_AP_ERR_BADKEYVER:
  case KRB5KRB_AP_ERR_NOKEY:
  case KRB5KRB_AP_ERR_TKT_EXPIRED:
  case KRB5KRB_AP_ERR_TKT_NYV:
  case KRB5KRB_AP_ERR_SKEW:
  case KRB5KDC_ERR_TGT_REVOKED:
  case KRB5KDC_ERR_MUST_USE_USER2USER:
  case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
  case KRB5KRB_ERR_GENERIC:
  case KRB5_CC_NOTFOUND:
    return true;
  default:
    return false;
  }
}

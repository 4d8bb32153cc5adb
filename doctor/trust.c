/* The trust between the connector's realm and another: one key each way, which both realms' KDCs have. A
 * ticket for the other KDC, krbtgt/OTHER@HOME, comes of the first; the way back, krbtgt/HOME@OTHER, of the
 * second. */
#include "doctor.h"

#include "s4u.h"

/* A ticket of the connector for a service; it is given back at once. */
static krb5_error_code obtain(struct doctor *d, const char *realm, const char *first, const char *second)
{
  krb5_creds in = {.client = d->self}, *out = NULL;
  krb5_error_code code = s4u_name(d->ctx, realm, first, second, KRB5_NT_SRV_INST, &in.server);
  if (code) return code;
  doctor_arm(d);
  code = krb5_get_credentials(d->ctx, KRB5_GC_NO_STORE, d->tgt, &in, &out);
  krb5_free_creds(d->ctx, out);
  krb5_free_principal(d->ctx, in.server);
  return code;
}

static krb5_error_code obtain_way(struct doctor *d, const char *from, const char *to)
{
  return obtain(d, from, KRB5_TGS_NAME, to);
}

bool doctor_is_known_abroad(struct doctor *d)
{
  struct krb_spn spn;
  struct failure f = {0};
  return krb_spn_split(d->subject->spn, &spn, &f) == ERR_OK &&
         obtain(d, d->other.name, spn.first, spn.second) != KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN;
}

static void fail(struct doctor *d, const char *name, enum advice_id id, const char *from, const char *to,
                 krb5_error_code code)
{
  char text[300];
  if (doctor_no_kdc(d, name, code)) return;
  doctor_fail(d, name, id, "krbtgt/%s@%s: %s", to, from, doctor_krb5_text(d, code, text, sizeof text));
}

void check_trust(struct doctor *d, const char *name)
{
  krb5_error_code code = obtain_way(d, d->home.name, d->other.name);
  if (code)
    fail(d, name, ADVICE_NO_TRUST, d->home.name, d->other.name, code);
  else
    report_pass(d->report, name, "the KDC of %s gives a ticket for that of %s", d->home.name, d->other.name);
}

/* What every KDC has is its own ticket-granting service. So if it is not found there, that is said of the key
 * which the ticket was made with. */
void check_trust_key(struct doctor *d, const char *name)
{
  krb5_error_code code = obtain_way(d, d->other.name, d->other.name);
  if (code)
    fail(d, name, ADVICE_TRUST_KEY, d->home.name, d->other.name, code);
  else
    report_pass(d->report, name, "the KDC of %s accepts it", d->other.name);
}

void check_trust_back(struct doctor *d, const char *name)
{
  krb5_error_code code = obtain_way(d, d->other.name, d->home.name);
  if (code)
    fail(d, name, ADVICE_NO_TRUST_BACK, d->other.name, d->home.name, code);
  else
    report_pass(d->report, name, "the KDC of %s gives one back for that of %s", d->other.name, d->home.name);
}

/* One code of libkrb5 has several meanings, depending on the exchange and on what else is known. */
#include "krb_error.h"

#include "run.h"

#include <stdlib.h>
#include <string.h>

static const struct meaning {
  krb5_error_code code;
  struct krb_circumstance where;
  enum err err;
} meanings[] = {
    {KRB5_KDC_UNREACH, {.phase = KRB_PHASE_AS}, ERR_KDC_UNREACHABLE},
    {KRB5_KDC_UNREACH, {.phase = KRB_PHASE_AS, .timed_out = true}, ERR_KDC_TIMEOUT},
    {KRB5_REALM_UNKNOWN, {.phase = KRB_PHASE_S4U2SELF, .abroad = true}, ERR_KDC_UNREACHABLE},
    {KRB5_KDCREP_SKEW, {.phase = KRB_PHASE_S4U2SELF}, ERR_KRB_CLOCK_SKEW},
    {KRB5KDC_ERR_ETYPE_NOSUPP, {.phase = KRB_PHASE_S4U2PROXY}, ERR_KRB_ENCTYPE},
    {KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, {.phase = KRB_PHASE_AS}, ERR_KRB_CONNECTOR_CREDENTIAL},
    {KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, {.phase = KRB_PHASE_S4U2SELF}, ERR_KRB_USER_UNKNOWN},
    {KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, {.phase = KRB_PHASE_S4U2SELF, .abroad = true}, ERR_KRB_USER_UNKNOWN},
    {KRB5KDC_ERR_CLIENT_REVOKED, {.phase = KRB_PHASE_AS}, ERR_KRB_CONNECTOR_CREDENTIAL},
    {KRB5KDC_ERR_CLIENT_REVOKED, {.phase = KRB_PHASE_S4U2SELF}, ERR_KRB_USER_REVOKED},
    {KRB5KDC_ERR_NAME_EXP, {.phase = KRB_PHASE_S4U2SELF}, ERR_KRB_USER_EXPIRED},
    {KRB5KDC_ERR_BADOPTION, {.phase = KRB_PHASE_S4U2PROXY}, ERR_KRB_NOT_FORWARDABLE},
    {KRB5KDC_ERR_BADOPTION,
     {.phase = KRB_PHASE_S4U2PROXY, .evidence_forwardable = true},
     ERR_KRB_NOT_ALLOWED_TO_DELEGATE},
    /* What is not found: the connector, the way to another realm, or the application. */
    {KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, {.phase = KRB_PHASE_S4U2SELF}, ERR_KRB_CONNECTOR_CREDENTIAL},
    {KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, {.phase = KRB_PHASE_S4U2SELF, .abroad = true}, ERR_KRB_TRUST},
    {KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, {.phase = KRB_PHASE_S4U2PROXY}, ERR_KRB_SPN_UNKNOWN},
    {KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, {.phase = KRB_PHASE_S4U2PROXY, .abroad = true}, ERR_KRB_SPN_UNKNOWN},
    /* What cannot be read: at home a database, abroad a ticket. */
    {KRB5KRB_ERR_GENERIC, {.phase = KRB_PHASE_S4U2SELF}, ERR_KDC_FAILED},
    {KRB5KRB_ERR_GENERIC, {.phase = KRB_PHASE_S4U2SELF, .abroad = true}, ERR_KRB_TRUST},
    {KRB5KRB_ERR_GENERIC, {.phase = KRB_PHASE_S4U2PROXY, .abroad = true}, ERR_KRB_TRUST},
    {KRB5KRB_AP_ERR_BAD_INTEGRITY, {.phase = KRB_PHASE_S4U2SELF}, ERR_KRB_OTHER},
    {KRB5KRB_AP_ERR_BAD_INTEGRITY, {.phase = KRB_PHASE_S4U2SELF, .abroad = true}, ERR_KRB_TRUST},
    {KRB5KRB_AP_ERR_MODIFIED, {.phase = KRB_PHASE_S4U2PROXY, .abroad = true}, ERR_KRB_TRUST},
    {KRB5KDC_ERR_TGT_REVOKED, {.phase = KRB_PHASE_S4U2SELF}, ERR_KRB_OTHER},
};

START_TEST(krb_error_of_a_code_in_its_circumstance)
{
  krb5_context ctx;
  struct failure f = {0};
  struct krb_circumstance where = meanings[_i].where;
  where.subject = "somebody";
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
  enum err e = krb_error(ctx, meanings[_i].code, &where, &f);
  ck_assert_msg(e == meanings[_i].err, "%d: %s", _i, err_info(e)->name);
  ck_assert_int_eq(f.err, e);
  ck_assert_ptr_nonnull(strstr(f.why, " for somebody: "));
  krb5_free_context(ctx);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("krb_error");
  TCase *t = tcase_create("krb_error");
  tcase_add_loop_test(t, krb_error_of_a_code_in_its_circumstance, 0,
                      (int)(sizeof meanings / sizeof *meanings));
  suite_add_tcase(s, t);
  return run(s);
}

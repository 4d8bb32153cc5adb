/* The database module inside a real krb5kdc: what it permits, what it refuses, and which names it finds. */
#include "kdc_lab.h"

#include <krb5.h>
#include <stdio.h>
#include <string.h>

static struct kdc_lab l;

static void setup(void)
{
  kdc_lab_make(&l);
  kdc_lab_start(&l);
}

static void teardown(void)
{
  kdc_lab_remove(&l);
}

static enum err obtain(const char *upn, const char *spn, struct krb_exchange *x)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  struct krb_ticket *t = NULL;
  enum err e = krb_obtain(d, upn, spn, &t, x, NULL, NULL);
  krb_ticket_unref(t);
  krb_delegator_free(d);
  return e;
}

START_TEST(delegation_target_in_the_list_is_permitted)
{
  struct krb_exchange x;
  ck_assert_int_eq(obtain("alice@test", SPN("hello"), &x), ERR_OK);
  ck_assert_int_eq(obtain("alice@test", SPN("ledger"), &x), ERR_OK);
}
END_TEST

START_TEST(delegation_target_not_in_the_list_is_refused)
{
  struct krb_exchange x;
  ck_assert_int_eq(obtain("alice@test", SPN("vault"), &x), ERR_KRB_NOT_ALLOWED_TO_DELEGATE);
}
END_TEST

START_TEST(delegation_target_that_begins_like_one_in_the_list_is_refused)
{
  struct krb_exchange x;
  kdc_lab_admin("setstr " SPN("connector-1") " allowed_to_delegate_to HTTP/hello.corp.testing");
  ck_assert_int_eq(obtain("alice@test", SPN("hello"), &x), ERR_KRB_NOT_ALLOWED_TO_DELEGATE);
  kdc_lab_provision(&l);
}
END_TEST

START_TEST(delegation_list_with_realm_and_many_spaces_is_understood)
{
  struct krb_exchange x;
  kdc_lab_admin("setstr " SPN("connector-1") " allowed_to_delegate_to \"  HTTP/x.corp.test   " SPN(
      "vault") "@" REALM "  \"");
  ck_assert_int_eq(obtain("alice@test", SPN("vault"), &x), ERR_OK);
  kdc_lab_provision(&l);
}
END_TEST

START_TEST(delegation_list_naming_another_realm_is_refused)
{
  struct krb_exchange x;
  kdc_lab_admin("setstr " SPN("connector-1") " allowed_to_delegate_to " SPN("vault") "@OTHER.TEST");
  ck_assert_int_eq(obtain("alice@test", SPN("vault"), &x), ERR_KRB_NOT_ALLOWED_TO_DELEGATE);
  kdc_lab_provision(&l);
}
END_TEST

START_TEST(delegation_without_any_list_is_refused)
{
  struct krb_exchange x;
  kdc_lab_admin("delstr " SPN("connector-1") " allowed_to_delegate_to");
  ck_assert_int_ne(obtain("alice@test", SPN("hello"), &x), ERR_OK);
  kdc_lab_provision(&l);
}
END_TEST

START_TEST(resource_based_delegation_is_permitted_by_the_target)
{
  struct krb_exchange x;
  kdc_lab_admin("setstr " SPN("vault") " allowed_to_act_from " SPN("connector-1"));
  ck_assert_int_eq(obtain("alice@test", SPN("vault"), &x), ERR_OK);
  kdc_lab_admin("delstr " SPN("vault") " allowed_to_act_from");
  ck_assert_int_eq(obtain("alice@test", SPN("vault"), &x), ERR_KRB_NOT_ALLOWED_TO_DELEGATE);
}
END_TEST

/* A log-on as an enterprise name; gives the code. */
static krb5_error_code log_on(const char *name, const char *password)
{
  krb5_context ctx;
  krb5_principal p;
  krb5_creds creds = {0};
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
  ck_assert_int_eq(krb5_parse_name_flags(ctx, name, KRB5_PRINCIPAL_PARSE_ENTERPRISE, &p), 0);
  krb5_error_code code = krb5_get_init_creds_password(ctx, &creds, p, password, NULL, NULL, 0, NULL, NULL);
  krb5_free_cred_contents(ctx, &creds);
  krb5_free_principal(ctx, p);
  krb5_free_context(ctx);
  return code;
}

START_TEST(enterprise_name_with_the_upn_suffix_finds_the_account)
{
  ck_assert_int_eq(log_on("alice@test", "alice-password"), 0);
  ck_assert_int_eq(log_on("alice@TEST", "alice-password"), 0);
}
END_TEST

START_TEST(enterprise_name_with_the_realm_finds_the_account)
{
  ck_assert_int_eq(log_on("alice@" REALM, "alice-password"), 0);
}
END_TEST

START_TEST(enterprise_name_with_another_suffix_is_unknown)
{
  ck_assert_int_eq(log_on("alice@elsewhere.test", "alice-password"), KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN);
}
END_TEST

START_TEST(enterprise_name_with_a_separator_is_unknown)
{
  ck_assert_int_eq(log_on("HTTP/hello.corp.test@test", "x"), KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN);
  ck_assert_int_eq(log_on("alice\\@x@test", "x"), KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN);
}
END_TEST

START_TEST(enterprise_name_without_suffix_is_unknown)
{
  ck_assert_int_eq(log_on("alice", "alice-password"), KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("kdb_module");
  TCase *t = tcase_create("module");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, delegation_target_in_the_list_is_permitted);
  tcase_add_test(t, delegation_target_not_in_the_list_is_refused);
  tcase_add_test(t, delegation_target_that_begins_like_one_in_the_list_is_refused);
  tcase_add_test(t, delegation_list_with_realm_and_many_spaces_is_understood);
  tcase_add_test(t, delegation_list_naming_another_realm_is_refused);
  tcase_add_test(t, delegation_without_any_list_is_refused);
  tcase_add_test(t, resource_based_delegation_is_permitted_by_the_target);
  tcase_add_test(t, enterprise_name_with_the_upn_suffix_finds_the_account);
  tcase_add_test(t, enterprise_name_with_the_realm_finds_the_account);
  tcase_add_test(t, enterprise_name_with_another_suffix_is_unknown);
  tcase_add_test(t, enterprise_name_with_a_separator_is_unknown);
  tcase_add_test(t, enterprise_name_without_suffix_is_unknown);
  suite_add_tcase(s, t);
  return run(s);
}

#include "forms.h"

#include "browser.h"
#include "clock.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

static struct fields request, response;
static char proof[FORM_PROOF_MAX];

static void setup(void)
{
  provider_setup();
  fields_init(&request, 8, 4096);
  fields_init(&response, 8, 4096);
}

static void teardown(void)
{
  fields_clear(&request);
  fields_clear(&response);
  provider_teardown();
}

/* Shows a form with content "c" to a browser, which keeps the cookie. */
static void show(void)
{
  char cookie[256];
  ck_assert_int_eq(form_prove(&provider, &request, &response, "c", proof), ERR_OK);
  const char *set = fields_get(&response, "Set-Cookie");
  ck_assert_ptr_nonnull(set);
  snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(set, ";"), set);
  ck_assert_int_eq(fields_set(&request, "Cookie", cookie), ERR_OK);
}

static enum err check(const char *content)
{
  struct failure f;
  return form_check(&provider, &request, content, proof, &f);
}

START_TEST(form_check_own_form_accepted)
{
  show();
  ck_assert_int_eq(check("c"), ERR_OK);
  ck_assert_int_eq(check("c"), ERR_OK); /* a wrong password shows it again */
}
END_TEST

START_TEST(form_prove_with_cookie_sets_no_other)
{
  show();
  fields_reset(&response);
  ck_assert_int_eq(form_prove(&provider, &request, &response, "d", proof), ERR_OK);
  ck_assert_ptr_null(fields_get(&response, "Set-Cookie"));
  ck_assert_int_eq(check("d"), ERR_OK);
}
END_TEST

/* OP-27 */
START_TEST(form_check_other_browser_refused)
{
  show();
  fields_reset(&request);
  ck_assert_int_eq(check("c"), ERR_LOGON_FORGED);
  fields_reset(&response);
  char stolen[FORM_PROOF_MAX];
  memcpy(stolen, proof, sizeof stolen);
  show(); /* another browser's own form */
  memcpy(proof, stolen, sizeof proof);
  ck_assert_int_eq(check("c"), ERR_LOGON_FORGED);
}
END_TEST

START_TEST(form_check_other_content_refused)
{
  show();
  ck_assert_int_eq(check("d"), ERR_LOGON_FORGED);
  ck_assert_int_eq(check(""), ERR_LOGON_FORGED);
}
END_TEST

START_TEST(form_check_malformed_proof_refused)
{
  show();
  proof[strlen(proof) - 1] ^= 1;
  ck_assert_int_eq(check("c"), ERR_LOGON_FORGED);
  proof[0] = 0;
  ck_assert_int_eq(check("c"), ERR_LOGON_FORGED);
  strcpy(proof, "99999999999999999999999.x");
  ck_assert_int_eq(check("c"), ERR_LOGON_FORGED);
}
END_TEST

START_TEST(form_check_old_form_refused)
{
  show();
  clock_shift_wall(FORM_LIFETIME_S - 1);
  ck_assert_int_eq(check("c"), ERR_OK);
  clock_shift_wall(FORM_LIFETIME_S + 2);
  ck_assert_int_eq(check("c"), ERR_LOGON_FORGED);
}
END_TEST

START_TEST(form_check_after_restart_accepted)
{
  show();
  idp_close(&provider);
  struct failure f;
  ck_assert_int_eq(idp_open(&provider, provider_lab(), NULL, provider_folder, &f), ERR_OK);
  ck_assert_int_eq(check("c"), ERR_OK);
}
END_TEST

Suite *forms_suite(void)
{
  Suite *s = suite_create("forms");
  TCase *t = tcase_create("forms");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, form_check_own_form_accepted);
  tcase_add_test(t, form_prove_with_cookie_sets_no_other);
  tcase_add_test(t, form_check_other_browser_refused);
  tcase_add_test(t, form_check_other_content_refused);
  tcase_add_test(t, form_check_malformed_proof_refused);
  tcase_add_test(t, form_check_old_form_refused);
  tcase_add_test(t, form_check_after_restart_accepted);
  suite_add_tcase(s, t);
  return s;
}

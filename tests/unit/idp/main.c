#include "browser.h"
#include "log.h"
#include "suites.h"

#include <stdlib.h>

int main(void)
{
  setenv("SEVENSTEP_LOG", "error", 0); /* refusals are what is tested here */
  log_init("idp");
  provider_prepare();
  SRunner *r = srunner_create(clients_suite());
  srunner_add_suite(r, authorize_suite());
  srunner_add_suite(r, client_auth_suite());
  srunner_add_suite(r, passwords_suite());
  srunner_add_suite(r, lockout_suite());
  srunner_add_suite(r, forms_suite());
  srunner_add_suite(r, sessions_suite());
  srunner_add_suite(r, pages_suite());
  srunner_add_suite(r, metadata_suite());
  srunner_add_suite(r, step2_logon_suite());
  srunner_add_suite(r, step2_token_suite());
  srunner_add_suite(r, grant_suite());
  srunner_add_suite(r, userinfo_suite());
  srunner_add_suite(r, end_session_suite());
  srunner_add_suite(r, open_suite());
  srunner_add_suite(r, site_suite());
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  provider_finish();
  return failed != 0;
}

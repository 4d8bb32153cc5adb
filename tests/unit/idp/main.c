#include "browser.h"
#include "log.h"
#include "run.h"
#include "suites.h"

#include <stdlib.h>

int main(void)
{
  setenv("SEVENSTEP_LOG", "error", 0); /* refusals are what is tested here */
  log_init("idp");
  provider_prepare();
  int result = run(clients_suite(), authorize_suite(), client_auth_suite(), passwords_suite(),
                   lockout_suite(), forms_suite(), sessions_suite(), revocation_suite(), pages_suite(),
                   metadata_suite(), step2_logon_suite(), step2_token_suite(), grant_suite(),
                   userinfo_suite(), end_session_suite(), open_suite(), site_suite());
  provider_finish();
  return result;
}

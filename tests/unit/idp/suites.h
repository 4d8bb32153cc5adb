/* The suites of this program, one a module. */
#ifndef SEVENSTEP_TEST_IDP_SUITES_H
#define SEVENSTEP_TEST_IDP_SUITES_H

#include <check.h>

Suite *clients_suite(void);
Suite *authorize_suite(void);
Suite *client_auth_suite(void);
Suite *passwords_suite(void);
Suite *lockout_suite(void);
Suite *forms_suite(void);
Suite *sessions_suite(void);
Suite *revocation_suite(void);
Suite *pages_suite(void);
Suite *metadata_suite(void);
Suite *step2_logon_suite(void);
Suite *step2_token_suite(void);
Suite *grant_suite(void);
Suite *userinfo_suite(void);
Suite *end_session_suite(void);
Suite *open_suite(void);
Suite *site_suite(void);

#endif

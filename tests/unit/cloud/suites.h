/* The suites of the programs that have several. */
#ifndef SEVENSTEP_TEST_CLOUD_SUITES_H
#define SEVENSTEP_TEST_CLOUD_SUITES_H

#include <check.h>

/* test_front: users of HTTP/1.1 */
Suite *front_bearer_suite(void);
Suite *front_bodies_suite(void);
Suite *front_connection_suite(void);
Suite *front_heads_suite(void);
Suite *front_losses_suite(void);
Suite *front_oidc_suite(void);
Suite *front_refused_suite(void);
Suite *front_sessions_suite(void);

/* test_h2: browsers */
Suite *h2_ends_suite(void);
Suite *h2_frames_suite(void);
Suite *h2_refused_suite(void);
Suite *h2_requests_suite(void);
Suite *h2_websocket_suite(void);

#endif

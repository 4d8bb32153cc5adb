/* One suite a module of common/base. */
#ifndef TEST_BASE_SUITES_H
#define TEST_BASE_SUITES_H

#include <check.h>

Suite *buf_suite(void);
Suite *clock_suite(void);
Suite *encode_suite(void);
Suite *err_suite(void);

#endif

#ifndef SEVENSTEP_TEST_CONFIG_SUITES_H
#define SEVENSTEP_TEST_CONFIG_SUITES_H

#include <check.h>

Suite *yaml_tree_suite(void);
Suite *lab_value_suite(void);
Suite *lab_load_suite(void);
Suite *lab_check_suite(void);
Suite *lab_write_suite(void);
Suite *yaml_change_suite(void);
Suite *lab_suite(void);
Suite *lab_host_suite(void);

#endif

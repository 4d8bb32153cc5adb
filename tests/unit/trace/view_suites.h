/* One suite a module of common/trace/view. */
#ifndef TEST_TRACE_VIEW_SUITES_H
#define TEST_TRACE_VIEW_SUITES_H

#include <check.h>

Suite *spans_suite(void);
Suite *story_suite(void);
Suite *page_suite(void);
Suite *show_suite(void);
Suite *tables_suite(void);
Suite *follow_suite(void);
Suite *exchanges_suite(void);

#endif

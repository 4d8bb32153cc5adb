/* One suite a module of common/trace. */
#ifndef TEST_TRACE_SUITES_H
#define TEST_TRACE_SUITES_H

#include <check.h>

Suite *context_suite(void);
Suite *json_text_suite(void);
Suite *span_suite(void);
Suite *tracer_suite(void);
Suite *otlp_suite(void);
Suite *otlp_body_suite(void);
Suite *wire_suite(void);

#endif

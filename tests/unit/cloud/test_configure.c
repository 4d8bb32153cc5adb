/* The configuration of connectors: told before the first request, and changed for all of them at once or for
 * none. */
#include "front.h"

#include "registry.h"

#include <string.h>

static int finished;
static struct failure outcome;

static void configured(void *arg, const struct failure *f)
{
  (void)arg;
  finished++;
  outcome = *f;
}

static void configure(const char *changes)
{
  finished = 0;
  registry_configure(cloud->registry, front_lab(changes), false, configured, NULL);
}

static void configure_firmly(const char *changes)
{
  finished = 0;
  registry_configure(cloud->registry, front_lab(changes), true, configured, NULL);
}

static unsigned version_of(const char *name)
{
  struct connector_state now;
  registry_look(cloud->registry, lab_connector_by_name(cloud->lab, name), &now);
  return now.version;
}

#define CLOSED "applications: {public: {maintenance: true}}\n"

START_TEST(configuration_comes_before_the_first_request)
{
  one.hesitates = true;
  one.name = "connector-1";
  inside_begin(&one, "connector-1");
  run_until(one.configuration);
  ck_assert_uint_eq(one.version, 1);
  ck_assert_uint_eq(cloud->counters.ready_connections, 0);
  ck_assert_ptr_nonnull(strstr(buf_str(&one.body), "\"hello\":"));
  inside_acknowledge(&one);
  run_until(cloud->counters.ready_connections == 1);
  ck_assert_uint_eq(version_of("connector-1"), 1);
}
END_TEST

START_TEST(configuration_refused_is_no_connector)
{
  one.refuses = "it is not understood";
  inside_dial_refused(&one, "connector-1", "connector-1", "default");
}
END_TEST

static const int statuses[] = {204, 422};

/* Whether the answer would have been yes or no: the connection ends, and the cloud serves others. */
START_TEST(configuration_half_answered_is_not_answered)
{
  one.breaks_at = CONTROL_CONFIGURATION;
  one.breaks_with = statuses[_i];
  inside_begin(&one, "connector-1");
  run_until(!one.link);
  ck_assert_uint_eq(cloud->counters.ready_connections, 0);
  inside_dial(&two, "connector-2");
  user_gets();
  ck_assert_int_eq(two.requests, 1);
}
END_TEST

START_TEST(configure_half_answered_is_not_answered)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  two.breaks_at = CONTROL_CONFIGURATION;
  two.breaks_with = statuses[_i];
  configure(CLOSED);
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
  ck_assert_uint_eq(cloud->version, 2);
  run_until(cloud->counters.ready_connections == 1);
}
END_TEST

START_TEST(configure_is_in_force_when_all_have_acknowledged)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  two.hesitates = true;
  configure(CLOSED);
  run_until(two.configuration && version_of("connector-1") == 2);
  ck_assert_int_eq(finished, 0);
  ck_assert_uint_eq(cloud->version, 1);
  ck_assert(!lab_app_by_name(cloud->lab, "public")->maintenance);
  user_gets(); /* goes on with the old one */
  ck_assert_uint_eq((one.requests ? one : two).direction.version, 1);
  inside_acknowledge(&two);
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
  ck_assert_uint_eq(cloud->version, 2);
  ck_assert(lab_app_by_name(cloud->lab, "public")->maintenance);
  ck_assert_uint_eq(version_of("connector-2"), 2);
}
END_TEST

START_TEST(configure_request_in_progress_keeps_what_it_began_with)
{
  struct user *u = user_asks("GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  configure("applications: {public: null}\n");
  run_until(finished);
  ck_assert_ptr_null(lab_app_by_name(cloud->lab, "public"));
  inside_answer(&one, 302, "location", "http://public.corp.sevenstep.test:8446/x", true);
  run_until(user_got(u, "302 Found") && user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "public.apps.localhost"));
  user_send(u, "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(u, "404 Not Found"));
}
END_TEST

START_TEST(configure_refused_by_one_changes_nothing)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  two.refuses = "too many";
  configure(CLOSED);
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_CONFIG);
  ck_assert_str_eq(outcome.why, "connector connector-2 refused version 2: too many");
  ck_assert_uint_eq(cloud->version, 1);
  ck_assert(!lab_app_by_name(cloud->lab, "public")->maintenance);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 2);
  user_gets();
  two.refuses = NULL;
  configure(CLOSED);
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
  ck_assert_uint_eq(cloud->version, 3);
}
END_TEST

/* Else it would hold nothing but what is not in force, sooner or later. */
START_TEST(configure_that_did_not_take_place_is_taken_back)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  two.refuses = "too many";
  configure(CLOSED);
  run_until(finished && version_of("connector-1") == 2);
  ck_assert_int_eq(outcome.err, ERR_CONFIG);
  pass(1);
  run_until(version_of("connector-1") == 1);
  ck_assert_uint_eq(one.version, 1);
}
END_TEST

START_TEST(configure_does_not_wait_for_who_is_lost)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  two.hesitates = true;
  configure(CLOSED);
  run_until(two.configuration);
  link_close(two.link, NULL);
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
  ck_assert_uint_eq(cloud->version, 2);
}
END_TEST

START_TEST(configure_without_an_answer_in_time_cuts_the_connection_off)
{
  inside_dial(&one, "connector-1");
  one.hesitates = true;
  configure(CLOSED);
  run_until(one.configuration);
  pass(6);
  run_until(finished && !one.link);
  ck_assert_int_eq(outcome.err, ERR_OK);
}
END_TEST

START_TEST(configure_without_connectors_is_in_force_at_once)
{
  configure(CLOSED);
  ck_assert_int_eq(finished, 1);
  ck_assert_uint_eq(cloud->version, 2);
}
END_TEST

START_TEST(configure_while_another_is_under_way_is_refused)
{
  inside_dial(&one, "connector-1");
  one.hesitates = true;
  configure(CLOSED);
  run_until(one.configuration);
  configure(CLOSED);
  ck_assert_int_eq(finished, 1);
  ck_assert_int_eq(outcome.err, ERR_EXISTS);
  inside_acknowledge(&one);
  run_until(finished == 2);
  ck_assert_int_eq(outcome.err, ERR_OK);
}
END_TEST

/* -- who has a say in it --------------------------------------------------------------------------------- */

static void dial_two_groups(void)
{
  front_change("connectors: {connector-2: {group: other}}\n");
  inside_enrol("connector-2");
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
}

#define CLOSED_IN_TWO_GROUPS "connectors: {connector-2: {group: other}}\n" CLOSED

START_TEST(configure_that_gives_a_group_nothing_new_does_not_wait_for_it)
{
  dial_two_groups();
  two.hesitates = true;
  configure(CLOSED_IN_TWO_GROUPS);
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
  ck_assert(lab_app_by_name(cloud->lab, "public")->maintenance);
  run_until(two.configuration);
  inside_acknowledge(&two);
  run_until(version_of("connector-2") == 3);
}
END_TEST

START_TEST(configure_that_gives_a_group_nothing_new_cannot_be_refused_by_it)
{
  dial_two_groups();
  two.refuses = "no";
  configure(CLOSED_IN_TWO_GROUPS);
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
  run_until(!two.link);
  ck_assert_str_eq(two.refused, "bad_configuration");
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
}
END_TEST

/* Else requests of the new version would be served by what did not take place. */
START_TEST(configure_waits_for_who_holds_what_did_not_take_place)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  two.refuses = "no";
  configure(CLOSED);
  run_until(finished && version_of("connector-1") == 2);
  ck_assert_int_eq(outcome.err, ERR_CONFIG);
  one.hesitates = true;
  two.refuses = NULL;
  configure("users: {bob: {enabled: false}}\n");
  run_until(one.configuration);
  ck_assert_int_eq(finished, 0);
  inside_acknowledge(&one);
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
}
END_TEST

START_TEST(configure_firmly_is_in_force_for_those_who_do_not_refuse)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  two.refuses = "no";
  configure_firmly(CLOSED);
  run_until(finished && !two.link);
  ck_assert_int_eq(outcome.err, ERR_OK);
  ck_assert_uint_eq(cloud->version, 2);
  ck_assert_str_eq(two.refused, "bad_configuration");
  ck_assert_uint_eq(version_of("connector-1"), 2);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
}
END_TEST

START_TEST(configure_does_not_wait_for_who_gets_no_requests_yet)
{
  inside_dial(&one, "connector-1");
  two.hesitates = true;
  inside_begin(&two, "connector-2");
  run_until(two.configuration);
  configure(CLOSED);
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
  ck_assert_uint_eq(two.version, 1);
  two.hesitates = false;
  inside_acknowledge(&two);
  run_until(cloud->counters.ready_connectors == 2);
  ck_assert_uint_eq(version_of("connector-2"), 2);
}
END_TEST

/* It still has to answer the one before, and would have as long again for this one. */
START_TEST(configure_waits_no_longer_in_all)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  one.hesitates = true;
  two.refuses = "no";
  configure(CLOSED);
  run_until(finished && one.configuration);
  ck_assert_int_eq(outcome.err, ERR_CONFIG);
  two.refuses = NULL;
  configure(CLOSED);
  pass(4);
  inside_acknowledge(&one);
  run_until(one.configuration);
  ck_assert_uint_eq(one.version, 3);
  ck_assert_int_eq(finished, 0);
  pass(2);
  run_until(finished && !one.link);
  ck_assert_int_eq(outcome.err, ERR_OK);
}
END_TEST

START_TEST(configure_connector_taken_away_gets_no_more_and_is_closed)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  configure("connectors: {connector-2: null}\n");
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  user_gets();
  user_gets();
  ck_assert_int_eq(one.requests, 2);
  pass(1);
  run_until(!two.link);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("configure");
  TCase *c = front_tests(suite, "configure");
  tcase_add_test(c, configuration_comes_before_the_first_request);
  tcase_add_test(c, configuration_refused_is_no_connector);
  tcase_add_loop_test(c, configuration_half_answered_is_not_answered, 0, 2);
  tcase_add_loop_test(c, configure_half_answered_is_not_answered, 0, 2);
  tcase_add_test(c, configure_is_in_force_when_all_have_acknowledged);
  tcase_add_test(c, configure_request_in_progress_keeps_what_it_began_with);
  tcase_add_test(c, configure_refused_by_one_changes_nothing);
  tcase_add_test(c, configure_that_did_not_take_place_is_taken_back);
  tcase_add_test(c, configure_does_not_wait_for_who_is_lost);
  tcase_add_test(c, configure_without_an_answer_in_time_cuts_the_connection_off);
  tcase_add_test(c, configure_without_connectors_is_in_force_at_once);
  tcase_add_test(c, configure_while_another_is_under_way_is_refused);
  tcase_add_test(c, configure_that_gives_a_group_nothing_new_does_not_wait_for_it);
  tcase_add_test(c, configure_that_gives_a_group_nothing_new_cannot_be_refused_by_it);
  tcase_add_test(c, configure_waits_for_who_holds_what_did_not_take_place);
  tcase_add_test(c, configure_firmly_is_in_force_for_those_who_do_not_refuse);
  tcase_add_test(c, configure_does_not_wait_for_who_gets_no_requests_yet);
  tcase_add_test(c, configure_waits_no_longer_in_all);
  tcase_add_test(c, configure_connector_taken_away_gets_no_more_and_is_closed);
  return run(suite);
}

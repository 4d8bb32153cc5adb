/* Which connection a request goes to, when connectors have several. */
#include "front.h"

#include "exchange.h"
#include "fake_clock.h"
#include "registry.h"
#include "roster.h"

#include <string.h>

static struct user *ask_at_once(void)
{
  int before = one.requests + two.requests + three.requests;
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests + two.requests + three.requests == before + 1);
  return u;
}

/* After a pause. */
static struct user *ask(void)
{
  clock_shift_mono_ms(1);
  return ask_at_once();
}

START_TEST(ready_counts_connectors_and_their_connections)
{
  inside_dial(&one, "connector-1");
  inside_dial(&three, "connector-1");
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  ck_assert_uint_eq(cloud->counters.ready_connections, 2);
  ck_assert_uint_eq(roster_connections(cloud->roster, "connector-1"), 2);
  inside_dial(&two, "connector-2");
  ck_assert_uint_eq(cloud->counters.ready_connectors, 2);
  ck_assert_uint_eq(roster_connections(cloud->roster, "connector-2"), 1);
  link_close(one.link, NULL);
  run_until(cloud->counters.ready_connections == 2);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 2);
  link_close(three.link, NULL);
  run_until(cloud->counters.ready_connections == 1);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  ck_assert_uint_eq(roster_connections(cloud->roster, "connector-1"), 0);
}
END_TEST

START_TEST(pick_equal_loads_alternates_between_connectors)
{
  inside_dial(&two, "connector-2");
  inside_dial(&one, "connector-1");
  inside_dial(&three, "connector-1");
  for (int i = 0; i < 4; i++) {
    ask();
    struct inside *took = one.stream ? &one : two.stream ? &two : &three;
    inside_answer(took, 200, NULL, NULL, true);
    run_until(!took->stream);
  }
  ck_assert_int_eq(two.requests, 2);
  ck_assert_int_eq(one.requests, 1);
  ck_assert_int_eq(three.requests, 1);
}
END_TEST

START_TEST(pick_without_a_pause_stays_where_the_last_went)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  clock_hold_mono(true);
  ask_at_once();
  struct inside *first = one.requests ? &one : &two, *other = one.requests ? &two : &one;
  for (int i = 1; i < 8; i++)
    ask_at_once();
  ck_assert_int_eq(first->requests, 8);
  ask_at_once(); /* as long as that is hardly more loaded than the others */
  ck_assert_int_eq(other->requests, 1);
  clock_hold_mono(false);
}
END_TEST

START_TEST(pick_takes_the_connection_with_the_least_work)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  ask();
  ask();
  ck_assert_int_eq(one.requests, 1);
  ck_assert_int_eq(two.requests, 1);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(!one.stream);
  ask();
  ck_assert_int_eq(one.requests, 2);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(!one.stream);
  ask();
  ck_assert_int_eq(one.requests, 3);
}
END_TEST

START_TEST(pick_by_chance_goes_where_the_dice_fall)
{
  front_balancing(BALANCING_RANDOM);
  inside_dial(&two, "connector-2");
  inside_dial(&one, "connector-1");
  inside_dial(&three, "connector-1"); /* the last one is the first in the list */
  int first = 0, second = 0;
  for (uint32_t i = 0; i < 12; i++) {
    random_next(i % 3 ? 1 : 0); /* two of three times to the second connector */
    ask();
    struct inside *took = one.stream ? &one : two.stream ? &two : &three;
    *(took == &two ? &second : &first) += 1;
    inside_answer(took, 200, NULL, NULL, true);
    run_until(!took->stream);
  }
  ck_assert_int_eq(first, 4);
  ck_assert_int_eq(second, 8);
}
END_TEST

START_TEST(pick_by_chance_goes_to_a_busy_connector_as_well)
{
  front_balancing(BALANCING_RANDOM);
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  random_next(0);
  ask();
  ask();
  ck_assert_int_eq(one.requests + two.requests, 2);
  ck_assert(one.requests == 2 || two.requests == 2);
}
END_TEST

START_TEST(pick_after_a_loss_prefers_another_connector)
{
  inside_dial(&one, "connector-1");
  struct user *u = ask();
  inside_dial(&three, "connector-1");
  inside_dial(&two, "connector-2");
  link_close(one.link, NULL);
  run_until(two.requests == 1);
  ck_assert_int_eq(three.requests, 0);
  inside_answer(&two, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
}
END_TEST

START_TEST(pick_after_a_loss_takes_the_same_connector_when_there_is_no_other)
{
  inside_dial(&one, "connector-1");
  struct user *u = ask();
  inside_dial(&three, "connector-1");
  link_close(one.link, NULL);
  run_until(three.requests == 1);
  inside_answer(&three, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
}
END_TEST

START_TEST(connection_that_leaves_finishes_its_work_and_gets_no_more)
{
  inside_dial(&one, "connector-1");
  struct user *u = ask();
  inside_dial(&three, "connector-1");
  ck_assert_int_eq(tunnel_shutdown(link_tunnel(one.link)), ERR_OK);
  link_flush(one.link);
  run_until(cloud->counters.ready_connections == 1);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  ask();
  ask();
  ck_assert_int_eq(one.requests, 1);
  ck_assert_int_eq(three.requests, 2);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
  run_until(!one.link);
  ck_assert_int_eq(one.lost, 0);
}
END_TEST

/* -- at once ----------------------------------------------------------------------------------------------
 */

static void take_at_once(unsigned connector, unsigned user)
{
  struct lab *lab = (struct lab *)(uintptr_t)cloud->lab;
  lab->cloud.limits.connector_at_once = connector;
  lab->cloud.limits.user_at_once = user;
}

static struct user *ask_in_vain(const char *error)
{
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(u, "</html>"));
  ck_assert_msg(user_got(u, error), "%s", buf_str(&u->got));
  return u;
}

START_TEST(pick_counts_a_connector_through_all_its_connections)
{
  take_at_once(2, 100);
  inside_dial(&one, "connector-1");
  inside_dial(&three, "connector-1");
  struct user *first = ask();
  struct user *second = ask();
  ck_assert_int_eq(one.requests, 1);
  ck_assert_int_eq(three.requests, 1);
  ck_assert(user_got(ask_in_vain("Sevenstep-Error: connectors_full"), "HTTP/1.1 503 "));
  ck_assert_uint_eq(cloud->counters.full, 1);
  inside_dial(&two, "connector-2");
  ask();
  ck_assert_int_eq(two.requests, 1);
  inside_answer(&three, 200, NULL, NULL, true); /* the last one is the first in the list */
  run_until(user_got(first, "200 OK"));
  stream_abort(second->stream); /* who leaves makes room as well */
  run_until(one.lost == 1);
  ask();
  ask();
  ask();
  ck_assert_int_eq(two.requests, 2);
  ask_in_vain("connectors_full");
}
END_TEST

START_TEST(pick_counts_what_a_connection_that_leaves_still_works_on)
{
  take_at_once(1, 100);
  inside_dial(&one, "connector-1");
  struct user *u = ask();
  inside_dial(&three, "connector-1");
  ck_assert_int_eq(tunnel_shutdown(link_tunnel(one.link)), ERR_OK);
  link_flush(one.link);
  run_until(cloud->counters.ready_connections == 1);
  ask_in_vain("connectors_full");
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK") && !one.link);
  ask();
  ck_assert_int_eq(three.requests, 1);
}
END_TEST

START_TEST(pick_forgets_what_a_lost_connection_worked_on)
{
  take_at_once(1, 100);
  struct user *u = user_asks("POST / HTTP/1.1\r\n" TO_PUBLIC "Content-Length: 1\r\n\r\nx");
  link_close(one.link, NULL);
  run_until(user_got(u, "connector_lost"));
  inside_dial(&three, "connector-1");
  ask();
  ck_assert_int_eq(three.requests, 1);
}
END_TEST

START_TEST(group_without_a_connector_is_not_full)
{
  take_at_once(1, 0);
  ask_in_vain("Sevenstep-Error: no_connector");
  inside_dial(&one, "connector-1");
  ask(); /* the first request of a user finds room while there is some */
  ask_in_vain("connectors_full");
}
END_TEST

START_TEST(user_leaves_the_connectors_room_for_others)
{
  take_at_once(4, 0);
  inside_dial(&one, "connector-1");
  ask();
  ask();
  ck_assert(user_got(ask_in_vain("Sevenstep-Error: too_many_at_once"), "HTTP/1.1 429 "));
  inside_dial(&two, "connector-2");
  ask();
  ask();
  ask_in_vain("too_many_at_once");
}
END_TEST

START_TEST(hello_with_the_name_of_another_connector_is_refused)
{
  inside_dial_refused(&one, "connector-1", "connector-2", "default");
}
END_TEST

START_TEST(hello_with_another_group_is_refused)
{
  inside_dial_refused(&one, "connector-1", "connector-1", "others");
}
END_TEST

/* -- configuration -----------------------------------------------------------------------------------------
 */

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
  registry_configure(cloud->registry, front_lab(changes), configured, NULL);
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
  ask(); /* goes on with the old one */
  ck_assert_uint_eq(one.requests ? one.request_version : two.request_version, 1);
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
  inside_dial(&one, "connector-1");
  struct user *u = ask();
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
  ask();
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

START_TEST(configure_connector_taken_away_gets_no_more_and_is_closed)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  configure("connectors: {connector-2: null}\n");
  run_until(finished);
  ck_assert_int_eq(outcome.err, ERR_OK);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  ask();
  ask();
  ck_assert_int_eq(one.requests, 2);
  pass(1);
  run_until(!two.link);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("registry");
  TCase *c = front_tests(suite, "registry");
  tcase_add_test(c, ready_counts_connectors_and_their_connections);
  tcase_add_test(c, pick_equal_loads_alternates_between_connectors);
  tcase_add_test(c, pick_without_a_pause_stays_where_the_last_went);
  tcase_add_test(c, pick_takes_the_connection_with_the_least_work);
  tcase_add_test(c, pick_by_chance_goes_where_the_dice_fall);
  tcase_add_test(c, pick_by_chance_goes_to_a_busy_connector_as_well);
  tcase_add_test(c, pick_after_a_loss_prefers_another_connector);
  tcase_add_test(c, pick_after_a_loss_takes_the_same_connector_when_there_is_no_other);
  tcase_add_test(c, connection_that_leaves_finishes_its_work_and_gets_no_more);
  tcase_add_test(c, pick_counts_a_connector_through_all_its_connections);
  tcase_add_test(c, pick_counts_what_a_connection_that_leaves_still_works_on);
  tcase_add_test(c, pick_forgets_what_a_lost_connection_worked_on);
  tcase_add_test(c, group_without_a_connector_is_not_full);
  tcase_add_test(c, user_leaves_the_connectors_room_for_others);
  tcase_add_test(c, hello_with_the_name_of_another_connector_is_refused);
  tcase_add_test(c, hello_with_another_group_is_refused);
  tcase_add_test(c, configuration_comes_before_the_first_request);
  tcase_add_test(c, configuration_refused_is_no_connector);
  tcase_add_test(c, configure_is_in_force_when_all_have_acknowledged);
  tcase_add_test(c, configure_request_in_progress_keeps_what_it_began_with);
  tcase_add_test(c, configure_refused_by_one_changes_nothing);
  tcase_add_test(c, configure_that_did_not_take_place_is_taken_back);
  tcase_add_test(c, configure_does_not_wait_for_who_is_lost);
  tcase_add_test(c, configure_without_an_answer_in_time_cuts_the_connection_off);
  tcase_add_test(c, configure_without_connectors_is_in_force_at_once);
  tcase_add_test(c, configure_while_another_is_under_way_is_refused);
  tcase_add_test(c, configure_connector_taken_away_gets_no_more_and_is_closed);
  return run(suite);
}

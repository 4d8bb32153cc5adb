/* What a change of the lab takes from its users, and what it leaves them. */
#include "front.h"

#include "clock.h"
#include "once.h"
#include "registry.h"
#include "revocation.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

/* Whose tickets the connector has been told to forget. What it is told comes in order, so that a last one
 * shows that there are no more. */
static const char *purged(void)
{
  static const char last[] = "last@sevenstep.test ";
  ck_assert_uint_eq(registry_purge(cloud->registry, "last@sevenstep.test"), 1);
  run_until(strstr(one.purged, last));
  *strstr(one.purged, last) = 0;
  return one.purged;
}

/* Of a session that is older than the test. */
static bool is_ended(const char *upn)
{
  struct session s = {.issued_s = clock_wall_s() - 60};
  snprintf(s.upn, sizeof s.upn, "%s", upn);
  return once_user_ended(cloud->once, &s);
}

#define ALICE "alice@sevenstep.test"
#define FRANK "frank@sevenstep.test"

/* ended: of whose tickets are forgotten, the sessions end, too. */
static const struct taking {
  const char *before, *after, *forgotten;
  bool ended;
} takings[] = {
    {"{}", "users: {alice: {enabled: false}}", ALICE, true},
    {"{}", "users: {alice: {expires: 2020-01-01}}", ALICE, true},
    {"{}", "users: {alice: {upn: alison@sevenstep.test}}", ALICE, true},
    {"{}", "users: {frank: null}", FRANK, true},
    {"{}", "users: {alice: {sensitive: true}}", ALICE, false},
    {"{}", "groups: {staff: [bob, carol, dave, erin]}", ALICE, false},
    {"applications: {hello: {assigned_users: [frank]}}", "{}", FRANK, false},
    {"applications: {hello: {assignment_required: false}}", "{}", FRANK, false},
    {"groups: {guests: [frank]}\napplications: {hello: {assigned_groups: [staff, guests]}}",
     "groups: {guests: [frank]}", FRANK, false},
};

START_TEST(revoke_by_change_what_is_taken_is_taken_at_once)
{
  const struct taking *t = &takings[_i];
  char expected[64];
  inside_dial(&one, "connector-1");
  front_change(t->before);
  front_change(t->after);
  snprintf(expected, sizeof expected, "%s ", t->forgotten);
  ck_assert_str_eq(purged(), expected);
  ck_assert(is_ended(t->forgotten) == t->ended);
  ck_assert(!is_ended("bob@sevenstep.test"));
}
END_TEST

static const char *const harmless[] = {
    "users: {alice: {display_name: Alicia}}",
    "users: {alice: {enabled: true, expires: 2100-01-01}}",
    "users: {carol: {sensitive: true}}", /* disabled before */
    "users: {erin: {enabled: false}}",   /* has no UPN, so no session */
    "users: {dave: {display_name: D}}",  /* sensitive before */
    "groups: {staff: [alice, bob, carol, dave, erin, frank]}",
    "groups: {auditors: [alice]}", /* assigned to nothing */
    "applications: {hello: {title: Hallo, assigned_users: [frank]}}",
    "applications: {vault: null}",
    "connectors: {connector-2: null}",
};

START_TEST(revoke_by_change_what_takes_nothing_leaves_all)
{
  inside_dial(&one, "connector-1");
  front_change(harmless[_i]);
  ck_assert_str_eq(purged(), "");
  ck_assert(!is_ended(ALICE) && !is_ended(FRANK));
}
END_TEST

static void stored(void *arg, enum err e)
{
  ck_assert_int_eq(e, ERR_OK);
  *(bool *)arg = true;
}

START_TEST(revoke_user_ends_sessions_and_tickets_in_any_case)
{
  bool done = false;
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  inside_dial(&three, "connector-2");
  ck_assert_uint_eq(revoke_user(cloud, "Alice@Sevenstep.Test", stored, &done), 2);
  run_until(done);
  ck_assert(is_ended(ALICE));
  ck_assert(!is_ended(FRANK));
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("revocation");
  TCase *c = front_tests(suite, "revocation");
  tcase_add_loop_test(c, revoke_by_change_what_is_taken_is_taken_at_once, 0,
                      (int)(sizeof takings / sizeof *takings));
  tcase_add_loop_test(c, revoke_by_change_what_takes_nothing_leaves_all, 0,
                      (int)(sizeof harmless / sizeof *harmless));
  tcase_add_test(c, revoke_user_ends_sessions_and_tickets_in_any_case);
  return run(suite);
}

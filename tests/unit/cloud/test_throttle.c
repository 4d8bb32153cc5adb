/* Rates and numbers at once, on a clock of the test's own. */
#include "throttle.h"

#include "run.h"

#include <stdio.h>
#include <string.h>

#define SECOND 1000000000LL

static struct throttle *throttle;
static struct failure f;

static void setup(void)
{
  ck_assert_int_eq(throttle_new(&throttle), ERR_OK);
}

static void teardown(void)
{
  throttle_free(throttle);
}

/* One request that is over at once. */
static enum err ask(const struct throttle_policy *p, const char *app, const char *user, int64_t now_ns)
{
  struct throttle_slot *slot;
  enum err e = throttle_admit(throttle, p, app, user, now_ns, &slot, &f);
  if (!e) throttle_done(slot);
  return e;
}

static unsigned passed(const struct throttle_policy *p, const char *app, const char *user, int64_t now_ns)
{
  unsigned n = 0;
  while (n < 1000 && ask(p, app, user, now_ns) == ERR_OK)
    n++;
  return n;
}

START_TEST(throttle_admit_without_limits_everything)
{
  const struct throttle_policy none = {0};
  ck_assert_uint_eq(passed(&none, "hello", "alice", SECOND), 1000);
}
END_TEST

START_TEST(throttle_admit_a_burst_then_the_rate)
{
  const struct throttle_policy p = {.user_rate = 10};
  ck_assert_uint_eq(passed(&p, "hello", "alice", SECOND), 10);
  ck_assert_int_eq(f.err, ERR_RATE_LIMITED);
  ck_assert_uint_eq(passed(&p, "hello", "alice", SECOND + SECOND / 10 - 1), 0);
  ck_assert_uint_eq(passed(&p, "hello", "alice", SECOND + SECOND / 10), 1);
  ck_assert_uint_eq(passed(&p, "hello", "alice", 2 * SECOND), 9);
  ck_assert_uint_eq(passed(&p, "hello", "alice", 100 * SECOND), 10);
}
END_TEST

START_TEST(throttle_admit_counts_users_and_applications_apart)
{
  const struct throttle_policy users = {.user_rate = 5}, apps = {.app_rate = 5}, all = {.tenant_rate = 5};
  ck_assert_uint_eq(passed(&users, "hello", "alice", SECOND), 5);
  ck_assert_uint_eq(passed(&users, "hello", "bob", SECOND), 5);
  ck_assert_uint_eq(passed(&apps, "hello", "alice", SECOND), 5);
  ck_assert_uint_eq(passed(&apps, "hello", "bob", SECOND), 0);
  ck_assert_uint_eq(passed(&apps, "ledger", "bob", SECOND), 5);
  ck_assert_uint_eq(passed(&all, "hello", "alice", SECOND), 5);
  ck_assert_uint_eq(passed(&all, "ledger", "bob", SECOND), 0);
}
END_TEST

START_TEST(throttle_admit_refused_takes_no_token_of_others)
{
  const struct throttle_policy both = {.user_rate = 1, .app_rate = 3};
  ck_assert_uint_eq(passed(&both, "hello", "alice", SECOND), 1);
  ck_assert_uint_eq(passed(&both, "hello", "alice", SECOND), 0);
  ck_assert_uint_eq(passed(&both, "hello", "bob", SECOND), 1);
  ck_assert_uint_eq(passed(&both, "hello", "carol", SECOND), 1);
  ck_assert_uint_eq(passed(&both, "hello", "dave", SECOND), 0);
}
END_TEST

START_TEST(throttle_admit_at_once_until_one_is_done)
{
  const struct throttle_policy p = {.user_at_once = 2};
  struct throttle_slot *slots[3];
  ck_assert_int_eq(throttle_admit(throttle, &p, "hello", "alice", SECOND, &slots[0], &f), ERR_OK);
  ck_assert_int_eq(throttle_admit(throttle, &p, "ledger", "alice", SECOND, &slots[1], &f), ERR_OK);
  ck_assert_int_eq(throttle_admit(throttle, &p, "hello", "alice", SECOND, &slots[2], &f),
                   ERR_TOO_MANY_AT_ONCE);
  ck_assert_ptr_null(slots[2]);
  ck_assert_int_eq(ask(&p, "hello", "bob", SECOND), ERR_OK);
  throttle_done(slots[0]);
  ck_assert_int_eq(throttle_admit(throttle, &p, "hello", "alice", SECOND, &slots[0], &f), ERR_OK);
  throttle_done(slots[0]);
  throttle_done(slots[1]);
}
END_TEST

/* Takes as much as it gets of what all have room for. */
static size_t take_all(struct throttle_policy *p, const char *user, struct throttle_slot *slots[static 200])
{
  size_t n = 0;
  while (n < 200 && throttle_admit(throttle, p, "hello", user, SECOND, &slots[n], &f) == ERR_OK) {
    p->room--;
    n++;
  }
  return n;
}

START_TEST(throttle_admit_nobody_takes_all_the_room)
{
  struct throttle_policy p = {.group = "default", .room = 120};
  struct throttle_slot *slots[3][200], *one;
  ck_assert_uint_eq(take_all(&p, "alice", slots[0]), 60);
  ck_assert_int_eq(f.err, ERR_TOO_MANY_AT_ONCE);
  ck_assert_uint_eq(take_all(&p, "bob", slots[1]), 30);
  ck_assert_uint_eq(take_all(&p, "carol", slots[2]), 15);
  p.room = 1;
  ck_assert_int_eq(throttle_admit(throttle, &p, "hello", "dave", SECOND, &one, &f), ERR_OK);
  p.room = 119; /* the others are done */
  for (int i = 0; i < 59; i++)
    throttle_done(slots[0][i]);
  ck_assert_uint_eq(take_all(&p, "alice", slots[0]), 59);
}
END_TEST

/* What a user has in one group is not counted in another. */
START_TEST(throttle_admit_room_is_of_a_group)
{
  struct throttle_policy busy = {.group = "default", .room = 8}, idle = {.group = "branch", .room = 4};
  struct throttle_slot *slots[2][200];
  ck_assert_uint_eq(take_all(&busy, "alice", slots[0]), 4);
  ck_assert_uint_eq(take_all(&idle, "alice", slots[1]), 2);
  ck_assert_ptr_nonnull(strstr(f.why, "2 requests of alice are under way in group branch"));
  for (int i = 0; i < 4; i++)
    throttle_done(slots[0][i]);
  idle.room = 2;
  ck_assert_uint_eq(take_all(&idle, "alice", slots[0]), 0);
  busy.room = 8;
  ck_assert_uint_eq(take_all(&busy, "alice", slots[0]), 4);
}
END_TEST

/* A number at once is of a user, in all groups. */
START_TEST(throttle_admit_a_number_at_once_is_of_all_groups)
{
  struct throttle_policy one = {.group = "default", .room = 8, .user_at_once = 2}, other = one;
  struct throttle_slot *slots[2][200];
  other.group = "branch";
  ck_assert_uint_eq(take_all(&one, "alice", slots[0]), 2);
  ck_assert_uint_eq(take_all(&other, "alice", slots[1]), 0);
}
END_TEST

START_TEST(throttle_admit_a_number_at_once_stands_for_itself)
{
  struct throttle_policy p = {.group = "default", .room = 10, .user_at_once = 10};
  struct throttle_slot *slots[200];
  ck_assert_uint_eq(take_all(&p, "alice", slots), 10);
  ck_assert_str_eq(f.why, "10 requests of alice are under way");
}
END_TEST

START_TEST(throttle_address_of_one_host_is_one)
{
  static const struct {
    const char *ip, *name;
  } cases[] = {{"127.0.0.1", "127.0.0.1"},
               {"2001:db8::1", "2001:db8::/64"},
               {"2001:db8::ffff:1:2:3", "2001:db8::/64"},
               {"2001:db8:0:1::1", "2001:db8:0:1::/64"},
               {"::1", "::/64"},
               {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
               {"", ""}};
  char name[THROTTLE_ADDRESS_MAX];
  throttle_address(cases[_i].ip, name);
  ck_assert_str_eq(name, cases[_i].name);
}
END_TEST

/* Tables are bounded; who is in the midst of a request keeps his place. */
START_TEST(throttle_admit_more_users_than_places_forgets_no_request_under_way)
{
  const struct throttle_policy p = {.user_rate = 1000, .user_at_once = 1};
  struct throttle_slot *alice;
  char name[32];
  ck_assert_int_eq(throttle_admit(throttle, &p, "hello", "alice", SECOND, &alice, &f), ERR_OK);
  for (int i = 0; i < 100000; i++) {
    snprintf(name, sizeof name, "user-%d", i);
    ck_assert_int_eq(ask(&p, "hello", name, SECOND), ERR_OK);
  }
  ck_assert_int_eq(ask(&p, "hello", "alice", SECOND), ERR_TOO_MANY_AT_ONCE);
  throttle_done(alice);
  ck_assert_int_eq(ask(&p, "hello", "alice", SECOND), ERR_OK);
}
END_TEST

int main(void)
{
  TCase *t = tcase_create("throttle");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, throttle_admit_without_limits_everything);
  tcase_add_test(t, throttle_admit_a_burst_then_the_rate);
  tcase_add_test(t, throttle_admit_counts_users_and_applications_apart);
  tcase_add_test(t, throttle_admit_refused_takes_no_token_of_others);
  tcase_add_test(t, throttle_admit_at_once_until_one_is_done);
  tcase_add_test(t, throttle_admit_nobody_takes_all_the_room);
  tcase_add_test(t, throttle_admit_room_is_of_a_group);
  tcase_add_test(t, throttle_admit_a_number_at_once_is_of_all_groups);
  tcase_add_test(t, throttle_admit_a_number_at_once_stands_for_itself);
  tcase_add_loop_test(t, throttle_address_of_one_host_is_one, 0, 7);
  tcase_add_test(t, throttle_admit_more_users_than_places_forgets_no_request_under_way);
  Suite *s = suite_create("throttle");
  suite_add_tcase(s, t);
  return run(s);
}

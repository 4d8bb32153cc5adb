/* What is void: one session, or all that a user was issued until now; and that a restart forgets neither. */
#include "once.h"

#include "clock.h"
#include "fake_clock.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cloud cloud;
static char folder[64], path[80];
static struct once *o;

static void open_once(void)
{
  struct failure f;
  ck_assert_int_eq(net_new(&cloud.net), ERR_OK);
  ck_assert_int_eq(once_new(&cloud, path, &o, &f), ERR_OK);
}

static void close_once(void)
{
  net_free(cloud.net);
  once_free(o);
}

static void setup(void)
{
  snprintf(folder, sizeof folder, "/tmp/once.XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/once.db", folder);
  open_once();
}

static void teardown(void)
{
  char command[128];
  close_once();
  snprintf(command, sizeof command, "rm -rf %s", folder);
  ck_assert_int_eq(system(command), 0);
}

static struct session session_of(const char *upn, int64_t issued_s)
{
  struct session s = {.issued_s = issued_s, .expires_s = issued_s + 3600};
  snprintf(s.upn, sizeof s.upn, "%s", upn);
  random_bytes(s.id, sizeof s.id);
  return s;
}

static void stored(void *arg, enum err e)
{
  (void)arg;
  ck_assert_int_eq(e, ERR_OK);
  net_stop(cloud.net);
}

static void end_user(const char *upn)
{
  once_end_user(o, upn, 3600, stored, NULL);
  net_run(cloud.net);
}

START_TEST(once_end_user_what_was_issued_before_is_void_and_what_comes_is_not)
{
  int64_t now = clock_wall_s();
  struct session before = session_of("alice@test", now - 10);
  ck_assert(!once_session_ended(o, &before));
  end_user("Alice@Test");
  struct session after = session_of("alice@test", once_session_begins_s(o, "alice@test"));
  ck_assert(once_session_ended(o, &before));
  ck_assert(!once_session_ended(o, &after));
}
END_TEST

START_TEST(once_end_user_ends_tokens_that_are_under_way)
{
  struct token_claims before = {.issued_s = clock_wall_s() - 1, .expires_s = clock_wall_s() + 3600}, after;
  snprintf(before.upn, sizeof before.upn, "Alice@test");
  ck_assert(!once_token_ended(o, &before));
  end_user("alice@test");
  after = before;
  after.issued_s = clock_wall_s();
  ck_assert(once_token_ended(o, &before));
  ck_assert(!once_token_ended(o, &after));
}
END_TEST

START_TEST(once_end_user_is_nobody_elses_end)
{
  struct session bob = session_of("bob@test", clock_wall_s() - 10), longer = session_of("alice@tests", 1);
  end_user("alice@test");
  ck_assert(!once_session_ended(o, &bob));
  ck_assert(!once_user_ended(o, &longer));
}
END_TEST

START_TEST(once_end_user_outlives_a_restart)
{
  struct session alice = session_of("alice@test", clock_wall_s() - 10),
                 bob = session_of("bob@test", clock_wall_s() - 10);
  end_user("alice@test");
  close_once();
  open_once();
  ck_assert(once_session_ended(o, &alice));
  ck_assert(!once_session_ended(o, &bob));
}
END_TEST

static void end_session(const struct session *s)
{
  once_end_session(o, s, stored, NULL);
  net_run(cloud.net);
}

/* A step by NTP between two processes, or by more, as of a machine whose clock was wrong. */
static const int64_t steps_s[] = {5, 55, 600};

START_TEST(once_ends_outlive_a_clock_that_goes_back_over_a_restart)
{
  struct session alice = session_of("alice@test", clock_wall_s()),
                 bob = session_of("bob@test", clock_wall_s()),
                 carol = session_of("carol@test", clock_wall_s());
  end_user("alice@test");
  end_session(&bob);
  close_once();
  clock_shift_wall(-steps_s[_i]);
  open_once();
  ck_assert(once_session_ended(o, &alice));
  ck_assert(once_session_ended(o, &bob));
  ck_assert(!once_session_ended(o, &carol));
}
END_TEST

START_TEST(once_end_user_again_at_once_ends_what_came_between)
{
  end_user("alice@test");
  struct session between = session_of("alice@test", once_session_begins_s(o, "alice@test"));
  end_user("alice@test");
  struct session after = session_of("alice@test", once_session_begins_s(o, "alice@test"));
  ck_assert(once_user_ended(o, &between));
  ck_assert(!once_user_ended(o, &after));
}
END_TEST

START_TEST(once_end_user_again_ends_what_came_between)
{
  end_user("alice@test");
  struct session between = session_of("alice@test", once_session_begins_s(o, "alice@test"));
  ck_assert(!once_user_ended(o, &between));
  clock_shift_wall(5);
  end_user("alice@test");
  ck_assert(once_user_ended(o, &between));
}
END_TEST

int main(void)
{
  Suite *s = suite_create("once");
  TCase *t = tcase_create("once");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, once_end_user_what_was_issued_before_is_void_and_what_comes_is_not);
  tcase_add_test(t, once_end_user_ends_tokens_that_are_under_way);
  tcase_add_test(t, once_end_user_is_nobody_elses_end);
  tcase_add_test(t, once_end_user_outlives_a_restart);
  tcase_add_loop_test(t, once_ends_outlive_a_clock_that_goes_back_over_a_restart, 0, 3);
  tcase_add_test(t, once_end_user_again_ends_what_came_between);
  tcase_add_test(t, once_end_user_again_at_once_ends_what_came_between);
  suite_add_tcase(s, t);
  return run(s);
}

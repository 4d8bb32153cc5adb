/* The keys of sessions change in a cloud that runs, and what it stores of them. */
#include "rotate.h"

#include "clock.h"
#include "front_private.h"
#include "session.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct buf session; /* sealed before anything changes */

static bool opens(struct seal *s)
{
  struct buf out;
  buf_init(&out, 1024);
  enum err e = seal_open(s, "aad", buf_str(&session), session.len, &out);
  buf_clear(&out);
  return !e;
}

static void begin(void)
{
  buf_init(&session, 1024);
  ck_assert_int_eq(seal_close(cloud->seal, "aad", "x", 1, &session), ERR_OK);
}

struct outcome {
  int n;
  struct failure f;
};

static void rotated(void *arg, const struct failure *f)
{
  struct outcome *a = arg;
  a->n++;
  a->f = *f;
}

static enum err rotate(void)
{
  struct outcome a = {0};
  rotate_sessions(cloud, rotated, &a);
  run_until(a.n);
  return a.f.err;
}

/* How many keys a cloud would have that starts now; does it know the session? */
static size_t stored(bool *ret_opens)
{
  struct seal *s;
  struct failure f;
  ck_assert_int_eq(seal_new(front_path("cloud/session.key"), &s, &f), ERR_OK);
  size_t n = seal_ring(s)->n;
  *ret_opens = opens(s);
  seal_free(s);
  return n;
}

START_TEST(rotate_stores_and_keeps_what_was_sealed)
{
  bool known;
  begin();
  uint8_t id = seal_ring(cloud->seal)->keys[0].id;
  ck_assert_int_eq(rotate(), ERR_OK);
  ck_assert_uint_ne(seal_ring(cloud->seal)->keys[0].id, id);
  ck_assert(opens(cloud->seal));
  ck_assert_uint_eq(stored(&known), seal_ring(cloud->seal)->n);
  ck_assert(known);
  buf_clear(&session);
}
END_TEST

START_TEST(sweep_forgets_a_key_when_its_last_session_has_ended)
{
  bool known;
  int64_t life_s = front_lab_file->cloud.session_lifetime_s;
  begin();
  ck_assert_int_eq(rotate(), ERR_OK);
  clock_shift_wall(life_s);
  rotate_sweep(cloud);
  ck_assert(!cloud->rotating && opens(cloud->seal));
  clock_shift_wall(61);
  rotate_sweep(cloud);
  ck_assert(cloud->rotating && !opens(cloud->seal));
  run_until(!cloud->rotating);
  ck_assert_uint_eq(stored(&known), 1);
  ck_assert(!known);
  buf_clear(&session);
}
END_TEST

/* A logon under way is sealed, too. */
START_TEST(sweep_leaves_logons_their_time_where_sessions_are_shorter)
{
  begin();
  front_lab_file->cloud.session_lifetime_s = 10;
  ck_assert_int_eq(rotate(), ERR_OK);
  clock_shift_wall(LOGON_LIFETIME_S);
  rotate_sweep(cloud);
  ck_assert(!cloud->rotating && opens(cloud->seal));
  buf_clear(&session);
}
END_TEST

START_TEST(rotate_is_refused_while_another_is_stored)
{
  struct outcome first = {0}, second = {0};
  rotate_sessions(cloud, rotated, &first);
  rotate_sessions(cloud, rotated, &second);
  ck_assert(!first.n && second.n == 1);
  ck_assert_int_eq(second.f.err, ERR_AGAIN);
  rotate_sweep(cloud);
  run_until(first.n);
  ck_assert_int_eq(first.f.err, ERR_OK);
}
END_TEST

START_TEST(rotate_that_cannot_be_stored_changes_nothing)
{
  bool known;
  const char *obstacle = front_path("cloud/session.key.new");
  begin();
  const struct seal_ring before = *seal_ring(cloud->seal);
  ck_assert_int_eq(mkdir(obstacle, 0700), 0);
  ck_assert_int_eq(rotate(), ERR_IO);
  ck_assert_mem_eq(seal_ring(cloud->seal), &before, sizeof before);
  ck_assert_uint_eq(stored(&known), before.n);
  ck_assert(known && opens(cloud->seal));
  ck_assert_int_eq(rmdir(front_path("cloud/session.key.new")), 0);
  ck_assert_int_eq(rotate(), ERR_OK);
  buf_clear(&session);
}
END_TEST

static void no_keys(void)
{
  unlink(front_path("cloud/session.key"));
}

int main(void)
{
  Suite *suite = suite_create("rotate");
  TCase *c = front_tests(suite, "rotate");
  tcase_add_checked_fixture(c, NULL, no_keys);
  tcase_add_test(c, rotate_stores_and_keeps_what_was_sealed);
  tcase_add_test(c, sweep_forgets_a_key_when_its_last_session_has_ended);
  tcase_add_test(c, sweep_leaves_logons_their_time_where_sessions_are_shorter);
  tcase_add_test(c, rotate_is_refused_while_another_is_stored);
  tcase_add_test(c, rotate_that_cannot_be_stored_changes_nothing);
  return run(suite);
}

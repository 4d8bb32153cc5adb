#include "store.h"

#include "clock.h"
#include "run.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[64], path[96];
static struct store *store;

static void setup(void)
{
  snprintf(folder, sizeof folder, "/tmp/sevenstep-store-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/store.db", folder);
  struct failure f = {0};
  ck_assert_msg(!store_open(path, STORE_REFUSE, &store, NULL, &f), "%s", f.why);
}

static void teardown(void)
{
  static const char *const suffix[] = {"", "-wal", "-shm"};
  char name[128];
  store_close(store);
  for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffix[i]);
    unlink(name);
  }
  rmdir(folder);
}

/* The value as text, or "-" when there is none. */
static const char *read_with(enum err (*read)(struct store *, const char *, const char *, struct buf *),
                             const char *kind, const char *key)
{
  static char text[200];
  struct buf b;
  buf_init(&b, sizeof text - 1);
  enum err e = read(store, kind, key, &b);
  snprintf(text, sizeof text, "%s", e == ERR_NOT_FOUND ? "-" : buf_str(&b));
  if (e && e != ERR_NOT_FOUND) ck_abort_msg("%s", err_info(e)->name);
  buf_clear(&b);
  return text;
}

static void put(const char *kind, const char *key, const char *value, int64_t lifetime_s)
{
  ck_assert_int_eq(store_put(store, kind, key, value, strlen(value), lifetime_s), ERR_OK);
}

START_TEST(store_get_after_put_gives_value)
{
  put("code", "a", "one", 60);
  ck_assert_str_eq(read_with(store_get, "code", "a"), "one");
  ck_assert_str_eq(read_with(store_get, "code", "a"), "one");
}
END_TEST

START_TEST(store_get_other_kind_or_key_not_found)
{
  put("code", "a", "one", 60);
  ck_assert_str_eq(read_with(store_get, "code", "b"), "-");
  ck_assert_str_eq(read_with(store_get, "session", "a"), "-");
  ck_assert_str_eq(read_with(store_get, "cod", "ea"), "-");
}
END_TEST

START_TEST(store_get_without_buffer_tells_presence)
{
  put("code", "a", "one", 60);
  ck_assert_int_eq(store_get(store, "code", "a", NULL), ERR_OK);
  ck_assert_int_eq(store_get(store, "code", "b", NULL), ERR_NOT_FOUND);
}
END_TEST

START_TEST(store_get_value_larger_than_buffer_refused)
{
  struct buf b;
  buf_init(&b, 2);
  put("code", "a", "one", 60);
  ck_assert_int_eq(store_get(store, "code", "a", &b), ERR_TOO_LARGE);
  buf_clear(&b);
}
END_TEST

START_TEST(store_get_after_its_time_not_found)
{
  put("code", "a", "one", 60);
  clock_shift_wall(59);
  ck_assert_str_eq(read_with(store_get, "code", "a"), "one");
  clock_shift_wall(60);
  ck_assert_str_eq(read_with(store_get, "code", "a"), "-");
  ck_assert_str_eq(read_with(store_take, "code", "a"), "-");
}
END_TEST

START_TEST(store_put_again_replaces_value_and_time)
{
  put("code", "a", "one", 60);
  put("code", "a", "two", 600);
  clock_shift_wall(100);
  ck_assert_str_eq(read_with(store_get, "code", "a"), "two");
}
END_TEST

START_TEST(store_put_empty_value_kept)
{
  ck_assert_int_eq(store_put(store, "nonce", "n", NULL, 0, 60), ERR_OK);
  ck_assert_str_eq(read_with(store_get, "nonce", "n"), "");
}
END_TEST

START_TEST(store_put_beyond_limits_refused)
{
  char *big = calloc(1, STORE_VALUE_MAX + 1);
  char *key = calloc(1, STORE_KEY_MAX + 1);
  memset(key, 'k', STORE_KEY_MAX);
  ck_assert_int_eq(store_put(store, "a", "b", big, STORE_VALUE_MAX, 60), ERR_OK);
  ck_assert_int_eq(store_put(store, "a", "b", big, STORE_VALUE_MAX + 1, 60), ERR_TOO_LARGE);
  ck_assert_int_eq(store_put(store, "a", key, "", 0, 60), ERR_TOO_LARGE);
  ck_assert_int_eq(store_put(store, "a", "b", "", 0, 0), ERR_TOO_LARGE);
  ck_assert_int_eq(store_put(store, "a", "b", "", 0, -1), ERR_TOO_LARGE);
  free(big);
  free(key);
}
END_TEST

START_TEST(store_put_new_second_time_exists)
{
  ck_assert_int_eq(store_put_new(store, "nonce", "n", "1", 1, 60), ERR_OK);
  ck_assert_int_eq(store_put_new(store, "nonce", "n", "2", 1, 60), ERR_EXISTS);
  ck_assert_str_eq(read_with(store_get, "nonce", "n"), "1");
}
END_TEST

START_TEST(store_put_new_after_its_time_accepted)
{
  ck_assert_int_eq(store_put_new(store, "nonce", "n", "1", 1, 60), ERR_OK);
  clock_shift_wall(60);
  ck_assert_int_eq(store_put_new(store, "nonce", "n", "2", 1, 60), ERR_OK);
  ck_assert_str_eq(read_with(store_get, "nonce", "n"), "2");
}
END_TEST

START_TEST(store_take_second_time_not_found)
{
  put("code", "a", "one", 60);
  ck_assert_str_eq(read_with(store_take, "code", "a"), "one");
  ck_assert_str_eq(read_with(store_take, "code", "a"), "-");
  ck_assert_str_eq(read_with(store_get, "code", "a"), "-");
}
END_TEST

START_TEST(store_remove_present_or_absent_ok)
{
  put("session", "a", "one", 60);
  ck_assert_int_eq(store_remove(store, "session", "a"), ERR_OK);
  ck_assert_str_eq(read_with(store_get, "session", "a"), "-");
  ck_assert_int_eq(store_remove(store, "session", "a"), ERR_OK);
}
END_TEST

START_TEST(store_count_counts_until_its_time)
{
  int64_t n, left;
  ck_assert_int_eq(store_count_get(store, "failures", "alice", &n, &left), ERR_OK);
  ck_assert_int_eq(n, 0);
  ck_assert_int_eq(left, 0);
  for (int i = 1; i <= 3; i++) {
    ck_assert_int_eq(store_count(store, "failures", "alice", 60, &n), ERR_OK);
    ck_assert_int_eq(n, i);
  }
  ck_assert_int_eq(store_count_get(store, "failures", "alice", &n, &left), ERR_OK);
  ck_assert_int_eq(n, 3);
  ck_assert(left >= 59 && left <= 60);
  clock_shift_wall(61);
  ck_assert_int_eq(store_count_get(store, "failures", "alice", &n, &left), ERR_OK);
  ck_assert_int_eq(n, 0);
  ck_assert_int_eq(store_count(store, "failures", "alice", 60, &n), ERR_OK);
  ck_assert_int_eq(n, 1);
}
END_TEST

START_TEST(store_count_each_failure_extends_time)
{
  int64_t n;
  ck_assert_int_eq(store_count(store, "failures", "alice", 60, NULL), ERR_OK);
  clock_shift_wall(50);
  ck_assert_int_eq(store_count(store, "failures", "alice", 60, NULL), ERR_OK);
  clock_shift_wall(100);
  ck_assert_int_eq(store_count_get(store, "failures", "alice", &n, NULL), ERR_OK);
  ck_assert_int_eq(n, 2);
}
END_TEST

START_TEST(store_probe_leaves_nothing)
{
  struct failure f = {0};
  int64_t n;
  ck_assert_msg(!store_probe(store, &f), "%s", f.why);
  ck_assert_int_eq(store_size(store, &n), ERR_OK);
  ck_assert_int_eq(n, 0);
}
END_TEST

/* A limit of the process's files is as a full disk. */
START_TEST(store_probe_says_that_nothing_can_be_written_until_it_can)
{
  struct rlimit before, full;
  struct failure f = {0};
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
  full = before;
  full.rlim_cur = 1024;
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
  enum err e = store_probe(store, &f), put = store_put(store, "a", "1", "x", 1, 10);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
  ck_assert_int_eq(e, ERR_IO);
  ck_assert_str_eq(f.why, "the store: disk I/O error");
  ck_assert_int_eq(put, ERR_IO);
  ck_assert_int_eq(store_probe(store, &f), ERR_OK);
}
END_TEST

START_TEST(store_purge_deletes_ended_records_only)
{
  int64_t n;
  put("a", "1", "x", 10);
  put("a", "2", "x", 100);
  clock_shift_wall(50);
  ck_assert_int_eq(store_size(store, &n), ERR_OK);
  ck_assert_int_eq(n, 2);
  ck_assert_int_eq(store_purge(store), ERR_OK);
  ck_assert_int_eq(store_size(store, &n), ERR_OK);
  ck_assert_int_eq(n, 1);
  ck_assert_str_eq(read_with(store_get, "a", "2"), "x");
}
END_TEST

START_TEST(store_last_end_is_that_of_the_record_that_lives_longest)
{
  int64_t last_s, now_s = clock_wall_s();
  ck_assert_int_eq(store_last_end(store, &last_s), ERR_OK);
  ck_assert_int_eq(last_s, 0);
  ck_assert_int_eq(store_put(store, "a", "1", "", 0, 500), ERR_OK);
  ck_assert_int_eq(store_put(store, "b", "2", "", 0, 100), ERR_OK);
  ck_assert_int_eq(store_last_end(store, &last_s), ERR_OK);
  ck_assert(last_s >= now_s + 500 && last_s <= clock_wall_s() + 500);
}
END_TEST

START_TEST(store_put_many_purges_by_itself)
{
  char key[32];
  int64_t n;
  for (int i = 0; i < 3000; i++) {
    if (i == 1000) clock_shift_wall(100);
    snprintf(key, sizeof key, "%d", i);
    put("nonce", key, "", 10);
  }
  ck_assert_int_eq(store_size(store, &n), ERR_OK);
  ck_assert_int_lt(n, 3000);
}
END_TEST

/* Two stores on one file, as two processes would have, and several threads: one taker, one first user. */
struct racer {
  struct store *store;
  pthread_barrier_t *start;
  int taken, first, counted;
};

static void *race(void *arg)
{
  struct racer *r = arg;
  char key[32];
  pthread_barrier_wait(r->start);
  for (int i = 0; i < 50; i++) {
    snprintf(key, sizeof key, "%d", i);
    r->taken += store_take(r->store, "code", key, NULL) == ERR_OK;
    r->first += store_put_new(r->store, "nonce", key, "", 0, 60) == ERR_OK;
    r->counted += store_count(r->store, "failures", "alice", 60, NULL) == ERR_OK;
  }
  return NULL;
}

START_TEST(store_take_by_many_exactly_one_succeeds)
{
  enum { N = 4 };
  struct store *second;
  struct racer r[N];
  pthread_t t[N];
  pthread_barrier_t start;
  char key[32];
  int taken = 0, first = 0;
  int64_t count;
  ck_assert_int_eq(store_open(path, STORE_REFUSE, &second, NULL, NULL), ERR_OK);
  for (int i = 0; i < 50; i++) {
    snprintf(key, sizeof key, "%d", i);
    put("code", key, "x", 60);
  }
  pthread_barrier_init(&start, NULL, N);
  for (int i = 0; i < N; i++) {
    r[i] = (struct racer){.store = i % 2 ? store : second, .start = &start};
    pthread_create(&t[i], NULL, race, &r[i]);
  }
  for (int i = 0; i < N; i++) {
    pthread_join(t[i], NULL);
    taken += r[i].taken;
    first += r[i].first;
    ck_assert_int_eq(r[i].counted, 50);
  }
  pthread_barrier_destroy(&start);
  ck_assert_int_eq(taken, 50);
  ck_assert_int_eq(first, 50);
  ck_assert_int_eq(store_count_get(second, "failures", "alice", &count, NULL), ERR_OK);
  ck_assert_int_eq(count, 50 * N);
  store_close(second);
}
END_TEST

static atomic_bool written;

static void *write_one(void *arg)
{
  (void)arg;
  (void)!store_put(store, "code", "a", "two", 3, 60);
  written = true;
  return NULL;
}

/* A writer of another process holds the file, so that ours waits. */
START_TEST(store_get_while_a_write_waits_does_not_wait)
{
  sqlite3 *other;
  pthread_t t;
  put("code", "a", "one", 60);
  ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  written = false;
  ck_assert_int_eq(pthread_create(&t, NULL, write_one, NULL), 0);
  for (int i = 0; i < 10000; i++)
    ck_assert_str_eq(read_with(store_get, "code", "a"), "one");
  ck_assert(!written);
  ck_assert_int_eq(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
  pthread_join(t, NULL);
  ck_assert_str_eq(read_with(store_get, "code", "a"), "two");
  sqlite3_close(other);
}
END_TEST

START_TEST(store_close_null_accepted)
{
  store_close(NULL);
}
END_TEST

int main(void)
{
  TCase *t = tcase_create("store");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, store_get_after_put_gives_value);
  tcase_add_test(t, store_get_other_kind_or_key_not_found);
  tcase_add_test(t, store_get_without_buffer_tells_presence);
  tcase_add_test(t, store_get_value_larger_than_buffer_refused);
  tcase_add_test(t, store_get_after_its_time_not_found);
  tcase_add_test(t, store_put_again_replaces_value_and_time);
  tcase_add_test(t, store_put_empty_value_kept);
  tcase_add_test(t, store_put_beyond_limits_refused);
  tcase_add_test(t, store_put_new_second_time_exists);
  tcase_add_test(t, store_put_new_after_its_time_accepted);
  tcase_add_test(t, store_take_second_time_not_found);
  tcase_add_test(t, store_remove_present_or_absent_ok);
  tcase_add_test(t, store_count_counts_until_its_time);
  tcase_add_test(t, store_count_each_failure_extends_time);
  tcase_add_test(t, store_probe_leaves_nothing);
  tcase_add_test(t, store_probe_says_that_nothing_can_be_written_until_it_can);
  tcase_add_test(t, store_purge_deletes_ended_records_only);
  tcase_add_test(t, store_last_end_is_that_of_the_record_that_lives_longest);
  tcase_add_test(t, store_put_many_purges_by_itself);
  tcase_add_test(t, store_take_by_many_exactly_one_succeeds);
  tcase_add_test(t, store_get_while_a_write_waits_does_not_wait);
  tcase_add_test(t, store_close_null_accepted);
  Suite *s = suite_create("store");
  suite_add_tcase(s, t);
  return run(s);
}

#include "replay.h"

#include "run.h"

#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct replay *r;
static const int64_t now = 1795473115;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void)st;
  (void)type;
  (void)ftw;
  return remove(path);
}

static void reopen(int64_t when)
{
  struct failure f = {0};
  replay_close(r);
  r = NULL;
  ck_assert_msg(replay_open(folder, when, &r, &f) == ERR_OK, "%s", f.why);
}

static void setup(void)
{
  strcpy(folder, "/tmp/sevenstep-replay-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  r = NULL;
  reopen(now);
}

static void teardown(void)
{
  replay_close(r);
  nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

START_TEST(replay_remember_second_time_is_noticed)
{
  ck_assert_int_eq(replay_remember(r, 42, now + 300, now), ERR_OK);
  ck_assert_int_eq(replay_remember(r, 42, now + 300, now), ERR_EXISTS);
  ck_assert_int_eq(replay_remember(r, 43, now + 300, now), ERR_OK);
}
END_TEST

START_TEST(replay_remember_tag_zero_is_a_tag)
{
  ck_assert_int_eq(replay_remember(r, 0, now + 300, now), ERR_OK);
  ck_assert_int_eq(replay_remember(r, 0, now + 300, now), ERR_EXISTS);
}
END_TEST

START_TEST(replay_open_again_still_knows)
{
  for (uint64_t i = 1; i <= 20000; i++)
    ck_assert_int_eq(replay_remember(r, i, now + 300, now), ERR_OK);
  reopen(now + 10);
  ck_assert_uint_eq(replay_count(r), 20000);
  ck_assert_int_eq(replay_remember(r, 1, now + 300, now + 10), ERR_EXISTS);
  ck_assert_int_eq(replay_remember(r, 20000, now + 300, now + 10), ERR_EXISTS);
  ck_assert_int_eq(replay_remember(r, 20001, now + 300, now + 10), ERR_OK);
  reopen(now + 20);
  ck_assert_int_eq(replay_remember(r, 20001, now + 300, now + 20), ERR_EXISTS);
}
END_TEST

START_TEST(replay_remember_expired_ones_are_forgotten_with_their_files)
{
  ck_assert_int_eq(replay_remember(r, 42, now + 10, now), ERR_OK);
  ck_assert_int_eq(replay_remember(r, 43, now + 500, now + 100), ERR_OK);
  ck_assert_uint_eq(replay_count(r), 1);
  int files = 0;
  DIR *d = opendir(folder);
  for (struct dirent *e; (e = readdir(d));)
    files += e->d_name[0] != '.';
  closedir(d);
  ck_assert_int_eq(files, 1);
}
END_TEST

START_TEST(replay_remember_beyond_what_can_be_remembered_is_refused)
{
  ck_assert_int_eq(replay_remember(r, 42, now - 100, now), ERR_TIMEOUT);
  ck_assert_int_eq(replay_remember(r, 42, now + 100000, now), ERR_TIMEOUT);
}
END_TEST

START_TEST(replay_open_strange_files_are_left_alone)
{
  char path[128];
  snprintf(path, sizeof path, "%s/notes", folder);
  FILE *f = fopen(path, "we");
  ck_assert_ptr_nonnull(f);
  fclose(f);
  reopen(now);
  ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(replay_open_folder_that_cannot_be_made_is_an_error)
{
  struct replay *other;
  struct failure f;
  ck_assert_int_eq(replay_open("/proc/nowhere/replay", now, &other, &f), ERR_IO);
}
END_TEST

static atomic_uint accepted;

static void *remember_many(void *arg)
{
  (void)arg;
  for (uint64_t i = 1; i <= 5000; i++)
    if (replay_remember(r, i, now + 300, now) == ERR_OK) atomic_fetch_add(&accepted, 1);
  return NULL;
}

START_TEST(replay_remember_many_threads_each_tag_is_accepted_once)
{
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, remember_many, NULL), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  ck_assert_uint_eq(atomic_load(&accepted), 5000);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("replay");
  TCase *t = tcase_create("replay");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, replay_remember_second_time_is_noticed);
  tcase_add_test(t, replay_remember_tag_zero_is_a_tag);
  tcase_add_test(t, replay_open_again_still_knows);
  tcase_add_test(t, replay_remember_expired_ones_are_forgotten_with_their_files);
  tcase_add_test(t, replay_remember_beyond_what_can_be_remembered_is_refused);
  tcase_add_test(t, replay_open_strange_files_are_left_alone);
  tcase_add_test(t, replay_open_folder_that_cannot_be_made_is_an_error);
  tcase_add_test(t, replay_remember_many_threads_each_tag_is_accepted_once);
  suite_add_tcase(s, t);
  return run(s);
}

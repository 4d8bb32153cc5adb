/* Opening: what an earlier run, a crash or somebody's editor may have left. */
#include "store.h"

#include "run.h"
#include "schema.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[96];

static void setup(void)
{
  snprintf(folder, sizeof folder, "/tmp/sevenstep-schema-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/store.db", folder);
}

static void teardown(void)
{
  static const char *const suffix[] = {"", "-wal", "-shm", ".damaged"};
  char name[128];
  for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffix[i]);
    unlink(name);
  }
  rmdir(folder);
}

static struct store *opened(enum store_damage damage, bool *aside)
{
  struct store *s = NULL;
  struct failure f = {0};
  ck_assert_msg(!store_open(path, damage, &s, aside, &f), "%s", f.why);
  return s;
}

static void write_file(const char *text, size_t n, off_t at, int flags)
{
  int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pwrite(fd, text, n, at), (ssize_t)n);
  close(fd);
}

static void refused(const char *word)
{
  struct store *s = NULL;
  struct failure f = {0};
  ck_assert_int_eq(store_open(path, STORE_REFUSE, &s, NULL, &f), ERR_IO);
  ck_assert_ptr_null(s);
  ck_assert_msg(strstr(f.why, word) && strstr(f.why, path), "%s", f.why);
}

static void fill(void)
{
  struct store *s = opened(STORE_REFUSE, NULL);
  char key[32];
  for (int i = 0; i < 500; i++) {
    snprintf(key, sizeof key, "%d", i);
    ck_assert_int_eq(store_put(s, "a", key, "some value to fill pages with", 29, 600), ERR_OK);
  }
  store_close(s);
}

START_TEST(store_open_new_file_is_private)
{
  struct stat st;
  umask(0);
  store_close(opened(STORE_REFUSE, NULL));
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(store_open_again_keeps_records)
{
  fill();
  struct store *s = opened(STORE_REFUSE, NULL);
  ck_assert_int_eq(store_get(s, "a", "499", NULL), ERR_OK);
  store_close(s);
}
END_TEST

START_TEST(store_open_after_kill_recovers)
{
  int pipes[2];
  ck_assert_int_eq(pipe(pipes), 0);
  pid_t pid = fork();
  if (!pid) {
    struct store *s;
    if (store_open(path, STORE_REFUSE, &s, NULL, NULL) || store_put(s, "a", "k", "v", 1, 600)) _exit(1);
    if (write(pipes[1], "x", 1) != 1) _exit(1);
    for (int i = 0;; i++) {
      char key[32];
      snprintf(key, sizeof key, "%d", i);
      if (store_put(s, "a", key, "v", 1, 600)) _exit(1);
    }
  }
  char c;
  ck_assert_int_eq(read(pipes[0], &c, 1), 1);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  bool aside = true;
  struct store *s = opened(STORE_SET_ASIDE, &aside);
  ck_assert(!aside);
  ck_assert_int_eq(store_get(s, "a", "k", NULL), ERR_OK);
  ck_assert_int_eq(store_put(s, "a", "k", "w", 1, 600), ERR_OK);
  store_close(s);
}
END_TEST

START_TEST(store_open_not_a_database_refused)
{
  char rubbish[8192];
  memset(rubbish, 'x', sizeof rubbish);
  write_file(rubbish, sizeof rubbish, 0, O_TRUNC);
  refused("damaged");
}
END_TEST

START_TEST(store_open_damaged_page_refused)
{
  char rubbish[4096];
  memset(rubbish, 0xa5, sizeof rubbish);
  fill();
  write_file(rubbish, sizeof rubbish, 8192, 0);
  refused("damaged");
}
END_TEST

START_TEST(store_open_truncated_file_refused)
{
  fill();
  ck_assert_int_eq(truncate(path, 8192), 0);
  refused("damaged");
}
END_TEST

START_TEST(store_open_damaged_set_aside_begins_anew)
{
  char rubbish[8192], name[128];
  bool aside = false;
  memset(rubbish, 'x', sizeof rubbish);
  write_file(rubbish, sizeof rubbish, 0, O_TRUNC);
  struct store *s = opened(STORE_SET_ASIDE, &aside);
  ck_assert(aside);
  ck_assert_int_eq(store_put(s, "a", "k", "v", 1, 600), ERR_OK);
  store_close(s);
  snprintf(name, sizeof name, "%s.damaged", path);
  ck_assert_int_eq(access(name, F_OK), 0);
  store_close(opened(STORE_REFUSE, &aside));
  ck_assert(!aside);
}
END_TEST

START_TEST(store_open_other_version_refused_and_kept)
{
  fill();
  write_file("\0\0\0\7", 4, 60, 0); /* user_version in the database header */
  struct store *s = NULL;
  ck_assert_int_eq(store_open(path, STORE_SET_ASIDE, &s, NULL, NULL), ERR_IO);
  refused("version");
}
END_TEST

START_TEST(store_open_folder_missing_refused)
{
  snprintf(path, sizeof path, "%s/none/store.db", folder);
  refused("No such file");
}
END_TEST

START_TEST(store_open_symbolic_link_refused)
{
  ck_assert_int_eq(symlink("/dev/null", path), 0);
  refused("links");
}
END_TEST

START_TEST(reader_without_memory_is_told_so)
{
  struct failure f = {0};
  sqlite3 *reader = NULL;
  store_close(opened(STORE_REFUSE, NULL));
  sqlite3_hard_heap_limit64(1);
  enum err e = schema_open_reader(path, &reader, &f);
  sqlite3_hard_heap_limit64(0);
  ck_assert_int_ne(e, ERR_OK);
  ck_assert_ptr_null(reader);
  ck_assert_msg(strstr(f.why, "memory"), "%s", f.why);
}
END_TEST

int main(void)
{
  TCase *t = tcase_create("schema");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, store_open_new_file_is_private);
  tcase_add_test(t, store_open_again_keeps_records);
  tcase_add_test(t, store_open_after_kill_recovers);
  tcase_add_test(t, store_open_not_a_database_refused);
  tcase_add_test(t, store_open_damaged_page_refused);
  tcase_add_test(t, store_open_truncated_file_refused);
  tcase_add_test(t, store_open_damaged_set_aside_begins_anew);
  tcase_add_test(t, store_open_other_version_refused_and_kept);
  tcase_add_test(t, store_open_folder_missing_refused);
  tcase_add_test(t, store_open_symbolic_link_refused);
  tcase_add_test(t, reader_without_memory_is_told_so);
  Suite *s = suite_create("schema");
  suite_add_tcase(s, t);
  return run(s);
}

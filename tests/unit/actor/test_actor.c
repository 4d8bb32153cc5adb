/* actor_start ends the process when something is wrong, so it is tested from outside: a tiny actor is run as
 * a child. */
#include "actor.h"

#include "run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAB SEVENSTEP_SOURCE_DIR "/lab.yaml"

static char folder[] = "/tmp/sevenstep-test-actor-XXXXXX";
static char run[64], bad_lab[64];

/* What the child said and how it ended. */
static struct outcome {
  char out[8192], err[8192], ready[64];
  int code;
} child;

static void read_all(int fd, char *text, size_t size)
{
  size_t n = 0;
  ssize_t got;
  while (n + 1 < size && (got = read(fd, text + n, size - 1 - n)) > 0)
    n += (size_t)got;
  text[n] = 0;
  close(fd);
}

/* Runs the probe with these arguments (a NULL ends them); its descriptor 40 is a pipe for --ready-fd. */
static void run_probe(const char *name, const char *const *arguments)
{
  const char *argv[16] = {name};
  for (int i = 0; arguments[i]; i++)
    argv[i + 1] = arguments[i];
  int out[2], err[2], ready[2];
  ck_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    dup2(ready[1], 40);
    execv(PROBE_ACTOR, (char *const *)(uintptr_t)argv);
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  close(ready[1]);
  read_all(out[0], child.out, sizeof child.out);
  read_all(err[0], child.err, sizeof child.err);
  read_all(ready[0], child.ready, sizeof child.ready);
  int status;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  child.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define PROBE(...) run_probe("/probe", (const char *const[]){__VA_ARGS__, NULL})

static void set_up(void)
{
  memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(run, sizeof run, "%s/run", folder);
  snprintf(bad_lab, sizeof bad_lab, "%s/lab.yaml", folder);
  FILE *f = fopen(bad_lab, "w");
  ck_assert_ptr_nonnull(f);
  fputs("version: 2\n", f);
  fclose(f);
  unsetenv("SEVENSTEP_RUN");
  unsetenv("SEVENSTEP_LAB");
  unsetenv("SEVENSTEP_PORT_BASE");
}

static void tear_down(void)
{
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  ck_assert_int_eq(system(command), 0);
}

START_TEST(actor_start_right_is_ready_and_ends_with_0)
{
  PROBE("-c", LAB, "-r", run, "--ready-fd", "40");
  ck_assert_int_eq(child.code, 0);
  ck_assert_str_eq(child.ready, "READY\n");
  ck_assert_ptr_nonnull(strstr(child.out, "/run/probe.sock\nCORP.SEVENSTEP.TEST\n"));
  ck_assert_int_eq(child.out[0], '/');
  ck_assert_ptr_nonnull(strstr(child.err, "probe: ready"));
}
END_TEST

static void limit_files(rlim_t soft, rlim_t hard)
{
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){soft, hard}), 0);
}

START_TEST(actor_start_raises_the_limit_of_open_files)
{
  limit_files(256, ACTOR_FILES + 1);
  PROBE("-c", LAB, "-r", run);
  ck_assert_ptr_nonnull(strstr(child.out, "\n18432 files\n"));
  ck_assert_ptr_null(strstr(child.err, "ulimit"));
}
END_TEST

START_TEST(actor_start_says_when_it_may_not_open_so_many_files)
{
  limit_files(256, 300);
  PROBE("-c", LAB, "-r", run);
  ck_assert_ptr_nonnull(strstr(child.out, "\n300 files\n"));
  ck_assert_ptr_nonnull(strstr(child.err, "no more than 300 files and connections can be open at once"));
}
END_TEST

START_TEST(actor_start_run_folder_is_made_for_the_owner_only)
{
  struct stat st;
  PROBE("-c", LAB, "-r", run);
  ck_assert_int_eq(stat(run, &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0700);
}
END_TEST

START_TEST(actor_start_environment_replaces_options)
{
  setenv("SEVENSTEP_LAB", LAB, 1);
  setenv("SEVENSTEP_RUN", run, 1);
  run_probe("/probe", (const char *const[]){NULL});
  ck_assert_int_eq(child.code, 0);
  ck_assert_ptr_nonnull(strstr(child.out, "/run/probe.sock"));
}
END_TEST

START_TEST(actor_start_check_says_ok_and_makes_nothing)
{
  struct stat st;
  PROBE("-n", "-c", LAB, "-r", run, "--ready-fd", "40");
  ck_assert_int_eq(child.code, 0);
  ck_assert_str_eq(child.out, "configuration OK\n");
  ck_assert_str_eq(child.ready, "");
  ck_assert_int_ne(stat(run, &st), 0);
}
END_TEST

START_TEST(actor_start_bad_lab_ends_with_3_and_its_place)
{
  PROBE("-c", bad_lab, "-r", run, "--ready-fd", "40");
  ck_assert_int_eq(child.code, 3);
  ck_assert_str_eq(child.ready, "");
  ck_assert_ptr_nonnull(strstr(child.err, "/lab.yaml:1:10: version: expected 1"));
}
END_TEST

START_TEST(actor_start_check_of_a_bad_lab_ends_with_3)
{
  PROBE("-n", "-c", bad_lab);
  ck_assert_int_eq(child.code, 3);
  ck_assert_str_eq(child.out, "");
}
END_TEST

START_TEST(actor_start_run_folder_that_cannot_be_ends_with_1)
{
  PROBE("-c", LAB, "-r", bad_lab);
  ck_assert_int_eq(child.code, 1);
  PROBE("-c", LAB, "-r", "/nowhere/at/all");
  ck_assert_int_eq(child.code, 1);
}
END_TEST

START_TEST(actor_start_run_folder_too_long_for_sockets_ends_with_1)
{
  char deep[160];
  snprintf(deep, sizeof deep, "%s/%0100d", folder, 0);
  PROBE("-c", LAB, "-r", deep);
  ck_assert_int_eq(child.code, 1);
  ck_assert_ptr_nonnull(strstr(child.err, "too long"));
}
END_TEST

START_TEST(actor_start_unknown_option_ends_with_2)
{
  PROBE("--foo");
  ck_assert_int_eq(child.code, 2);
  ck_assert_ptr_nonnull(strstr(child.err, "sevenstep-probe --help"));
}
END_TEST

START_TEST(actor_start_option_without_value_ends_with_2)
{
  PROBE("-c");
  ck_assert_int_eq(child.code, 2);
  ck_assert_ptr_nonnull(strstr(child.err, "-c: a value is missing"));
}
END_TEST

START_TEST(actor_start_superfluous_argument_ends_with_2)
{
  PROBE("-c", LAB, "more");
  ck_assert_int_eq(child.code, 2);
}
END_TEST

START_TEST(actor_start_closed_ready_fd_ends_with_2)
{
  PROBE("-c", LAB, "--ready-fd", "77");
  ck_assert_int_eq(child.code, 2);
  PROBE("-c", LAB, "--ready-fd", "40x");
  ck_assert_int_eq(child.code, 2);
}
END_TEST

START_TEST(actor_start_instance_where_there_is_one_only_ends_with_2)
{
  PROBE("-c", LAB, "-i", "connector-1");
  ck_assert_int_eq(child.code, 2);
}
END_TEST

START_TEST(actor_start_known_instance_names_the_process)
{
  run_probe("/probe-instance", (const char *const[]){"-c", LAB, "-r", run, "-i", "connector-2", NULL});
  ck_assert_int_eq(child.code, 0);
  ck_assert_ptr_nonnull(strstr(child.out, "/run/connector-2.sock"));
  ck_assert_ptr_nonnull(strstr(child.err, "connector-2: ready"));
}
END_TEST

START_TEST(actor_start_missing_instance_ends_with_2)
{
  run_probe("/probe-instance", (const char *const[]){"-c", LAB, "-r", run, NULL});
  ck_assert_int_eq(child.code, 2);
}
END_TEST

START_TEST(actor_start_unknown_instance_ends_with_3)
{
  run_probe("/probe-instance", (const char *const[]){"-c", LAB, "-r", run, "-i", "connector-9", NULL});
  ck_assert_int_eq(child.code, 3);
  ck_assert_ptr_nonnull(strstr(child.err, "connector-9"));
}
END_TEST

START_TEST(actor_start_help_and_version_end_with_0)
{
  PROBE("--help");
  ck_assert_int_eq(child.code, 0);
  ck_assert_ptr_nonnull(strstr(child.out, "Does nothing, well."));
  ck_assert_ptr_nonnull(strstr(child.out, "Exit codes"));
  PROBE("--version");
  ck_assert_int_eq(child.code, 0);
  ck_assert_int_eq(strncmp(child.out, "sevenstep-probe ", 16), 0);
}
END_TEST

START_TEST(actor_exit_code_follows_the_error)
{
  ck_assert_int_eq(actor_exit_code(ERR_OK), 0);
  ck_assert_int_eq(actor_exit_code(ERR_IO), 1);
  ck_assert_int_eq(actor_exit_code(ERR_USAGE), 2);
  ck_assert_int_eq(actor_exit_code(ERR_CONFIG), 3);
  ck_assert_int_eq(actor_exit_code(ERR_PORT_TAKEN), 4);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("actor");
  TCase *t = tcase_create("actor");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, actor_start_right_is_ready_and_ends_with_0);
  tcase_add_test(t, actor_start_raises_the_limit_of_open_files);
  tcase_add_test(t, actor_start_says_when_it_may_not_open_so_many_files);
  tcase_add_test(t, actor_start_run_folder_is_made_for_the_owner_only);
  tcase_add_test(t, actor_start_environment_replaces_options);
  tcase_add_test(t, actor_start_check_says_ok_and_makes_nothing);
  tcase_add_test(t, actor_start_bad_lab_ends_with_3_and_its_place);
  tcase_add_test(t, actor_start_check_of_a_bad_lab_ends_with_3);
  tcase_add_test(t, actor_start_run_folder_that_cannot_be_ends_with_1);
  tcase_add_test(t, actor_start_run_folder_too_long_for_sockets_ends_with_1);
  tcase_add_test(t, actor_start_unknown_option_ends_with_2);
  tcase_add_test(t, actor_start_option_without_value_ends_with_2);
  tcase_add_test(t, actor_start_superfluous_argument_ends_with_2);
  tcase_add_test(t, actor_start_closed_ready_fd_ends_with_2);
  tcase_add_test(t, actor_start_instance_where_there_is_one_only_ends_with_2);
  tcase_add_test(t, actor_start_known_instance_names_the_process);
  tcase_add_test(t, actor_start_missing_instance_ends_with_2);
  tcase_add_test(t, actor_start_unknown_instance_ends_with_3);
  tcase_add_test(t, actor_start_help_and_version_end_with_0);
  tcase_add_test(t, actor_exit_code_follows_the_error);
  suite_add_tcase(s, t);
  return run(s);
}

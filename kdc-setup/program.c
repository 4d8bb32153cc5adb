#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int is_program(const char *dir, size_t dir_len, const char *name, char out[4096])
{
  int n = snprintf(out, 4096, "%.*s/%s", (int)dir_len, dir, name);
  return n > 0 && n < 4096 && dir_len && access(out, X_OK) == 0;
}

static const char *packages_of(const char *name)
{
  return strcmp(name, "slapd") == 0 ? "slapd krb5-kdc-ldap" : "krb5-kdc krb5-admin-server";
}

enum err program_find(const char *name, char out[4096], struct failure *f)
{
  static const char system_folders[] = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin";
  const char *lists[] = {getenv("PATH"), system_folders};
  for (size_t i = 0; i < 2; i++)
    for (const char *p = lists[i]; p && *p;) {
      size_t n = strcspn(p, ":");
      if (is_program(p, n, name, out)) return ERR_OK;
      p += n + (p[n] == ':');
    }
  return failure_set(f, ERR_PACKAGE_MISSING, "%s is not installed: apt-get install %s", name,
                     packages_of(name));
}

/* In the child, after fork: only what is safe there. */
static void become(const char *path, const char *const argv[], const int fds[3], pid_t parent)
{
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127); /* it died before the line above */
  for (int i = 0; i < 3; i++)
    if (dup2(fds[i], i) < 0) _exit(127);
  execv(path, (char *const *)(uintptr_t)argv);
  _exit(127);
}

enum err program_start(const char *const argv[], int in, int out, int err, pid_t *ret, struct failure *f)
{
  char path[4096];
  enum err e = program_find(argv[0], path, f);
  if (e) return e;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return failure_set(f, ERR_IO, "/dev/null: %s", strerror(errno));
  /* Above 2, so that dup2 onto 0..2 never overwrites one that is still to be copied. */
  int fds[3] = {in < 0 ? null : in, out < 0 ? null : out, err < 0 ? null : err};
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) become(path, argv, fds, parent);
  int error = errno;
  close(null);
  if (pid < 0) return failure_set(f, ERR_IO, "fork: %s", strerror(error));
  *ret = pid;
  return ERR_OK;
}

/* Reads to the end, keeps the beginning as one line. */
static void read_text(int fd, char *out, size_t size)
{
  char piece[512];
  size_t len = 0;
  ssize_t n;
  while ((n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR))
    for (ssize_t i = 0; i < n && len < size - 1; i++)
      out[len++] = piece[i] == '\n' ? ' ' : piece[i];
  while (len && out[len - 1] == ' ')
    len--;
  out[len] = '\0';
}

static int wait_status(pid_t pid)
{
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

enum err program_run(const char *const argv[], const char *input, struct program_output *ret,
                     struct failure *f)
{
  int in[2], err[2];
  pid_t pid = -1;
  if (pipe2(in, O_CLOEXEC) != 0) return failure_set(f, ERR_IO, "pipe: %s", strerror(errno));
  if (pipe2(err, O_CLOEXEC) != 0) {
    failure_set(f, ERR_IO, "pipe: %s", strerror(errno));
    close(in[0]);
    close(in[1]);
    return ERR_IO;
  }
  enum err e = program_start(argv, in[0], -1, err[1], &pid, f);
  close(in[0]);
  close(err[1]);
  /* What fits into a pipe needs no reader; a child that died early makes EPIPE, and its status tells. */
  ssize_t written = e ? 0 : write(in[1], input, strlen(input));
  (void)written;
  close(in[1]);
  if (!e) {
    read_text(err[0], ret->text, sizeof ret->text);
    ret->status = wait_status(pid);
  }
  close(err[0]);
  return e;
}

#include "supervise.h"

#include "clock.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is known of a program that is supervised. */
struct kind {
  const char *name;
  const char *begins;     /* what its log says when it serves */
  const char *routine[5]; /* what else it says that is no complaint */
  size_t (*stamp)(const char *text);
  enum err failed;
};

/* krb5kdc begins with its name, which the caller's log puts before each line anyway. */
static size_t no_stamp(const char *text)
{
  (void)text;
  return 0;
}

/* slapd begins with the time and the thread, both in hexadecimal. */
static size_t slapd_stamp(const char *text)
{
  size_t time = strspn(text, "0123456789abcdef."), thread = 0;
  if (time && strncmp(text + time, " 0x", 3) == 0) thread = strcspn(text + time + 1, " ");
  return thread && text[time + 1 + thread] ? time + 1 + thread + 1 : 0;
}

static const struct kind krb5kdc = {
    "krb5kdc", "commencing operation", {"setting up network", "shutting down"}, no_stamp, ERR_KDC_START};
static const struct kind slapd = {
    "slapd",
    "slapd starting",
    {"backend_startup_one", "slapd shutdown", "slapd stopped", "nothing to destroy", "OpenLDAP"},
    slapd_stamp,
    ERR_KDC_DIRECTORY};

struct supervised {
  const struct kind *kind;
  pid_t pid; /* -1: ended */
  int status;
  int log_fd, signal_fd;
  struct sockaddr_un door; /* where it listens, if it does not say when it does; else empty */
  struct klog *log;
  void (*each)(void *arg, const char *text);
  void *arg;
  atomic_bool commenced, ended, address_taken;
  char complaint[KLOG_LINE_MAX]; /* the last line that tells of an error */
};

static const int64_t start_patience_ns = 10 * 1000000000LL;
static const int64_t moment_ns = 1000000;
static const int64_t end_patience_ns = 5 * 1000000000LL;

static bool is_routine(const struct kind *k, const char *text)
{
  for (size_t i = 0; i < sizeof k->routine / sizeof *k->routine && k->routine[i]; i++)
    if (strstr(text, k->routine[i])) return true;
  return strstr(text, k->begins) != NULL;
}

static void on_line(void *arg, const char *text)
{
  struct supervised *s = arg;
  text += s->kind->stamp(text);
  if (strstr(text, s->kind->begins)) atomic_store(&s->commenced, true);
  if (strstr(text, "Address already in use")) atomic_store(&s->address_taken, true);
  if (!is_routine(s->kind, text)) snprintf(s->complaint, sizeof s->complaint, "%s", text);
  s->each(s->arg, text);
}

/* krb5kdc shares an address that another one serves already, without a word. So ask first: a datagram socket
 * must be free to bind, and nobody may accept a connection. */
static enum err require_free(const struct lab_addr *listen, struct failure *f)
{
  char port[8];
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *ai = NULL;
  snprintf(port, sizeof port, "%u", listen->port);
  int rc = getaddrinfo(listen->host, port, &hints, &ai);
  if (rc != 0) return failure_set(f, ERR_CONFIG, "kdc.listen: %s: %s", listen->host, gai_strerror(rc));
  int udp = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int tcp = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  enum err e = ERR_OK;
  if (udp < 0 || tcp < 0)
    e = failure_set(f, ERR_IO, "socket: %s", strerror(errno));
  else if (bind(udp, ai->ai_addr, ai->ai_addrlen) != 0)
    e = failure_set(f, errno == EADDRINUSE ? ERR_PORT_TAKEN : ERR_KDC_START, "kdc.listen %s:%u (UDP): %s",
                    listen->host, listen->port, strerror(errno));
  else if (connect(tcp, ai->ai_addr, ai->ai_addrlen) == 0)
    e = failure_set(f, ERR_PORT_TAKEN, "kdc.listen %s:%u (TCP): somebody answers there", listen->host,
                    listen->port);
  if (udp >= 0) close(udp);
  if (tcp >= 0) close(tcp);
  freeaddrinfo(ai);
  return e;
}

static sigset_t our_signals(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGCHLD);
  return set;
}

void supervise_block_signals(void)
{
  sigset_t set = our_signals();
  sigprocmask(SIG_BLOCK, &set, NULL);
}

static int open_signals(void)
{
  sigset_t set = our_signals();
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum err start_child(struct supervised *s, const char *const argv[], struct failure *f)
{
  int p[2];
  if (pipe2(p, O_CLOEXEC) != 0) return failure_set(f, ERR_IO, "pipe: %s", strerror(errno));
  s->log_fd = p[0];
  enum err e = program_start(argv, -1, -1, p[1], &s->pid, f);
  close(p[1]);
  if (!e) e = klog_new(s->log_fd, on_line, s, &s->log, f);
  return e;
}

static enum err start(const struct kind *kind, const char *const argv[],
                      void (*each)(void *arg, const char *text), void *arg, struct supervised **ret,
                      struct failure *f)
{
  struct supervised *s = calloc(1, sizeof *s);
  if (!s) return failure_set(f, ERR_NOMEM, "supervisor of %s", kind->name);
  s->kind = kind;
  s->pid = -1;
  s->log_fd = -1;
  s->each = each;
  s->arg = arg;
  s->signal_fd = open_signals();
  enum err e =
      s->signal_fd < 0 ? failure_set(f, ERR_IO, "signalfd: %s", strerror(errno)) : start_child(s, argv, f);
  if (e) {
    supervise_stop(s);
    return e;
  }
  *ret = s;
  return ERR_OK;
}

enum err supervise_krb5kdc(const struct lab *lab, void (*each)(void *arg, const char *text), void *arg,
                           struct supervised **ret, struct failure *f)
{
  const char *const argv[] = {"krb5kdc", "-n", "-r", lab->realm, NULL};
  enum err e = require_free(&lab->kdc.listen, f);
  return e ? e : start(&krb5kdc, argv, each, arg, ret, f);
}

enum err supervise_slapd(const char *run, void (*each)(void *arg, const char *text), void *arg,
                         struct supervised **ret, struct failure *f)
{
  struct buf uri;
  struct sockaddr_un door = {.sun_family = AF_UNIX};
  int n = snprintf(door.sun_path, sizeof door.sun_path, "%s/directory/ldapi", run);
  buf_init(&uri, 3 * sizeof door.sun_path + 16);
  enum err e = n < 0 || (size_t)n >= sizeof door.sun_path || lab_directory_uri(run, &uri)
                   ? failure_set(f, ERR_CONFIG, "%s/directory/ldapi: too long for a socket", run)
                   : ERR_OK;
  /* With -d it stays in the foreground and writes its log to standard error: none is what is always logged.
   */
  const char *const argv[] = {"slapd", "-f", "slapd.conf", "-h", e ? "" : buf_str(&uri), "-d", "none", NULL};
  if (!e) e = start(&slapd, argv, each, arg, ret, f);
  if (!e) (*ret)->door = door;
  buf_clear(&uri);
  return e;
}

static void reap(struct supervised *s, int options)
{
  if (s->pid < 0) return;
  pid_t got = waitpid(s->pid, &s->status, options);
  if (got != s->pid) return;
  s->pid = -1;
  atomic_store(&s->ended, true);
}

/* Waits for log, child or signal; true when a signal asks us to end. */
static bool wait_for_news(struct supervised *s, int64_t until_ns)
{
  struct pollfd p[] = {{.fd = s->signal_fd, .events = POLLIN}, {.fd = s->log_fd, .events = POLLIN}};
  bool asked = false;
  int64_t left = until_ns < 0 ? 0 : until_ns - clock_mono_ns();
  int ms = until_ns < 0 ? -1 : left < 0 ? 0 : (int)(left / 1000000 + 1);
  if (poll(p, s->log_fd < 0 ? 1 : 2, ms) < 0) return false;
  struct signalfd_siginfo info;
  while (read(s->signal_fd, &info, sizeof info) == sizeof info)
    asked |= info.ssi_signo != SIGCHLD;
  /* A closed log stays readable: stop asking for it, the child's end comes by its signal. */
  if (!klog_drain(s->log) && s->log_fd >= 0) {
    close(s->log_fd);
    s->log_fd = -1;
  }
  reap(s, WNOHANG);
  return asked;
}

static enum err died(struct supervised *s, const char *when, struct failure *f)
{
  klog_drain(s->log);
  if (!atomic_load(&s->commenced) && atomic_load(&s->address_taken))
    return failure_set(f, ERR_PORT_TAKEN, "%s: %s", s->kind->name, s->complaint);
  bool killed = WIFSIGNALED(s->status);
  return failure_set(f, s->kind->failed, "%s %s %s %d; its last words: %s", s->kind->name, when,
                     killed ? "by signal" : "with code",
                     killed ? WTERMSIG(s->status) : WEXITSTATUS(s->status), s->complaint);
}

/* slapd says that it starts just before it listens, and nothing after that. */
static bool is_listening(const struct supervised *s)
{
  if (!s->door.sun_path[0]) return true;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)&s->door, sizeof s->door) == 0;
  if (fd >= 0) close(fd);
  return yes;
}

enum err supervise_until_ready(struct supervised *s, struct failure *f)
{
  int64_t until = clock_mono_ns() + start_patience_ns;
  while (!atomic_load(&s->commenced) || !is_listening(s)) {
    if (s->pid < 0) return died(s, "ended at its start", f);
    if (clock_mono_ns() >= until)
      return failure_set(f, s->kind->failed, "%s does not begin to serve; its last words: %s", s->kind->name,
                         s->complaint);
    if (wait_for_news(s, atomic_load(&s->commenced) ? clock_mono_ns() + moment_ns : until))
      return failure_set(f, ERR_CLOSED, "asked to end");
  }
  return ERR_OK;
}

enum err supervise_run(struct supervised *s, struct failure *f)
{
  while (s->pid >= 0)
    if (wait_for_news(s, -1)) return ERR_OK;
  return died(s, "ended", f);
}

static void end_child(struct supervised *s)
{
  if (s->pid < 0) return;
  kill(s->pid, SIGTERM);
  int64_t until = clock_mono_ns() + end_patience_ns;
  while (s->pid >= 0 && clock_mono_ns() < until)
    wait_for_news(s, until);
  if (s->pid < 0) return;
  kill(s->pid, SIGKILL);
  reap(s, 0);
}

void supervise_stop(struct supervised *s)
{
  if (!s) return;
  if (s->log) end_child(s);
  if (s->pid >= 0) {
    kill(s->pid, SIGKILL);
    reap(s, 0);
  }
  klog_free(s->log);
  if (s->log_fd >= 0) close(s->log_fd);
  if (s->signal_fd >= 0) close(s->signal_fd);
  free(s);
}

struct klog *supervise_log(struct supervised *s)
{
  return s->log;
}

bool supervise_is_serving(struct supervised *s)
{
  return atomic_load(&s->commenced) && !atomic_load(&s->ended);
}

#include "follow.h"

#include "buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 64
#define TAIL_MAX  65536u /* a line is shorter */

struct tail {
  char name[128];
  ino_t inode; /* a file renamed away and begun anew is another one */
  int fd;
  struct buf rest; /* of a line not yet whole */
};

struct follow {
  char path[4096];
  int notify;
  struct tail tails[FILES_MAX];
  size_t n;
};

static int is_trace_file(const char *name)
{
  size_t n = strlen(name);
  return n > 6 && n < sizeof((struct tail *)0)->name && strcmp(name + n - 6, ".jsonl") == 0;
}

static struct tail *tail_of(struct follow *w, const char *name)
{
  for (size_t i = 0; i < w->n; i++)
    if (strcmp(w->tails[i].name, name) == 0) return &w->tails[i];
  if (w->n == FILES_MAX) return NULL;
  struct tail *t = &w->tails[w->n++];
  *t = (struct tail){.fd = -1};
  snprintf(t->name, sizeof t->name, "%s", name);
  buf_init(&t->rest, TAIL_MAX);
  return t;
}

static void hand_out(struct tail *t, void (*line)(void *, const char *), void *arg)
{
  char *newline;
  while (t->rest.len && (newline = memchr(t->rest.data, '\n', t->rest.len))) {
    *newline = 0;
    if (line) line(arg, buf_str(&t->rest));
    buf_consume(&t->rest, (size_t)((uint8_t *)newline - t->rest.data) + 1);
  }
}

static void read_on(struct tail *t, void (*line)(void *, const char *), void *arg)
{
  char piece[16384];
  ssize_t n;
  while (t->fd >= 0 && (n = read(t->fd, piece, sizeof piece)) > 0) {
    if (buf_append(&t->rest, piece, (size_t)n)) buf_reset(&t->rest);
    hand_out(t, line, arg);
  }
}

/* Opens a file that is new, or took the place of the one we read: first the rest of that. */
static void look_at(struct follow *w, const char *name, void (*line)(void *, const char *), void *arg)
{
  char path[4096 + 256];
  struct stat st;
  struct tail *t = tail_of(w, name);
  if (!t) return;
  read_on(t, line, arg);
  snprintf(path, sizeof path, "%s/%s", w->path, name);
  if (stat(path, &st) == 0 && (t->fd < 0 || st.st_ino != t->inode)) {
    if (t->fd >= 0) close(t->fd);
    t->fd = open(path, O_RDONLY | O_CLOEXEC);
    t->inode = st.st_ino;
    buf_reset(&t->rest);
    read_on(t, line, arg);
  }
}

static void look_at_all(struct follow *w, void (*line)(void *, const char *), void *arg)
{
  struct dirent *entry;
  DIR *folder = opendir(w->path);
  while (folder && (entry = readdir(folder)))
    if (is_trace_file(entry->d_name)) look_at(w, entry->d_name, line, arg);
  if (folder) closedir(folder);
}

enum err follow_new(const char *run, struct follow **ret, struct failure *f)
{
  struct follow *w = calloc(1, sizeof *w);
  if (!w) return failure_set(f, ERR_NOMEM, "following");
  snprintf(w->path, sizeof w->path, "%s/trace", run);
  w->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (w->notify < 0 || inotify_add_watch(w->notify, w->path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
    enum err e = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    (void)failure_set(f, e, "%s: %s", w->path, strerror(errno));
    follow_free(w);
    return e;
  }
  look_at_all(w, NULL, NULL);
  *ret = w;
  return ERR_OK;
}

void follow_free(struct follow *w)
{
  if (!w) return;
  for (size_t i = 0; i < w->n; i++) {
    if (w->tails[i].fd >= 0) close(w->tails[i].fd);
    buf_clear(&w->tails[i].rest);
  }
  if (w->notify >= 0) close(w->notify);
  free(w);
}

enum err follow_wait(struct follow *w, int timeout_ms, void (*line)(void *arg, const char *text), void *arg)
{
  char events[4096];
  struct pollfd p = {.fd = w->notify, .events = POLLIN};
  int n = poll(&p, 1, timeout_ms);
  if (n == 0) return ERR_TIMEOUT;
  if (n < 0) return errno == EINTR ? ERR_OK : ERR_IO;
  while (read(w->notify, events, sizeof events) > 0)
    ;
  look_at_all(w, line, arg);
  return ERR_OK;
}

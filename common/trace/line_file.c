#include "line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_DEFAULT (64LL * 1024 * 1024)
#define FILE_BYTES_LEAST   4096LL
#define FOLDER_BYTES       4224
#define PATH_BYTES         4352

struct line_file {
  char folder[FOLDER_BYTES], path[PATH_BYTES];
  pthread_mutex_t lock; /* of fd and size: rotation must not meet a write */
  int fd;               /* -1: not open */
  long long size, size_max;
};

static long long file_bytes(void)
{
  const char *text = getenv("SEVENSTEP_TRACE_FILE_BYTES");
  long long v = text ? strtoll(text, NULL, 10) : 0;
  if (v <= 0) return FILE_BYTES_DEFAULT;
  return v < FILE_BYTES_LEAST ? FILE_BYTES_LEAST : v;
}

/* Opens l->path for appending and learns its size. */
static int open_file(struct line_file *l)
{
  struct stat st;
  int fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) l->size = fstat(fd, &st) == 0 ? (long long)st.st_size : 0;
  return fd;
}

enum err line_file_new(const char *run, const char *folder, const char *name, struct line_file **ret,
                       struct failure *f)
{
  struct line_file *l = calloc(1, sizeof *l);
  if (!l) return failure_set(f, ERR_NOMEM, "%s/%s", folder, name);
  pthread_mutex_init(&l->lock, NULL);
  l->fd = -1;
  l->size_max = file_bytes();
  int n = snprintf(l->folder, sizeof l->folder, "%s/%s", run, folder);
  int m = snprintf(l->path, sizeof l->path, "%s/%s/%s.jsonl", run, folder, name);
  if (n < 0 || m < 0 || (size_t)n >= sizeof l->folder || (size_t)m >= sizeof l->path) {
    line_file_free(l);
    return failure_set(f, ERR_USAGE, "the run folder's path is too long");
  }
  *ret = l;
  return ERR_OK;
}

static bool make(struct line_file *l)
{
  if (l->fd < 0 && (mkdir(l->folder, 0700) == 0 || errno == EEXIST)) l->fd = open_file(l);
  return l->fd >= 0;
}

enum err line_file_make(struct line_file *l, struct failure *f)
{
  return make(l) ? ERR_OK : failure_set(f, ERR_IO, "%s: %s", l->path, strerror(errno));
}

void line_file_free(struct line_file *l)
{
  if (!l) return;
  if (l->fd >= 0) close(l->fd);
  pthread_mutex_destroy(&l->lock);
  free(l);
}

/* With the lock held. When the new file cannot be opened the old one is kept: better too large than lost. */
static void rotate(struct line_file *l)
{
  char older[PATH_BYTES + 2];
  snprintf(older, sizeof older, "%s.1", l->path);
  if (rename(l->path, older) < 0) return;
  int fd = open_file(l);
  if (fd < 0) return;
  close(l->fd);
  l->fd = fd;
}

bool line_file_write(struct line_file *l, const char *line, size_t n)
{
  pthread_mutex_lock(&l->lock);
  bool there = make(l);
  if (there && l->size > 0 && l->size + (long long)n > l->size_max) rotate(l);
  ssize_t done = there ? write(l->fd, line, n) : -1;
  if (done > 0) l->size += done;
  pthread_mutex_unlock(&l->lock);
  return done == (ssize_t)n;
}

#include "replay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Authenticators are accepted five minutes around now, so expiry times span ten. */
enum { GROUP_S = 16, GROUPS = 64, CHUNK = 64 * 1024, CHUNK_TAGS = CHUNK / 8 };

struct group {
  int64_t index; /* expiry / GROUP_S; 0: free */
  uint64_t *set; /* open addressing; 0 is empty */
  size_t cap, count;
  int fd;
  uint64_t *chunk; /* the file's last piece, mapped */
  size_t written;  /* tags in the file */
};

struct replay {
  pthread_mutex_t lock;
  int dir_fd;
  int64_t oldest; /* groups before this index are gone */
  struct group group[GROUPS];
};

/* -- a set ----------------------------------------------------------------------------------------------- */

static size_t place(const uint64_t *set, size_t cap, uint64_t tag)
{
  size_t at = (size_t)(tag * 0x9e3779b97f4a7c15ULL >> 20) & (cap - 1);
  while (set[at] && set[at] != tag)
    at = (at + 1) & (cap - 1);
  return at;
}

static enum err make_room(struct group *g)
{
  if (g->cap && g->count < g->cap / 4 * 3) return ERR_OK;
  size_t cap = g->cap ? 2 * g->cap : 256;
  uint64_t *set = calloc(cap, sizeof *set);
  if (!set) return ERR_NOMEM;
  for (size_t i = 0; i < g->cap; i++)
    if (g->set[i]) set[place(set, cap, g->set[i])] = g->set[i];
  free(g->set);
  g->set = set;
  g->cap = cap;
  return ERR_OK;
}

static enum err set_add(struct group *g, uint64_t tag)
{
  enum err e = make_room(g);
  if (e) return e;
  size_t at = place(g->set, g->cap, tag);
  if (g->set[at]) return ERR_EXISTS;
  g->set[at] = tag;
  g->count++;
  return ERR_OK;
}

/* -- a group and its file -------------------------------------------------------------------------------- */

static void file_name(int64_t index, char out[32])
{
  snprintf(out, 32, "%" PRId64, index);
}

static void group_close(struct group *g)
{
  if (g->chunk) munmap(g->chunk, CHUNK);
  if (g->fd >= 0) close(g->fd);
  free(g->set);
  *g = (struct group){.fd = -1};
}

static void group_remove(struct replay *r, struct group *g)
{
  char name[32];
  file_name(g->index, name);
  unlinkat(r->dir_fd, name, 0);
  group_close(g);
}

/* Maps the piece of the file in which the next tag belongs. */
static enum err map_chunk(struct group *g)
{
  off_t at = (off_t)(g->written / CHUNK_TAGS) * CHUNK;
  if (g->chunk) munmap(g->chunk, CHUNK);
  g->chunk = NULL;
  /* Allocated, not only extended: a full disk must be an error here, and not a signal on the first write. */
  if (posix_fallocate(g->fd, at, CHUNK) != 0) return ERR_IO;
  void *p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, at);
  if (p == MAP_FAILED) return ERR_IO;
  g->chunk = p;
  return ERR_OK;
}

static enum err file_add(struct group *g, uint64_t tag)
{
  if (!g->chunk || g->written % CHUNK_TAGS == 0) {
    enum err e = map_chunk(g);
    if (e) return e;
  }
  g->chunk[g->written++ % CHUNK_TAGS] = tag;
  return ERR_OK;
}

/* The tags of an earlier process, up to the first empty place. */
static enum err file_read(struct group *g)
{
  uint64_t piece[512];
  ssize_t n;
  while ((n = pread(g->fd, piece, sizeof piece, (off_t)(g->written * sizeof *piece))) > 0) {
    size_t count = (size_t)n / sizeof *piece;
    if (!count) break;
    for (size_t i = 0; i < count; i++) {
      if (!piece[i]) return ERR_OK;
      enum err e = set_add(g, piece[i]);
      if (e && e != ERR_EXISTS) return e;
      g->written++;
    }
  }
  return n < 0 ? ERR_IO : ERR_OK;
}

static enum err group_open(struct replay *r, struct group *g, int64_t index)
{
  char name[32];
  file_name(index, name);
  *g = (struct group){.index = index,
                      .fd = openat(r->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  enum err e = g->fd < 0 ? ERR_IO : file_read(g);
  if (e) group_close(g);
  return e;
}

static enum err group_of(struct replay *r, int64_t index, struct group **ret)
{
  struct group *g = &r->group[index % GROUPS];
  if (g->index != index) {
    if (g->index) group_remove(r, g); /* GROUPS are more than can be alive: it has expired */
    enum err e = group_open(r, g, index);
    if (e) return e;
  }
  *ret = g;
  return ERR_OK;
}

static void expire(struct replay *r, int64_t now_s)
{
  int64_t first = now_s / GROUP_S;
  if (first <= r->oldest) return;
  r->oldest = first;
  for (size_t i = 0; i < GROUPS; i++)
    if (r->group[i].index && r->group[i].index < first) group_remove(r, &r->group[i]);
}

/* -- the whole ------------------------------------------------------------------------------------------- */

static enum err read_folder(struct replay *r, int64_t now_s)
{
  int fd = dup(r->dir_fd);
  DIR *d = fd < 0 ? NULL : fdopendir(fd);
  if (!d) {
    if (fd >= 0) close(fd);
    return ERR_IO;
  }
  enum err e = ERR_OK;
  for (struct dirent *entry; !e && (entry = readdir(d));) {
    char *end;
    long long index = strtoll(entry->d_name, &end, 10);
    if (*end || index <= 0) continue;
    struct group *g;
    if (index < now_s / GROUP_S || index >= now_s / GROUP_S + GROUPS - 1)
      unlinkat(r->dir_fd, entry->d_name, 0);
    else
      e = group_of(r, index, &g);
  }
  closedir(d);
  return e;
}

enum err replay_open(const char *folder, int64_t now_s, struct replay **ret, struct failure *f)
{
  if (mkdir(folder, 0700) != 0 && errno != EEXIST)
    return failure_set(f, ERR_IO, "%s: %s", folder, strerror(errno));
  struct replay *r = calloc(1, sizeof *r);
  if (!r) return failure_set(f, ERR_NOMEM, "replay cache");
  pthread_mutex_init(&r->lock, NULL);
  for (size_t i = 0; i < GROUPS; i++)
    r->group[i].fd = -1;
  r->oldest = now_s / GROUP_S;
  r->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  enum err e = r->dir_fd < 0 ? ERR_IO : read_folder(r, now_s);
  if (e) {
    failure_set(f, e, "replay cache %s: %s", folder, strerror(errno));
    replay_close(r);
    return e;
  }
  *ret = r;
  return ERR_OK;
}

void replay_close(struct replay *r)
{
  if (!r) return;
  for (size_t i = 0; i < GROUPS; i++)
    group_close(&r->group[i]);
  if (r->dir_fd >= 0) close(r->dir_fd);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

enum err replay_remember(struct replay *r, uint64_t tag, int64_t expires_s, int64_t now_s)
{
  struct group *g;
  int64_t index = expires_s / GROUP_S;
  if (index < now_s / GROUP_S || index >= now_s / GROUP_S + GROUPS - 1) return ERR_TIMEOUT;
  if (!tag) tag = 1;
  pthread_mutex_lock(&r->lock);
  expire(r, now_s);
  enum err e = group_of(r, index, &g);
  if (!e) e = set_add(g, tag);
  if (!e) e = file_add(g, tag);
  pthread_mutex_unlock(&r->lock);
  return e;
}

size_t replay_count(struct replay *r)
{
  size_t n = 0;
  pthread_mutex_lock(&r->lock);
  for (size_t i = 0; i < GROUPS; i++)
    n += r->group[i].count;
  pthread_mutex_unlock(&r->lock);
  return n;
}

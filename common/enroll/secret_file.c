#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err secret_file_write(const char *path, const void *data, size_t n, struct failure *f)
{
  char aside[4096 + 256];
  if (snprintf(aside, sizeof aside, "%s.new", path) >= (int)sizeof aside)
    return failure_set(f, ERR_TOO_LARGE, "a path of %zu bytes", strlen(path));
  unlink(aside); /* of a run that stopped half-way */
  int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool ok = fd >= 0 && write(fd, data, n) == (ssize_t)n && !fsync(fd);
  if (fd >= 0 && close(fd)) ok = false;
  if (ok && !rename(aside, path)) return ERR_OK;
  int error = errno;
  unlink(aside);
  return failure_set(f, ERR_IO, "%s: %s", path, strerror(error));
}

enum err secret_file_read(const char *path, struct buf *out, struct failure *f)
{
  struct stat st;
  uint8_t *at;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return failure_set(f, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
  enum err e = ERR_OK;
  if (fstat(fd, &st))
    e = failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  else if (st.st_mode & 077)
    e = failure_set(f, ERR_IO, "%s may be read by others: chmod 600", path);
  else if (st.st_size <= 0 || buf_reserve(out, (size_t)st.st_size, &at))
    e = failure_set(f, ERR_IO, "%s: %lld bytes cannot be right", path, (long long)st.st_size);
  else if (read(fd, at, (size_t)st.st_size) != st.st_size)
    e = failure_set(f, ERR_IO, "%s: it could not be read", path);
  if (!e) {
    out->len += (size_t)st.st_size;
    out->data[out->len] = 0;
  }
  close(fd);
  return e;
}

/* Small files with secrets in them: readable for their owner only, and whole or not there at all, also when
 * the machine stops. Blocking: for workers, and for the start. Library code: nothing is logged. */
#ifndef SEVENSTEP_SECRET_FILE_H
#define SEVENSTEP_SECRET_FILE_H

#include "buf.h"

/* Written beside (mode 0600), synced, renamed. */
enum err secret_file_write(const char *path, const void *data, size_t n, struct failure *f) MUST_CHECK;
/* Appends it to out. ERR_NOT_FOUND; ERR_IO, too, when others may read it, or when it is larger than out may
 * grow. */
enum err secret_file_read(const char *path, struct buf *out, struct failure *f) MUST_CHECK;

#endif

/* The keys that seal what browsers keep: the newest seals, former ones open what they have sealed until the
 * last of it has ended. Plain data, and the file that they live in. Blocking where a path is given: for
 * workers, and for the start. Library code: nothing is logged. */
#ifndef SEVENSTEP_SEAL_RING_H
#define SEVENSTEP_SEAL_RING_H

#include "buf.h"

enum { SEAL_KEYS_MAX = 8, SEAL_KEY = 32 };

struct seal_key {
  uint8_t id;      /* 1 to 255, the first byte of what it has sealed. 0 is kept for values of another form */
  int64_t until_s; /* a former key's: from then on it opens nothing; of the newest 0 */
  uint8_t bytes[SEAL_KEY];
};

struct seal_ring {
  size_t n; /* at least one; the newest first */
  struct seal_key keys[SEAL_KEYS_MAX];
};

/* A first key. */
void seal_ring_begin(struct seal_ring *ret);
/* Another one from now on; the one before is needed for kept_s seconds. ERR_AGAIN when all are needed still.
 */
enum err seal_ring_rotate(struct seal_ring *r, int64_t now_s, int64_t kept_s, struct failure *f) MUST_CHECK;
/* Is the time of some former key over? drop: wipes those. */
bool seal_ring_is_over(const struct seal_ring *r, int64_t now_s);
void seal_ring_drop(struct seal_ring *r, int64_t now_s);

/* ERR_NOT_FOUND; ERR_IO when it cannot be read, or is none. A file of 32 bytes is a single key, as it was
 * before there was a ring. */
enum err seal_ring_read(const char *path, struct seal_ring *ret, struct failure *f) MUST_CHECK;
/* Mode 0600, whole or not at all. */
enum err seal_ring_write(const char *path, const struct seal_ring *r, struct failure *f) MUST_CHECK;

#endif

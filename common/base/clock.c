#include "clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static _Atomic int64_t shift_s;

static int64_t now_ns(clockid_t id)
{
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall_ns(void)
{
  return now_ns(CLOCK_REALTIME) + atomic_load_explicit(&shift_s, memory_order_relaxed) * 1000000000;
}

int64_t clock_wall_s(void)
{
  return clock_wall_ns() / 1000000000;
}

int64_t clock_mono_ns(void)
{
  return now_ns(CLOCK_MONOTONIC);
}

void clock_shift_wall(int64_t seconds)
{
  atomic_store(&shift_s, seconds);
}

void random_bytes(void *out, size_t n)
{
  uint8_t *at = out;
  while (n) {
    ssize_t got = getrandom(at, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) abort();
    at += got;
    n -= (size_t)got;
  }
}

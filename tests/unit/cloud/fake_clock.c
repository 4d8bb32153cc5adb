/* The clock of the library, which tests can move on: linked in its place. */
#include "fake_clock.h"

#include "clock.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t shift_ns, wall_shift_ns, held_ns;

static int64_t now_ns(clockid_t id)
{
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall_ns(void)
{
  return now_ns(CLOCK_REALTIME) + __atomic_load_n(&wall_shift_ns, __ATOMIC_RELAXED);
}

int64_t clock_wall_s(void)
{
  return clock_wall_ns() / 1000000000;
}

int64_t clock_mono_ns(void)
{
  int64_t held = __atomic_load_n(&held_ns, __ATOMIC_RELAXED);
  return (held ? held : now_ns(CLOCK_MONOTONIC)) + __atomic_load_n(&shift_ns, __ATOMIC_RELAXED);
}

void clock_hold_mono(bool hold)
{
  __atomic_store_n(&held_ns, hold ? now_ns(CLOCK_MONOTONIC) : 0, __ATOMIC_RELAXED);
}

void clock_shift_wall(int64_t seconds)
{
  __atomic_add_fetch(&wall_shift_ns, seconds * 1000000000, __ATOMIC_RELAXED);
}

void clock_shift_mono_ms(int64_t ms)
{
  __atomic_add_fetch(&shift_ns, ms * 1000000, __ATOMIC_RELAXED);
}

static uint32_t dice;
static bool fixed;

void random_next(uint32_t value)
{
  dice = value;
  fixed = true;
}

void random_bytes(void *out, size_t n)
{
  if (fixed && n == sizeof dice) {
    memcpy(out, &dice, n);
    return;
  }
  if (getrandom(out, n, 0) != (ssize_t)n) abort();
}

/* Time and randomness, injected: tests replace both. Both functions are thread safe. */
#ifndef SEVENSTEP_CLOCK_H
#define SEVENSTEP_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Wall clock, nanoseconds since 1970-01-01 UTC. */
int64_t clock_wall_ns(void);
/* Seconds since 1970-01-01 UTC, for claims and cookies. */
int64_t clock_wall_s(void);
/* Monotonic nanoseconds, for durations and deadlines. */
int64_t clock_mono_ns(void);

/* Tests only: the wall clock reads this many seconds later (or earlier) from now on. */
void clock_shift_wall(int64_t seconds);

/* Fills with bytes of the kernel's random source; aborts if there are none (nothing safe could follow). */
void random_bytes(void *out, size_t n);

#endif

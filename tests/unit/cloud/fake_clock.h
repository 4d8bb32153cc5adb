/* See fake_clock.c. */
#ifndef SEVENSTEP_FAKE_CLOCK_H
#define SEVENSTEP_FAKE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Monotonic time goes on by so much more. */
void clock_shift_mono_ms(int64_t ms);
/* It stands still, or goes on. */
void clock_hold_mono(bool hold);

/* What random_bytes() gives from now on for four bytes: dice. */
void random_next(uint32_t value);

#endif

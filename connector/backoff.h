/* How long to wait before dialling again: a pure function, so that it can be tested with any clock and any
 * dice. */
#ifndef SEVENSTEP_BACKOFF_H
#define SEVENSTEP_BACKOFF_H

#include <stdint.h>

/* failures: consecutive ones, from 1. The first three retries come fast (20 ms, 50 ms, 100 ms); then full
 * jitter between 100 ms and an upper bound that doubles from 500 ms to 10 s. dice: any random number.
 * Milliseconds. */
unsigned backoff_ms(unsigned failures, uint32_t dice);

#endif

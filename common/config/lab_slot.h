/* The lab in force, for programs of many threads: a reload puts another one into its place, and whoever began
 * with the old one keeps it by its reference. Thread safe. */
#ifndef SEVENSTEP_LAB_SLOT_H
#define SEVENSTEP_LAB_SLOT_H

#include "lab.h"

#include <pthread.h>

struct lab_slot {
  pthread_mutex_t lock;
  const struct lab *lab;
};

/* Takes a reference of its own. */
void lab_slot_init(struct lab_slot *s, const struct lab *lab);
void lab_slot_clear(struct lab_slot *s); /* accepts a zeroed struct */
/* A new reference, for lab_free. */
const struct lab *lab_slot_get(struct lab_slot *s) MUST_CHECK;
/* From now on this one; takes over the caller's reference. */
void lab_slot_put(struct lab_slot *s, const struct lab *lab);

#endif

/* A small whole lab file, and what becomes of it after one change. */
#ifndef SEVENSTEP_TEST_CONFIG_FIXTURE_H
#define SEVENSTEP_TEST_CONFIG_FIXTURE_H

#include "lab_load.h"

/* One change: the first `from` in the small lab file becomes `to`. */
struct edit {
  const char *from, *to;
};

/* The lab file after the edits (a zeroed edit ends them); in static storage, until the next call. */
const char *edited(const struct edit *edits);
/* Loads the small file after one edit (NULL, NULL: as it is). Fails the test when it is refused. */
struct lab *loaded(const char *from, const char *to, unsigned flags);
/* Why it is refused after one edit; fails the test when it is not, or when it is with another error than
 * ERR_CONFIG. */
const char *refusal(const char *from, const char *to);

#endif

/* What is published where: which application a request is for, by its host and the most specific path, and
 * what the rest of its target is called inside. Pure functions. */
#ifndef SEVENSTEP_PUBLISH_H
#define SEVENSTEP_PUBLISH_H

#include "buf.h"
#include "lab.h"

/* What a request is for. app is a copy of its own where the "*" of a wildcard has been replaced. */
struct published {
  const struct lab_app *app;
  size_t rest; /* where in the target the part behind the published path begins */
};

/* The application (or its segment, see lab.published) whose external URL has this host and covers the target
 * with the longest path. A wildcard counts only where the host itself is not published; storage takes the
 * copy. Other spellings of a path (percent-encoded letters, repeated slashes, backslashes) are found like the
 * plain one, so that none gets around the application that it belongs to. ERR_APP_UNKNOWN when nothing is
 * published there, or when dot segments leave open where the target leads. */
enum err publish_find(const struct lab *lab, const char *host, size_t n, const char *target,
                      struct lab_concrete *storage, struct published *ret, struct failure *f) MUST_CHECK;

/* Appends the target as the application knows it: its internal path, then the rest, byte for byte. */
enum err publish_internal_target(const struct lab_app *app, const char *target, size_t n, size_t rest,
                                 struct buf *out) MUST_CHECK;

#endif

/* What is published where: which application a request is for, by its host and the most specific path, and
 * what the rest of its target is called inside. Pure functions. */
#ifndef SEVENSTEP_PUBLISH_H
#define SEVENSTEP_PUBLISH_H

#include "buf.h"
#include "lab.h"

/* The application whose external URL has this host and covers the target with the longest path. *ret_rest is
 * where in the target the part behind that path begins. Other spellings of a path (percent-encoded letters,
 * repeated slashes, backslashes) are found like the plain one, so that none gets around the application that
 * it belongs to. ERR_APP_UNKNOWN when nothing is published there, or when dot segments leave open where the
 * target leads. */
enum err publish_find(const struct lab *lab, const char *host, size_t n, const char *target,
                      const struct lab_app **ret_app, size_t *ret_rest, struct failure *f) MUST_CHECK;

/* Appends the target as the application knows it: its internal path, then the rest, byte for byte. */
enum err publish_internal_target(const struct lab_app *app, const char *target, size_t n, size_t rest,
                                 struct buf *out) MUST_CHECK;

/* How many bytes of url->text are scheme, host and port. */
size_t publish_origin_len(const struct lab_url *url);

#endif

/* New spans as they are written, of all instances, like tail -F. */
#ifndef SEVENSTEP_TRACE_FOLLOW_H
#define SEVENSTEP_TRACE_FOLLOW_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct follow;
/* From now on. Creates nothing: RUN/trace must exist, else ERR_NOT_FOUND. */
enum err follow_new(const char *run, struct follow **ret, struct failure *f) MUST_CHECK;
void follow_free(struct follow *w); /* accepts NULL */

/* Waits until something was written, at most timeout_ms (-1: for ever); then calls `line` (may be NULL) with
 * each whole new line, without its newline, NUL-terminated. ERR_TIMEOUT when nothing was. */
enum err follow_wait(struct follow *w, int timeout_ms, void (*line)(void *arg, const char *text),
                     void *arg) MUST_CHECK;

#endif

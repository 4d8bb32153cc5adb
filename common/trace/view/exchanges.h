/* The wire view: the exchanges behind a trace's spans, from RUN/wire, decoded with the keys that the run
 * folder has (library wire). */
#ifndef SEVENSTEP_TRACE_EXCHANGES_H
#define SEVENSTEP_TRACE_EXCHANGES_H

#include "err.h"
#include "story.h"

/* Gives each span that has exchanges the member "wire", and the story its summary of them. The keytabs of
 * RUN/keytabs are used as far as they can be read; those in keytabs must be. */
enum err exchanges_add(struct story *s, const char *run, char *const *keytabs, size_t n,
                       struct failure *f) MUST_CHECK;

#endif

/* Between the tracer's own files: what a span's end hands over. Private to the tracer. */
#ifndef SEVENSTEP_TRACER_H
#define SEVENSTEP_TRACER_H

#include "trace.h"

/* Who reports. */
const char *tracer_actor(const struct tracer *t);
const char *tracer_instance(const struct tracer *t);

/* Writes one line (with its newline) to the file and queues it for export. Thread safe; never waits for the
 * network. */
void tracer_write(struct tracer *t, const char *line, size_t n);
/* Writes one line of the wire file, which is exported to nobody. */
void tracer_write_wire(struct tracer *t, const char *line, size_t n);

#endif

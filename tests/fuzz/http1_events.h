/* What the parser makes of an input, written down as text, so that two ways of cutting the same input can be
 * compared. Shared by the fuzz targets and the unit tests of the codec. */
#ifndef SEVENSTEP_HTTP1_EVENTS_H
#define SEVENSTEP_HTTP1_EVENTS_H

#include "http1.h"

/* Parses message after message in data[0..n), given in pieces: the first of cut bytes, the others of step
 * bytes each (step 0: all the rest); then the peer closes. Appends to log a line for each head, field, body
 * and end; data is appended as it comes, so its cuts do not show. */
void http1_events(struct buf *log, enum http1_kind kind, const struct http1_limits *limits, bool head_only,
                  const uint8_t *data, size_t n, size_t cut, size_t step);

/* The same input in one piece, byte by byte, and in pieces that depend on the input: aborts when the stories
 * differ. */
void http1_events_compare(enum http1_kind kind, const struct http1_limits *limits, bool head_only,
                          const uint8_t *data, size_t n);

#endif

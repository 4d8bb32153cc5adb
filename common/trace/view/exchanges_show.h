/* The wire view for people: each message of exchanges.h, its fields by the names that the RFCs give them. One
 * walk over the JSON tells all messages; it knows none of them. */
#ifndef SEVENSTEP_TRACE_EXCHANGES_SHOW_H
#define SEVENSTEP_TRACE_EXCHANGES_SHOW_H

#include "page.h"
#include "story.h"

/* A span's exchanges. told: an array, empty before the first span, of the tickets that were told: one that
 * comes again is named only. */
void exchanges_show(const struct page *p, json_t *span, json_t *told, int indent);
/* How many there were, and in whose name AS-REQs. */
void exchanges_show_summary(const struct page *p, const struct story *s);

#endif

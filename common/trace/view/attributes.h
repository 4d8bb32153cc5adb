/* What was sent and seen at a step: the attributes of a span in words, in an order of meaning. One table
 * names the known keys; a key it does not know is shown as it is. */
#ifndef SEVENSTEP_TRACE_ATTRIBUTES_H
#define SEVENSTEP_TRACE_ATTRIBUTES_H

#include "page.h"

#include <jansson.h>

/* claims_before: the token's claims as an earlier span had them, or NULL; equal ones are not told twice. */
void attributes_show(const struct page *p, json_t *span, const char *claims_before, int indent, int column);

/* Ticket flags as krb5 keeps them (RFC 4120 section 5.3, the first bit on the left) in words, comma
 * separated. */
void ticket_flags_text(json_int_t flags, char *out, size_t size);

#endif

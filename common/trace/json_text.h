/* Text as a JSON string (RFC 8259 section 7), written straight into a buffer: a span's attributes are
 * formatted as they come, so that ending a span needs no tree. Private to the tracer. */
#ifndef SEVENSTEP_JSON_TEXT_H
#define SEVENSTEP_JSON_TEXT_H

#include "buf.h"

/* Appends text[0..n) in quotes. What is not UTF-8 becomes U+FFFD, so that the line is always valid JSON. */
enum err json_text_append(struct buf *out, const char *text, size_t n) MUST_CHECK;

#endif

/* application/x-www-form-urlencoded (WHATWG URL 5; RFC 6749 appendix B) and query strings. Strict: bad
 * percent escapes and NUL are ERR_SYNTAX. */
#ifndef SEVENSTEP_FORM_H
#define SEVENSTEP_FORM_H

#include "fields.h"

/* Decodes name=value pairs into list (in order, duplicates kept). */
enum err form_parse(struct fields *list, const char *text, size_t n) MUST_CHECK;
/* The only value of name: ERR_NOT_FOUND when absent or empty, ERR_SYNTAX when repeated (RFC 6749 3.1). */
enum err form_get(const struct fields *list, const char *name, const char **ret_value) MUST_CHECK;
/* Appends "name=value", percent-encoded, to a form body, a query or a URL, with the separator that is due:
 * none at the very beginning or behind '?' or '&', '?' behind a URL without a query (a form body never
 * contains '/'), else '&'. */
enum err form_add(struct buf *out, const char *name, const char *value) MUST_CHECK;

#endif

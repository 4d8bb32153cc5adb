/* URLs in HTML and CSS, found as they stream by and replaced where the owner wants. Bytes in, bytes out, in
 * pieces of any size; nothing but one URL under way is ever held back (at most MARKUP_URL_MAX characters, of
 * which a longer one is decided by its beginning). What is not replaced leaves byte for byte as it came.
 *
 * HTML is read as browsers do (WHATWG HTML 13.2.5), in any character encoding that ASCII is a part of: URLs
 * are looked for in the attributes listed in html_value.c, in style attributes and in style elements; never
 * in text, comments, CDATA sections, scripts and other raw text. In CSS (CSS Syntax 3): url() and @import.
 * Not thread safe. */
#ifndef SEVENSTEP_MARKUP_H
#define SEVENSTEP_MARKUP_H

#include "buf.h"

enum { MARKUP_URL_MAX = 2048 };
enum markup_language { MARKUP_HTML, MARKUP_XHTML, MARKUP_CSS };

/* How many bytes at the beginning of url are to be replaced by *ret_with, which must need no escaping in HTML
 * and CSS; 0: it stays. url has its character references and escapes resolved; it is cut where it is too
 * long. */
typedef size_t markup_map(void *arg, const char *url, const char **ret_with);

struct markup;

enum err markup_new(enum markup_language language, markup_map *map, void *arg,
                    struct markup **ret) MUST_CHECK;
void markup_free(struct markup *m); /* accepts NULL */
/* Appends to out. After an error of out (ERR_TOO_LARGE, ERR_NOMEM) only markup_free() is left. */
enum err markup_put(struct markup *m, const void *data, size_t n, struct buf *out) MUST_CHECK;
/* The end of the document: appends what was held back. */
enum err markup_end(struct markup *m, struct buf *out) MUST_CHECK;

#endif

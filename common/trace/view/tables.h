/* Tables in the documents that come from the definition files: the seven steps (steps.def) and the errors
 * (err.def). In a document a table stands between two comment lines that name it, and nobody edits it there.
 */
#ifndef SEVENSTEP_TRACE_TABLES_H
#define SEVENSTEP_TRACE_TABLES_H

#include "buf.h"

/* "steps" or "errors", as Markdown; ERR_NOT_FOUND for another name. */
enum err table_make(const char *name, struct buf *out) MUST_CHECK;

/* Whether the document holds exactly this table now: ERR_OK, or ERR_SYNTAX with the reason. */
enum err table_check(const char *name, const char *path, struct failure *f) MUST_CHECK;

/* Puts the table of now into the document. */
enum err table_write(const char *name, const char *path, struct failure *f) MUST_CHECK;

#endif

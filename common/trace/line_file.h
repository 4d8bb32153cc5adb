/* A file of lines that is appended to and never grows without end: RUN/FOLDER/NAME.jsonl, 0600 in a folder of
 * 0700. A line is one write(2). A file that reaches SEVENSTEP_TRACE_FILE_BYTES (default 64 MiB) is renamed to
 * NAME.jsonl.1, in place of the one before, and begun anew. One process a file; thread safe. Private to the
 * tracer. */
#ifndef SEVENSTEP_LINE_FILE_H
#define SEVENSTEP_LINE_FILE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct line_file;
/* Makes neither folder nor file: the first line does. */
enum err line_file_new(const char *run, const char *folder, const char *name, struct line_file **ret,
                       struct failure *f) MUST_CHECK;
/* Makes them now. */
enum err line_file_make(struct line_file *l, struct failure *f) MUST_CHECK;
void line_file_free(struct line_file *l); /* accepts NULL */
/* line ends in a newline. False: it could not be written. */
bool line_file_write(struct line_file *l, const char *line, size_t n);

#endif

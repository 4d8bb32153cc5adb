/* Text for a terminal of PAGE_WIDTH columns: colours when wanted, long lines wrapped behind a hanging indent,
 * and nothing in a trace (an URL, a user's name) able to send control sequences to the terminal. */
#ifndef SEVENSTEP_TRACE_PAGE_H
#define SEVENSTEP_TRACE_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#define PAGE_WIDTH 100

enum tone { TONE_PLAIN, TONE_BOLD, TONE_DIM, TONE_STEP, TONE_GOOD, TONE_BAD };

struct page {
  FILE *out;
  bool colour;
};

/* Writes text in this tone; control characters become '?'. */
void page_text(const struct page *p, enum tone tone, const char *text);
/* "indent label   value": the value begins in column `column` and is wrapped there. */
void page_row(const struct page *p, int indent, int column, const char *label, enum tone tone,
              const char *value);
/* A paragraph in columns indent..PAGE_WIDTH. */
void page_paragraph(const struct page *p, int indent, enum tone tone, const char *text);
void page_newline(const struct page *p);

#endif

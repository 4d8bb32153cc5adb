/* A story, or the list of them, for people. */
#ifndef SEVENSTEP_TRACE_SHOW_H
#define SEVENSTEP_TRACE_SHOW_H

#include "page.h"
#include "story.h"

void show_story(const struct page *p, const struct story *s);
/* One line a trace; show_list_head once before. */
void show_list_head(const struct page *p);
void show_list_line(const struct page *p, const struct story *s);
/* One line a span, as it comes. */
void show_span_line(const struct page *p, json_t *span);

#endif

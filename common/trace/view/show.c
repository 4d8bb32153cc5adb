#include "show.h"

#include "attributes.h"
#include "exchanges_show.h"
#include "trace.h"

#include <inttypes.h>
#include <string.h>

#define INDENT 4
#define COLUMN 28

static double ms(int64_t ns)
{
  return (double)ns / 1e6;
}

static void show_head(const struct page *p, const struct story *s)
{
  char started[32], line[256];
  story_time(s->start_ns, started);
  page_text(p, TONE_BOLD, "trace ");
  page_text(p, TONE_BOLD, s->id);
  page_text(p, TONE_PLAIN, "  ");
  page_text(p, s->failed ? TONE_BAD : TONE_GOOD, s->failed ? "error" : "ok");
  snprintf(line, sizeof line, "  steps %s  %.1f ms  %s", s->steps, ms(s->end_ns - s->start_ns), started);
  page_text(p, TONE_PLAIN, line);
  page_newline(p);
  if (s->application) page_row(p, 0, INDENT + 9, "application", TONE_PLAIN, s->application);
  if (s->user) page_row(p, 0, INDENT + 9, "user", TONE_PLAIN, s->user);
  if (s->url) page_row(p, 0, INDENT + 9, "address", TONE_PLAIN, s->url);
}

static void show_step_head(const struct page *p, const struct step *def)
{
  char title[64];
  snprintf(title, sizeof title, "%-*d%s: %s", INDENT, def->number, def->actor, def->verb);
  page_newline(p);
  page_text(p, TONE_STEP, title);
  page_newline(p);
  page_paragraph(p, INDENT, TONE_PLAIN, def->sentence);
}

static void show_failure(const struct page *p, json_t *error)
{
  page_row(p, INDENT, COLUMN, "ERROR", TONE_BAD, span_text(error, "name"));
  page_row(p, INDENT, COLUMN, "what", TONE_PLAIN, span_text(error, "what"));
  if (*span_text(error, "why")) page_row(p, INDENT, COLUMN, "why", TONE_PLAIN, span_text(error, "why"));
  if (*span_text(error, "fix")) page_row(p, INDENT, COLUMN, "fix", TONE_PLAIN, span_text(error, "fix"));
}

static void show_events(const struct page *p, json_t *span)
{
  json_t *event;
  size_t i;
  json_array_foreach(json_object_get(span, "events"), i, event)
  {
    page_row(p, INDENT, COLUMN, span_text(event, "name"), TONE_DIM, span_text(event, "text"));
  }
}

static const char *kind_name(json_int_t kind)
{
  return kind == SPAN_CLIENT ? " (as client)" : "";
}

/* The claims that the span before this one showed, to say when they arrived unchanged. */
static const char *earlier_claims(const struct story *s, const json_t *span)
{
  const char *found = NULL;
  json_t *other;
  size_t i;
  json_array_foreach(s->spans, i, other)
  {
    if (other == span) break;
    const char *claims = json_string_value(span_attribute(other, "token.claims"));
    if (claims) found = claims;
  }
  return found;
}

static void show_span(const struct page *p, const struct story *s, json_t *span, json_t *told)
{
  char who[160], when[96];
  const struct step *def = step_by_number((int)span_number(span, "step"));
  const char *name = span_text(span, "name");
  snprintf(who, sizeof who, "%s%s%s%s", span_text(span, "instance"),
           def && strcmp(def->verb, name) != 0 ? ": " : "", def && strcmp(def->verb, name) != 0 ? name : "",
           kind_name(span_number(span, "kind")));
  snprintf(when, sizeof when, "at +%.1f ms, took %.1f ms", ms(span_number(span, "start_ns") - s->start_ns),
           ms(span_number(span, "duration_ns")));
  fprintf(p->out, "%*s", INDENT, "");
  page_text(p, TONE_BOLD, who);
  fprintf(p->out, "%*s", COLUMN - INDENT > (int)strlen(who) ? COLUMN - INDENT - (int)strlen(who) : 1, "");
  page_text(p, TONE_BOLD, when);
  page_newline(p);
  attributes_show(p, span, earlier_claims(s, span), INDENT, COLUMN);
  show_events(p, span);
  exchanges_show(p, span, told, INDENT);
  if (json_object_get(span, "error")) show_failure(p, json_object_get(span, "error"));
}

void show_story(const struct page *p, const struct story *s)
{
  json_int_t before = 0;
  json_t *span, *told = json_array();
  size_t i;
  show_head(p, s);
  json_array_foreach(s->spans, i, span)
  {
    json_int_t step = span_number(span, "step");
    const struct step *def = step_by_number((int)step);
    if (def && step != before) show_step_head(p, def);
    if (!def) {
      page_newline(p);
      page_paragraph(p, 0, TONE_STEP, span_text(span, "name"));
    }
    show_span(p, s, span, told);
    before = step;
  }
  if (s->wire) exchanges_show_summary(p, s);
  json_decref(told);
}

void show_list_head(const struct page *p)
{
  page_text(p, TONE_DIM,
            "started                   trace             steps    status        ms  application  user");
  page_newline(p);
}

void show_list_line(const struct page *p, const struct story *s)
{
  char text[160], started[32];
  story_time(s->start_ns, started);
  snprintf(text, sizeof text, "%s  %.16s  %-7s  ", started, s->id, s->steps);
  page_text(p, TONE_PLAIN, text);
  page_text(p, s->failed ? TONE_BAD : TONE_GOOD, s->failed ? "error " : "ok    ");
  snprintf(text, sizeof text, "%10.1f  %-11s  ", ms(s->end_ns - s->start_ns),
           s->application ? s->application : "-");
  page_text(p, TONE_PLAIN, text);
  page_text(p, TONE_PLAIN, s->user ? s->user : "-");
  if (s->failed) {
    page_text(p, TONE_PLAIN, "  ");
    page_text(p, TONE_BAD, span_text(json_object_get(s->failed_span, "error"), "name"));
  }
  page_newline(p);
}

void show_span_line(const struct page *p, json_t *span)
{
  char text[160], started[32];
  json_t *error = json_object_get(span, "error");
  story_time(span_number(span, "start_ns"), started);
  snprintf(text, sizeof text, "%s  %.8s  %" JSON_INTEGER_FORMAT "  %-12.12s %-9.9s %8.1f ms  ", started + 11,
           span_text(span, "trace_id"), span_number(span, "step"), span_text(span, "instance"),
           span_text(span, "name"), ms(span_number(span, "duration_ns")));
  page_text(p, TONE_PLAIN, text);
  page_text(p, error ? TONE_BAD : TONE_GOOD, error ? span_text(error, "name") : "ok");
  page_newline(p);
}

#include "report.h"

#include <stdarg.h>
#include <string.h>

static const char *const outcome_names[] = {"pass", "fail", "skip"};

enum err report_init(struct report *r, FILE *out, bool json)
{
  *r = (struct report){.out = out, .json = json, .findings = json_array()};
  return r->findings ? ERR_OK : ERR_NOMEM;
}

/* Host names and the like come from outside: nothing of them may steer a terminal. */
static void plain(char *text)
{
  for (; *text; text++)
    if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = '?';
}

static void print_finding(FILE *out, const struct finding *f)
{
  fprintf(out, "%s  %-12s  %s\n", outcome_names[f->outcome], f->check, f->what);
  if (f->outcome != OUTCOME_FAIL) return;
  fprintf(out, "      cause         %s (%s", f->cause, f->error);
  if (f->event) fprintf(out, ", Microsoft's event %d", f->event);
  fprintf(out, ")\n      fix, MIT      %s\n      fix, AD       %s\n", f->mit, f->ad);
}

static json_t *finding_json(const struct finding *f)
{
  json_t *o =
      json_pack("{s:s, s:s, s:s}", "check", f->check, "outcome", outcome_names[f->outcome], "what", f->what);
  if (o && f->outcome == OUTCOME_FAIL) {
    json_t *why = json_pack("{s:s, s:s, s:{s:s, s:s}}", "cause", f->cause, "error", f->error, "fix", "mit",
                            f->mit, "ad", f->ad);
    if (why) json_object_update(o, why);
    json_decref(why);
    if (f->event) json_object_set_new(o, "event", json_integer(f->event));
  }
  return o;
}

void report_add(struct report *r, const struct finding *given)
{
  struct finding f = *given;
  plain(f.what);
  plain(f.cause);
  plain(f.mit);
  plain(f.ad);
  if (f.outcome == OUTCOME_PASS) r->passed++;
  if (f.outcome == OUTCOME_SKIP) r->skipped++;
  if (f.outcome == OUTCOME_FAIL && r->failed++ == 0) r->first = f;
  json_array_append_new(r->findings, finding_json(&f));
  if (r->json) return;
  print_finding(r->out, &f);
  fflush(r->out);
}

static void add_text(struct report *r, const char *check, enum outcome outcome, const char *what, va_list ap)
    __attribute__((format(printf, 4, 0)));
static void add_text(struct report *r, const char *check, enum outcome outcome, const char *what, va_list ap)
{
  struct finding f = {.check = check, .outcome = outcome};
  vsnprintf(f.what, sizeof f.what, what, ap);
  report_add(r, &f);
}

void report_pass(struct report *r, const char *check, const char *what, ...)
{
  va_list ap;
  va_start(ap, what);
  add_text(r, check, OUTCOME_PASS, what, ap);
  va_end(ap);
}

void report_skip(struct report *r, const char *check, const char *what, ...)
{
  va_list ap;
  va_start(ap, what);
  add_text(r, check, OUTCOME_SKIP, what, ap);
  va_end(ap);
}

void report_end(struct report *r)
{
  if (r->json) {
    json_t *o = json_pack("{s:b, s:i, s:i, s:i, s:O}", "ok", r->failed == 0, "passed", (int)r->passed,
                          "failed", (int)r->failed, "skipped", (int)r->skipped, "findings", r->findings);
    if (o && r->failed) json_object_set_new(o, "first", finding_json(&r->first));
    if (o) json_dumpf(o, r->out, JSON_INDENT(2));
    fputc('\n', r->out);
    json_decref(o);
    return;
  }
  fprintf(r->out, "\n%u passed, %u failed, %u skipped.", r->passed, r->failed, r->skipped);
  if (r->failed) fprintf(r->out, " Begin with %s: %s", r->first.check, r->first.cause);
  fputc('\n', r->out);
}

void report_clear(struct report *r)
{
  json_decref(r->findings);
  r->findings = NULL;
}

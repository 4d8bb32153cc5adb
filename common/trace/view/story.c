#include "story.h"

#include "trace.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *span_text(json_t *span, const char *key)
{
  const char *v = json_string_value(json_object_get(span, key));
  return v ? v : "";
}

json_int_t span_number(json_t *span, const char *key)
{
  return json_integer_value(json_object_get(span, key));
}

json_t *span_attribute(json_t *span, const char *key)
{
  return json_object_get(json_object_get(span, "attributes"), key);
}

void story_time(int64_t ns, char out[32])
{
  time_t s = (time_t)(ns / 1000000000);
  struct tm t = {0};
  char day[24];
  gmtime_r(&s, &t);
  strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &t);
  snprintf(out, 32, "%s.%03dZ", day, (int)(ns / 1000000 % 1000));
}

static bool failed(json_t *span)
{
  return strcmp(span_text(span, "status"), "error") == 0;
}

static void keep_first(const char **at, json_t *span, const char *key)
{
  const char *v = json_string_value(span_attribute(span, key));
  if (!*at && v && *v) *at = v;
}

/* The proxy answers the user; what the connector heard from the application is not the answer. */
static bool answers_user(json_t *span)
{
  json_int_t step = span_number(span, "step");
  return step == 1 || step == 2 || step == 3 || step == 7;
}

/* The step that err.def names for the span's error; the span's own when it names none. */
static int error_step(json_t *span)
{
  const char *name = span_text(json_object_get(span, "error"), "name");
  int step = err_info(err_by_name(name))->step;
  return step ? step : (int)span_number(span, "step");
}

/* How near a failed span is to the cause: it lies behind what it caused, so in a later step; but where the
 * error belongs counts more, for the KDC's refusal (step 5) of what the connector may not ask (step 4) is an
 * error of step 4. */
static int nearness(json_t *span)
{
  int step = (int)span_number(span, "step");
  return step + (step == error_step(span) ? 10 : 0);
}

static void hear(struct story *s, json_t *span)
{
  json_int_t step = span_number(span, "step");
  json_t *status = span_attribute(span, "http.response.status_code");
  int64_t end;
  bool sane = !__builtin_add_overflow(span_number(span, "start_ns"), span_number(span, "duration_ns"), &end);
  if (sane && end > s->end_ns) s->end_ns = end;
  if (step >= 1 && step <= 7 && !strchr(s->steps, '0' + (int)step)) {
    size_t n = strlen(s->steps);
    s->steps[n] = (char)('0' + step);
  }
  keep_first(&s->application, span, "sevenstep.application");
  keep_first(&s->user, span, "sevenstep.upn");
  keep_first(&s->user, span, "sevenstep.user");
  if (answers_user(span)) keep_first(&s->url, span, "url.full");
  if (json_is_integer(status) && answers_user(span)) s->status = json_integer_value(status);
  if (failed(span) && (!s->failed_span || nearness(span) >= nearness(s->failed_span))) s->failed_span = span;
}

void story_tell(struct story *ret, const char *id, json_t *spans)
{
  json_t *span;
  size_t i;
  *ret = (struct story){.spans = spans};
  snprintf(ret->id, sizeof ret->id, "%s", id);
  ret->start_ns = span_number(json_array_get(spans, 0), "start_ns");
  ret->end_ns = ret->start_ns;
  json_array_foreach(spans, i, span) hear(ret, span);
  ret->failed = ret->failed_span != NULL;
}

void story_clear(struct story *s)
{
  json_decref(s->spans);
  json_decref(s->wire);
  *s = (struct story){0};
}

static bool has_span(const struct story *s, const char *span_id)
{
  json_t *span;
  size_t i;
  json_array_foreach(s->spans, i, span)
  {
    if (strcmp(span_text(span, "span_id"), span_id) == 0) return true;
  }
  return false;
}

bool story_complete(const struct story *s)
{
  const char *foreign = span_text(json_array_get(s->spans, 0), "parent_span_id");
  json_t *span;
  size_t i;
  if (!strchr(s->steps, '7') && !s->failed) return false;
  json_array_foreach(s->spans, i, span)
  {
    const char *parent = span_text(span, "parent_span_id");
    if (*parent && strcmp(parent, foreign) != 0 && !has_span(s, parent)) return false;
  }
  return true;
}

static double ms(int64_t ns)
{
  int64_t us = ns / 1000;
  return (double)us / 1000.0;
}

static json_t *text_or_null(const char *text)
{
  return text ? json_string(text) : json_null();
}

static json_t *step_json(const struct story *s, json_t *span)
{
  json_t *out = json_copy(span); /* shallow: members are shared */
  const char *claims = json_string_value(span_attribute(span, "token.claims"));
  json_t *decoded = claims ? json_loads(claims, 0, NULL) : NULL;
  const struct step *def = step_by_number((int)span_number(span, "step"));
  json_object_del(out, "trace_id");
  json_object_set_new(out, "offset_ms", json_real(ms(span_number(span, "start_ns") - s->start_ns)));
  json_object_set_new(out, "duration_ms", json_real(ms(span_number(span, "duration_ns"))));
  if (def) json_object_set_new(out, "sentence", json_string(def->sentence));
  if (decoded) json_object_set_new(out, "claims", decoded);
  return out;
}

static json_t *failure_json(json_t *span)
{
  if (!span) return json_null();
  json_t *error = json_copy(json_object_get(span, "error"));
  json_object_set_new(error, "step", json_integer(error_step(span)));
  json_object_set(error, "actor", json_object_get(span, "actor"));
  json_object_set(error, "instance", json_object_get(span, "instance"));
  return error;
}

json_t *story_json(const struct story *s)
{
  json_t *steps = json_array(), *others = json_array(), *span;
  char started[32];
  size_t i;
  story_time(s->start_ns, started);
  json_array_foreach(s->spans, i, span)
  {
    json_array_append_new(span_number(span, "step") ? steps : others, step_json(s, span));
  }
  json_t *out = json_pack(
      "{s:s,s:s,s:b,s:s,s:f,s:o,s:o,s:o,s:o,s:s,s:o,s:o,s:o}", "trace_id", s->id, "status",
      s->failed ? "error" : "ok", "complete", story_complete(s), "started", started, "duration_ms",
      ms(s->end_ns - s->start_ns), "application", text_or_null(s->application), "user", text_or_null(s->user),
      "url", text_or_null(s->url), "http_status", s->status ? json_integer(s->status) : json_null(),
      "sequence", s->steps, "error", failure_json(s->failed_span), "steps", steps, "others", others);
  if (s->wire) json_object_set(out, "wire", s->wire);
  return out;
}

/* Lines of the trace file as OTLP/HTTP JSON: the proto3 JSON mapping of ExportTraceServiceRequest, with ids
 * in hex and 64-bit integers as strings. Spans are grouped by who reported them, one resource an instance. */
#include "otlp.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ownership: every pack here takes over ("o") what it is given; a NULL member makes the whole NULL, and
 * jansson has then freed the rest. */

static json_t *any_value(const json_t *v)
{
  char text[24];
  switch (json_typeof(v)) {
  case JSON_INTEGER:
    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return json_pack("{s:s}", "intValue", text);
  case JSON_TRUE:
  case JSON_FALSE:
    return json_pack("{s:b}", "boolValue", json_is_true(v));
  case JSON_REAL:
    return json_pack("{s:f}", "doubleValue", json_real_value(v));
  case JSON_STRING:
    return json_pack("{s:s}", "stringValue", json_string_value(v));
  default:
    return json_pack("{s:s}", "stringValue", "");
  }
}

static void add_value(json_t *list, const char *key, const json_t *v)
{
  json_t *item = json_pack("{s:s,s:o}", "key", key, "value", any_value(v));
  if (item) json_array_append_new(list, item);
}

static void add_text(json_t *list, const char *key, const char *text)
{
  json_t *v = json_string(text ? text : "");
  if (v) add_value(list, key, v);
  json_decref(v);
}

static json_t *text_of(json_t *object, const char *key)
{
  json_t *v = json_object_get(object, key);
  return json_is_string(v) ? json_incref(v) : json_string("");
}

static json_t *time_text(json_int_t ns)
{
  char text[24];
  snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, ns);
  return json_string(text);
}

static json_t *attributes_of(json_t *line)
{
  json_t *list = json_array();
  json_int_t step = json_integer_value(json_object_get(line, "step"));
  json_t *error = json_object_get(line, "error");
  const char *key;
  json_t *v;
  if (step) add_value(list, "sevenstep.step", json_object_get(line, "step"));
  json_object_foreach(json_object_get(line, "attributes"), key, v) add_value(list, key, v);
  if (error) {
    add_text(list, "error.type", json_string_value(json_object_get(error, "name")));
    add_text(list, "sevenstep.error.what", json_string_value(json_object_get(error, "what")));
    add_text(list, "sevenstep.error.why", json_string_value(json_object_get(error, "why")));
    add_text(list, "sevenstep.error.fix", json_string_value(json_object_get(error, "fix")));
  }
  return list;
}

static json_t *events_of(json_t *line)
{
  json_t *list = json_array(), *event;
  size_t i;
  json_array_foreach(json_object_get(line, "events"), i, event)
  {
    json_t *attributes = json_array();
    add_text(attributes, "text", json_string_value(json_object_get(event, "text")));
    json_array_append_new(list, json_pack("{s:o,s:o,s:o}", "timeUnixNano",
                                          time_text(json_integer_value(json_object_get(event, "time_ns"))),
                                          "name", text_of(event, "name"), "attributes", attributes));
  }
  return list;
}

/* Status code 2 is ERROR; 0, UNSET, is what instrumentation leaves when all went well. */
static json_t *status_of(json_t *line)
{
  json_t *error = json_object_get(line, "error");
  char message[1024];
  if (!error) return json_pack("{s:i}", "code", 0);
  const char *what = json_string_value(json_object_get(error, "what"));
  const char *why = json_string_value(json_object_get(error, "why"));
  snprintf(message, sizeof message, "%s%s%s", what ? what : "", why && *why ? " " : "", why ? why : "");
  return json_pack("{s:i,s:s}", "code", 2, "message", message);
}

static json_t *span_of(json_t *line)
{
  json_int_t start = json_integer_value(json_object_get(line, "start_ns")), end;
  json_int_t duration = json_integer_value(json_object_get(line, "duration_ns"));
  if (__builtin_add_overflow(start, duration, &end)) end = start;
  return json_pack("{s:o,s:o,s:o,s:o,s:I,s:o,s:o,s:o,s:o,s:o}", "traceId", text_of(line, "trace_id"),
                   "spanId", text_of(line, "span_id"), "parentSpanId", text_of(line, "parent_span_id"),
                   "name", text_of(line, "name"), "kind", json_integer_value(json_object_get(line, "kind")),
                   "startTimeUnixNano", time_text(start), "endTimeUnixNano", time_text(end), "attributes",
                   attributes_of(line), "events", events_of(line), "status", status_of(line));
}

static json_t *new_group(const char *actor, const char *instance)
{
  char service[80];
  snprintf(service, sizeof service, "sevenstep-%s", actor);
  json_t *attributes = json_array();
  add_text(attributes, "service.name", service);
  add_text(attributes, "service.instance.id", instance);
  return json_pack("{s:{s:o},s:[{s:{s:s},s:[]}]}", "resource", "attributes", attributes, "scopeSpans",
                   "scope", "name", "sevenstep", "spans");
}

/* Adds the span to the group of its instance; groups maps an instance to its resource. */
static void add_span(json_t *groups, json_t *line)
{
  const char *actor = json_string_value(json_object_get(line, "actor"));
  const char *instance = json_string_value(json_object_get(line, "instance"));
  if (!actor || !instance || !json_object_get(line, "trace_id")) return;
  json_t *group = json_object_get(groups, instance);
  if (!group) {
    group = new_group(actor, instance);
    if (json_object_set_new(groups, instance, group)) return;
  }
  json_t *scope = json_array_get(json_object_get(group, "scopeSpans"), 0);
  json_array_append_new(json_object_get(scope, "spans"), span_of(line));
}

enum err otlp_body(char *const *lines, size_t n, char **ret_body, size_t *ret_len)
{
  json_t *groups = json_object(), *list = json_array(), *group;
  const char *instance;
  for (size_t i = 0; i < n; i++) {
    json_t *line = json_loads(lines[i], 0, NULL);
    if (json_is_object(line)) add_span(groups, line);
    json_decref(line);
  }
  json_object_foreach(groups, instance, group) json_array_append(list, group);
  json_decref(groups);
  json_t *whole = json_pack("{s:o}", "resourceSpans", list);
  char *body = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
  json_decref(whole);
  if (!body) return ERR_NOMEM;
  *ret_len = strlen(body);
  *ret_body = body;
  return ERR_OK;
}

#include "exchanges_show.h"

#include <stdio.h>
#include <string.h>

enum { STEP = 2, COLUMN_AFTER = 24, LABEL_MAX = 96 };

/* The page, and the tickets that stand on it already: one that comes again is named only. */
struct teller {
  const struct page *page;
  json_t *told;
};

static void tell(const struct teller *t, int indent, const char *label, json_t *v);

static void row(const struct teller *t, int indent, const char *label, const char *value)
{
  page_row(t->page, indent, indent + COLUMN_AFTER, label, TONE_PLAIN, value);
}

/* As the RFCs write it: "kdc-options". */
static void label_of(const char *key, char out[LABEL_MAX])
{
  snprintf(out, LABEL_MAX, "%s", key);
  for (char *at = out; *at; at++)
    if (*at == '_') *at = '-';
}

static bool is_plain_list(json_t *list)
{
  json_t *v;
  size_t i;
  json_array_foreach(list, i, v)
  {
    if (!json_is_string(v) && !json_is_integer(v)) return false;
  }
  return true;
}

static void tell_plain_list(const struct teller *t, int indent, const char *label, json_t *list)
{
  char text[2048];
  size_t at = 0, i;
  json_t *v;
  text[0] = '\0';
  json_array_foreach(list, i, v)
  {
    int n = json_is_string(v)
                ? snprintf(text + at, sizeof text - at, "%s%s", i ? ", " : "", json_string_value(v))
                : snprintf(text + at, sizeof text - at, "%s%" JSON_INTEGER_FORMAT, i ? ", " : "",
                           json_integer_value(v));
    if (n < 0 || (size_t)n >= sizeof text - at) break;
    at += (size_t)n;
  }
  row(t, indent, label, at ? text : "none");
}

static void tell_members(const struct teller *t, int indent, json_t *o)
{
  const char *key;
  json_t *v;
  char label[LABEL_MAX];
  json_object_foreach(o, key, v)
  {
    label_of(key, label);
    if (strcmp(key, "plain") == 0 && json_is_object(v))
      tell_members(t, indent, v);
    else
      tell(t, indent, label, v);
  }
}

/* A list of things: by their types where they have one, else each with the list's name. */
static void tell_list(const struct teller *t, int indent, const char *label, json_t *list)
{
  json_t *v;
  size_t i;
  bool typed = json_is_string(json_object_get(json_array_get(list, 0), "type"));
  if (typed) page_row(t->page, indent, indent, label, TONE_PLAIN, "");
  json_array_foreach(list, i, v)
  {
    if (typed)
      tell(t, indent + STEP, span_text(v, "type"), json_object_get(v, "value"));
    else
      tell(t, indent, label, v);
  }
}

/* A key or a checksum: its type, and then the bytes. */
static bool is_typed_value(json_t *o)
{
  return json_object_size(o) == 2 && json_is_string(json_object_get(o, "value"));
}

static void tell_typed_value(const struct teller *t, int indent, const char *label, json_t *o)
{
  char text[512];
  const char *type = span_text(o, json_object_get(o, "type") ? "type" : "enctype");
  snprintf(text, sizeof text, "%s %s", type, span_text(o, "value"));
  row(t, indent, label, text);
}

static bool contains(json_t *list, json_t *ticket)
{
  json_t *v;
  size_t i;
  json_array_foreach(list, i, v)
  {
    if (json_equal(v, ticket)) return true;
  }
  return false;
}

/* Has it been told, if it is a ticket? From now on it has. */
static bool is_told(const struct teller *t, json_t *v)
{
  if (!json_object_get(v, "session_key") || !json_object_get(v, "server")) return false;
  if (contains(t->told, v)) return true;
  json_array_append(t->told, v);
  return false;
}

static void tell(const struct teller *t, int indent, const char *label, json_t *v)
{
  char number[32], text[1024];
  if (json_is_string(v)) {
    row(t, indent, label, json_string_value(v));
  } else if (json_is_integer(v)) {
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    row(t, indent, label, number);
  } else if (json_is_array(v) && is_plain_list(v)) {
    tell_plain_list(t, indent, label, v);
  } else if (json_is_array(v)) {
    tell_list(t, indent, label, v);
  } else if (json_is_object(v) && is_typed_value(v)) {
    tell_typed_value(t, indent, label, v);
  } else if (is_told(t, v)) {
    snprintf(text, sizeof text, "as above (of %s, for %s)", span_text(v, "client"), span_text(v, "server"));
    row(t, indent, label, text);
  } else {
    row(t, indent, label, "");
    tell_members(t, indent + STEP, v);
  }
}

static void tell_message(const struct teller *t, int indent, const char *direction, json_t *m,
                         const char *how)
{
  char text[256];
  const char *name = span_text(m, "message"), *error = span_text(m, "error_code"), *key;
  json_t *v;
  char label[LABEL_MAX];
  if (!json_is_object(m)) {
    page_row(t->page, indent, indent + COLUMN_AFTER / 2, direction, TONE_BAD, "nothing");
    return;
  }
  snprintf(text, sizeof text, "%s%s%s, %" JSON_INTEGER_FORMAT " bytes%s", *name ? name : "?",
           *error ? " " : "", error, span_number(m, "bytes"), how);
  page_row(t->page, indent, indent + COLUMN_AFTER / 2, direction, TONE_BOLD, text);
  json_object_foreach(m, key, v)
  {
    label_of(key, label);
    if (strcmp(key, "message") != 0 && strcmp(key, "bytes") != 0) tell(t, indent + STEP, label, v);
  }
}

void exchanges_show(const struct page *p, json_t *span, json_t *told, int indent)
{
  const struct teller *t = &(struct teller){p, told};
  json_t *x;
  size_t i;
  json_array_foreach(json_object_get(span, "wire"), i, x)
  {
    char sent[512], received[64];
    snprintf(sent, sizeof sent, ", to %s by %s", span_text(x, "peer"), span_text(x, "transport"));
    snprintf(received, sizeof received, ", %.3f ms later",
             json_real_value(json_object_get(x, "duration_ms")));
    page_row(t->page, indent, indent + 6, "wire", TONE_STEP, span_text(x, "what"));
    tell_message(t, indent + STEP, "sent", json_object_get(x, "request"), sent);
    tell_message(t, indent + STEP, "received", json_object_get(x, "reply"), received);
  }
}

void exchanges_show_summary(const struct page *p, const struct story *s)
{
  const struct teller *t = &(struct teller){.page = p};
  char text[2048];
  json_int_t kdcs = span_number(s->wire, "with_kdcs"), as = span_number(s->wire, "as_reqs");
  page_newline(p);
  page_paragraph(p, 0, TONE_STEP, "wire");
  snprintf(text, sizeof text,
           "%" JSON_INTEGER_FORMAT " with KDCs, %" JSON_INTEGER_FORMAT " with applications", kdcs,
           span_number(s->wire, "with_applications"));
  row(t, 4, "exchanges", text);
  if (!kdcs)
    row(t, 4, "AS-REQ", "none: no KDC was asked for anything (see the ticket cache in step 4)");
  else if (!as)
    row(t, 4, "AS-REQ", "none: the connector's own ticket-granting ticket was still good");
  else
    tell_plain_list(t, 4, "AS-REQ in the name of", json_object_get(s->wire, "as_req_cnames"));
  row(t, 4, "in the user's name", span_number(s->wire, "as_reqs_of_user") ? "yes" : "none");
}

#include "exchanges.h"

#include "buf.h"
#include "encode.h"
#include "spans.h"
#include "trace.h"
#include "wire.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

/* -- keys ------------------------------------------------------------------------------------------------ */

/* One that cannot be read is somebody else's: what needs it stays encrypted. */
static void add_those_there(struct wire *w, const char *run, const char *pattern)
{
  char path[4096];
  glob_t found;
  struct failure ignored;
  int n = snprintf(path, sizeof path, "%s/%s", run, pattern);
  if (n < 0 || (size_t)n >= sizeof path || glob(path, 0, NULL, &found) != 0) return;
  for (size_t i = 0; i < found.gl_pathc; i++)
    if (wire_add_keys(w, found.gl_pathv[i], &ignored)) continue;
  globfree(&found);
}

static enum err add_keys(struct wire *w, const char *run, char *const *keytabs, size_t n, struct failure *f)
{
  enum err e = ERR_OK;
  for (size_t i = 0; i < n && !e; i++)
    e = wire_add_keys(w, keytabs[i], f);
  add_those_there(w, run, "keytabs/*.keytab");
  add_those_there(w, run, "keytabs/guests/*.keytab");
  return e;
}

/* -- exchanges ------------------------------------------------------------------------------------------- */

static void decode_half(json_t *line, const char *key, struct buf *out)
{
  json_t *text = json_object_get(line, key);
  buf_init(out, SPAN_MESSAGE_MAX);
  if (json_is_string(text) && base64_decode(out, json_string_value(text), json_string_length(text)))
    buf_reset(out);
}

static json_t *decode(struct wire *w, json_t *line)
{
  struct buf sent, received;
  decode_half(line, "sent", &sent);
  decode_half(line, "received", &received);
  json_t *x = wire_decode(w, sent.data, sent.len, received.data, received.len);
  json_int_t start = span_number(line, "start_ns"), us = (span_number(line, "end_ns") - start) / 1000;
  json_object_set(x, "peer", json_object_get(line, "peer"));
  json_object_set(x, "transport", json_object_get(line, "transport"));
  json_object_set_new(x, "start_ns", json_integer(start));
  json_object_set_new(x, "duration_ms", json_real((double)us / 1000.0));
  buf_clear(&sent);
  buf_clear(&received);
  return x;
}

static json_t *span_by_id(const struct story *s, const char *id)
{
  json_t *span;
  size_t i;
  json_array_foreach(s->spans, i, span)
  {
    if (strcmp(span_text(span, "span_id"), id) == 0) return span;
  }
  return NULL;
}

static void attach(const struct story *s, const char *span_id, json_t *x)
{
  json_t *span = span_by_id(s, span_id), *all = json_object_get(span, "wire");
  if (span && !all) {
    all = json_array();
    json_object_set_new(span, "wire", all);
  }
  json_array_append_new(all, x); /* frees x when there is no such span */
}

static bool contains(json_t *list, json_t *text)
{
  json_t *v;
  size_t i;
  json_array_foreach(list, i, v)
  {
    if (json_equal(v, text)) return true;
  }
  return false;
}

static void count(json_t *summary, const char *what)
{
  json_object_set_new(summary, what, json_integer(span_number(summary, what) + 1));
}

/* Is this the user that the trace's ticket is for, without his realm? */
static bool is_user(const struct story *s, const char *cname)
{
  json_t *span;
  size_t i, n = strlen(cname);
  json_array_foreach(s->spans, i, span)
  {
    const char *user = json_string_value(span_attribute(span, "krb.user"));
    if (user && strncmp(user, cname, n) == 0 && user[n] == '@') return true;
  }
  return false;
}

/* What S4U is for: the user himself never logs on at the KDC. */
static void sum_up(const struct story *s, json_t *x)
{
  const char *kind = span_text(x, "kind");
  json_t *names = json_object_get(s->wire, "as_req_cnames");
  json_t *cname = json_object_get(json_object_get(json_object_get(x, "request"), "req_body"), "cname");
  count(s->wire, strcmp(kind, "ap") == 0 ? "with_applications" : "with_kdcs");
  if (strcmp(kind, "as") != 0) return;
  count(s->wire, "as_reqs");
  if (!json_is_string(cname)) return;
  if (!contains(names, cname)) json_array_append(names, cname);
  if (is_user(s, json_string_value(cname))) count(s->wire, "as_reqs_of_user");
}

/* A ticket-granting ticket serves many traces. Where the KDC's key is not to be had, the connector's own
 * opens the reply that brought it, in an earlier trace: so these are decoded first, for the session keys. */
static void learn(struct wire *w, const struct spans *spans)
{
  enum { LOGONS_MAX = 64 };
  static const char as_req[] = "\"sent\":\"ao"; /* base64 of its first byte, and of a length above 127 */
  json_t *lines = spans_with(spans, as_req, LOGONS_MAX), *line;
  size_t i;
  json_array_foreach(lines, i, line) json_decref(decode(w, line));
  json_decref(lines);
}

static void add(struct story *s, struct wire *w, json_t *lines)
{
  json_t *line;
  size_t i;
  json_array_foreach(lines, i, line)
  {
    json_t *x = decode(w, line);
    sum_up(s, x);
    attach(s, span_text(line, "span_id"), x);
  }
}

static enum err add_recorded(struct story *s, struct wire *w, const char *run, struct failure *f)
{
  struct spans *spans;
  const struct trace_entry *trace;
  enum err e = spans_open(run, "wire", &spans, f);
  if (e) return e;
  e = spans_find(spans, s->id, &trace, f);
  if (!e) {
    json_t *lines = spans_load(spans, trace);
    learn(w, spans);
    add(s, w, lines);
    json_decref(lines);
  }
  spans_close(spans);
  return e;
}

enum err exchanges_add(struct story *s, const char *run, char *const *keytabs, size_t n, struct failure *f)
{
  struct wire *w;
  enum err e = wire_new(&w, f);
  if (e) return e;
  s->wire = json_pack("{s:i,s:i,s:i,s:i,s:[]}", "with_kdcs", 0, "with_applications", 0, "as_reqs", 0,
                      "as_reqs_of_user", 0, "as_req_cnames");
  e = add_keys(w, run, keytabs, n, f);
  if (!e) e = add_recorded(s, w, run, f);
  wire_free(w);
  return e == ERR_NOT_FOUND ? ERR_OK : e; /* nothing was exchanged */
}

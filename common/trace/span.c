/* One step as it happens. Attributes are formatted into the span's own buffers; nothing is shared until the
 * end. */
#include "clock.h"
#include "encode.h"
#include "json_text.h"
#include "tracer.h"

#include <inttypes.h>
#include <string.h>

#define VALUE_MAX     1024
#define SPAN_MAX      16384u
#define SPAN_LINE_MAX 20480u /* the rest: ids, names, the failure */

/* Trace ids are names, not secrets, but must not collide: the kernel's randomness, fetched for many ids at
 * once. */
static void fresh_id(uint8_t *out, size_t n)
{
  static _Thread_local uint8_t pool[1024];
  static _Thread_local size_t left;
  if (left < n) {
    random_bytes(pool, sizeof pool);
    left = sizeof pool;
  }
  memcpy(out, pool + sizeof pool - left, n);
  left -= n;
  out[0] |= out[n - 1] == 0; /* an id is never all zero */
}

void span_start(struct span *s, struct tracer *t, int step, enum span_kind kind, const char *name,
                const struct trace_ctx *parent, bool sampled)
{
  const struct step *def = step_by_number(step);
  *s = (struct span){.open = true, .tracer = t, .step = step, .kind = kind, .duration_ns = -1};
  s->name = name ? name : def ? def->verb : "span";
  if (trace_ctx_valid(parent)) {
    s->ctx = *parent;
    memcpy(s->parent_id, parent->span_id, sizeof s->parent_id);
  } else {
    fresh_id(s->ctx.trace_id, sizeof s->ctx.trace_id);
    s->ctx.sampled = sampled;
  }
  fresh_id(s->ctx.span_id, sizeof s->ctx.span_id);
  s->start_mono_ns = clock_mono_ns();
  buf_init(&s->attrs, SPAN_MAX);
  buf_init(&s->events, SPAN_MAX);
}

void span_report_for(struct span *s, const char *peer, int64_t start_ns, int64_t duration_ns)
{
  s->peer = peer;
  s->start_ns = start_ns;
  s->duration_ns = duration_ns < 0 ? 0 : duration_ns;
}

static bool recorded(const struct span *s)
{
  return s->open && s->tracer && (s->ctx.sampled || s->failure.err);
}

/* An append that failed half-way, or made the span too large, leaves nothing behind. */
static void keep_or_undo(struct span *s, struct buf *b, size_t before, enum err e)
{
  if (!e && s->attrs.len + s->events.len <= SPAN_MAX) return;
  b->len = before;
  if (b->data) b->data[before] = 0;
}

static enum err attr_key(struct buf *b, const char *key)
{
  enum err e = b->len ? buf_putc(b, ',') : ERR_OK;
  if (!e) e = json_text_append(b, key, strlen(key));
  if (!e) e = buf_putc(b, ':');
  return e;
}

/* The longest prefix of at most VALUE_MAX bytes that does not end inside a UTF-8 sequence. */
static size_t cut(const char *text, size_t n)
{
  if (n <= VALUE_MAX) return n;
  size_t at = VALUE_MAX;
  while (at > VALUE_MAX - 4 && ((unsigned char)text[at] & 0xc0) == 0x80)
    at--;
  return at;
}

void span_strn(struct span *s, const char *key, const char *value, size_t n)
{
  if (!recorded(s) || !value) return;
  size_t before = s->attrs.len;
  enum err e = attr_key(&s->attrs, key);
  if (!e) e = json_text_append(&s->attrs, value, cut(value, n));
  keep_or_undo(s, &s->attrs, before, e);
}

void span_str(struct span *s, const char *key, const char *value)
{
  if (!recorded(s) || !value) return;
  span_strn(s, key, value, strlen(value));
}

void span_int(struct span *s, const char *key, int64_t value)
{
  if (!recorded(s)) return;
  size_t before = s->attrs.len;
  enum err e = attr_key(&s->attrs, key);
  if (!e) e = buf_printf(&s->attrs, "%" PRId64, value);
  keep_or_undo(s, &s->attrs, before, e);
}

void span_bool(struct span *s, const char *key, bool value)
{
  if (!recorded(s)) return;
  size_t before = s->attrs.len;
  enum err e = attr_key(&s->attrs, key);
  if (!e) e = buf_puts(&s->attrs, value ? "true" : "false");
  keep_or_undo(s, &s->attrs, before, e);
}

void span_ms(struct span *s, const char *key, int64_t duration_ns)
{
  if (!recorded(s)) return;
  size_t before = s->attrs.len;
  int64_t us = (duration_ns < 0 ? 0 : duration_ns) / 1000;
  enum err e = attr_key(&s->attrs, key);
  if (!e) e = buf_printf(&s->attrs, "%" PRId64 ".%03d", us / 1000, (int)(us % 1000));
  keep_or_undo(s, &s->attrs, before, e);
}

void span_event(struct span *s, int64_t wall_ns, const char *name, const char *text)
{
  if (!recorded(s)) return;
  struct buf *b = &s->events;
  size_t before = b->len;
  enum err e = buf_printf(b, "%s{\"time_ns\":%" PRId64 ",\"name\":", before ? "," : "",
                          wall_ns ? wall_ns : clock_wall_ns());
  if (!e) e = json_text_append(b, name, strlen(name));
  if (!e) e = buf_puts(b, ",\"text\":");
  if (!e) e = json_text_append(b, text, cut(text, strlen(text)));
  if (!e) e = buf_putc(b, '}');
  keep_or_undo(s, b, before, e);
}

void span_fail(struct span *s, const struct failure *f)
{
  if (s->open && !s->failure.err) s->failure = *f;
}

static enum err append_member(struct buf *out, const char *key, const char *text)
{
  enum err e = buf_printf(out, ",\"%s\":", key);
  return e ? e : json_text_append(out, text, strlen(text));
}

static enum err append_error(struct buf *out, const struct failure *f)
{
  const struct err_info *info = err_info(f->err);
  enum err e = buf_printf(out, ",\"error\":{\"name\":\"%s\"", info->name);
  if (!e) e = append_member(out, "what", info->what);
  if (!e) e = append_member(out, "why", f->why);
  if (!e) e = append_member(out, "fix", info->fix);
  if (!e) e = buf_printf(out, ",\"event\":%d,\"http_status\":%d}", info->event, info->http_status);
  return e;
}

static enum err append_ids(struct buf *out, const struct span *s)
{
  static const uint8_t none[8];
  char trace[33], span[17], parent[17] = "";
  hex_encode(trace, s->ctx.trace_id, sizeof s->ctx.trace_id);
  hex_encode(span, s->ctx.span_id, sizeof s->ctx.span_id);
  if (memcmp(s->parent_id, none, sizeof none) != 0) hex_encode(parent, s->parent_id, sizeof s->parent_id);
  return buf_printf(out, "{\"trace_id\":\"%s\",\"span_id\":\"%s\",\"parent_span_id\":\"%s\"", trace, span,
                    parent);
}

/* The line of common/trace/README.md. */
static enum err format_line(struct buf *out, const struct span *s)
{
  enum err e = append_ids(out, s);
  if (!e) e = buf_printf(out, ",\"step\":%d", s->step);
  if (!e) e = append_member(out, "name", s->name);
  if (!e) e = buf_printf(out, ",\"kind\":%d", (int)s->kind);
  if (!e) e = append_member(out, "actor", s->peer ? s->peer : tracer_actor(s->tracer));
  if (!e) e = append_member(out, "instance", s->peer ? s->peer : tracer_instance(s->tracer));
  if (!e)
    e = buf_printf(out, ",\"start_ns\":%" PRId64 ",\"duration_ns\":%" PRId64 ",\"status\":\"%s\"",
                   s->start_ns, s->duration_ns, s->failure.err ? "error" : "ok");
  if (!e && s->failure.err) e = append_error(out, &s->failure);
  if (!e)
    e = buf_printf(out, ",\"attributes\":{%s},\"events\":[%s]}\n", buf_str(&s->attrs), buf_str(&s->events));
  return e;
}

void span_end(struct span *s)
{
  if (!s->open) return;
  if (recorded(s)) {
    struct buf line;
    buf_init(&line, SPAN_LINE_MAX);
    if (s->duration_ns < 0) s->duration_ns = clock_mono_ns() - s->start_mono_ns;
    if (!s->start_ns) s->start_ns = clock_wall_ns() - s->duration_ns;
    if (!format_line(&line, s)) tracer_write(s->tracer, buf_str(&line), line.len);
    buf_clear(&line);
  }
  span_drop(s);
}

void span_drop(struct span *s)
{
  if (!s->open) return;
  buf_clear(&s->attrs);
  buf_clear(&s->events);
  s->open = false;
  s->tracer = NULL;
}

/* The messages behind a span, one exchange a line of RUN/wire. */
#include "encode.h"
#include "json_text.h"
#include "tracer.h"

#include <inttypes.h>
#include <string.h>

#define LINE_MAX_BYTES (2 * (SPAN_MESSAGE_MAX / 3 + 1) * 4 + 2048u)

static enum err append_message(struct buf *line, const char *key, const void *data, size_t n)
{
  if (!data) return ERR_OK;
  if (n > SPAN_MESSAGE_MAX) return ERR_TOO_LARGE;
  enum err e = buf_printf(line, ",\"%s\":\"", key);
  if (!e) e = base64_encode(line, data, n);
  return e ? e : buf_putc(line, '"');
}

/* The head is a span's, by which a reader finds the line (view/spans.h). */
static enum err append_line(struct buf *line, const struct span *s, const struct span_exchange *x)
{
  char trace_id[33], span_id[17];
  trace_id_format(&s->ctx, trace_id);
  hex_encode(span_id, s->ctx.span_id, sizeof s->ctx.span_id);
  enum err e =
      buf_printf(line,
                 "{\"trace_id\":\"%s\",\"span_id\":\"%s\",\"start_ns\":%" PRId64 ",\"end_ns\":%" PRId64
                 ",\"transport\":\"%s\",\"peer\":",
                 trace_id, span_id, x->sent_ns, x->received ? x->received_ns : x->sent_ns, x->transport);
  if (!e) e = json_text_append(line, x->peer, strlen(x->peer));
  if (!e) e = append_message(line, "sent", x->sent, x->sent_len);
  if (!e) e = append_message(line, "received", x->received, x->received_len);
  return e ? e : buf_puts(line, "}\n");
}

void span_wire(struct span *s, const struct span_exchange *x)
{
  struct buf line;
  if (!s->open || !s->tracer || !s->ctx.sampled) return;
  buf_init(&line, LINE_MAX_BYTES);
  if (append_line(&line, s, x) == ERR_OK) tracer_write_wire(s->tracer, buf_str(&line), line.len);
  buf_clear(&line);
}

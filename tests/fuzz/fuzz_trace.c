/* What reaches the tracer from outside: a traceparent, and any bytes as the value of an attribute; and the
 * lines of a trace file as the exporter reads them. */
#include "json_text.h"
#include "otlp.h"
#include "trace.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void traceparent(const uint8_t *data, size_t n)
{
  struct trace_ctx c;
  char back[TRACEPARENT_LEN + 1];
  if (trace_ctx_parse(&c, (const char *)data, n)) return;
  trace_ctx_format(&c, back);
  /* All but the flags' reserved bits comes back. */
  if (n != TRACEPARENT_LEN || memcmp(back, data, 53) != 0) abort();
}

static void attribute(const uint8_t *data, size_t n)
{
  struct buf b;
  buf_init(&b, 8 * n + 2);
  if (json_text_append(&b, (const char *)data, n)) abort();
  json_t *v = json_loadb(buf_str(&b), b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  if (!json_is_string(v)) abort();
  json_decref(v);
  buf_clear(&b);
}

static void line(const uint8_t *data, size_t n)
{
  char *text = malloc(n + 1), *body;
  size_t len;
  if (!text) return;
  if (n) memcpy(text, data, n);
  text[n] = 0;
  if (!otlp_body(&text, 1, &body, &len)) free(body);
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  traceparent(data, n);
  attribute(data, n);
  line(data, n);
  return 0;
}

/* The place in a trace: W3C Trace Context, level 1, version 00; and the table of the seven steps. */
#include "encode.h"
#include "trace.h"

#include <string.h>

static const struct step steps[] = {
#define STEP(number, actor, verb, sentence) {number, actor, verb, sentence},
#include "steps.def"
#undef STEP
};

const struct step *step_by_number(int number)
{
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (steps[i].number == number) return &steps[i];
  return NULL;
}

static bool all_zero(const uint8_t *p, size_t n)
{
  uint8_t seen = 0;
  for (size_t i = 0; i < n; i++)
    seen |= p[i];
  return seen == 0;
}

bool trace_ctx_valid(const struct trace_ctx *c)
{
  return c && !all_zero(c->trace_id, sizeof c->trace_id) && !all_zero(c->span_id, sizeof c->span_id);
}

enum err trace_ctx_parse(struct trace_ctx *ret, const char *text, size_t n)
{
  struct trace_ctx c = {0};
  uint8_t flags;
  if (n != TRACEPARENT_LEN || memcmp(text, "00-", 3) != 0 || text[35] != '-' || text[52] != '-')
    return ERR_SYNTAX;
  if (hex_decode(c.trace_id, sizeof c.trace_id, text + 3)) return ERR_SYNTAX;
  if (hex_decode(c.span_id, sizeof c.span_id, text + 36)) return ERR_SYNTAX;
  if (hex_decode(&flags, 1, text + 53)) return ERR_SYNTAX;
  c.sampled = flags & 1; /* the other flag bits are reserved, and ignored */
  if (!trace_ctx_valid(&c)) return ERR_SYNTAX;
  *ret = c;
  return ERR_OK;
}

void trace_ctx_format(const struct trace_ctx *c, char out[TRACEPARENT_LEN + 1])
{
  memcpy(out, "00-", 3);
  hex_encode(out + 3, c->trace_id, sizeof c->trace_id);
  out[35] = '-';
  hex_encode(out + 36, c->span_id, sizeof c->span_id);
  memcpy(out + 52, c->sampled ? "-01" : "-00", 4);
}

void trace_id_format(const struct trace_ctx *c, char out[33])
{
  hex_encode(out, c->trace_id, sizeof c->trace_id);
}

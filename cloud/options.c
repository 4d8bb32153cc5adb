/* OPTIONS with Max-Forwards: 0 goes no further than the first proxy, which answers for itself (RFC
 * 9110 7.6.2). */
#include "exchange.h"

#include "rules.h"

#include <string.h>

bool options_ends_here(const struct exchange *x)
{
  return strcmp(x->head->method, "OPTIONS") == 0 && rules_max_forwards(&x->head->fields) == 0;
}

void options(struct exchange *x)
{
  struct fields f;
  span_start(&x->step, x->cloud->actor->tracer, 0, SPAN_SERVER, "options", &x->ctx, false);
  x->ctx = x->step.ctx;
  fields_init(&f, 8, 1024);
  if (fields_add(&f, "Allow", METHODS_ALLOWED))
    exchange_abort(x);
  else
    exchange_respond(x, 200, &f, NULL, "", 0);
  fields_clear(&f);
}

#include "vigil.h"

bool vigil_goes_on(struct vigil *v, int64_t now_ns)
{
  if (!v->since_ns) v->since_ns = now_ns;
  return now_ns - v->since_ns < v->limit_ns;
}

void vigil_end(struct vigil *v, int64_t now_ns)
{
  if (now_ns - v->since_ns > VIGIL_MAX_NS)
    v->limit_ns = v->limit_ns / 2 < VIGIL_MIN_NS ? 0 : v->limit_ns / 2;
  else
    v->limit_ns = VIGIL_MAX_NS;
  v->since_ns = 0;
}

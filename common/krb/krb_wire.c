#include "krb_wire.h"

#include <stdlib.h>
#include <string.h>

static void *copy(const void *data, size_t n)
{
  void *mine = n ? malloc(n) : NULL;
  if (mine) memcpy(mine, data, n);
  return mine;
}

void krb_wire_put(struct krb_wire *w, const struct krb_wire_exchange *x)
{
  if (w->n == KRB_WIRE_EXCHANGES) return;
  struct krb_wire_exchange mine = *x;
  mine.s4u2proxy = w->s4u2proxy;
  mine.sent = copy(x->sent, x->sent_len);
  mine.received = copy(x->received, x->received_len);
  if (mine.sent && (mine.received || !x->received_len)) {
    w->exchange[w->n++] = mine;
    return;
  }
  free(mine.sent);
  free(mine.received);
}

void krb_wire_clear(struct krb_wire *w)
{
  for (size_t i = 0; i < w->n; i++) {
    free(w->exchange[i].sent);
    free(w->exchange[i].received);
  }
  *w = (struct krb_wire){0};
}

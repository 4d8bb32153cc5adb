/* What dial.c and control.c share. */
#ifndef SEVENSTEP_DIAL_PRIVATE_H
#define SEVENSTEP_DIAL_PRIVATE_H

#include "configure.h"
#include "dial.h"

struct line {
  struct dialer *d;
  struct place *place; /* NULL: it drains */
  struct link *link;
  struct tls_ctx *tls; /* its own, read when it is dialled: a renewed certificate is in the next one */
  bool registers;      /* without a certificate, to get one */
  bool open, welcome, refused;
  int64_t opened_ns;
  struct configurations known; /* what the cloud has told through it */
  struct line *prev, *next;
};

struct dialer {
  struct connector *c;
  struct place *places; /* n of them */
  unsigned n;
  struct line *lines;
  bool stopped, was_welcome;
  bool storing; /* a certificate: nothing is dialled meanwhile, with the token it was got for */
  void (*drained)(struct connector *c);
};

/* dial.c */
/* The cloud will send requests on this one. */
void line_welcomed(struct line *l);
/* The cloud will not, and closes it. */
void line_refused(struct line *l, const struct failure *f);
/* A certificate was stored, or could not be: dials with it what waited for that, and replaces what is open.
 */
void dialer_stored(struct dialer *d, bool ok);

/* control.c: what the cloud asks besides requests (hello.h). False: it is none of that. */
bool control_answer(struct line *l, struct tunnel_stream *s, const struct tunnel_head *h);

#endif

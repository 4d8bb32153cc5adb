/* What steps 3 and 7 share of a request that is with a connector. */
#ifndef SEVENSTEP_DISPATCH_H
#define SEVENSTEP_DISPATCH_H

#include "exchange.h"
#include "registry.h"

struct dispatch {
  struct up up;
  struct exchange *x;
  struct connector *via;        /* valid while stream is */
  struct link *link;            /* valid while stream is */
  struct tunnel_stream *stream; /* NULL when there is none (any more) */
  /* Of the answer's body, what came while the user was behind: as it came, at most a window of it, which is
   * given back as it is passed on. So what framing makes of many small pieces, or a translation of URLs of
   * any, is in the user's queue for a little of it only. held_off: of held, what was passed on. */
  struct buf held;
  size_t held_off;
  bool complete; /* the rest of the answer is in held, and here: */
  struct fields trailers;
  int tries, interims;
  struct websocket *websocket;   /* NULL unless the request became one */
  struct throttle_slot *counted; /* among its user's requests at once; or NULL */
  /* Of a response whose URLs are translated, else NULL. Its head waits for the first piece of the body, so
   * that one that cannot be read is answered with the reason. */
  struct body *body;
  const struct fields *head; /* the stream's; NULL once it has left */
  int status;
};

/* The stream is no more the dispatch's, which is to say that the connector's work on it is over. */
void dispatch_let_go(struct dispatch *d);
/* Ends the stream and frees. */
void dispatch_end(struct dispatch *d);
/* The same, and answers the user with the failure, or ends the response visibly incomplete. */
void dispatch_fail(struct dispatch *d, const struct failure *f);
/* The connector has done nothing with the request, and will not, for want of a credential of its own. True:
 * it is another one's now, or has failed there. */
bool dispatch_elsewhere(struct dispatch *d, const struct failure *f);
/* step7_respond.c */
/* A piece of the body; false: it could not be passed on, and the dispatch is over. */
bool step7_data(struct exchange *x, const uint8_t *data, size_t n);
void step7_end(struct exchange *x, const struct fields *trailers);
/* The answer has come to its end at the connector: nothing more is wanted of the stream. */
void step7_let_go(struct dispatch *d);

#endif

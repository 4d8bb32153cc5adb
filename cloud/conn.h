/* What conn.c and exchange.c share. */
#ifndef SEVENSTEP_CONN_H
#define SEVENSTEP_CONN_H

#include "exchange.h"

struct conn {
  struct cloud *cloud;
  struct stream *stream; /* NULL once the user left */
  int refs;              /* the stream's, and those of exchange_hold() */
  struct http1_parser parser;
  struct exchange x;
  struct buf early; /* bytes that came while a request was being answered */
  bool parsing, waiting, dead, body_paused;
  int64_t deadline_ns; /* for the head of the next request */
  int64_t progress_ns; /* when body or response last moved */
  uint64_t sent;       /* stream_sent() at the last sweep */
  struct conn *prev, *next;
};

void conn_hold(struct conn *c);
void conn_release(struct conn *c);
/* The response is complete. */
void conn_exchange_ended(struct conn *c);
void conn_pause_body(struct conn *c, bool pause);

#endif

/* What the files of a user's connection share: conn.c reads its requests, conn_response.c is the transport
 * below their exchanges. */
#ifndef SEVENSTEP_CONN_PRIVATE_H
#define SEVENSTEP_CONN_PRIVATE_H

#include "h2.h"
#include "transport.h"

struct conn {
  struct cloud *cloud;
  struct stream *stream; /* NULL once the user left */
  int refs;              /* the stream's, and those of exchange_hold() */
  struct h2 *h2;         /* NULL: HTTP/1.1, which is all that follows here */
  struct http1_parser parser;
  struct exchange *x;        /* NULL between requests: most connections are idle, and an exchange is large */
  bool chunked, close_after; /* the response */
  struct buf early;          /* bytes that came while a request was being answered */
  bool parsing, waiting, dead;
  int64_t deadline_ns; /* for the head of the next request */
  uint64_t sent;       /* stream_sent() at the last sweep */
  struct conn *prev, *next;
};

extern const struct transport conn_http1;

/* Whoever calls an exchange holds the connection meanwhile. With the last hold it goes. */
void conn_hold(struct conn *c);
void conn_release(struct conn *c);
/* Nothing is read, either, while more than EARLY_PAUSE is kept. */
void conn_pause(struct conn *c, bool pause);
/* The exchange is over on both sides; on to the next request. */
void conn_next_request(struct conn *c);
/* What came early, and now has its turn. */
void conn_parse_early(struct conn *c);

#endif

/* Two tunnels, a cloud's and a connector's, joined by memory. */
#ifndef SEVENSTEP_TEST_PAIR_H
#define SEVENSTEP_TEST_PAIR_H

#include "run.h"
#include "tunnel.h"

struct end {
  struct tunnel *t;
  struct tunnel_stream *stream; /* the last request seen, or response's */
  int requests, responses, interim, ends, closes, goaways, writable;
  int status;
  char method[16], protocol[16], path[256], authority[64], field[256], trailer[64];
  size_t received;
  bool consume, refuse;
  struct failure closed;
};

extern struct end cloud, connector;
extern const struct tunnel_events pair_events; /* note in an end what is told */

/* A case of tests that have a pair of their own. */
TCase *pair_tests(Suite *suite, const char *name);
/* Moves bytes both ways until there are none. */
void pump(void);

/* From the cloud, with one field or none. end: no body follows. */
struct tunnel_stream *request(const char *method, const char *name, const char *value, bool end);
/* To the last request. */
void respond(int status, bool end);
/* Writes as much as a window takes at first. */
void fill(struct tunnel_stream *s);

#endif

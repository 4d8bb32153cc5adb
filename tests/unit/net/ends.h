/* Two ends of a connection on loopback, in one loop with the test. */
#ifndef SEVENSTEP_TEST_ENDS_H
#define SEVENSTEP_TEST_ENDS_H

#include "net.h"
#include "run.h"

/* One end of a connection. */
struct end {
  struct stream *stream;
  bool opened, closed, eof, echo, refuse, paused;
  int drains;
  size_t received;
  size_t certificate; /* bytes of the other end's */
  char text[64];
  struct failure failure;
};

extern struct end server, client;
extern struct net *net; /* its loop ends when both are closed */
extern struct lab_addr at;

/* A checked fixture. */
void ends_open(void);
void ends_close(void);
/* Nothing is of the connection before, and the next is made at another port. */
void ends_renew(void);

/* What is noted of an end; other events may go on from there. */
void end_opened(struct stream *s, void *arg);
void end_data(struct stream *s, void *arg, const uint8_t *data, size_t n);
void end_closed(struct stream *s, void *arg, const struct failure *f);
extern const struct stream_events end_events;

/* tls may be NULL. */
void listen_with(struct tls_ctx *tls, unsigned handshake_ms, const struct stream_events *ev);
void connect_with(struct tls_ctx *tls, const char *name, const struct stream_events *ev);

/* Whole conversations, by TLS where there are contexts. */
void half_close(struct tls_ctx *s, struct tls_ctx *c);
void echo_megabytes(struct tls_ctx *s, struct tls_ctx *c);

#endif

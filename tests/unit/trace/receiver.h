/* A tiny OTLP receiver on a loopback port of the kernel's choice: takes POSTs, keeps their bodies, answers
 * with the statuses it was given, the last one for ever. */
#ifndef TEST_RECEIVER_H
#define TEST_RECEIVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct receiver {
  int fd;
  unsigned short port;
  const int *statuses; /* ends with 0; requests beyond get the last and are not counted */
  bool mute;           /* accepts, never answers */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  size_t n;        /* requests so far */
  char head[4096]; /* the last request's header block */
  char *body;      /* the last request's body */
};

void receiver_start(struct receiver *r, const int *statuses, bool mute);
/* Waits until n requests have been answered; fails the test after 10 seconds. */
void receiver_wait(struct receiver *r, size_t n);
void receiver_stop(struct receiver *r);
/* A port on which nothing listens. */
unsigned short receiver_closed_port(void);

#endif

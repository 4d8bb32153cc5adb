/* What the files of the roster share. */
#ifndef SEVENSTEP_ROSTER_PRIVATE_H
#define SEVENSTEP_ROSTER_PRIVATE_H

#include "hello.h"
#include "lab_slot.h"

#include <pthread.h>

#define RECORD_MAX 4096

/* What is known of a connector. */
struct record {
  char name[CONNECTOR_NAME_MAX + 1], group[CONNECTOR_NAME_MAX + 1], version[33], from[64];
  char serial[41], last[41]; /* of its certificate, and of the one that was renewed by it; "": none */
  int64_t from_s, until_s;   /* of the certificate it last came with, or was given */
  int64_t revocations;       /* tokens that were issued before the last one are good no more */
  int64_t seen_s;            /* 0: never */
  unsigned connections;      /* now */
  bool changed;              /* since it was saved */
  struct record *more;
};

struct roster {
  struct lab_slot lab;
  struct authority *authority;
  struct store *store;
  pthread_mutex_t writing; /* one at a time writes to the store; taken before the other */
  pthread_mutex_t lock;    /* over the records: the loop waits for it */
  struct record *records;
};

/* The record of a connector of the lab file; NULL without memory. Under the lock. */
struct record *roster_record(struct roster *r, const char *name);
/* Writes one, as it was, to the store. Disk: under `writing`, and not under the other lock. */
enum err roster_save_record(struct roster *r, const struct record *c) MUST_CHECK;

#endif

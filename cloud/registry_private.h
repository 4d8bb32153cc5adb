/* What registry.c and admit.c share. */
#ifndef SEVENSTEP_REGISTRY_PRIVATE_H
#define SEVENSTEP_REGISTRY_PRIVATE_H

#include "registry.h"
#include "roster.h"

/* One connection of a connector, or of one that is to become one. */
struct connector {
  struct up up; /* owner of the control stream in progress */
  struct registry *r;
  struct link *link;
  struct certificate certificate; /* serial "": it has none, and may register only */
  const char *name; /* the roster's, so that equal names are equal pointers; NULL until it was admitted */
  bool ready, leaving, refused;
  int64_t since_ns; /* monotonic, when it connected */
  /* What it was asked last, and what it says: admit.c's. */
  struct buf answer;
  void (*answered)(struct connector *c);
  void (*unanswered)(struct connector *c, const struct failure *f);
  struct enrolment *job;
  char challenge[CHALLENGE_LEN + 1], version[33];
  int64_t ask_again_ns; /* for a renewal */
  /* When it was picked last, and when any connection of its connector was: equal loads alternate between
   * connectors first. */
  int64_t picked, turn;
  struct connector *prev, *next;
};

struct registry {
  struct cloud *cloud;
  struct listener *listener;
  uv_async_t wake;
  struct connector *list;
  size_t count, ready, connections;
  bool saving;
  int64_t picks;
  struct connector *last; /* picked last, in this turn of the loop */
  uint64_t last_turn;
};

/* registry.c */
void connector_set_ready(struct connector *c, bool ready);

/* admit.c: who is it? Ends with a connector that is ready, registered (and dials again), or refused. */
void admit_begin(struct connector *c);
/* Tells it why, and ends the connection when that is sent. */
void admit_refuse(struct connector *c, const struct failure *f);
/* Asks for a new certificate in the place of one that is old. */
void admit_renew(struct connector *c);
/* The connection has gone. */
void admit_forget(struct connector *c);
extern const struct tunnel_events admit_tunnel_events;

#endif

/* What registry.c and admit.c share. */
#ifndef SEVENSTEP_REGISTRY_PRIVATE_H
#define SEVENSTEP_REGISTRY_PRIVATE_H

#include "registry.h"
#include "roster.h"

/* What the connections of one connector have in common; there as long as one of them is. */
struct member {
  const char *name; /* the roster's, so that equal names are equal pointers */
  char group[CONNECTOR_NAME_MAX + 1];
  size_t connections, ready; /* ready: those that take requests */
  size_t requests;           /* that it works on, through all of them */
  bool asked;                /* the change under way is one for its group */
  int64_t turn;              /* when one of them was picked last */
  int64_t no_credential_ns;  /* when it was last seen to have none of its own; 0: it has one */
  struct member *prev, *next;
};

/* One connection of a connector, or of one that is to become one. */
struct connector {
  struct up up; /* owner of the control stream in progress */
  struct registry *r;
  struct link *link;
  struct stream *stream;          /* the link's, from the beginning */
  struct certificate certificate; /* serial "": it has none, and may register only */
  const char *name;               /* the member's; NULL until it was admitted */
  struct member *member;          /* the same */
  bool ready, leaving, refused;
  bool evicted;     /* it made room for another one */
  int64_t since_ns; /* monotonic, when it connected */
  char from[46];    /* its address */
  /* What it was asked last, and what it says: admit.c's. */
  struct buf answer;
  void (*answered)(struct connector *c);
  void (*unanswered)(struct connector *c, const struct failure *f);
  struct enrolment *job;
  char challenge[CHALLENGE_LEN + 1], version[33];
  int64_t ask_again_ns; /* for a renewal */
  /* Its configuration: configure.c's. */
  bool known;        /* hello was right */
  unsigned acked;    /* the version it acknowledged last; 0: none */
  struct push *push; /* under way; NULL: none */
  int64_t pushed_ns; /* when that was sent */
  int64_t picked;    /* when it was, last */
  struct connector *prev, *next;
};

struct registry {
  struct cloud *cloud;
  struct listener *listener;
  uv_async_t wake;
  struct connector *list;
  struct member *members;
  size_t count; /* connections of those that were admitted */
  size_t ready, connections;
  int64_t crowded_ns; /* when the log last told that strangers make room for each other */
  bool saving;
  int64_t picks;
  struct connector *last;   /* picked last */
  int64_t last_ns;          /* and when */
  const struct lab *newest; /* what connectors are told: the one in force, or the one that is to be */
  unsigned newest_version, versions;
  void (*done)(void *arg, const struct failure *f); /* a change is under way */
  void *done_arg;
  int64_t begun_ns; /* that change */
  bool firm;        /* nobody can refuse it */
};

/* registry.c */
/* Its certificate is good: it is a connection of that connector from now on. */
enum err connector_join(struct connector *c, struct failure *f) MUST_CHECK;
void connector_set_ready(struct connector *c, bool ready);

/* admit.c: who is it? Ends with a connector that is ready, registered (and dials again), or refused. */
void admit_begin(struct connector *c);
/* Asks it something on its tunnel, or tells it. ERR_CLOSED when its connection has gone. */
enum err admit_request(struct connector *c, const char *method, const char *path, const struct fields *f,
                       bool end, void *owner, struct tunnel_stream **ret) MUST_CHECK;
/* Tells it why, and ends the connection when that is sent. */
void admit_refuse(struct connector *c, const struct failure *f);
/* Asks for a new certificate in the place of one that is old. */
void admit_renew(struct connector *c);
/* The connection has gone. */
void admit_forget(struct connector *c);
/* It is to forget this user's tickets. False: it could not be told. */
bool admit_purge(struct connector *c, const char *upn);
/* It has what it needs: requests may come. */
void admit_welcome(struct connector *c);
extern const struct tunnel_events admit_tunnel_events;

/* configure.c: what connectors are told, which applications they serve and how (as lab_write.h writes it).
 * Over the control stream PUT /.sevenstep/configuration, with a version in sevenstep-version; the connector
 * answers 204 when it has checked it and can serve it, or 422 with the reason in sevenstep-why. Connectors
 * keep earlier versions for a while, and each request names the version that it began with: so a change, once
 * all connectors know of it, is in force for all at once. */
/* Tells it the newest version, if it does not know that yet. */
void configure_connector(struct connector *c);
/* A connection has gone: perhaps it was the last that a change waited for. */
void configure_check(struct registry *r);
/* Once a second: cuts off who does not acknowledge, in all of ANSWER_NS for a change. */
void configure_look_at(struct connector *c, int64_t now_ns);

#endif

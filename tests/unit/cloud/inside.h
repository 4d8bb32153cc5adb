/* Connectors that do as the test tells them: each a real link to the cloud's tunnel endpoint. */
#ifndef SEVENSTEP_TEST_INSIDE_H
#define SEVENSTEP_TEST_INSIDE_H

#include "direction.h"
#include "hello.h"
#include "link.h"

/* A connector, and the last request that it was sent. */
struct inside {
  const char *name, *group;     /* what it says in its hello */
  struct link *link;            /* NULL once the cloud has closed it */
  struct tunnel_stream *stream; /* NULL when there is none */
  int requests, lost;           /* lost: streams that ended before their time */
  char method[16], path[256], authority[128];
  struct fields fields;
  struct buf body;
  const char *refuses; /* why it refuses its configuration; NULL: it acknowledges */
  const char *breaks_at; /* the cloud's word that it begins to answer, and goes; or NULL */
  int breaks_with;       /* the status of that answer */
  bool hesitates;      /* until inside_acknowledge() */
  struct tunnel_stream *configuration;
  unsigned version;           /* of the configuration it was told last */
  struct direction direction; /* of the last request; kept holds its strings */
  char kept[DIRECTION_MAX];
  bool ended, deaf;         /* deaf: gives no window back */
  size_t trailers;          /* how many came with the end */
  /* What it registers and renews with, and what came of it. challenge: a wrong one, or NULL. */
  const char *token, *challenge;
  struct buf csr, key, certificate;
  int renewals;
  char refused[64]; /* the error that the cloud named */
  char purged[256]; /* whose tickets it has forgotten, each with a space behind */
};

extern struct inside one, two, three;

/* A certificate for this connector of the lab file, in the place of the one before. */
void inside_enrol(const char *name);
/* A connection with the certificate of this connector; until the cloud takes it. */
void inside_dial(struct inside *c, const char *name);
/* The same without waiting. */
void inside_begin(struct inside *c, const char *name);
/* The same with what it says in hello; until the cloud refuses it. */
void inside_dial_refused(struct inside *c, const char *certificate, const char *name, const char *group);
/* Without a certificate: hello with this token, until the cloud closes. challenge: NULL for the right one. */
void inside_register(struct inside *c, const char *name, const char *token, const char *challenge);
/* The certificate that came is what it dials with from now on. */
void inside_keep(struct inside *c);
void inside_acknowledge(struct inside *c);

/* What it answers to the last request; status 1xx: before the answer. */
void inside_answer(struct inside *c, int status, const char *name, const char *value, bool end);
void inside_write(struct inside *c, const void *data, size_t n);
void inside_end(struct inside *c);

#endif

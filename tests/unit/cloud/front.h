/* The cloud's real front and registry in one loop with the test, between users that speak bytes and
 * connectors that do as they are told. There is no identity provider. */
#ifndef SEVENSTEP_TEST_FRONT_H
#define SEVENSTEP_TEST_FRONT_H

#include "cloud.h"
#include "hello.h"
#include "link.h"

#include <check.h>

/* A user's connection. */
struct user {
  struct stream *stream; /* NULL once closed */
  struct buf got;
  bool opened, closed;
  struct failure failure;
};

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
  bool hesitates;      /* until inside_acknowledge() */
  struct tunnel_stream *configuration;
  unsigned version;         /* of the configuration it was told last */
  unsigned request_version; /* that the last request began with */
  bool ended, deaf;         /* deaf: gives no window back */
  /* What it registers and renews with, and what came of it. challenge: a wrong one, or NULL. */
  const char *token, *challenge;
  struct buf csr, key, certificate;
  int renewals;
  char refused[64]; /* the error that the cloud named */
  char purged[256]; /* whose tickets it has forgotten, each with a space behind */
};

extern struct cloud *cloud;
extern struct inside one, two, three;

void front_pki(void); /* once: keys and certificates in a folder of its own */
void front_pki_remove(void);
void front_open(void);
void front_close(void);

/* A connection with the certificate of this connector; until the cloud takes it. */
void inside_dial(struct inside *c, const char *name);
/* The same with what it says in hello; until the cloud refuses it. */
void inside_dial_refused(struct inside *c, const char *certificate, const char *name, const char *group);
/* A certificate for this connector of the lab file, in the place of the one before. */
void front_enrol(const char *name);
/* Other lifetimes than the lab file's, for certificates that are made from now on; another balancing of the
 * group. */
void front_certificates(unsigned lifetime_s, unsigned renewal_s);
void front_balancing(enum lab_balancing balancing);
/* Without a certificate: hello with this token, until the cloud closes. challenge: NULL for the right one. */
void inside_register(struct inside *c, const char *name, const char *token, const char *challenge);
/* The certificate that came is what it dials with from now on. */
void inside_keep(struct inside *c);
/* The same without waiting. */
void inside_begin(struct inside *c, const char *name);
void inside_acknowledge(struct inside *c);
/* lab.yaml with these changes; a new reference. */
const struct lab *front_lab(const char *changes);
void inside_answer(struct inside *c, int status, const char *name, const char *value, bool end);
void inside_write(struct inside *c, const void *data, size_t n);
void inside_end(struct inside *c);

/* sni NULL: without TLS. */
struct user *user_connect(const char *sni);
/* The same with HTTP/2 chosen, as raw bytes, or with a session of a browser's: the tunnel's own client. */
struct user *user_connect_h2(void);
void browser_dial(struct link *l, const char *sni);
void user_send(struct user *u, const char *text);
void user_send_bytes(struct user *u, const void *data, size_t n);
bool user_got(const struct user *u, const char *text);

/* One turn of the loop; fails when nothing came of it for long. */
void turn(void);
/* Time goes on, the tunnels are kept alive, and the sweep is made. */
void pass(int64_t seconds);
/* Only the registry looks at the clock on the wall: for long times in many steps. */
void pass_at_once(void);

#define run_until(condition)                                                                                 \
  do {                                                                                                       \
    while (!(condition))                                                                                     \
      turn();                                                                                                \
  } while (0)

#endif

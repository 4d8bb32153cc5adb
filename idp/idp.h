/* The identity provider: what its handlers share. It plays step 2: a user signs in, and a token goes to the
 * application's proxy.
 *
 * Handlers run on the HTTP server's threads, many at once. Everything here is either immutable after idp_open
 * or thread safe by itself. A reload makes another struct idp, which shares all with the first but the lab,
 * and the passwords if users changed; a request keeps the one it began with (struct idp_site). */
#ifndef SEVENSTEP_IDP_H
#define SEVENSTEP_IDP_H

#include "httpd.h"
#include "lab.h"
#include "passwords.h"
#include "store.h"
#include "token_keys.h"
#include "trace.h"

#include <pthread.h>
#include <stdatomic.h>

#define IDP_SESSION_S   28800 /* a logon at the provider: 8 hours */
#define IDP_CODE_S      60    /* an authorization code (RFC 6749 4.1.2 allows 600) */
#define IDP_ROTATE_S    600   /* a new key is published so long before it signs */
#define IDP_SECRET_LEN  32    /* bytes of randomness in ids, codes and keys */
#define IDP_SECRET_TEXT 43    /* the same as base64url */

/* What is counted for /metrics. */
enum idp_count {
  COUNT_LOGON_OK,
  COUNT_LOGON_WRONG_PASSWORD,
  COUNT_LOGON_REFUSED, /* disabled, unassigned, locked out, forged */
  COUNT_ID_TOKEN,
  COUNT_CODE,
  COUNT_ACCESS_TOKEN,
  COUNT_TOKEN_REFUSED, /* at the token endpoint */
  COUNT_IDP,
};

struct idp {
  const struct lab *lab;
  struct tracer *tracer;
  struct token_keys *keys;
  struct store *store;
  struct passwords *passwords;
  uint8_t form_key[IDP_SECRET_LEN]; /* authenticates our own forms */
  atomic_ullong *counts;            /* COUNT_IDP, of all since the start */
  char folder[4096];
  struct idp_site *site;
  unsigned refs; /* the site's */
};

/* The folder RUN/idp is made; keys, store, hashes and the form key are made or read. Names of what was
 * damaged and set aside are logged. tracer may be NULL (tests). */
enum err idp_open(struct idp *i, const struct lab *lab, struct tracer *tracer, const char *folder,
                  struct failure *f) MUST_CHECK;
void idp_close(struct idp *i); /* accepts a zeroed struct */

/* The provider in force. Thread safe. */
struct idp_site {
  pthread_mutex_t lock;
  struct idp *first; /* what idp_open made; owns what all share */
  struct idp *now;
};
void idp_site_init(struct idp_site *s, struct idp *first);
void idp_site_clear(struct idp_site *s); /* no request may be in progress; before idp_close(first) */
/* For httpd_config: from here to idp_release a request's struct idp stays as it is. */
void *idp_hold(void *site);
void idp_release(void *idp);
/* Puts another lab into force, a reference of which it takes in any case. */
enum err idp_site_put(struct idp_site *s, const struct lab *lab, struct failure *f) MUST_CHECK;

void idp_count(struct idp *i, enum idp_count what);

/* The user-facing routes and refusals; httpd_config.arg is the struct idp. */
extern const struct httpd_route idp_routes[];
void idp_refuse(int status, const char *why, struct httpd_response *r);
/* For the admin endpoint: POST /keys/rotate, and its callbacks. */
void idp_rotate_keys(const struct httpd_request *q, struct httpd_response *r);
bool idp_ready(void *idp, struct buf *reason);
void idp_metrics(void *idp, struct buf *out);

/* 43 characters of base64url from 32 random bytes: codes, session ids, token ids. */
void idp_random_text(char out[static IDP_SECRET_TEXT + 1]);

/* The step's handlers, each in a file of its own. */
void step2_authorize(const struct httpd_request *q, struct httpd_response *r); /* GET, POST /authorize */
void step2_logon(const struct httpd_request *q, struct httpd_response *r);     /* POST /logon */
void step2_token(const struct httpd_request *q, struct httpd_response *r);     /* POST /token */
void metadata_get(const struct httpd_request *q, struct httpd_response *r);
void metadata_keys(const struct httpd_request *q, struct httpd_response *r);
void userinfo(const struct httpd_request *q, struct httpd_response *r);    /* GET, POST /userinfo */
void end_session(const struct httpd_request *q, struct httpd_response *r); /* GET, POST /logout */

#endif

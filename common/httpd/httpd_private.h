/* What the files of the server share. Private to this folder, as is libmicrohttpd. */
#ifndef SEVENSTEP_HTTPD_PRIVATE_H
#define SEVENSTEP_HTTPD_PRIVATE_H

#include "httpd.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
  HTTPD_FIELDS_MAX = 128,
  HTTPD_HEAD_MAX = 65536,
  HTTPD_ANSWER_MAX = 64 << 20,  /* of a body held in memory; larger ones are produced */
  HTTPD_SURPLUS_MAX = 16 << 20, /* of a refused upload is read before the connection is cut */
};

/* How far a connection is, for the deadlines. */
enum phase {
  PHASE_IDLE, /* no request line yet: TLS handshake, or between requests */
  PHASE_HEAD, /* request line seen */
  PHASE_BODY,
  PHASE_ANSWER,
};

/* How far the handling of one request is. */
enum stage { STAGE_NEW, STAGE_UPLOAD, STAGE_DELAYED };

struct connection {
  struct httpd *server;
  struct MHD_Connection *mhd;
  int fd;
  char peer_ip[INET6_ADDRSTRLEN];
  _Atomic int phase;
  _Atomic int64_t since_ns; /* when the phase began */

  /* under server->lock */
  struct connection *prev, *next;
  bool suspended;
  int64_t resume_ns;

  /* the request at hand; the thread of the connection's own */
  enum stage stage;
  struct buf target, path;
  struct httpd_request q;
  struct fields fields;
  struct buf body;
  uint64_t received;
  const struct httpd_route *route;
  void *stream_state;
  bool holds;  /* q.arg is held */
  int refused; /* status, or 0 */
  const char *why;
  char allow[128]; /* for 405 */
  struct httpd_response r;
  struct socket *upgrade; /* of an answer 101, until the connection is handed over */
};

struct httpd {
  struct MHD_Daemon *daemon;
  struct httpd_config config;
  struct httpd_admin admin;   /* of an admin endpoint */
  struct httpd_route *routes; /* owned; of an admin endpoint */
  char *unix_path;
  uint16_t port;
  pthread_t starter;
  char log[256]; /* what libmicrohttpd said to the starting thread */

  pthread_mutex_t lock;
  pthread_cond_t wake;
  pthread_t watcher;
  bool watching, stopping;
  struct connection *connections;

  struct upgraded *upgraded; /* upgrade.c's, NULL without config.upgrades */
};

/* httpd.c: httpd_start() in two steps, so that more can be set between them. launch takes h over, also on
 * failure. */
struct httpd *httpd_new(const struct httpd_config *c);
enum err httpd_launch(struct httpd *h, struct httpd **ret, struct failure *f) MUST_CHECK;

/* listen.c: a listening socket for the configuration, or the failure. */
enum err httpd_listen(struct httpd *h, int *ret_fd, struct failure *f) MUST_CHECK;

/* watch.c: one thread that wakes suspended connections and cuts those that are past a deadline. */
enum err httpd_watch_start(struct httpd *h) MUST_CHECK;
void httpd_watch_stop(struct httpd *h); /* every connection is resumed; none is suspended after it */
void httpd_watch_add(struct connection *c);
void httpd_watch_remove(struct connection *c);
void httpd_watch_phase(struct connection *c, enum phase phase);
/* Suspends the connection for so long. False when the server is stopping. */
bool httpd_watch_suspend(struct connection *c, unsigned ms);

/* upgrade.c: one thread for the connections that speak another protocol. stop: each is cut off, and no other
 * is taken; free: when libmicrohttpd's threads have ended. */
enum err httpd_upgrade_start(struct httpd *h) MUST_CHECK;
void httpd_upgrade_stop(struct httpd *h);
void httpd_upgrade_free(struct httpd *h);
/* The response that hands the connection over, with c->r.protocol; or NULL. */
struct MHD_Response *httpd_upgrade_response(struct connection *c);
/* The request is over: frees the protocol, if it was not handed over because the client had left. */
void httpd_upgrade_forget(struct connection *c);

/* check.c: is the request, as far as libmicrohttpd shows it, one that two readers would understand alike?
 * Fills c->fields. Sets c->refused. */
void httpd_check(struct connection *c, const char *method, const char *version);

/* answer.c */
void httpd_answer_init(struct httpd_response *r);
void httpd_answer_clear(struct httpd_response *r);
enum MHD_Result httpd_answer_send(struct connection *c);
/* Is the message itself suspect, so that nothing behind it is read? */
bool httpd_refusal_closes(int status);
enum MHD_Result httpd_answer_refusal(struct connection *c);

/* exchange.c: libmicrohttpd's callbacks. */
void *httpd_exchange_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result httpd_exchange_run(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                   const char *version, const char *data, size_t *n, void **con_cls);
void httpd_exchange_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                              enum MHD_RequestTerminationCode toe);
void httpd_exchange_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                               enum MHD_ConnectionNotificationCode toe);

#endif

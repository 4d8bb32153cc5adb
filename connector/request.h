/* One request on its way through the connector: from the tunnel (step 4: a ticket for its user), to the
 * application (step 6), and back into the tunnel (step 7). request.c owns its life; each step is a file of
 * its own. Loop's thread.
 *
 * A request for a WebSocket comes as an extended CONNECT and goes to the application as a GET with Upgrade.
 * If the application switches, the stream and the connection carry bytes, like two bodies without a length,
 * until either end ends; if it does not, its answer is an answer like any other. */
#ifndef SEVENSTEP_REQUEST_H
#define SEVENSTEP_REQUEST_H

#include "boundary.h"
#include "configure.h"
#include "connector.h"
#include "origin.h"

#define REQUEST_HELD_MAX                                                                                     \
  TUNNEL_STREAM_WINDOW_MAX /* what the window lets come before the application takes it */
#define STEP4_TIMEOUT_S 4  /* what a user waits for the KDC at most */

struct request {
  struct stream_owner owner;
  struct connector *c;
  struct link *link;
  struct tunnel_stream *stream; /* NULL once the cloud has gone */
  const struct lab *lab;        /* what it began with; a reference, NULL before */
  const struct lab_app *app;
  struct lab_concrete concrete; /* app, where it is published by a wildcard */
  char upn[256];                /* "" without a user */
  char login[256];              /* the name for the KDC as the cloud sent it */
  char user[KRB_USER_MAX];      /* account@REALM, which becomes of it in step 4 */
  const char *method, *target;  /* the stream's own, as are the fields */
  size_t target_len;
  struct fields *fields; /* for the application */
  struct buf held;       /* body that came before the application's connection was there */
  bool has_body, body_complete;
  bool websocket; /* it asks for one */
  bool switched;  /* it is one: the application answered 101 */
  struct websocket_boundary to_application;
  struct trace_ctx ctx; /* the cloud's span */
  struct span delegate, present;
  struct krb_ticket *ticket;
  bool ticket_cached;
  bool ticket_renewed; /* the application refused the cached one, and this is a fresh one */
  struct krb_initiator *initiator;
  int64_t presented_ns;  /* wall: when its token was made */
  struct origin *origin; /* the connection to the application, or NULL */
  int tries;             /* at the application */
  uint64_t sent;         /* origin_sent() at the last sweep */
  bool answered;         /* the response's head has gone into the tunnel */
  int64_t deadline_ns;   /* monotonic; 0: none */
  int64_t told_ns;       /* the deadline of which the cloud was told last */
  bool ended;
  struct request *prev, *next;
  struct request *next_waiting; /* in step 4's list */
};

/* A request came down the tunnel, whose connector holds these configurations. */
void request_begin(struct connector *c, const struct configurations *known, struct link *l,
                   struct tunnel_stream *s, const struct tunnel_head *h);

/* What the connector could not add to the user's head: it is for the user to make it smaller. ERR_OK stays.
 */
enum err request_no_room(enum err e, const char *what, struct failure *f);
/* Answers with the failure (or resets, when the answer has begun) and ends the request. */
void request_fail(struct request *r, const struct failure *f);
/* Over: frees everything. The stream is detached if it is still there. */
void request_end(struct request *r);
/* The application has its whole time again; a WebSocket has no deadline here, for the cloud sees to idle
 * ones. */
void request_keep_alive(struct request *r);
/* The application works on it, of which the cloud sees nothing: so the cloud is told to wait on. */
void request_works(struct request *r);
/* The application answered 101: what the user sends from now on is for it. */
void request_switch(struct request *r);
/* Of the body that came while the application could not take it, what it takes now goes to r->origin, with
 * the end if that has come. */
enum err request_pass_held(struct request *r) MUST_CHECK;
/* Once a second. */
void requests_sweep(struct connector *c, int64_t now_ns);

/* step4_delegate.c: goes on with step6_present() or request_fail(). */
void step4_delegate(struct request *r);
/* The request ends while a ticket is being obtained for it. */
void step4_forget(struct request *r);
/* The application refused its ticket: nobody else is to be given it. */
void step4_forget_ticket(const struct request *r);
/* Forgets the tickets of who has this name, outside or inside; NULL: everybody's. Those on their way serve
 * who waits for them already, and nobody else. Returns how many were in the cache. */
size_t step4_purge(struct connector *c, const char *name);
/* step6_present.c */
void step6_present(struct request *r);
enum err step6_on_connection(void *request, struct origin *o, struct failure *f);
/* For the wire view: the ticket that went to the application, and the value that it answered with (NULL:
 * none). */
void step6_trace_wire(struct request *r, const char *answer, size_t n);
/* step7_return.c */
extern const struct origin_events step7_origin_events;
void step7_resume(struct request *r); /* the tunnel takes more */

#endif

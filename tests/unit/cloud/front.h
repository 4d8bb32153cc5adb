/* The cloud's real front and registry in one loop with the test, between users (user.h), browsers that speak
 * HTTP/2 (browser.h) and connectors (inside.h) that do as they are told. There is no identity provider. */
#ifndef SEVENSTEP_TEST_FRONT_H
#define SEVENSTEP_TEST_FRONT_H

#include "browser.h"
#include "cloud.h"
#include "inside.h"
#include "run.h"
#include "user.h"

/* Applications of lab.yaml: without a logon, with one; and a host that is none's. */
#define PUBLIC "public.apps.localhost"
#define HELLO  "hello.apps.localhost"
#define NOBODY "nobody.apps.localhost"

/* A field line for each. */
#define TO_PUBLIC "Host: " PUBLIC "\r\n"
#define TO_HELLO  "Host: " HELLO "\r\n"
#define TO_NOBODY "Host: " NOBODY "\r\n"

extern struct cloud *cloud;

/* Cases that begin and end with a cloud of their own, on keys and certificates made for all of them. */
TCase *front_tests(Suite *suite, const char *name);

/* lab.yaml with these changes; a new reference. */
const struct lab *front_lab(const char *changes);
/* That lab is in force, and all connectors have acknowledged it. */
void front_change(const char *changes);
/* An application of the lab in force, for a test to change. */
struct lab_app *front_app(const char *name);
/* Other lifetimes than the lab file's, for certificates that are made from now on; another balancing of the
 * group. */
void front_certificates(unsigned lifetime_s, unsigned renewal_s);
void front_balancing(enum lab_balancing balancing);
/* As main() does it at the end: drained, when the last of the users' connections has ended. */
void front_shutdown(void);
extern bool front_drained;
/* Of users. */
size_t front_connections(void);

/* Of the connection that came to the front last, which is the one of s: from now on little fits into the
 * kernel on the way to the user. */
void front_narrow(struct stream *s);
void front_widen(struct stream *s);
/* What the front has for it, and has not sent; is that all, for no request of it is under way? */
size_t front_queued(void);
bool front_answered(void);
/* Of its request: what the front has not read of a body with a length; is no more read, for the taker is
 * behind? */
uint64_t front_body_left(void);
bool front_paused(void);
/* Lets s, which is paused, read until something of that has left. */
void front_read_a_little(struct stream *s);

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

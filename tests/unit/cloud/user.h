/* Users as they are on the wire: bytes out, and what came back. */
#ifndef SEVENSTEP_TEST_USER_H
#define SEVENSTEP_TEST_USER_H

#include "net.h"
#include "session.h"

/* A user's connection. */
struct user {
  struct stream *stream; /* NULL once closed */
  struct buf got;
  bool opened, closed;
  struct failure failure;
};

/* sni NULL: without TLS. */
struct user *user_connect(const char *sni);
/* The same with HTTP/2 chosen. */
struct user *user_connect_h2(void);
void user_send(struct user *u, const char *text);
void user_send_bytes(struct user *u, const void *data, size_t n);
bool user_got(const struct user *u, const char *text);
/* How often. */
size_t user_got_times(const struct user *u, const char *text);
/* The first connector is there, and has this request by the front of a user without TLS. */
struct user *user_asks(const char *request);
/* A new session of alice with the application hello, which lasts so long: the field line that shows it, in a
 * static buffer. */
extern struct session user_session;
const char *user_signs_in(int64_t lifetime_s);
/* It ends by logout. */
void user_signs_out(void);
/* GET / at PUBLIC, until one of the connectors that are there has it. */
struct user *user_gets(void);

#endif

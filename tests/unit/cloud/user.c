/* Users' connections, of which a test has a few at most. */
#include "front_private.h"

#include "clock.h"
#include "once.h"

#include <stdio.h>
#include <string.h>

#define USERS_MAX 48

static struct user users[USERS_MAX];
static size_t n_users;

static void user_opened(struct stream *s, void *arg)
{
  (void)s;
  ((struct user *)arg)->opened = true;
}

static void user_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  (void)s;
  ck_assert_int_eq(buf_append(&((struct user *)arg)->got, data, n), ERR_OK);
}

static void user_closed(struct stream *s, void *arg, const struct failure *f)
{
  (void)s;
  struct user *u = arg;
  u->stream = NULL;
  u->closed = true;
  u->failure = *f;
}

static const struct stream_events user_events = {
    .on_open = user_opened, .on_data = user_data, .on_close = user_closed};

static struct user *connect_user(enum front_way way, const char *sni)
{
  ck_assert_uint_lt(n_users, USERS_MAX);
  struct user *u = &users[n_users++];
  *u = (struct user){0};
  buf_init(&u->got, 64 * 1024 * 1024);
  front_dial(way, sni, &user_events, u, &u->stream);
  run_until(u->opened || u->closed);
  return u;
}

struct user *user_connect(const char *sni)
{
  return connect_user(sni ? FRONT_HTTP1 : FRONT_PLAIN, sni);
}

struct user *user_connect_h2(void)
{
  return connect_user(FRONT_HTTP2, PUBLIC);
}

void user_send_bytes(struct user *u, const void *data, size_t n)
{
  ck_assert_int_eq(stream_write(u->stream, data, n), ERR_OK);
}

void user_send(struct user *u, const char *text)
{
  user_send_bytes(u, text, strlen(text));
}

bool user_got(const struct user *u, const char *text)
{
  return strstr(buf_str(&u->got), text) != NULL;
}

size_t user_got_times(const struct user *u, const char *text)
{
  size_t n = 0;
  for (const char *at = buf_str(&u->got); (at = strstr(at, text)); at++)
    n++;
  return n;
}

struct user *user_asks(const char *request)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_connect(NULL);
  user_send(u, request);
  run_until(one.requests == 1);
  return u;
}

struct session user_session;

const char *user_signs_in(int64_t lifetime_s)
{
  static char line[8192];
  struct buf value;
  const struct lab_app *app = lab_app_by_name(cloud->lab, "hello");
  user_session = (struct session){.upn = "alice@sevenstep.test",
                                  .spn = "HTTP/hello.corp.sevenstep.test",
                                  .name = "Alice",
                                  .issued_s = clock_wall_s(),
                                  .expires_s = clock_wall_s() + lifetime_s};
  random_bytes(user_session.id, sizeof user_session.id); /* those that were ended stay so in the store */
  buf_init(&value, 4096);
  ck_assert_int_eq(session_seal(cloud->seal, app, app->external_url.host, &user_session, &value), ERR_OK);
  snprintf(line, sizeof line, "Cookie: __Host-sevenstep=%s\r\n", buf_str(&value));
  buf_clear(&value);
  return line;
}

static void note_stored(void *arg, enum err e)
{
  ck_assert_int_eq(e, ERR_OK);
  *(bool *)arg = true;
}

void user_signs_out(void)
{
  bool stored = false;
  once_end_session(cloud->once, &user_session, note_stored, &stored);
  run_until(stored);
}

struct user *user_gets(void)
{
  int before = one.requests + two.requests + three.requests;
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(one.requests + two.requests + three.requests == before + 1);
  return u;
}

void users_forget(void)
{
  while (n_users)
    buf_clear(&users[--n_users].got);
}

/* Two links joined by a connection on loopback, in one loop; or one, whose peer is no link. */
#include "link.h"

#include "../cloud/fake_clock.h"
#include "net_private.h"
#include "run.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
  struct link *link; /* NULL once closed */
  struct tunnel_stream *stream;
  int requests, ends, goaways;
  size_t received;
  bool opened, closed, stream_closed, refuse, again;
  struct failure failure, stream_failure;
};

static struct net *net;
static struct listener *listener;
static struct lab_addr at = {.host = "127.0.0.1"};
static struct end cloud, connector;
static uv_timer_t watchdog;
static bool line_is_full;

static void barked(uv_timer_t *timer)
{
  (void)timer;
  ck_abort_msg("what the test waits for did not come");
}

#define run_until(condition)                                                                                 \
  do {                                                                                                       \
    while (!(condition))                                                                                     \
      uv_run(net_loop(net), UV_RUN_ONCE);                                                                    \
  } while (0)

static void ask(struct end *e)
{
  struct fields none;
  fields_init(&none, 1, 64);
  ck_assert_int_eq(tunnel_request(link_tunnel(e->link), "GET", "a", "/", 1, &none, true, e, &e->stream),
                   ERR_OK);
  link_flush(e->link);
}

static void answer(const char *name, const char *value, bool end)
{
  struct fields f;
  fields_init(&f, 1, 64);
  if (name) ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
  ck_assert_int_eq(tunnel_respond(connector.stream, 200, &f, end), ERR_OK);
  fields_clear(&f);
  link_flush(connector.link);
}

/* -- events ---------------------------------------------------------------------------------------------- */

static bool on_open(struct link *l, void *arg, struct failure *f)
{
  struct end *e = arg;
  ck_assert_ptr_eq(l, e->link);
  e->opened = true;
  if (e->refuse) failure_set(f, ERR_TUNNEL_REFUSED, "not you");
  return !e->refuse;
}

static void on_close(struct link *l, void *arg, const struct failure *f)
{
  (void)l;
  struct end *e = arg;
  ck_assert(!e->closed);
  e->closed = true;
  e->link = NULL;
  e->failure = *f;
}

static const struct link_events link_events = {on_open, on_close};

static void on_request(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)t;
  (void)h;
  struct end *e = arg;
  e->requests++;
  e->stream = s;
  tunnel_stream_set_owner(s, e);
}

static void on_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  (void)s;
  (void)owner;
  (void)h;
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  (void)data;
  ((struct end *)owner)->received += n;
  tunnel_stream_consume(s, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  (void)trailers;
  ((struct end *)owner)->ends++;
}

static void on_stream_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  struct end *e = owner;
  e->stream_closed = true;
  e->stream_failure = *f;
  e->stream = NULL;
  if (e->again) ask(e);
}

static void on_goaway(struct tunnel *t, void *arg)
{
  (void)t;
  ((struct end *)arg)->goaways++;
}

static const struct tunnel_events tunnel_events = {.on_request = on_request,
                                                   .on_response = on_response,
                                                   .on_data = on_data,
                                                   .on_end = on_end,
                                                   .on_close = on_stream_close,
                                                   .on_goaway = on_goaway};

/* -- the two --------------------------------------------------------------------------------------------- */

static void *accept_one(void *arg, struct stream *s)
{
  (void)s;
  (void)arg;
  ck_assert_int_eq(link_new(net, TUNNEL_CLOUD, &link_events, &tunnel_events, &cloud, &cloud.link), ERR_OK);
  return cloud.link;
}

static void setup(void)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  struct failure f;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
  ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  close(fd);
  at.port = ntohs(sa.sin_port);
  cloud = connector = (struct end){0};
  line_is_full = false;
  clock_hold_mono(true);
  ck_assert_int_eq(net_new(&net), ERR_OK);
  uv_timer_init(net_loop(net), &watchdog);
  uv_timer_start(&watchdog, barked, 20000, 0);
  ck_assert_int_eq(listener_new(net, &at, NULL, 0, accept_one, NULL, &link_stream_events, &listener, &f),
                   ERR_OK);
}

static void teardown(void)
{
  uv_close((uv_handle_t *)&watchdog, NULL);
  cloud.again = false;
  net_free(net);
  ck_assert(!cloud.link && !connector.link);
}

static void dial(void)
{
  struct stream *s;
  ck_assert_int_eq(link_new(net, TUNNEL_CONNECTOR, &link_events, &tunnel_events, &connector, &connector.link),
                   ERR_OK);
  ck_assert_int_eq(stream_connect(net, &at, NULL, NULL, 5000, &link_stream_events, connector.link, &s),
                   ERR_OK);
}

static void join(void)
{
  dial();
  run_until(cloud.opened && connector.opened);
}

/* A peer that is no link. */
static struct stream *peer;
static struct buf peer_got;
static bool peer_closed;

static void peer_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  (void)s;
  (void)arg;
  ck_assert_int_eq(buf_append(&peer_got, data, n), ERR_OK);
}

static void peer_close(struct stream *s, void *arg, const struct failure *f)
{
  (void)s;
  (void)arg;
  (void)f;
  peer_closed = true;
}

static const struct stream_events peer_events = {.on_data = peer_data, .on_close = peer_close};

static void join_peer(void)
{
  buf_init(&peer_got, 65536);
  peer_closed = false;
  ck_assert_int_eq(stream_connect(net, &at, NULL, NULL, 5000, &peer_events, NULL, &peer), ERR_OK);
  run_until(cloud.opened);
}

static void find_beat(uv_handle_t *handle, void *arg)
{
  uv_timer_t *timer = (uv_timer_t *)handle, **ret = arg;
  if (handle->type == UV_TIMER && handle->data == cloud.link && !uv_is_closing(handle) &&
      uv_timer_get_repeat(timer) == LINK_PING_MS)
    *ret = timer;
}

/* The beat of the cloud's link, by the test's clock instead of the loop's. */
static uv_timer_t *beat_timer;
static uv_timer_cb beat_cb;
static int64_t beat_in_ms;

static void hold_beat(uv_timer_t *timer)
{
  beat_in_ms = (int64_t)uv_timer_get_due_in(timer);
  uv_timer_stop(timer);
}

static void beat_and_hold(uv_timer_t *timer)
{
  beat_cb(timer);
  hold_beat(timer);
}

static void take_beat(void)
{
  uv_walk(net_loop(net), find_beat, (void *)&beat_timer);
  ck_assert_ptr_nonnull(beat_timer);
  beat_cb = beat_timer->timer_cb;
  hold_beat(beat_timer);
}

/* A peer that is a socket, of which the test reads when it likes; its kernel takes little. */
static int join_socket(void)
{
  struct sockaddr_in sa = {
      .sin_family = AF_INET, .sin_port = htons(at.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0), little = 4096;
  ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
  ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
  run_until(cloud.opened);
  take_beat();
  return fd;
}

static void turn(void)
{
  for (int i = 0; i < 3; i++)
    uv_run(net_loop(net), UV_RUN_NOWAIT);
}

/* So much, that not all of it leaves the cloud's kernel. */
static void fill_line(void)
{
  static const uint8_t much[65000];
  struct fields none;
  bool all = true;
  fields_init(&none, 1, 64);
  ck_assert_int_eq(
      tunnel_request(link_tunnel(cloud.link), "POST", "a", "/", 1, &none, false, &cloud, &cloud.stream),
      ERR_OK);
  ck_assert_int_eq(tunnel_stream_write(cloud.stream, much, sizeof much), ERR_OK);
  link_flush(cloud.link);
  while (all) {
    turn();
    (void)stream_acknowledged(link_stream(cloud.link), &all);
  }
  line_is_full = true;
}

/* Reads until the cloud's kernel has been told that there is room for more, and has sent some. */
static void take_some(int fd)
{
  uint8_t piece[4096];
  bool all;
  uint64_t before = stream_acknowledged(link_stream(cloud.link), &all);
  while (stream_acknowledged(link_stream(cloud.link), &all) == before)
    (void)!recv(fd, piece, sizeof piece, MSG_DONTWAIT);
  ck_assert(!all);
}

/* A frame of the socket's, which the cloud has read on return. */
static void say(int fd, uint8_t type, uint8_t flags, uint8_t len)
{
  uint8_t frame[9 + 8] = {0, 0, len, type, flags};
  ck_assert_int_eq(send(fd, frame, 9U + len, 0), 9 + len);
  turn();
}

/* The answer to a PING (RFC 9113 6.7), if one came. */
static bool answer_ping(int fd)
{
  uint8_t frame[9 + 8];
  if (recv(fd, frame, sizeof frame, MSG_DONTWAIT) < 0) return false;
  ck_assert_int_eq(frame[3], 6);
  say(fd, 6, 1, 8);
  return true;
}

/* The kernel may take its time to acknowledge, but not as much as is between two beats. */
static void await_acknowledgement(void)
{
  bool all = line_is_full || cloud.closed;
  while (!all) {
    (void)stream_acknowledged(link_stream(cloud.link), &all);
    turn();
  }
}

static void pass(int64_t ms)
{
  clock_shift_mono_ms(ms);
  beat_in_ms -= ms;
  ck_assert_int_gt(beat_in_ms, 0);
}

/* Time goes on to when the link looks at its peer next. Returns by how much, in ms. */
static int64_t beat(void)
{
  int64_t ms = beat_in_ms;
  clock_shift_mono_ms(ms);
  ck_assert_int_eq(uv_timer_start(beat_timer, beat_and_hold, 0, LINK_PING_MS), 0);
  turn();
  await_acknowledgement();
  return ms;
}

/* How long it takes from now until the link is cut, in ms. */
static int64_t until_cut(void)
{
  int64_t ms = 0;
  while (!cloud.closed)
    ms += beat();
  ck_assert_int_eq(cloud.failure.err, ERR_TIMEOUT);
  return ms;
}

/* -- the tests ------------------------------------------------------------------------------------------- */

START_TEST(request_and_answer_travel)
{
  join();
  ask(&cloud);
  run_until(connector.requests == 1);
  answer(NULL, NULL, true);
  run_until(cloud.stream_closed);
  ck_assert_int_eq(cloud.stream_failure.err, ERR_OK);
}
END_TEST

START_TEST(many_megabytes_travel_past_what_a_stream_queues)
{
  static uint8_t piece[128 * 1024];
  const size_t all = 32 * 1024 * 1024;
  join();
  ask(&cloud);
  run_until(connector.requests == 1);
  answer(NULL, NULL, false);
  for (size_t sent = 0; sent < all; sent += sizeof piece) {
    run_until(!tunnel_stream_congested(connector.stream));
    ck_assert_int_eq(tunnel_stream_write(connector.stream, piece, sizeof piece), ERR_OK);
    link_flush(connector.link);
  }
  ck_assert_int_eq(tunnel_stream_end(connector.stream, NULL), ERR_OK);
  link_flush(connector.link);
  run_until(cloud.stream_closed);
  ck_assert_uint_eq(cloud.received, all);
}
END_TEST

START_TEST(link_refused_at_open_closes_with_the_reason)
{
  cloud.refuse = true;
  dial();
  run_until(cloud.closed && connector.closed);
  ck_assert_int_eq(cloud.failure.err, ERR_TUNNEL_REFUSED);
}
END_TEST

START_TEST(link_to_nobody_closes_without_open)
{
  listener_close(listener);
  uv_run(net_loop(net), UV_RUN_NOWAIT);
  dial();
  run_until(connector.closed);
  ck_assert(!connector.opened);
  ck_assert_int_eq(connector.failure.err, ERR_CLOSED);
}
END_TEST

START_TEST(link_discard_frees_one_without_a_stream)
{
  struct link *l;
  ck_assert_int_eq(link_new(net, TUNNEL_CLOUD, &link_events, &tunnel_events, &cloud, &l), ERR_OK);
  ck_assert_ptr_null(link_tunnel(l));
  link_discard(l);
}
END_TEST

START_TEST(link_close_tells_each_stream_and_both_ends)
{
  struct failure why;
  join();
  ask(&cloud);
  run_until(connector.requests == 1);
  failure_set(&why, ERR_TIMEOUT, "enough");
  link_close(cloud.link, &why);
  run_until(cloud.closed && connector.closed);
  ck_assert_int_eq(cloud.failure.err, ERR_TIMEOUT);
  ck_assert_int_eq(cloud.stream_failure.err, ERR_CONNECTOR_LOST);
  ck_assert(connector.stream_closed);
}
END_TEST

START_TEST(garbage_is_answered_with_goaway_and_closed)
{
  static const char junk[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  join_peer();
  ck_assert_int_eq(stream_write(peer, junk, sizeof junk - 1), ERR_OK);
  run_until(cloud.closed && peer_closed);
  ck_assert_int_eq(cloud.failure.err, ERR_TUNNEL_PROTOCOL);
  buf_clear(&peer_got);
}
END_TEST

/* A PING's answer comes some time after the beat that sent it: no later beat falls on the last moment. */
START_TEST(network_that_dies_after_an_answer_is_noticed_in_ten_seconds)
{
  static const int round_trip_ms[] = {0, 1, 20, 499, 501, 1200, 2400};
  uint8_t begin[1024];
  int fd = join_socket();
  await_acknowledgement();
  ck_assert_int_gt(recv(fd, begin, sizeof begin, 0), 0); /* the preface, and SETTINGS */
  say(fd, 4, 0, 0);                                      /* SETTINGS (RFC 9113 3.4) */
  await_acknowledgement();
  ck_assert_int_eq(recv(fd, begin, sizeof begin, 0), 9); /* that it has them */
  for (int answers = 0; answers < 10;) {
    (void)beat();
    pass(round_trip_ms[_i]);
    answers += answer_ping(fd);
    ck_assert(!cloud.closed);
  }
  ck_assert_int_eq(until_cut(), 10000);
  close(fd);
}
END_TEST

START_TEST(peer_that_takes_what_is_under_way_is_not_silent)
{
  int fd = join_socket();
  fill_line();
  (void)beat();
  for (int ms = 0; ms < 12500;) {
    take_some(fd);
    ms += beat();
    ck_assert(!cloud.closed);
  }
  take_some(fd); /* the last moment at which that can be: right after the link has looked */
  ck_assert_int_le(until_cut(), 10000);
  close(fd);
}
END_TEST

/* Its kernel takes all, as that of a program that hangs does. */
START_TEST(peer_that_only_acknowledges_pings_is_cut_off)
{
  int fd = join_socket();
  ck_assert_int_eq(until_cut(), 10000);
  close(fd);
}
END_TEST

/* nghttp2 resets a malformed answer by itself, from inside of sending, and the owner asks again from there.
 */
START_TEST(request_from_inside_of_sending_is_sent)
{
  join();
  cloud.again = true;
  ask(&cloud);
  run_until(connector.requests == 1);
  answer("content-length", "junk", true);
  run_until(connector.requests == 2);
  ck_assert_int_eq(cloud.stream_failure.err, ERR_CONNECTOR_LOST);
}
END_TEST

START_TEST(connector_that_drains_finishes_what_it_has_then_both_close)
{
  join();
  ask(&cloud);
  run_until(connector.requests == 1);
  ck_assert_int_eq(tunnel_shutdown(link_tunnel(connector.link)), ERR_OK);
  link_flush(connector.link);
  run_until(cloud.goaways == 1);
  ck_assert(!cloud.closed && !connector.closed);
  answer(NULL, NULL, true);
  run_until(cloud.closed && connector.closed);
  ck_assert_int_eq(cloud.ends, 1);
  ck_assert_int_eq(cloud.stream_failure.err, ERR_OK);
}
END_TEST

/* A body as large as its window lets go. */
static void put_much(void)
{
  static const uint8_t much[TUNNEL_STREAM_WINDOW];
  struct fields none;
  struct tunnel_stream *s;
  fields_init(&none, 1, 64);
  ck_assert_int_eq(tunnel_request(link_tunnel(cloud.link), "POST", "a", "/", 1, &none, false, &cloud, &s),
                   ERR_OK);
  ck_assert_int_eq(tunnel_stream_write(s, much, sizeof much), ERR_OK);
}

static void narrow(struct link *from, struct link *to)
{
  int little = 32 * 1024;
  ck_assert_int_eq(setsockopt(link_stream(from)->fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
  ck_assert_int_eq(setsockopt(link_stream(to)->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
}

/* The connector does not read, and more is on its way to it than there is room for. */
static void congest(void)
{
  join();
  narrow(cloud.link, connector.link);
  ask(&cloud); /* the peer's settings have come */
  run_until(connector.requests == 1);
  stream_pause(link_stream(connector.link), true);
  for (int i = 0; i < 4; i++)
    put_much();
  for (int i = 0; i < 20; i++) {
    link_flush(cloud.link);
    turn();
  }
  ck_assert_uint_ge(stream_queued(link_stream(cloud.link)), STREAM_HIGH + 64 * 1024);
}

static void ask_now(uv_poll_t *poll, int status, int events)
{
  (void)status;
  (void)events;
  uv_poll_stop(poll);
  ask(&cloud);
}

/* In one turn of the loop a user asks, and then it shows that the connector had begun to drain. */
START_TEST(request_that_is_submitted_right_before_a_notice_of_draining_is_served)
{
  int pipes[2];
  uv_poll_t user;
  join();
  stream_pause(link_stream(cloud.link), true);
  ck_assert_int_eq(tunnel_shutdown(link_tunnel(connector.link)), ERR_OK);
  link_flush(connector.link);
  for (int i = 0; i < 20; i++)
    uv_run(net_loop(net), UV_RUN_NOWAIT);
  ck_assert_int_eq(pipe(pipes), 0);
  ck_assert_int_eq(write(pipes[1], "x", 1), 1);
  uv_poll_init(net_loop(net), &user, pipes[0]);
  uv_poll_start(&user, UV_READABLE, ask_now); /* first: so it comes first */
  stream_pause(link_stream(cloud.link), false);
  run_until(connector.requests == 1 || cloud.stream_closed);
  ck_assert_int_eq(cloud.goaways, 1);
  ck_assert_int_eq(connector.requests, 1);
  answer(NULL, NULL, true);
  run_until(cloud.stream_closed);
  ck_assert_int_eq(cloud.stream_failure.err, ERR_OK);
  uv_close((uv_handle_t *)&user, NULL);
  uv_run(net_loop(net), UV_RUN_NOWAIT);
  close(pipes[0]);
  close(pipes[1]);
}
END_TEST

START_TEST(link_finish_sends_what_was_submitted_behind_all_that_is_on_its_way)
{
  struct failure why;
  congest();
  ask(&cloud);
  failure_set(&why, ERR_TUNNEL_REFUSED, "not you");
  link_finish(cloud.link, &why);
  turn();
  stream_pause(link_stream(connector.link), false);
  run_until(cloud.closed && connector.closed);
  ck_assert_int_eq(connector.requests, 6);
  ck_assert_int_eq(cloud.failure.err, ERR_TUNNEL_REFUSED);
}
END_TEST

START_TEST(link_finish_waits_ten_seconds_for_who_takes_his_time)
{
  int fd = join_socket();
  int64_t ms = 0;
  fill_line();
  link_finish(cloud.link, NULL);
  for (; ms < 20000 && !cloud.closed; ms += beat())
    take_some(fd);
  ck_assert(cloud.closed);
  ck_assert_int_le(ms, 10000);
  close(fd);
}
END_TEST

START_TEST(link_finish_waits_for_nobody_who_takes_nothing)
{
  congest();
  take_beat();
  line_is_full = true;
  link_finish(cloud.link, NULL);
  turn();
  ck_assert(!cloud.closed);
  ck_assert_int_le(until_cut(), LINK_DEAD_MS);
}
END_TEST

static void add_tests(TCase *c)
{
  tcase_add_test(c, request_that_is_submitted_right_before_a_notice_of_draining_is_served);
  tcase_add_test(c, link_finish_sends_what_was_submitted_behind_all_that_is_on_its_way);
  tcase_add_test(c, link_finish_waits_ten_seconds_for_who_takes_his_time);
  tcase_add_test(c, link_finish_waits_for_nobody_who_takes_nothing);
  tcase_add_test(c, request_and_answer_travel);
  tcase_add_test(c, many_megabytes_travel_past_what_a_stream_queues);
  tcase_add_test(c, link_refused_at_open_closes_with_the_reason);
  tcase_add_test(c, link_to_nobody_closes_without_open);
  tcase_add_test(c, link_discard_frees_one_without_a_stream);
  tcase_add_test(c, link_close_tells_each_stream_and_both_ends);
  tcase_add_test(c, garbage_is_answered_with_goaway_and_closed);
  tcase_add_loop_test(c, network_that_dies_after_an_answer_is_noticed_in_ten_seconds, 0, 7);
  tcase_add_test(c, peer_that_takes_what_is_under_way_is_not_silent);
  tcase_add_test(c, peer_that_only_acknowledges_pings_is_cut_off);
  tcase_add_test(c, request_from_inside_of_sending_is_sent);
  tcase_add_test(c, connector_that_drains_finishes_what_it_has_then_both_close);
}

int main(void)
{
  Suite *suite = suite_create("link");
  TCase *c = tcase_create("link");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  add_tests(c);
  suite_add_tcase(suite, c);
  return run(suite);
}

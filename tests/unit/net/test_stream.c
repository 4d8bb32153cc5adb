/* Streams over real sockets on loopback: connecting, both directions and their ends. */
#include "ends.h"
#include "net_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

START_TEST(stream_connect_where_nobody_listens_is_closed)
{
  connect_with(NULL, NULL, &end_events);
  net_run(net);
  ck_assert_int_eq(client.failure.err, ERR_CLOSED);
  ck_assert(!client.opened);
}
END_TEST

START_TEST(stream_connect_to_an_unknown_name_is_not_found)
{
  at.host = "no-such-host.invalid";
  connect_with(NULL, NULL, &end_events);
  at.host = "127.0.0.1";
  net_run(net);
  ck_assert_int_eq(client.failure.err, ERR_NOT_FOUND);
}
END_TEST

START_TEST(listener_new_on_a_taken_port_names_it)
{
  struct listener *l;
  struct failure f;
  char port[8];
  listen_with(NULL, 0, &end_events);
  ck_assert_int_eq(listener_new(net, &at, NULL, 0, NULL, NULL, &end_events, &l, &f), ERR_PORT_TAKEN);
  snprintf(port, sizeof port, "%u", at.port);
  ck_assert_ptr_nonnull(strstr(f.why, port));
}
END_TEST

START_TEST(listener_that_refuses_closes_the_connection)
{
  server.refuse = true;
  listen_with(NULL, 0, &end_events);
  connect_with(NULL, NULL, &end_events);
  net_run(net);
  ck_assert(client.closed);
}
END_TEST

/* A connection that the kernel has taken, and nobody has accepted yet. */
static int begin_connection(void)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(at.port)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

START_TEST(listener_out_of_files_rests_and_goes_on_when_there_are_some)
{
  struct rlimit kept, few;
  int turns = 0, more[64], n = 0;
  listen_with(NULL, 0, &end_events);
  int fd = begin_connection();
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &kept), 0);
  few = (struct rlimit){(rlim_t)fd + 1, kept.rlim_max};
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
  while (n < 64 && (more[n] = dup(fd)) >= 0)
    n++;
  for (uint64_t from = uv_hrtime(); uv_hrtime() - from < 250000000; turns++)
    uv_run(net_loop(net), UV_RUN_ONCE);
  ck_assert(!server.opened);
  ck_assert_int_lt(turns, 20);
  while (n > 0)
    close(more[--n]);
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &kept), 0);
  while (!server.opened)
    uv_run(net_loop(net), UV_RUN_ONCE);
  close(fd);
}
END_TEST

/* The peer takes nothing and resets, while this side has stopped reading and has more to say. */
static void write_and_pause(struct stream *s, void *arg)
{
  static uint8_t much[STREAM_WRITE_MAX];
  end_opened(s, arg);
  stream_pause(s, true);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
}

static void reset_when_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  end_data(s, arg, data, n);
  stream_abort(s);
}

static const struct stream_events write_and_pause_events = {
    .on_open = write_and_pause, .on_data = end_data, .on_close = end_closed};

static const struct stream_events reset_events = {
    .on_open = end_opened, .on_data = reset_when_data, .on_close = end_closed};

START_TEST(stream_paused_with_bytes_to_send_notices_a_reset)
{
  listen_with(NULL, 0, &write_and_pause_events);
  connect_with(NULL, NULL, &reset_events);
  net_run(net);
  ck_assert_int_eq(server.failure.err, ERR_CLOSED);
}
END_TEST

static int unread_max; /* what the kernel says: twice what it was told */

static void look_and_close(struct stream *s, void *arg)
{
  socklen_t n = sizeof unread_max;
  end_opened(s, arg);
  ck_assert_int_eq(getsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &unread_max, &n), 0);
  stream_close(s, NULL);
}

static const struct stream_events look_events = {
    .on_open = look_and_close, .on_data = end_data, .on_close = end_closed};

/* An address is dialled at once, a name (and what has another form) when it has been resolved. */
START_TEST(stream_limit_unread_bounds_what_the_kernel_keeps)
{
  static const char *const hosts[] = {"127.0.0.1", "127.1"};
  listen_with(NULL, 0, &end_events);
  at.host = hosts[_i];
  connect_with(NULL, NULL, &look_events);
  at.host = "127.0.0.1";
  stream_limit_unread(client.stream, 40000);
  net_run(net);
  ck_assert_int_eq(unread_max, 80000);
}
END_TEST

static void write_at_once(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  end_data(s, arg, data, n);
  stream_close(s, NULL);
}

static const struct stream_events server_close_events = {
    .on_open = end_opened, .on_data = write_at_once, .on_close = end_closed};

START_TEST(stream_end_ends_one_direction_only)
{
  half_close(NULL, NULL);
}
END_TEST

START_TEST(stream_write_before_open_is_sent_then)
{
  listen_with(NULL, 0, &server_close_events);
  connect_with(NULL, NULL, &end_events);
  ck_assert_int_eq(stream_write(client.stream, "early", 5), ERR_OK);
  net_run(net);
  ck_assert_str_eq(server.text, "early");
}
END_TEST

/* A reader that rests for longer than the linger gets all the same what was queued when the writer finished.
 */
/* The server answers and resets at once, as one does who closes with unread bytes; the client goes on
 * sending. */
static void answer_and_reset(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  static const char answer[] = "enough";
  end_data(s, arg, data, n);
  if (((struct end *)arg)->received > n) return;
  ck_assert_int_eq(send(s->fd, answer, sizeof answer - 1, 0), (ssize_t)sizeof answer - 1);
  stream_abort(s);
}

static void send_much(struct stream *s, void *arg)
{
  static const uint8_t much[4 * 1024 * 1024];
  end_opened(s, arg);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
}

static const struct stream_events answer_and_reset_events = {
    .on_open = end_opened, .on_data = answer_and_reset, .on_close = end_closed};

static const struct stream_events send_much_events = {
    .on_open = send_much, .on_data = end_data, .on_close = end_closed};

START_TEST(stream_reset_while_sending_tells_what_was_said_before)
{
  listen_with(NULL, 0, &answer_and_reset_events);
  connect_with(NULL, NULL, &send_much_events);
  net_run(net);
  ck_assert_str_eq(client.text, "enough");
  ck_assert_int_eq(client.failure.err, ERR_CLOSED);
}
END_TEST

static uv_timer_t rest;

static void rested(uv_timer_t *timer)
{
  (void)timer;
  stream_pause(client.stream, false);
}

static void rest_first(struct stream *s, void *arg)
{
  end_opened(s, arg);
  stream_pause(s, true);
  uv_timer_start(&rest, rested, 5500, 0);
}

static void finish_much(struct stream *s, void *arg)
{
  static uint8_t much[STREAM_WRITE_MAX];
  end_opened(s, arg);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
  stream_finish(s);
}

static const struct stream_events rest_events = {
    .on_open = rest_first, .on_data = end_data, .on_close = end_closed};

static const struct stream_events finish_much_events = {
    .on_open = finish_much, .on_data = end_data, .on_close = end_closed};

START_TEST(stream_finish_waits_for_a_slow_reader)
{
  uv_timer_init(net_loop(net), &rest);
  listen_with(NULL, 0, &finish_much_events);
  connect_with(NULL, NULL, &rest_events);
  net_run(net);
  ck_assert_uint_eq(client.received, STREAM_WRITE_MAX);
  uv_close((uv_handle_t *)&rest, NULL);
}
END_TEST

/* Bytes that wait unread, and an end. */
static void pause_first(struct stream *s, void *arg)
{
  end_opened(s, arg);
  stream_pause(s, true);
  ck_assert(stream_quiet(s));
}

static void write_and_close(struct stream *s, void *arg)
{
  end_opened(s, arg);
  ck_assert_int_eq(stream_write(s, "x", 1), ERR_OK);
  stream_finish(s);
}

static void look(uv_timer_t *timer)
{
  if (stream_quiet(server.stream)) return;
  uv_timer_stop(timer);
  stream_close(server.stream, NULL);
}

static const struct stream_events pause_events = {
    .on_open = pause_first, .on_data = end_data, .on_close = end_closed};

static const struct stream_events write_events = {
    .on_open = write_and_close, .on_data = end_data, .on_close = end_closed};

START_TEST(stream_quiet_ends_with_unread_bytes)
{
  uv_timer_init(net_loop(net), &rest);
  listen_with(NULL, 0, &pause_events);
  connect_with(NULL, NULL, &write_events);
  ck_assert(!stream_quiet(client.stream)); /* not open yet */
  while (!server.opened)
    uv_run(net_loop(net), UV_RUN_ONCE);
  uv_timer_start(&rest, look, 1, 1);
  net_run(net);
  ck_assert_uint_eq(server.received, 0);
  uv_close((uv_handle_t *)&rest, NULL);
}
END_TEST

START_TEST(stream_echo_of_megabytes_comes_back_whole)
{
  echo_megabytes(NULL, NULL);
}
END_TEST

static void finish_open(struct stream *s, void *arg)
{
  static uint8_t much[2 * 1024 * 1024];
  end_opened(s, arg);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
  stream_finish(s);
  ck_assert_int_eq(stream_write(s, "x", 1), ERR_CLOSED);
}

START_TEST(stream_finish_sends_everything_first)
{
  static const struct stream_events finish_events = {
      .on_open = finish_open, .on_data = end_data, .on_close = end_closed};
  listen_with(NULL, 0, &end_events);
  connect_with(NULL, NULL, &finish_events);
  net_run(net);
  ck_assert_uint_eq(server.received, 2 * 1024 * 1024);
}
END_TEST

static void overflow_open(struct stream *s, void *arg)
{
  static uint8_t much[STREAM_WRITE_MAX / 2];
  end_opened(s, arg);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
  ck_assert(stream_congested(s));
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
  ck_assert_int_eq(stream_write(s, much, 1), ERR_TOO_LARGE);
  stream_abort(s);
}

START_TEST(stream_write_beyond_the_maximum_is_refused)
{
  static const struct stream_events overflow_events = {
      .on_open = overflow_open, .on_data = end_data, .on_close = end_closed};
  listen_with(NULL, 0, &end_events);
  connect_with(NULL, NULL, &overflow_events);
  net_run(net);
  ck_assert(client.closed);
}
END_TEST

static int fills;

static void ask_twice(struct stream *s, void *arg)
{
  end_opened(s, arg);
  stream_ask_fill(s);
  stream_ask_fill(s);
  ck_assert_int_eq(fills, 0);
}

static void fill_and_finish(struct stream *s, void *arg)
{
  (void)arg;
  fills++;
  ck_assert_int_eq(buf_append(stream_out(s), "late", 4), ERR_OK);
  stream_finish(s);
  stream_ask_fill(s);
}

START_TEST(stream_fill_comes_once_and_before_what_is_queued_leaves)
{
  static const struct stream_events fill_events = {
      .on_open = ask_twice, .on_data = end_data, .on_fill = fill_and_finish, .on_close = end_closed};
  listen_with(NULL, 0, &end_events);
  connect_with(NULL, NULL, &fill_events);
  net_run(net);
  ck_assert_int_eq(fills, 1);
  ck_assert_uint_eq(server.received, 4);
}
END_TEST

static void data_asks(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  end_data(s, arg, data, n);
  stream_ask_fill(s);
}

static void count_fill(struct stream *s, void *arg)
{
  (void)s;
  (void)arg;
  fills++;
}

static void much_send(struct stream *s, void *arg)
{
  static uint8_t much[256 * 1024];
  end_opened(s, arg);
  ck_assert_int_eq(stream_write(s, much, sizeof much), ERR_OK);
  stream_finish(s);
}

/* Between what was read and the end of the turn. */
static void look_at_fills(uv_check_t *check)
{
  (void)check;
  if (server.received >= 32 * 1024) ck_assert_int_gt(fills, 0);
}

START_TEST(stream_fill_comes_before_the_turn_ends_where_much_was_read)
{
  static const struct stream_events reader = {
      .on_open = end_opened, .on_data = data_asks, .on_fill = count_fill, .on_close = end_closed};
  static const struct stream_events writer = {
      .on_open = much_send, .on_data = end_data, .on_close = end_closed};
  static uv_check_t check;
  fills = 0;
  uv_check_init(net_loop(net), &check);
  uv_check_start(&check, look_at_fills);
  listen_with(NULL, 0, &reader);
  connect_with(NULL, NULL, &writer);
  net_run(net);
  ck_assert_uint_eq(server.received, 256 * 1024);
  uv_close((uv_handle_t *)&check, NULL);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("stream");
  TCase *c = tcase_create("stream");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, ends_open, ends_close);
  tcase_add_test(c, stream_connect_where_nobody_listens_is_closed);
  tcase_add_test(c, stream_connect_to_an_unknown_name_is_not_found);
  tcase_add_test(c, listener_new_on_a_taken_port_names_it);
  tcase_add_test(c, listener_out_of_files_rests_and_goes_on_when_there_are_some);
  tcase_add_test(c, listener_that_refuses_closes_the_connection);
  tcase_add_test(c, stream_paused_with_bytes_to_send_notices_a_reset);
  tcase_add_loop_test(c, stream_limit_unread_bounds_what_the_kernel_keeps, 0, 2);
  tcase_add_test(c, stream_end_ends_one_direction_only);
  tcase_add_test(c, stream_write_before_open_is_sent_then);
  tcase_add_test(c, stream_reset_while_sending_tells_what_was_said_before);
  tcase_add_test(c, stream_finish_waits_for_a_slow_reader);
  tcase_add_test(c, stream_quiet_ends_with_unread_bytes);
  tcase_add_test(c, stream_echo_of_megabytes_comes_back_whole);
  tcase_add_test(c, stream_finish_sends_everything_first);
  tcase_add_test(c, stream_write_beyond_the_maximum_is_refused);
  tcase_add_test(c, stream_fill_comes_once_and_before_what_is_queued_leaves);
  tcase_add_test(c, stream_fill_comes_before_the_turn_ends_where_much_was_read);
  suite_add_tcase(s, c);
  return run(s);
}

/* Which connection a request goes to, when connectors have several. */
#include "front_private.h"

#include "fake_clock.h"
#include "roster.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* After a pause. */
static struct user *ask(void)
{
  clock_shift_mono_ms(1);
  return user_gets();
}

START_TEST(ready_counts_connectors_and_their_connections)
{
  inside_dial(&one, "connector-1");
  inside_dial(&three, "connector-1");
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  ck_assert_uint_eq(cloud->counters.ready_connections, 2);
  ck_assert_uint_eq(roster_connections(cloud->roster, "connector-1"), 2);
  inside_dial(&two, "connector-2");
  ck_assert_uint_eq(cloud->counters.ready_connectors, 2);
  ck_assert_uint_eq(roster_connections(cloud->roster, "connector-2"), 1);
  link_close(one.link, NULL);
  run_until(cloud->counters.ready_connections == 2);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 2);
  link_close(three.link, NULL);
  run_until(cloud->counters.ready_connections == 1);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  ck_assert_uint_eq(roster_connections(cloud->roster, "connector-1"), 0);
}
END_TEST

START_TEST(pick_equal_loads_alternates_between_connectors)
{
  inside_dial(&two, "connector-2");
  inside_dial(&one, "connector-1");
  inside_dial(&three, "connector-1");
  for (int i = 0; i < 4; i++) {
    ask();
    struct inside *took = one.stream ? &one : two.stream ? &two : &three;
    inside_answer(took, 200, NULL, NULL, true);
    run_until(!took->stream);
  }
  ck_assert_int_eq(two.requests, 2);
  ck_assert_int_eq(one.requests, 1);
  ck_assert_int_eq(three.requests, 1);
}
END_TEST

START_TEST(pick_without_a_pause_stays_where_the_last_went)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  clock_hold_mono(true);
  user_gets();
  struct inside *first = one.requests ? &one : &two, *other = one.requests ? &two : &one;
  for (int i = 1; i < 32; i++)
    user_gets();
  ck_assert_int_eq(first->requests, 32);
  user_gets(); /* as long as that has not many more than the others */
  ck_assert_int_eq(other->requests, 1);
  clock_hold_mono(false);
}
END_TEST

START_TEST(pick_takes_the_connection_with_the_least_work)
{
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  ask();
  ask();
  ck_assert_int_eq(one.requests, 1);
  ck_assert_int_eq(two.requests, 1);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(!one.stream);
  ask();
  ck_assert_int_eq(one.requests, 2);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(!one.stream);
  ask();
  ck_assert_int_eq(one.requests, 3);
}
END_TEST

START_TEST(pick_by_chance_goes_where_the_dice_fall)
{
  front_balancing(BALANCING_RANDOM);
  inside_dial(&two, "connector-2");
  inside_dial(&one, "connector-1");
  inside_dial(&three, "connector-1"); /* the last one is the first in the list */
  int first = 0, second = 0;
  for (uint32_t i = 0; i < 12; i++) {
    random_next(i % 3 ? 1 : 0); /* two of three times to the second connector */
    ask();
    struct inside *took = one.stream ? &one : two.stream ? &two : &three;
    *(took == &two ? &second : &first) += 1;
    inside_answer(took, 200, NULL, NULL, true);
    run_until(!took->stream);
  }
  ck_assert_int_eq(first, 4);
  ck_assert_int_eq(second, 8);
}
END_TEST

START_TEST(pick_by_chance_goes_to_a_busy_connector_as_well)
{
  front_balancing(BALANCING_RANDOM);
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  random_next(0);
  ask();
  ask();
  ck_assert_int_eq(one.requests + two.requests, 2);
  ck_assert(one.requests == 2 || two.requests == 2);
}
END_TEST

START_TEST(pick_after_a_loss_prefers_another_connector)
{
  inside_dial(&one, "connector-1");
  struct user *u = ask();
  inside_dial(&three, "connector-1");
  inside_dial(&two, "connector-2");
  link_close(one.link, NULL);
  run_until(two.requests == 1);
  ck_assert_int_eq(three.requests, 0);
  inside_answer(&two, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
}
END_TEST

START_TEST(pick_after_a_loss_takes_the_same_connector_when_there_is_no_other)
{
  inside_dial(&one, "connector-1");
  struct user *u = ask();
  inside_dial(&three, "connector-1");
  link_close(one.link, NULL);
  run_until(three.requests == 1);
  inside_answer(&three, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
}
END_TEST

START_TEST(connection_that_leaves_finishes_its_work_and_gets_no_more)
{
  inside_dial(&one, "connector-1");
  struct user *u = ask();
  inside_dial(&three, "connector-1");
  ck_assert_int_eq(tunnel_shutdown(link_tunnel(one.link)), ERR_OK);
  link_flush(one.link);
  run_until(cloud->counters.ready_connections == 1);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  ask();
  ask();
  ck_assert_int_eq(one.requests, 1);
  ck_assert_int_eq(three.requests, 2);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
  run_until(!one.link);
  ck_assert_int_eq(one.lost, 0);
}
END_TEST

/* -- a connector without a credential of its own --------------------------------------------------------- */

/* What is asked for takes a ticket from now on. */
static void take_tickets(void)
{
  struct lab *lab = (struct lab *)(uintptr_t)cloud->lab;
  for (size_t i = 0; i < lab->n_published; i++)
    if (strcmp(lab->published[i].name, "public") == 0) lab->published[i].sso = SSO_KCD;
}

static struct inside *asked(void)
{
  return one.stream ? &one : &two;
}

static void answer_has_none(struct inside *c)
{
  inside_answer(c, 502, "sevenstep-error", "connector_credential", true);
}

/* One is asked, has no credential, and the other one serves. Returns the first. */
static struct inside *find_without(void)
{
  take_tickets();
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  struct user *u = ask();
  struct inside *broken = asked(), *good = broken == &one ? &two : &one;
  answer_has_none(broken);
  run_until(good->requests == 1);
  inside_answer(good, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
  ck_assert_uint_eq(cloud->counters.retried, 1);
  return broken;
}

static void serve(void)
{
  struct user *u = ask();
  inside_answer(asked(), 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK"));
}

START_TEST(connector_without_credential_is_left_out)
{
  struct inside *broken = find_without();
  for (int i = 0; i < 4; i++)
    serve();
  ck_assert_int_eq(broken->requests, 1);
}
END_TEST

START_TEST(connector_without_credential_is_tried_again_and_comes_back)
{
  struct inside *broken = find_without();
  clock_shift_mono_ms(5001);
  serve();
  serve();
  ck_assert_int_eq(broken->requests, 2);
  serve();
  serve();
  ck_assert_int_eq(broken->requests, 3);
}
END_TEST

START_TEST(connector_without_credential_serves_what_takes_no_ticket)
{
  struct inside *broken = find_without();
  struct lab *lab = (struct lab *)(uintptr_t)cloud->lab;
  for (size_t i = 0; i < lab->n_published; i++)
    lab->published[i].sso = SSO_NONE;
  serve();
  serve();
  ck_assert_int_eq(broken->requests, 2);
}
END_TEST

START_TEST(connectors_without_credential_all_of_them_the_user_is_told)
{
  find_without();
  struct user *u = ask();
  struct inside *first = asked(), *second = first == &one ? &two : &one;
  answer_has_none(first);
  run_until(second->stream);
  answer_has_none(second);
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "Sevenstep-Error: connector_credential\r\n"));
}
END_TEST

START_TEST(connector_without_credential_a_body_is_not_sent_twice)
{
  take_tickets();
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  struct user *u = user_connect(NULL);
  user_send(u, "POST / HTTP/1.1\r\n" TO_PUBLIC "Content-Length: 4\r\n\r\nbody");
  run_until(one.requests + two.requests == 1);
  struct inside *broken = asked();
  answer_has_none(broken);
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "Sevenstep-Error: connector_credential\r\n"));
  clock_shift_mono_ms(5001);
  for (int i = 0; i < 2; i++) {
    u = user_connect(NULL);
    user_send(u, "POST / HTTP/1.1\r\n" TO_PUBLIC "Content-Length: 4\r\n\r\nbody");
    run_until(one.requests + two.requests == 2 + i);
    ck_assert_ptr_ne(asked(), broken);
    inside_answer(asked(), 200, NULL, NULL, true);
    run_until(user_got(u, "200 OK"));
  }
}
END_TEST

/* -- at once --------------------------------------------------------------------------------------------- */

static void take_at_once(unsigned connector, unsigned user)
{
  struct lab *lab = (struct lab *)(uintptr_t)cloud->lab;
  lab->cloud.limits.connector_at_once = connector;
  lab->cloud.limits.user_at_once = user;
}

static struct user *ask_in_vain(const char *error)
{
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" TO_PUBLIC "\r\n");
  run_until(user_got(u, "</html>"));
  ck_assert_msg(user_got(u, error), "%s", buf_str(&u->got));
  return u;
}

START_TEST(pick_counts_a_connector_through_all_its_connections)
{
  take_at_once(2, 100);
  inside_dial(&one, "connector-1");
  inside_dial(&three, "connector-1");
  struct user *first = ask();
  struct user *second = ask();
  ck_assert_int_eq(one.requests, 1);
  ck_assert_int_eq(three.requests, 1);
  ck_assert(user_got(ask_in_vain("Sevenstep-Error: connectors_full"), "HTTP/1.1 503 "));
  ck_assert_uint_eq(cloud->counters.full, 1);
  inside_dial(&two, "connector-2");
  ask();
  ck_assert_int_eq(two.requests, 1);
  inside_answer(&three, 200, NULL, NULL, true); /* the last one is the first in the list */
  run_until(user_got(first, "200 OK"));
  stream_abort(second->stream); /* who leaves makes room as well */
  run_until(one.lost == 1);
  ask();
  ask();
  ask();
  ck_assert_int_eq(two.requests, 2);
  ask_in_vain("connectors_full");
}
END_TEST

START_TEST(pick_counts_what_a_connection_that_leaves_still_works_on)
{
  take_at_once(1, 100);
  inside_dial(&one, "connector-1");
  struct user *u = ask();
  inside_dial(&three, "connector-1");
  ck_assert_int_eq(tunnel_shutdown(link_tunnel(one.link)), ERR_OK);
  link_flush(one.link);
  run_until(cloud->counters.ready_connections == 1);
  ask_in_vain("connectors_full");
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK") && !one.link);
  ask();
  ck_assert_int_eq(three.requests, 1);
}
END_TEST

START_TEST(pick_forgets_what_a_lost_connection_worked_on)
{
  take_at_once(1, 100);
  struct user *u = user_asks("POST / HTTP/1.1\r\n" TO_PUBLIC "Content-Length: 1\r\n\r\nx");
  link_close(one.link, NULL);
  run_until(user_got(u, "connector_lost"));
  inside_dial(&three, "connector-1");
  ask();
  ck_assert_int_eq(three.requests, 1);
}
END_TEST

START_TEST(group_without_a_connector_is_not_full)
{
  take_at_once(1, 0);
  ask_in_vain("Sevenstep-Error: no_connector");
  inside_dial(&one, "connector-1");
  ask(); /* the first request of a user finds room while there is some */
  ask_in_vain("connectors_full");
}
END_TEST

START_TEST(user_leaves_the_connectors_room_for_others)
{
  take_at_once(4, 0);
  inside_dial(&one, "connector-1");
  ask();
  ask();
  ck_assert(user_got(ask_in_vain("Sevenstep-Error: too_many_at_once"), "HTTP/1.1 429 "));
  inside_dial(&two, "connector-2");
  ask();
  ask();
  ask_in_vain("too_many_at_once");
}
END_TEST

/* -- connections of nobody known -------------------------------------------------------------------------- */

/* Each has been accepted, or waits for it, and says nothing. */
static void begin_connections(int *fds, int n)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(front_lab_file->cloud.tunnel.port)};
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  for (int i = 0; i < n; i++) {
    fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fds[i], 0);
    ck_assert_int_eq(connect(fds[i], (struct sockaddr *)&to, sizeof to), 0);
  }
}

static bool has_ended(int fd)
{
  char c;
  return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

START_TEST(connections_that_only_begin_make_room_and_keep_nobody_out)
{
  int fds[300];
  inside_dial(&one, "connector-1");
  begin_connections(fds, 300);
  inside_dial(&two, "connector-2");
  ck_assert_uint_eq(cloud->counters.ready_connections, 2);
  ck_assert(has_ended(fds[0]));
  ck_assert(!has_ended(fds[299]));
  user_gets();
  for (int i = 0; i < 300; i++)
    close(fds[i]);
}
END_TEST

static int opened, ended;

static void on_open(struct stream *s, void *arg)
{
  (void)s;
  (void)arg;
  opened++;
}

static void on_data(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  (void)s;
  (void)arg;
  (void)data;
  (void)n;
}

static void on_close(struct stream *s, void *arg, const struct failure *f)
{
  (void)s;
  (void)f;
  ended++;
  if (arg) *(bool *)arg = true;
}

static const struct stream_events quiet = {.on_open = on_open, .on_data = on_data, .on_close = on_close};

/* By TLS, with the certificate of that file or without one, and without a word. *first: the first has ended. */
static void open_connections(const char *pem, int n, bool *first)
{
  struct tls_ctx *tls;
  struct stream *s;
  struct failure f;
  opened = ended = 0;
  clock_hold_mono(true); /* or their silence would end them */
  ck_assert_int_eq(tls_client_ctx_new(front_path("pki/ca.crt"), pem, pem, "h2", &tls, &f), ERR_OK);
  for (int i = 0; i < n; i++) {
    ck_assert_int_eq(stream_connect(cloud->net, &front_lab_file->cloud.tunnel_connect, tls,
                                    "tunnel.localhost", 5000, &quiet, i ? NULL : first, &s),
                     ERR_OK);
    run_until(opened == i + 1);
  }
  tls_ctx_free(tls);
}

START_TEST(connections_without_a_certificate_make_room_and_keep_nobody_out)
{
  char token[TOKEN_LEN + 1];
  struct failure f;
  static bool first; /* the last of them ends after the test */
  first = false;
  inside_dial(&one, "connector-1");
  open_connections(NULL, 70, &first);
  run_until(first && ended == 6);
  clock_hold_mono(false);
  ck_assert_int_eq(roster_token(cloud->roster, "connector-2", NULL, token, &f), ERR_OK);
  inside_register(&two, "connector-2", token, NULL);
  ck_assert_str_eq(two.refused, "");
  inside_keep(&two);
  inside_dial(&two, "connector-2");
  ck_assert_uint_eq(cloud->counters.ready_connections, 2);
}
END_TEST

START_TEST(connections_of_one_connector_leave_room_for_others)
{
  static bool first; /* the last of them ends after the test */
  first = false;
  open_connections(front_path("connector-1.pem"), 40, &first);
  run_until(ended == 8);
  ck_assert(!first);
  clock_hold_mono(false);
  inside_dial(&two, "connector-2");
}
END_TEST

/* One that has announced its end is one until it has gone; and who finds no room is not told to give up. */
START_TEST(connections_that_end_count_and_who_is_beyond_may_come_again)
{
  inside_dial(&one, "connector-1");
  user_gets();
  run_until(one.requests == 1);
  ck_assert_int_eq(tunnel_shutdown(link_tunnel(one.link)), ERR_OK);
  link_flush(one.link);
  run_until(cloud->counters.ready_connections == 0);
  open_connections(front_path("connector-1.pem"), 31, NULL);
  pass_at_once();
  inside_begin(&two, "connector-1");
  run_until(!two.link);
  ck_assert_str_eq(two.refused, "");
  ck_assert(one.link && ended == 0);
  clock_hold_mono(false);
}
END_TEST

START_TEST(hello_with_the_name_of_another_connector_is_refused)
{
  inside_dial_refused(&one, "connector-1", "connector-2", "default");
}
END_TEST

START_TEST(hello_with_another_group_is_refused)
{
  inside_dial_refused(&one, "connector-1", "connector-1", "others");
}
END_TEST

/* So many resets of a stream that has ended. */
static void reset_often(size_t n)
{
  enum { FRAME = 13 };
  static const uint8_t frame[FRAME] = {0, 0, 4, 3, 0, 0, 0, 0, 1};
  static uint8_t bytes[TUNNEL_RESETS * FRAME];
  for (size_t i = 0; i < n; i++)
    memcpy(bytes + i * FRAME, frame, FRAME);
  ck_assert_int_eq(stream_write(link_stream(one.link), bytes, n * FRAME), ERR_OK);
}

/* The cloud has read all that, and the connector serves. */
static void serves(void)
{
  struct user *u = user_gets();
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "HTTP/1.1 200 "));
}

START_TEST(connector_that_resets_without_end_is_cut_off)
{
  inside_dial(&one, "connector-1");
  reset_often(TUNNEL_RESETS / 2);
  serves();
  for (int i = 0; i < 5; i++)
    pass(1); /* 10,000 each */
  reset_often(TUNNEL_RESETS - 100);
  serves();
  reset_often(TUNNEL_RESETS_A_SECOND);
  run_until(!one.link);
  run_until(cloud->counters.ready_connections == 0);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("registry");
  TCase *c = front_tests(suite, "registry");
  tcase_add_test(c, ready_counts_connectors_and_their_connections);
  tcase_add_test(c, pick_equal_loads_alternates_between_connectors);
  tcase_add_test(c, pick_without_a_pause_stays_where_the_last_went);
  tcase_add_test(c, pick_takes_the_connection_with_the_least_work);
  tcase_add_test(c, pick_by_chance_goes_where_the_dice_fall);
  tcase_add_test(c, pick_by_chance_goes_to_a_busy_connector_as_well);
  tcase_add_test(c, pick_after_a_loss_prefers_another_connector);
  tcase_add_test(c, pick_after_a_loss_takes_the_same_connector_when_there_is_no_other);
  tcase_add_test(c, connection_that_leaves_finishes_its_work_and_gets_no_more);
  tcase_add_test(c, connector_without_credential_is_left_out);
  tcase_add_test(c, connector_without_credential_is_tried_again_and_comes_back);
  tcase_add_test(c, connector_without_credential_serves_what_takes_no_ticket);
  tcase_add_test(c, connectors_without_credential_all_of_them_the_user_is_told);
  tcase_add_test(c, connector_without_credential_a_body_is_not_sent_twice);
  tcase_add_test(c, pick_counts_a_connector_through_all_its_connections);
  tcase_add_test(c, pick_counts_what_a_connection_that_leaves_still_works_on);
  tcase_add_test(c, pick_forgets_what_a_lost_connection_worked_on);
  tcase_add_test(c, group_without_a_connector_is_not_full);
  tcase_add_test(c, user_leaves_the_connectors_room_for_others);
  tcase_add_test(c, connections_that_only_begin_make_room_and_keep_nobody_out);
  tcase_add_test(c, connections_without_a_certificate_make_room_and_keep_nobody_out);
  tcase_add_test(c, connections_of_one_connector_leave_room_for_others);
  tcase_add_test(c, connections_that_end_count_and_who_is_beyond_may_come_again);
  tcase_add_test(c, hello_with_the_name_of_another_connector_is_refused);
  tcase_add_test(c, hello_with_another_group_is_refused);
  tcase_add_test(c, connector_that_resets_without_end_is_cut_off);
  return run(suite);
}

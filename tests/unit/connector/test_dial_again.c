/* When a connector dials, and dials again: a dialer whose clock and waits are the test's, and a cloud that
 * does as it is told. */
#include "dial.h"

#include "../cloud/fake_clock.h"
#include "backoff.h"
#include "clock.h"
#include "dial_private.h"
#include "hello.h"
#include "identity.h"
#include "port.h"
#include "run.h"
#include "tunnel_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOUR_MS 3600000

static char folder[64];
static struct actor actor;
static struct lab *lab;
static struct lab_connector me;
static struct connector connector;
static uv_timer_t watchdog;

/* What the cloud does with a tunnel that was opened. */
enum manner { WELCOMES, IS_SILENT, REFUSES, CUTS };

/* The cloud: its tunnels in the order in which they came. */
static struct end {
  struct link *link; /* NULL once closed */
  bool leaving;      /* the connector said that it takes no more */
} ends[32];
static int came;
static enum manner manner;
static struct listener *listener;
static struct tls_ctx *cloud_tls;

/* In the place of the library's: the failures that it was asked about. Its wait never ends by itself. */
static int waits;
static unsigned failures;

unsigned backoff_ms(unsigned n, uint32_t dice)
{
  (void)dice;
  waits++;
  failures = n;
  return HOUR_MS;
}

static void barked(uv_timer_t *timer)
{
  (void)timer;
  ck_abort_msg("what the test waits for did not come");
}

#define run_until(condition)                                                                                 \
  do {                                                                                                       \
    while (!(condition))                                                                                     \
      uv_run(net_loop(connector.net), UV_RUN_ONCE);                                                          \
  } while (0)

/* Turns until nothing moves any more: loopback delivers at once. */
static void settle(void)
{
  for (int i = 0; i < 50; i++)
    uv_run(net_loop(connector.net), UV_RUN_NOWAIT);
}

/* -- the cloud ------------------------------------------------------------------------------------------- */

static void say(struct link *l, const char *path, const char *error)
{
  struct fields f;
  struct tunnel_stream *s;
  fields_init(&f, 2, 256);
  if (error) ck_assert_int_eq(fields_add(&f, CONTROL_ERROR, error), ERR_OK);
  ck_assert_int_eq(tunnel_request(link_tunnel(l), "GET", "connector", path, strlen(path), &f, true, NULL, &s),
                   ERR_OK);
  tunnel_stream_detach(s);
  fields_clear(&f);
  link_flush(l);
}

static bool cloud_open(struct link *l, void *arg, struct failure *f)
{
  (void)arg;
  if (manner == CUTS) failure_set(f, ERR_CLOSED, "as the test wants it");
  if (manner == WELCOMES) say(l, CONTROL_WELCOME, NULL);
  if (manner == REFUSES) say(l, CONTROL_REFUSED, "connector_revoked");
  if (manner == REFUSES) link_finish(l, NULL);
  return manner != CUTS;
}

static void cloud_gone(struct link *l, void *arg, const struct failure *f)
{
  (void)l;
  (void)f;
  ((struct end *)arg)->link = NULL;
}

static void cloud_goaway(struct tunnel *t, void *arg)
{
  (void)t;
  ((struct end *)arg)->leaving = true;
}

static const struct link_events cloud_events = {cloud_open, cloud_gone};
static const struct tunnel_events cloud_tunnel_events = {.on_goaway = cloud_goaway};

static void *cloud_accept(void *arg, struct stream *s)
{
  (void)arg;
  (void)s;
  struct end *e = &ends[came++];
  ck_assert_int_le(came, 32);
  ck_assert_int_eq(link_new(connector.net, TUNNEL_CLOUD, &cloud_events, &cloud_tunnel_events, e, &e->link),
                   ERR_OK);
  return e->link;
}

static void cloud_starts(void)
{
  struct failure f;
  const struct lab_addr *at = &lab->cloud.tunnel_connect;
  ck_assert_int_eq(listener_new(connector.net, at, cloud_tls, 5000, cloud_accept, NULL, &link_stream_events,
                                &listener, &f),
                   ERR_OK);
}

static void cloud_cuts(struct end *e)
{
  link_close(e->link, NULL);
}

static void cloud_stops(void)
{
  listener_close(listener);
  for (int i = 0; i < came; i++)
    if (ends[i].link) cloud_cuts(&ends[i]);
  settle();
}

static int open_ends(void)
{
  int n = 0;
  for (int i = 0; i < came; i++)
    n += ends[i].link != NULL;
  return n;
}

/* -- the connector --------------------------------------------------------------------------------------- */

static uint64_t links(void)
{
  return atomic_load(&connector.counters.links);
}

static void start(unsigned connections)
{
  struct failure f = {0};
  me = *lab_connector_by_name(lab, "connector-1");
  me.connections = connections;
  connector.me = &me;
  ck_assert_int_eq(identity_new(&actor, &me, &connector.identity, &f), ERR_OK);
  ck_assert_msg(dialer_new(&connector, &connector.dialer, &f) == ERR_OK, "%s", f.why);
}

static void fire(uv_handle_t *handle, void *arg)
{
  uv_timer_t *timer = (uv_timer_t *)handle;
  (void)arg;
  if (handle->type == UV_TIMER && uv_is_active(handle) && uv_timer_get_due_in(timer) > HOUR_MS / 2)
    ck_assert_int_eq(uv_timer_start(timer, timer->timer_cb, 0, 0), 0);
}

/* The waits that backoff_ms() gave are over. */
static void wait_is_over(void)
{
  uv_walk(net_loop(connector.net), fire, NULL);
}

/* It tries n times more, in vain, and waits. */
static void try_in_vain(int n)
{
  for (int before = waits; n > 0; n--, before = waits) {
    wait_is_over();
    run_until(waits > before);
  }
}

static void file(const char *to, const char *const from[])
{
  char path[256], text[8192];
  snprintf(path, sizeof path, "%s/%s", folder, to);
  int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (; *from; from++) {
    snprintf(path, sizeof path, "%s/%s", folder, *from);
    int in = open(path, O_RDONLY);
    ssize_t n = read(in, text, sizeof text);
    ck_assert(n > 0 && write(out, text, (size_t)n) == n);
    close(in);
  }
  close(out);
}

/* Nobody looks at the connector's certificate here: it is the cloud's own. */
static void write_identity(void)
{
  file("connectors/connector-1.pem", (const char *const[]){"pki/tunnel.key", "pki/tunnel.crt", NULL});
}

static void make_folder(void)
{
  char pki[128], connectors[128];
  int status;
  strcpy(folder, "/tmp/sevenstep-again-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(pki, sizeof pki, "%s/pki", folder);
  snprintf(connectors, sizeof connectors, "%s/connectors", folder);
  pid_t pid = fork();
  if (pid == 0) {
    execl(SEVENSTEP_SOURCE_DIR "/pki/provision", "provision", pki, "--idp", "login.localhost", "--tunnel",
          "tunnel.localhost", "--cloud", "*.apps.localhost", NULL);
    _exit(127);
  }
  ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
  ck_assert_int_eq(mkdir(connectors, 0700), 0);
  write_identity();
}

static void remove_folder(void)
{
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  ck_assert_int_eq(system(command), 0);
}

static void setup(void)
{
  struct failure f = {0};
  char certificate[128], key[128];
  setenv("SEVENSTEP_LOG", "error", 1);
  log_init("connector");
  snprintf(certificate, sizeof certificate, "%s/pki/tunnel.crt", folder);
  snprintf(key, sizeof key, "%s/pki/tunnel.key", folder);
  ck_assert_int_eq(lab_load(SEVENSTEP_SOURCE_DIR "/lab.yaml", 0, &lab, &f), ERR_OK);
  lab->cloud.tunnel_connect = (struct lab_addr){.host = "127.0.0.1", .port = port_reserve()};
  snprintf(actor.run, sizeof actor.run, "%s", folder);
  actor.ready_fd = -1;
  connector = (struct connector){.actor = &actor, .lab = lab};
  ck_assert_int_eq(net_new(&connector.net), ERR_OK);
  uv_timer_init(net_loop(connector.net), &watchdog);
  uv_timer_start(&watchdog, barked, 20000, 0);
  ck_assert_int_eq(tls_server_ctx_new(certificate, key, NULL, "h2", &cloud_tls, &f), ERR_OK);
  came = waits = 0;
  manner = WELCOMES;
  clock_hold_mono(true);
}

static void teardown(void)
{
  dialer_stop(connector.dialer);
  uv_close((uv_handle_t *)&watchdog, NULL);
  net_free(connector.net);
  dialer_free(connector.dialer);
  identity_free(connector.identity);
  tls_ctx_free(cloud_tls);
  lab_free(lab);
}

/* -- failures, counted ----------------------------------------------------------------------------------- */

START_TEST(cloud_that_is_not_there_is_tried_again_and_each_failure_counts)
{
  start(1);
  run_until(waits == 1);
  ck_assert_uint_eq(failures, 1);
  try_in_vain(11);
  ck_assert_uint_eq(failures, 12);
  ck_assert_uint_eq(links(), 0);
  cloud_starts();
  wait_is_over();
  run_until(links() == 1);
  ck_assert_int_eq(waits, 12);
}
END_TEST

START_TEST(tunnel_that_is_never_welcomed_counts_as_a_failure_however_long_it_was)
{
  cloud_starts();
  manner = IS_SILENT;
  start(1);
  for (unsigned n = 1; n <= 3; n++) {
    run_until(open_ends() == 1);
    settle();
    clock_shift_mono_ms(60000);
    cloud_cuts(&ends[came - 1]);
    run_until(waits == (int)n);
    ck_assert_uint_eq(failures, n);
    wait_is_over();
    run_until(came == (int)n + 1);
  }
}
END_TEST

/* Three failures, then one that served so long. */
static void lose_after(int64_t ms)
{
  start(1);
  run_until(waits == 1);
  try_in_vain(2);
  cloud_starts();
  wait_is_over();
  run_until(links() == 1);
  clock_shift_mono_ms(ms);
  cloud_cuts(&ends[0]);
  run_until(waits == 4);
  ck_assert_uint_eq(links(), 0);
}

START_TEST(tunnel_that_served_for_ten_seconds_begins_anew)
{
  lose_after(10001);
  ck_assert_uint_eq(failures, 1);
}
END_TEST

START_TEST(tunnel_that_is_lost_soon_goes_on_with_the_count)
{
  lose_after(9999);
  ck_assert_uint_eq(failures, 4);
}
END_TEST

/* -- places ---------------------------------------------------------------------------------------------- */

START_TEST(others_are_dialled_when_the_first_is_welcome)
{
  cloud_starts();
  manner = IS_SILENT;
  start(3);
  run_until(open_ends() == 1);
  settle();
  ck_assert_int_eq(came, 1);
  manner = WELCOMES;
  say(ends[0].link, CONTROL_WELCOME, NULL);
  run_until(links() == 3);
  settle();
  ck_assert_int_eq(came, 3);
}
END_TEST

START_TEST(others_that_are_lost_are_dialled_by_themselves_while_one_is_welcome)
{
  cloud_starts();
  start(2);
  run_until(links() == 2);
  cloud_cuts(&ends[1]);
  run_until(waits == 1);
  wait_is_over();
  run_until(links() == 2);
  ck_assert_int_eq(came, 3);
}
END_TEST

START_TEST(others_wait_for_the_first_when_the_cloud_is_gone)
{
  cloud_starts();
  start(2);
  run_until(links() == 2);
  cloud_stops();
  run_until(waits == 2);
  wait_is_over();
  run_until(waits == 3); /* of the first alone */
  settle();
  ck_assert_int_eq(waits, 3);
  cloud_starts();
  wait_is_over();
  run_until(links() == 2);
}
END_TEST

START_TEST(replacement_is_welcome_before_the_old_one_leaves)
{
  cloud_starts();
  start(1);
  run_until(links() == 1);
  manner = IS_SILENT;
  dialer_replace(connector.dialer);
  run_until(open_ends() == 2);
  settle();
  ck_assert(!ends[0].leaving);
  say(ends[1].link, CONTROL_WELCOME, NULL);
  run_until(!ends[0].link);
  ck_assert(ends[0].leaving && ends[1].link && !ends[1].leaving);
  ck_assert_uint_eq(links(), 1);
  ck_assert_int_eq(waits, 0);
}
END_TEST

START_TEST(replacement_that_fails_leaves_the_old_one_in_its_place)
{
  cloud_starts();
  start(1);
  run_until(links() == 1);
  manner = CUTS;
  dialer_replace(connector.dialer);
  run_until(came == 2 && !ends[1].link);
  settle();
  ck_assert(ends[0].link && !ends[0].leaving);
  ck_assert_uint_eq(links(), 1);
  ck_assert_int_eq(waits, 0);
}
END_TEST

/* Its next request comes when half of the tunnel's streams have been used. */
static void wear(struct end *e)
{
  ck_assert_int_eq(nghttp2_session_set_next_stream_id(link_tunnel(e->link)->h2, INT32_MAX / 2 + 2), 0);
}

/* Words of the cloud are requests too. */
static void carry(struct end *e, int requests)
{
  for (; requests > 0; requests--) {
    say(e->link, CONTROL_WELCOME, NULL);
    settle();
  }
}

START_TEST(replacement_of_a_worn_tunnel_that_cannot_begin_is_for_later_and_not_for_each_request)
{
  char key[128];
  snprintf(key, sizeof key, "%s/connectors/connector-1.pem", folder);
  cloud_starts();
  start(1);
  run_until(links() == 1);
  wear(&ends[0]);
  ck_assert_int_eq(unlink(key), 0);
  carry(&ends[0], 3);
  ck_assert_int_eq(waits, 1);
  try_in_vain(1);
  ck_assert_uint_eq(failures, 2);
  write_identity();
  carry(&ends[0], 1);
  ck_assert_int_eq(came, 1);
  wait_is_over();
  run_until(!ends[0].link);
  ck_assert_int_eq(came, 2);
  ck_assert_uint_eq(links(), 1);
}
END_TEST

/* -- refused --------------------------------------------------------------------------------------------- */

static enum err refused(void)
{
  return (enum err)atomic_load(&connector.counters.refused);
}

START_TEST(who_is_refused_at_the_start_ends_with_the_reason)
{
  cloud_starts();
  manner = REFUSES;
  start(1);
  run_until(connector.failure.err);
  ck_assert_int_eq(connector.failure.err, ERR_CONNECTOR_REVOKED);
}
END_TEST

static void serve_and_be_refused(void)
{
  cloud_starts();
  start(1);
  run_until(links() == 1);
  manner = REFUSES;
  say(ends[0].link, CONTROL_REFUSED, "connector_revoked");
  link_finish(ends[0].link, NULL);
  run_until(waits == 1);
  ck_assert_int_eq(refused(), ERR_CONNECTOR_REVOKED);
  try_in_vain(2);
  ck_assert_int_eq(refused(), ERR_CONNECTOR_REVOKED);
  ck_assert_int_eq(connector.failure.err, ERR_OK);
}

START_TEST(who_is_refused_after_it_served_goes_on_trying_and_keeps_the_reason)
{
  serve_and_be_refused();
  clock_shift_mono_ms(5000);
  int64_t then_ns = atomic_load(&connector.counters.refused_ns);
  ck_assert_int_eq(clock_mono_ns() - then_ns, 5000000000);
  try_in_vain(1);
  ck_assert_int_eq(atomic_load(&connector.counters.refused_ns), clock_mono_ns());
}
END_TEST

START_TEST(reason_is_gone_when_the_cloud_takes_it_again)
{
  serve_and_be_refused();
  manner = WELCOMES;
  wait_is_over();
  run_until(links() == 1);
  ck_assert_int_eq(refused(), ERR_OK);
}
END_TEST

START_TEST(reason_is_gone_when_the_cloud_is_gone_too)
{
  serve_and_be_refused();
  cloud_stops();
  try_in_vain(1);
  ck_assert_int_eq(refused(), ERR_OK);
}
END_TEST

/* -- the end --------------------------------------------------------------------------------------------- */

static int drained;

static void on_drained(struct connector *c)
{
  (void)c;
  drained++;
}

START_TEST(who_drains_says_so_and_dials_no_more)
{
  cloud_starts();
  start(2);
  run_until(links() == 2);
  dialer_drain(connector.dialer, on_drained);
  ck_assert_uint_eq(links(), 0);
  run_until(drained);
  ck_assert(ends[0].leaving && ends[1].leaving);
  settle();
  ck_assert_int_eq(came, 2);
  ck_assert_int_eq(waits, 0);
}
END_TEST

static void add_tests(TCase *c)
{
  tcase_add_test(c, cloud_that_is_not_there_is_tried_again_and_each_failure_counts);
  tcase_add_test(c, tunnel_that_is_never_welcomed_counts_as_a_failure_however_long_it_was);
  tcase_add_test(c, tunnel_that_served_for_ten_seconds_begins_anew);
  tcase_add_test(c, tunnel_that_is_lost_soon_goes_on_with_the_count);
  tcase_add_test(c, others_are_dialled_when_the_first_is_welcome);
  tcase_add_test(c, others_that_are_lost_are_dialled_by_themselves_while_one_is_welcome);
  tcase_add_test(c, others_wait_for_the_first_when_the_cloud_is_gone);
  tcase_add_test(c, replacement_is_welcome_before_the_old_one_leaves);
  tcase_add_test(c, replacement_that_fails_leaves_the_old_one_in_its_place);
  tcase_add_test(c, replacement_of_a_worn_tunnel_that_cannot_begin_is_for_later_and_not_for_each_request);
  tcase_add_test(c, who_is_refused_at_the_start_ends_with_the_reason);
  tcase_add_test(c, who_is_refused_after_it_served_goes_on_trying_and_keeps_the_reason);
  tcase_add_test(c, reason_is_gone_when_the_cloud_takes_it_again);
  tcase_add_test(c, reason_is_gone_when_the_cloud_is_gone_too);
  tcase_add_test(c, who_drains_says_so_and_dials_no_more);
}

int main(void)
{
  Suite *suite = suite_create("dial_again");
  TCase *c = tcase_create("dial_again");
  tcase_set_timeout(c, 60);
  tcase_add_unchecked_fixture(c, make_folder, remove_folder);
  tcase_add_checked_fixture(c, setup, teardown);
  add_tests(c);
  suite_add_tcase(suite, c);
  return run(suite);
}

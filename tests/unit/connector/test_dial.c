/* The tunnels that a connector keeps, to a cloud that welcomes whom the test lets it. */
#include "dial.h"

#include "hello.h"
#include "identity.h"
#include "port.h"
#include "run.h"
#include "tunnel_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static struct lab lab = {.cloud = {.tunnel_connect = {.host = "127.0.0.1"},
                                   .tunnel_name = "tunnel.localhost",
                                   .limits.connector_at_once = 200}};
static const struct lab_connector me = {.name = "connector-1", .group = "default", .connections = 1};
static struct actor actor = {.lab = &lab, .ready_fd = -1};
static struct connector connector;
static struct listener *listener;
static struct tls_ctx *tls;
static uv_timer_t watchdog;

/* The cloud's ends of the tunnels, in the order in which they came. */
static struct end {
  struct link *link; /* NULL once closed */
  bool open, leaves; /* leaves: GOAWAY has come */
  int answers;
} ends[8];
static size_t n_ends;

#define run_until(condition)                                                                                 \
  do {                                                                                                       \
    while (!(condition))                                                                                     \
      uv_run(net_loop(connector.net), UV_RUN_ONCE);                                                          \
  } while (0)

static void barked(uv_timer_t *timer)
{
  (void)timer;
  ck_abort_msg("what the test waits for did not come");
}

/* -- the cloud ------------------------------------------------------------------------------------------- */

static bool on_open(struct link *l, void *arg, struct failure *f)
{
  (void)l;
  (void)f;
  ((struct end *)arg)->open = true;
  return true;
}

static void on_gone(struct link *l, void *arg, const struct failure *f)
{
  (void)l;
  (void)f;
  ((struct end *)arg)->link = NULL;
}

static const struct link_events link_events = {on_open, on_gone};

static void on_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  (void)s;
  (void)h;
  ((struct end *)owner)->answers++;
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  (void)owner;
  (void)data;
  tunnel_stream_consume(s, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  (void)owner;
  (void)trailers;
}

static void on_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  (void)owner;
  (void)f;
}

static void on_goaway(struct tunnel *t, void *arg)
{
  (void)t;
  ((struct end *)arg)->leaves = true;
}

static const struct tunnel_events tunnel_events = {.on_response = on_response,
                                                   .on_data = on_data,
                                                   .on_end = on_end,
                                                   .on_close = on_close,
                                                   .on_goaway = on_goaway};

static void *on_accept(void *arg, struct stream *s)
{
  (void)arg;
  (void)s;
  ck_assert_uint_lt(n_ends, sizeof ends / sizeof *ends);
  struct end *e = &ends[n_ends++];
  ck_assert_int_eq(link_new(connector.net, TUNNEL_CLOUD, &link_events, &tunnel_events, e, &e->link), ERR_OK);
  return e->link;
}

/* Until it is answered, which is an error for all but the cloud's own words. */
static void ask(struct end *e, const char *path)
{
  struct fields none;
  struct tunnel_stream *s;
  int before = e->answers;
  fields_init(&none, 1, 64);
  ck_assert_int_eq(tunnel_request(link_tunnel(e->link), "GET", "a", path, strlen(path), &none, true, e, &s),
                   ERR_OK);
  fields_clear(&none);
  link_flush(e->link);
  run_until(e->answers > before);
}

/* Its next request comes when half of the tunnel's streams have been used. */
static void wear(struct end *e)
{
  ck_assert_int_eq(nghttp2_session_set_next_stream_id(link_tunnel(e->link)->h2, INT32_MAX / 2 + 2), 0);
}

/* -- the fixture ----------------------------------------------------------------------------------------- */

static const char *path_of(const char *name)
{
  static char paths[4][128];
  static int turn;
  char *path = paths[turn++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void run_program(const char *const argv[])
{
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[0], (char *const *)(uintptr_t)argv); /* its type is older than const */
    _exit(127);
  }
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
}

/* Registering takes no certificate; what the token is, nobody asks here. */
static void make_folder(void)
{
  strcpy(folder, "/tmp/sevenstep-dial-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  const char *const argv[] = {SEVENSTEP_SOURCE_DIR "/pki/provision",
                              path_of("pki"),
                              "--idp",
                              "login.localhost",
                              "--tunnel",
                              "tunnel.localhost",
                              "--cloud",
                              "*.apps.localhost",
                              NULL};
  run_program(argv);
  ck_assert_int_eq(mkdir(path_of("connectors"), 0700), 0);
  FILE *token = fopen(path_of("connectors/connector-1.token"), "we");
  ck_assert_ptr_nonnull(token);
  ck_assert_int_eq(fclose(token), 0);
}

static void remove_folder(void)
{
  const char *const argv[] = {"rm", "-rf", folder, NULL};
  run_program(argv);
}

static void listen_for_tunnels(void)
{
  struct failure f;
  ck_assert_int_eq(
      tls_server_ctx_new(path_of("pki/tunnel.crt"), path_of("pki/tunnel.key"), NULL, "h2", &tls, &f), ERR_OK);
  lab.cloud.tunnel_connect.port = port_reserve();
  ck_assert_int_eq(listener_new(connector.net, &lab.cloud.tunnel_connect, tls, 5000, on_accept, NULL,
                                &link_stream_events, &listener, &f),
                   ERR_OK);
}

static void set_up(void)
{
  struct failure f;
  setenv("SEVENSTEP_LOG", "error", 1);
  log_init("connector");
  snprintf(actor.run, sizeof actor.run, "%s", folder);
  ck_assert_int_eq(tracer_new(NULL, "connector", "connector", &actor.tracer, &f), ERR_OK);
  connector = (struct connector){.actor = &actor, .lab = &lab, .me = &me};
  ck_assert_int_eq(net_new(&connector.net), ERR_OK);
  uv_timer_init(net_loop(connector.net), &watchdog);
  uv_timer_start(&watchdog, barked, 20000, 0);
  listen_for_tunnels();
  ck_assert_int_eq(identity_new(&actor, &me, &connector.identity, &f), ERR_OK);
  ck_assert_int_eq(dialer_new(&connector, &connector.dialer, &f), ERR_OK);
  run_until(ends[0].open);
  ask(&ends[0], CONTROL_WELCOME);
}

static void tear_down(void)
{
  dialer_stop(connector.dialer);
  uv_close((uv_handle_t *)&watchdog, NULL);
  net_free(connector.net);
  dialer_free(connector.dialer);
  identity_free(connector.identity);
  tls_ctx_free(tls);
  tracer_free(actor.tracer);
}

/* -- the tests ------------------------------------------------------------------------------------------- */

START_TEST(tunnel_that_is_worn_is_replaced_and_serves_until_then)
{
  ask(&ends[0], "/");
  wear(&ends[0]);
  ask(&ends[0], "/");
  run_until(ends[1].open);
  ask(&ends[0], "/");
  ck_assert(!ends[0].leaves);
  ask(&ends[1], CONTROL_WELCOME);
  run_until(ends[0].leaves);
  ask(&ends[1], "/");
  ck_assert_uint_eq(n_ends, 2);
  ck_assert_uint_eq(connector.counters.links, 1);
}
END_TEST

START_TEST(replacement_of_a_worn_tunnel_that_is_lost_is_dialled_again)
{
  wear(&ends[0]);
  ask(&ends[0], "/");
  run_until(ends[1].open);
  link_close(ends[1].link, NULL);
  run_until(!ends[1].link);
  ask(&ends[0], "/");
  run_until(ends[2].open);
  ask(&ends[2], CONTROL_WELCOME);
  run_until(ends[0].leaves);
  ck_assert_uint_eq(n_ends, 3);
}
END_TEST

START_TEST(worn_tunnel_that_is_lost_itself_leaves_its_place_to_the_replacement)
{
  wear(&ends[0]);
  ask(&ends[0], "/");
  run_until(ends[1].open);
  link_close(ends[0].link, NULL);
  run_until(connector.counters.links == 0);
  ask(&ends[1], CONTROL_WELCOME);
  ck_assert_uint_eq(connector.counters.links, 1);
  ck_assert_uint_eq(n_ends, 2);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("dial");
  TCase *c = tcase_create("dial");
  tcase_set_timeout(c, 60);
  tcase_add_unchecked_fixture(c, make_folder, remove_folder);
  tcase_add_checked_fixture(c, set_up, tear_down);
  tcase_add_test(c, tunnel_that_is_worn_is_replaced_and_serves_until_then);
  tcase_add_test(c, replacement_of_a_worn_tunnel_that_is_lost_is_dialled_again);
  tcase_add_test(c, worn_tunnel_that_is_lost_itself_leaves_its_place_to_the_replacement);
  suite_add_tcase(s, c);
  return run(s);
}

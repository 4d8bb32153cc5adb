/* The cloud as its main() has it, in a folder of its own, and time that passes for it. */
#include "front_private.h"

#include "clock.h"
#include "conn_private.h"
#include "fake_clock.h"
#include "net_private.h"
#include "oidc.h"
#include "once.h"
#include "port.h"
#include "registry.h"
#include "roster.h"
#include "seal.h"
#include "throttle.h"
#include "websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct cloud *cloud;
struct lab *front_lab_file;
bool front_drained;
static char folder[64];
static struct actor actor;
static struct listener *plain, *secure;
static struct lab_addr plain_at = {.host = "127.0.0.1"}, secure_at = {.host = "127.0.0.1"};
static struct tls_ctx *http1_tls, *http2_tls; /* of users */
static uv_timer_t watchdog;

/* -- the folder ------------------------------------------------------------------------------------------ */

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

const char *front_path(const char *name)
{
  static char paths[4][128];
  static int turn_of;
  char *path = paths[turn_of++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void make_pki(void)
{
  strcpy(folder, "/tmp/sevenstep-front-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  char pki[128];
  snprintf(pki, sizeof pki, "%s", front_path("pki"));
  ck_assert_int_eq(mkdir(front_path("cloud"), 0700), 0);
  const char *const argv[] = {SEVENSTEP_SOURCE_DIR "/pki/provision",
                              pki,
                              "--idp",
                              "login.localhost",
                              "--tunnel",
                              "tunnel.localhost",
                              "--cloud",
                              "*.apps.localhost",
                              NULL};
  run_program(argv);
}

static void remove_folder(void)
{
  const char *const argv[] = {"rm", "-rf", folder, NULL};
  run_program(argv);
}

/* -- the cloud ------------------------------------------------------------------------------------------- */

static void barked(uv_timer_t *timer)
{
  (void)timer;
  ck_abort_msg("what the test waits for did not come");
}

static void keys_ready(struct cloud *c)
{
  (void)c;
}

static void open_tls(struct failure *f)
{
  ck_assert_int_eq(tls_server_ctx_new(front_path("pki/cloud.crt"), front_path("pki/cloud.key"), NULL,
                                      "h2,http/1.1", &cloud->front_tls, f),
                   ERR_OK);
  ck_assert_int_eq(tls_server_ctx_new(front_path("pki/tunnel.crt"), front_path("pki/tunnel.key"),
                                      front_path("cloud/connector-ca.crt"), "h2", &cloud->tunnel_tls, f),
                   ERR_OK);
  ck_assert_int_eq(tls_client_ctx_new(front_path("pki/ca.crt"), NULL, NULL, "http/1.1", &http1_tls, f),
                   ERR_OK);
  ck_assert_int_eq(tls_client_ctx_new(front_path("pki/ca.crt"), NULL, NULL, "h2", &http2_tls, f), ERR_OK);
}

static void listen_at(struct lab_addr *at, struct tls_ctx *tls, struct listener **ret, struct failure *f)
{
  at->port = port_reserve();
  ck_assert_int_eq(listener_new(cloud->net, at, tls, 5000, conn_accept, cloud, &conn_events, ret, f), ERR_OK);
}

static void set_up(void)
{
  struct failure f = {0};
  setenv("SEVENSTEP_LOG", "error", 1);
  setenv("UV_THREADPOOL_SIZE", CLOUD_WORKERS, 1);
  log_init("cloud");
  cloud = calloc(1, sizeof *cloud);
  ck_assert_ptr_nonnull(cloud);
  ck_assert_int_eq(lab_load(SEVENSTEP_SOURCE_DIR "/lab.yaml", 0, &front_lab_file, &f), ERR_OK);
  front_lab_file->cloud.tunnel.port = front_lab_file->cloud.tunnel_connect.port = port_reserve();
  front_lab_file->idp.connect.port = port_reserve(); /* nobody listens there */
  snprintf(actor.run, sizeof actor.run, "%s", folder);
  actor.ready_fd = -1;
  ck_assert_int_eq(tracer_new(NULL, "cloud", "cloud", &actor.tracer, &f), ERR_OK);
  cloud->actor = &actor;
  cloud->lab = lab_ref(front_lab_file);
  ck_assert_int_eq(net_new(&cloud->net), ERR_OK);
  uv_timer_init(net_loop(cloud->net), &watchdog);
  uv_timer_start(&watchdog, barked, 30000, 0);
  ck_assert_int_eq(roster_new(front_lab_file, front_path("cloud"), &cloud->roster, &f), ERR_OK);
  inside_enrol("connector-1");
  inside_enrol("connector-2");
  open_tls(&f);
  ck_assert_int_eq(seal_new(front_path("cloud/session.key"), &cloud->seal, &f), ERR_OK);
  unlink(front_path("cloud/store.db")); /* whose sessions an earlier test ended */
  ck_assert_int_eq(once_new(cloud, front_path("cloud/store.db"), &cloud->once, &f), ERR_OK);
  ck_assert_int_eq(throttle_new(&cloud->throttle), ERR_OK);
  ck_assert_int_eq(registry_new(cloud, &cloud->registry, &f), ERR_OK);
  ck_assert_int_eq(oidc_new(cloud, keys_ready, &cloud->oidc, &f), ERR_OK);
  listen_at(&plain_at, NULL, &plain, &f);
  listen_at(&secure_at, cloud->front_tls, &secure, &f);
}

/* As main() does it. */
static void tear_down(void)
{
  oidc_stop(cloud->oidc);
  registry_stop(cloud->registry);
  listener_close(plain);
  listener_close(secure);
  uv_close((uv_handle_t *)&watchdog, NULL);
  net_free(cloud->net);
  ck_assert_uint_eq(front_connections(), 0);
  oidc_free(cloud->oidc);
  registry_free(cloud->registry);
  roster_free(cloud->roster);
  once_free(cloud->once);
  throttle_free(cloud->throttle);
  conn_free_spare(cloud);
  seal_free(cloud->seal);
  tls_ctx_free(cloud->front_tls);
  tls_ctx_free(cloud->tunnel_tls);
  tls_ctx_free(http1_tls);
  tls_ctx_free(http2_tls);
  tracer_free(actor.tracer);
  lab_free(front_lab_file);
  lab_free(cloud->lab);
  free(cloud);
  inside_forget();
  users_forget();
  browser_forget();
}

TCase *front_tests(Suite *suite, const char *name)
{
  TCase *c = tcase_create(name);
  tcase_set_timeout(c, 60);
  tcase_add_unchecked_fixture(c, make_pki, remove_folder);
  tcase_add_checked_fixture(c, set_up, tear_down);
  suite_add_tcase(suite, c);
  return c;
}

const struct lab *front_lab(const char *changes)
{
  struct lab *changed;
  struct failure f;
  FILE *file = fopen(front_path("changes.yaml"), "we");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_ge(fputs(changes, file), 0);
  ck_assert_int_eq(fclose(file), 0);
  ck_assert_msg(lab_load_changed(SEVENSTEP_SOURCE_DIR "/lab.yaml", folder, 0, &changed, &f) == ERR_OK, "%s",
                f.why);
  return changed;
}

static void configured(void *arg, const struct failure *f)
{
  ck_assert_int_eq(f->err, ERR_OK);
  *(bool *)arg = true;
}

void front_change(const char *changes)
{
  bool done = false;
  registry_configure(cloud->registry, front_lab(changes), false, configured, &done);
  run_until(done);
}

struct lab_app *front_app(const char *name)
{
  return (struct lab_app *)(uintptr_t)lab_published(cloud->lab, name, NULL);
}

void front_certificates(unsigned lifetime_s, unsigned renewal_s)
{
  front_lab_file->cloud.certificate_lifetime_s = lifetime_s;
  front_lab_file->cloud.certificate_renewal_s = renewal_s;
}

void front_balancing(enum lab_balancing balancing)
{
  static struct lab_connector_group group = {.name = "default"};
  group.balancing = balancing;
  front_lab_file->connector_groups = &group;
  front_lab_file->n_connector_groups = 1;
}

void front_dial(enum front_way way, const char *sni, const struct stream_events *events, void *arg,
                struct stream **ret)
{
  struct tls_ctx *const tls[] = {[FRONT_HTTP1] = http1_tls, [FRONT_HTTP2] = http2_tls};
  const struct lab_addr *at = way == FRONT_PLAIN ? &plain_at : &secure_at;
  ck_assert_int_eq(stream_connect(cloud->net, at, tls[way], sni, 5000, events, arg, ret), ERR_OK);
}

static void set_buffers(struct stream *s, int bytes)
{
  ck_assert_int_eq(setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
  ck_assert_int_eq(setsockopt(cloud->conns->stream->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
}

void front_narrow(struct stream *s)
{
  set_buffers(s, 32 * 1024);
}

void front_widen(struct stream *s)
{
  set_buffers(s, 1024 * 1024);
}

size_t front_connections(void)
{
  return atomic_load_explicit(&cloud->counters.open_connections, memory_order_relaxed);
}

size_t front_queued(void)
{
  return stream_queued(cloud->conns->stream);
}

bool front_answered(void)
{
  return !cloud->conns->x || !cloud->conns->x->active;
}

uint64_t front_body_left(void)
{
  return cloud->conns->parser.left;
}

bool front_paused(void)
{
  return cloud->conns->x && cloud->conns->x->paused;
}

void front_read_a_little(struct stream *s)
{
  uint64_t before = stream_sent(cloud->conns->stream);
  while (stream_sent(cloud->conns->stream) == before) {
    stream_pause(s, false);
    turn();
    stream_pause(s, true);
    uv_run(net_loop(cloud->net), UV_RUN_NOWAIT);
  }
}

static void drained(struct cloud *c)
{
  (void)c;
  front_drained = true;
}

void front_shutdown(void)
{
  front_drained = false;
  conn_shutdown(cloud, drained);
}

/* -- time ------------------------------------------------------------------------------------------------ */

void turn(void)
{
  uv_run(net_loop(cloud->net), UV_RUN_ONCE);
}

static void swept(uv_timer_t *timer)
{
  *(bool *)timer->data = true;
}

/* Lets what is under way arrive. */
static void settle(void)
{
  static uv_timer_t soon;
  static bool done;
  done = false;
  uv_timer_init(net_loop(cloud->net), &soon);
  soon.data = &done;
  uv_timer_start(&soon, swept, 10, 0);
  run_until(done);
  uv_close((uv_handle_t *)&soon, NULL);
  /* On a busy machine the time is over before anything was looked at; a PING and its answer take four turns. */
  for (int i = 0; i < 20; i++)
    uv_run(net_loop(cloud->net), UV_RUN_NOWAIT);
}

void pass_at_once(void)
{
  registry_sweep(cloud->registry, clock_mono_ns());
  /* What the sweep asked, and its answer, are a few turns away at most. */
  for (int i = 0; i < 4; i++)
    uv_run(net_loop(cloud->net), UV_RUN_NOWAIT);
}

static void stop_beat(uv_handle_t *handle, void *arg)
{
  (void)arg;
  if (handle->type == UV_TIMER && uv_timer_get_repeat((uv_timer_t *)handle) == LINK_PING_MS)
    uv_timer_stop((uv_timer_t *)handle);
}

void pass(int64_t seconds)
{
  /* Links look for silence by a timer of the machine's time, which on a busy one may come due in between: then
   * they would cut who could not have been heard in seconds that were none. */
  uv_walk(net_loop(cloud->net), stop_beat, NULL);
  clock_shift_mono_ms(1000 * seconds);
  struct inside *all[] = {&one, &two, &three};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (all[i]->link && tunnel_ping(link_tunnel(all[i]->link)) == ERR_OK) link_flush(all[i]->link);
  settle();
  websockets_sweep(cloud, clock_mono_ns());
  conn_sweep(cloud, clock_mono_ns());
  registry_sweep(cloud->registry, clock_mono_ns());
  oidc_sweep(cloud->oidc, clock_mono_ns());
  settle();
}

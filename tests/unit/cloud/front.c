#include "front.h"

#include "clock.h"
#include "encode.h"
#include "exchange.h"
#include "fake_clock.h"
#include "throttle.h"
#include "oidc.h"
#include "once.h"
#include "registry.h"
#include "roster.h"
#include "seal.h"
#include "secret_file.h"
#include "websocket.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define USERS_MAX 16

struct cloud *cloud;
struct inside one, two, three;
static char folder[64];
static struct actor actor;
static struct lab *lab;
static struct listener *plain, *secure;
static struct lab_addr plain_at = {.host = "127.0.0.1"}, secure_at = {.host = "127.0.0.1"};
static struct tls_ctx *user_tls, *browser_tls, *inside_tls;
static struct user users[USERS_MAX];
static size_t n_users;
static uv_timer_t watchdog;

/* -- the folder
 * ---------------------------------------------------------------------------------------------------------
 */

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

static const char *in_folder(const char *name)
{
  static char paths[4][128];
  static int turn_of;
  char *path = paths[turn_of++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

void front_pki(void)
{
  strcpy(folder, "/tmp/sevenstep-front-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  char pki[128];
  snprintf(pki, sizeof pki, "%s", in_folder("pki"));
  ck_assert_int_eq(mkdir(in_folder("cloud"), 0700), 0);
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

void front_pki_remove(void)
{
  const char *const argv[] = {"rm", "-rf", folder, NULL};
  run_program(argv);
}

static uint16_t free_port(void)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
  ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  close(fd);
  return ntohs(sa.sin_port);
}

/* -- the cloud
 * ----------------------------------------------------------------------------------------------------------
 */

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
  ck_assert_int_eq(tls_server_ctx_new(in_folder("pki/cloud.crt"), in_folder("pki/cloud.key"), NULL,
                                      "h2,http/1.1", &cloud->front_tls, f),
                   ERR_OK);
  ck_assert_int_eq(tls_server_ctx_new(in_folder("pki/tunnel.crt"), in_folder("pki/tunnel.key"),
                                      in_folder("cloud/connector-ca.crt"), "h2", &cloud->tunnel_tls, f),
                   ERR_OK);
  ck_assert_int_eq(tls_client_ctx_new(in_folder("pki/ca.crt"), NULL, NULL, "http/1.1", &user_tls, f), ERR_OK);
  ck_assert_int_eq(tls_client_ctx_new(in_folder("pki/ca.crt"), NULL, NULL, "h2", &browser_tls, f), ERR_OK);
}

static void listen_at(struct lab_addr *at, struct tls_ctx *tls, struct listener **ret, struct failure *f)
{
  at->port = free_port();
  ck_assert_int_eq(listener_new(cloud->net, at, tls, 5000, conn_accept, cloud, &conn_events, ret, f), ERR_OK);
}

void front_open(void)
{
  struct failure f = {0};
  one = two = three = (struct inside){0};
  n_users = 0;
  setenv("SEVENSTEP_LOG", "error", 1);
  log_init("cloud");
  cloud = calloc(1, sizeof *cloud);
  ck_assert_ptr_nonnull(cloud);
  ck_assert_int_eq(lab_load(SEVENSTEP_SOURCE_DIR "/lab.yaml", 0, &lab, &f), ERR_OK);
  lab->cloud.tunnel.port = lab->cloud.tunnel_connect.port = free_port();
  lab->idp.connect.port = free_port(); /* nobody listens there */
  snprintf(actor.run, sizeof actor.run, "%s", folder);
  actor.ready_fd = -1;
  ck_assert_int_eq(tracer_new(NULL, "cloud", "cloud", &actor.tracer, &f), ERR_OK);
  cloud->actor = &actor;
  cloud->lab = lab_ref(lab);
  ck_assert_int_eq(net_new(&cloud->net), ERR_OK);
  uv_timer_init(net_loop(cloud->net), &watchdog);
  uv_timer_start(&watchdog, barked, 30000, 0);
  ck_assert_int_eq(roster_new(lab, in_folder("cloud"), &cloud->roster, &f), ERR_OK);
  front_enrol("connector-1");
  front_enrol("connector-2");
  open_tls(&f);
  ck_assert_int_eq(seal_new(in_folder("cloud/session.key"), &cloud->seal, &f), ERR_OK);
  unlink(in_folder("cloud/store.db")); /* whose sessions an earlier test ended */
  ck_assert_int_eq(once_new(cloud, in_folder("cloud/store.db"), &cloud->once, &f), ERR_OK);
  ck_assert_int_eq(throttle_new(&cloud->throttle), ERR_OK);
  ck_assert_int_eq(registry_new(cloud, &cloud->registry, &f), ERR_OK);
  ck_assert_int_eq(oidc_new(cloud, keys_ready, &cloud->oidc, &f), ERR_OK);
  listen_at(&plain_at, NULL, &plain, &f);
  listen_at(&secure_at, cloud->front_tls, &secure, &f);
}

static void forget(struct inside *c)
{
  fields_clear(&c->fields);
  buf_clear(&c->body);
  buf_clear(&c->csr);
  buf_clear(&c->certificate);
  buf_wipe(&c->key);
}

const struct lab *front_lab(const char *changes)
{
  struct lab *changed;
  struct failure f;
  FILE *file = fopen(in_folder("changes.yaml"), "we");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_ge(fputs(changes, file), 0);
  ck_assert_int_eq(fclose(file), 0);
  ck_assert_msg(lab_load_changed(SEVENSTEP_SOURCE_DIR "/lab.yaml", folder, 0, &changed, &f) == ERR_OK, "%s",
                f.why);
  return changed;
}

/* As main() does it. */
void front_close(void)
{
  oidc_stop(cloud->oidc);
  registry_stop(cloud->registry);
  listener_close(plain);
  listener_close(secure);
  uv_close((uv_handle_t *)&watchdog, NULL);
  net_free(cloud->net);
  ck_assert_uint_eq(conn_count(cloud), 0);
  oidc_free(cloud->oidc);
  registry_free(cloud->registry);
  roster_free(cloud->roster);
  once_free(cloud->once);
  throttle_free(cloud->throttle);
  seal_free(cloud->seal);
  tls_ctx_free(cloud->front_tls);
  tls_ctx_free(cloud->tunnel_tls);
  tls_ctx_free(user_tls);
  tls_ctx_free(browser_tls);
  tls_ctx_free(inside_tls);
  inside_tls = NULL;
  tracer_free(actor.tracer);
  lab_free(lab);
  lab_free(cloud->lab);
  free(cloud);
  forget(&one);
  forget(&two);
  forget(&three);
  for (size_t i = 0; i < n_users; i++)
    buf_clear(&users[i].got);
}

/* -- connectors
 * ---------------------------------------------------------------------------------------------------------
 */

void front_enrol(const char *name)
{
  struct hello h;
  struct failure f = {0};
  struct buf key, der, pem;
  char challenge[CHALLENGE_LEN + 1], path[100];
  hello_init(&h);
  buf_init(&key, CSR_KEY_MAX);
  buf_init(&der, CERTIFICATE_MAX);
  buf_init(&pem, CSR_KEY_MAX + CERTIFICATE_MAX);
  snprintf(h.name, sizeof h.name, "%s", name);
  snprintf(h.group, sizeof h.group, "default");
  snprintf(h.tenant, sizeof h.tenant, "%s", lab->tenant);
  ck_assert_int_eq(roster_token(cloud->roster, name, NULL, h.token, &f), ERR_OK);
  ck_assert_int_eq(csr_challenge(h.token, challenge), ERR_OK);
  ck_assert_int_eq(csr_new(name, challenge, &key, &h.csr, &f), ERR_OK);
  ck_assert_int_eq(roster_register(cloud->roster, &h, &der, &f), ERR_OK);
  ck_assert_int_eq(buf_append(&pem, key.data, key.len), ERR_OK);
  ck_assert_int_eq(certificate_join(der.data, der.len, &key, name, &pem, &f), ERR_OK);
  snprintf(path, sizeof path, "%s.pem", name);
  ck_assert_int_eq(secret_file_write(in_folder(path), pem.data, pem.len, &f), ERR_OK);
  hello_clear(&h);
  buf_wipe(&key);
  buf_clear(&der);
  buf_wipe(&pem);
}

void front_certificates(unsigned lifetime_s, unsigned renewal_s)
{
  lab->cloud.certificate_lifetime_s = lifetime_s;
  lab->cloud.certificate_renewal_s = renewal_s;
}

void front_balancing(enum lab_balancing balancing)
{
  static struct lab_connector_group group = {.name = "default"};
  group.balancing = balancing;
  lab->connector_groups = &group;
  lab->n_connector_groups = 1;
}

static void answer(struct tunnel_stream *s, const struct buf *body)
{
  struct fields none;
  fields_init(&none, 1, 64);
  ck_assert_int_eq(tunnel_respond(s, 200, &none, false), ERR_OK);
  ck_assert_int_eq(tunnel_stream_write(s, body->data, body->len), ERR_OK);
  ck_assert_int_eq(tunnel_stream_end(s, NULL), ERR_OK);
  tunnel_stream_detach(s);
  fields_clear(&none);
}

static void acknowledge(struct tunnel_stream *s)
{
  struct fields none;
  fields_init(&none, 1, 64);
  ck_assert_int_eq(tunnel_respond(s, 204, &none, true), ERR_OK);
  tunnel_stream_detach(s);
  fields_clear(&none);
}

static void hello(struct tunnel_stream *s, const struct inside *c)
{
  struct hello h;
  struct buf text;
  hello_init(&h);
  buf_init(&text, HELLO_MAX);
  snprintf(h.name, sizeof h.name, "%s", c->name);
  snprintf(h.group, sizeof h.group, "%s", c->group);
  snprintf(h.tenant, sizeof h.tenant, "%s", lab->tenant);
  snprintf(h.version, sizeof h.version, "1");
  if (c->token) snprintf(h.token, sizeof h.token, "%s", c->token);
  if (c->token) ck_assert_int_eq(buf_append(&h.csr, c->csr.data, c->csr.len), ERR_OK);
  ck_assert_int_eq(hello_write(&h, &text), ERR_OK);
  answer(s, &text);
  hello_clear(&h);
  buf_clear(&text);
}

static void take_configuration(struct inside *c, struct tunnel_stream *s, const struct tunnel_head *h)
{
  struct fields f;
  buf_reset(&c->body);
  c->version = (unsigned)strtoul(fields_get(h->fields, CONTROL_VERSION), NULL, 10);
  if (c->hesitates) {
    c->configuration = s;
    tunnel_stream_set_owner(s, c);
    return;
  }
  fields_init(&f, 1, 64);
  if (c->refuses) ck_assert_int_eq(fields_add(&f, CONTROL_WHY, c->refuses), ERR_OK);
  ck_assert_int_eq(tunnel_respond(s, c->refuses ? 422 : 204, &f, true), ERR_OK);
  tunnel_stream_detach(s);
  fields_clear(&f);
}

void inside_acknowledge(struct inside *c)
{
  acknowledge(c->configuration);
  c->configuration = NULL;
  link_flush(c->link);
}

/* The cloud's other words, as the test's connector understands them. */
static void control(struct inside *c, struct tunnel_stream *s, const struct tunnel_head *h)
{
  struct failure f;
  if (strcmp(h->path, CONTROL_RENEW) == 0) {
    buf_wipe(&c->key);
    buf_reset(&c->csr);
    ck_assert_int_eq(csr_new(c->name, c->challenge ? c->challenge : fields_get(h->fields, CONTROL_CHALLENGE),
                             &c->key, &c->csr, &f),
                     ERR_OK);
    c->renewals++;
    answer(s, &c->csr);
    return;
  }
  if (strcmp(h->path, CONTROL_CERTIFICATE) == 0) {
    const char *text = fields_get(h->fields, CONTROL_DER);
    buf_reset(&c->certificate);
    ck_assert_int_eq(base64_decode(&c->certificate, text, strlen(text)), ERR_OK);
  } else if (strcmp(h->path, CONTROL_CONFIGURATION) == 0) {
    take_configuration(c, s, h);
    return;
  } else if (strcmp(h->path, CONTROL_REFUSED) == 0) {
    snprintf(c->refused, sizeof c->refused, "%s", fields_get(h->fields, CONTROL_ERROR));
  } else if (strcmp(h->path, CONTROL_PURGE) == 0) {
    size_t n = strlen(c->purged);
    snprintf(c->purged + n, sizeof c->purged - n, "%s ", fields_get(h->fields, CONTROL_USER));
  }
  acknowledge(s);
}

static void inside_request(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)t;
  struct inside *c = arg;
  if (strcmp(h->path, "/.sevenstep/hello") == 0) {
    hello(s, c);
    return;
  }
  if (strncmp(h->path, "/.sevenstep/", 12) == 0) {
    control(c, s, h);
    return;
  }
  c->requests++;
  c->stream = s;
  c->ended = tunnel_stream_remote_ended(s);
  tunnel_stream_set_owner(s, c);
  buf_reset(&c->body);
  fields_reset(&c->fields);
  for (size_t i = 0; i < fields_count(h->fields); i++)
    ck_assert_int_eq(fields_add(&c->fields, fields_at(h->fields, i).name, fields_at(h->fields, i).value),
                     ERR_OK);
  const char *version = fields_get(h->fields, CONTROL_VERSION);
  c->request_version = version ? (unsigned)strtoul(version, NULL, 10) : 0;
  snprintf(c->method, sizeof c->method, "%s", h->method);
  snprintf(c->path, sizeof c->path, "%s", h->path);
  snprintf(c->authority, sizeof c->authority, "%s", h->authority);
}

static void inside_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  struct inside *c = owner;
  ck_assert_int_eq(buf_append(&c->body, data, n), ERR_OK);
  if (!c->deaf) tunnel_stream_consume(s, n);
}

static void inside_ended(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  (void)trailers;
  ((struct inside *)owner)->ended = true;
}

static void inside_closed(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  struct inside *c = owner;
  c->stream = NULL;
  if (f->err) c->lost++;
}

static const struct tunnel_events inside_events = {
    .on_request = inside_request, .on_data = inside_data, .on_end = inside_ended, .on_close = inside_closed};

static bool inside_opened(struct link *l, void *arg, struct failure *f)
{
  (void)l;
  (void)arg;
  (void)f;
  return true;
}

static void inside_gone(struct link *l, void *arg, const struct failure *f)
{
  (void)l;
  (void)f;
  ((struct inside *)arg)->link = NULL;
}

static const struct link_events inside_link_events = {inside_opened, inside_gone};

static void dial(struct inside *c, const char *name)
{
  struct stream *s;
  struct failure f;
  char pem[160] = "";
  if (name) snprintf(pem, sizeof pem, "%s/%s.pem", folder, name);
  tls_ctx_free(inside_tls); /* a connection keeps what it needs of it */
  ck_assert_int_eq(tls_client_ctx_new(in_folder("pki/ca.crt"), name ? pem : NULL, name ? pem : NULL, "h2",
                                      &inside_tls, &f),
                   ERR_OK);
  forget(c);
  fields_init(&c->fields, 200, 128 * 1024);
  buf_init(&c->csr, CSR_MAX);
  buf_init(&c->key, CSR_KEY_MAX);
  buf_init(&c->certificate, CERTIFICATE_MAX);
  c->refused[0] = 0;
  buf_init(&c->body, 64 * 1024 * 1024);
  ck_assert_int_eq(link_new(cloud->net, TUNNEL_CONNECTOR, &inside_link_events, &inside_events, c, &c->link),
                   ERR_OK);
  ck_assert_int_eq(stream_connect(cloud->net, &lab->cloud.tunnel_connect, inside_tls, "tunnel.localhost",
                                  5000, &link_stream_events, c->link, &s),
                   ERR_OK);
}

void inside_begin(struct inside *c, const char *name)
{
  c->name = name;
  c->group = "default";
  dial(c, name);
}

void inside_dial(struct inside *c, const char *name)
{
  uint64_t ready = cloud->counters.ready_connections;
  inside_begin(c, name);
  run_until(cloud->counters.ready_connections > ready);
}

void inside_dial_refused(struct inside *c, const char *certificate, const char *name, const char *group)
{
  c->name = name;
  c->group = group;
  dial(c, certificate);
  run_until(!c->link);
  ck_assert_uint_eq(cloud->counters.ready_connections, 0);
}

void inside_register(struct inside *c, const char *name, const char *token, const char *challenge)
{
  struct failure f;
  char right[CHALLENGE_LEN + 1];
  c->name = name;
  if (!c->group) c->group = "default";
  dial(c, NULL);
  c->token = token;
  ck_assert_int_eq(csr_challenge(token, right), ERR_OK);
  ck_assert_int_eq(csr_new(name, challenge ? challenge : right, &c->key, &c->csr, &f), ERR_OK);
  run_until(!c->link);
  c->token = NULL;
}

void inside_keep(struct inside *c)
{
  struct failure f;
  struct buf pem;
  char path[100];
  buf_init(&pem, CSR_KEY_MAX + CERTIFICATE_MAX);
  ck_assert_int_eq(buf_append(&pem, c->key.data, c->key.len), ERR_OK);
  ck_assert_int_eq(certificate_join(c->certificate.data, c->certificate.len, &c->key, c->name, &pem, &f),
                   ERR_OK);
  snprintf(path, sizeof path, "%s.pem", c->name);
  ck_assert_int_eq(secret_file_write(in_folder(path), pem.data, pem.len, &f), ERR_OK);
  buf_reset(&c->certificate);
  buf_wipe(&pem);
}

void inside_answer(struct inside *c, int status, const char *name, const char *value, bool end)
{
  struct fields f;
  fields_init(&f, 4, 1024);
  ck_assert_int_eq(fields_add(&f, "sevenstep-origin", "backend"), ERR_OK);
  if (name) ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
  ck_assert_int_eq(tunnel_respond(c->stream, status, &f, end), ERR_OK);
  fields_clear(&f);
  link_flush(c->link);
}

void inside_write(struct inside *c, const void *data, size_t n)
{
  ck_assert_int_eq(tunnel_stream_write(c->stream, data, n), ERR_OK);
  link_flush(c->link);
}

void inside_end(struct inside *c)
{
  ck_assert_int_eq(tunnel_stream_end(c->stream, NULL), ERR_OK);
  link_flush(c->link);
}

/* -- users
 * --------------------------------------------------------------------------------------------------------------
 */

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

static struct user *connect_user(const struct lab_addr *at, struct tls_ctx *tls, const char *sni)
{
  ck_assert_uint_lt(n_users, USERS_MAX);
  struct user *u = &users[n_users++];
  *u = (struct user){0};
  buf_init(&u->got, 64 * 1024 * 1024);
  ck_assert_int_eq(stream_connect(cloud->net, at, tls, sni, 5000, &user_events, u, &u->stream), ERR_OK);
  run_until(u->opened || u->closed);
  return u;
}

struct user *user_connect(const char *sni)
{
  return connect_user(sni ? &secure_at : &plain_at, sni ? user_tls : NULL, sni);
}

struct user *user_connect_h2(void)
{
  return connect_user(&secure_at, browser_tls, "public.apps.localhost");
}

void browser_dial(struct link *l, const char *sni)
{
  struct stream *s;
  ck_assert_int_eq(stream_connect(cloud->net, &secure_at, browser_tls, sni, 5000, &link_stream_events, l, &s),
                   ERR_OK);
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

/* -- time
 * ---------------------------------------------------------------------------------------------------------------
 */

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
  uv_run(net_loop(cloud->net), UV_RUN_NOWAIT);
}

void pass_at_once(void)
{
  registry_sweep(cloud->registry, clock_mono_ns());
  /* What the sweep asked, and its answer, are a few turns away at most. */
  for (int i = 0; i < 4; i++)
    uv_run(net_loop(cloud->net), UV_RUN_NOWAIT);
}

void pass(int64_t seconds)
{
  clock_shift_mono_ms(1000 * seconds);
  struct inside *all[] = {&one, &two, &three};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (all[i]->link && tunnel_ping(link_tunnel(all[i]->link)) == ERR_OK) link_flush(all[i]->link);
  settle();
  websockets_sweep(cloud, clock_mono_ns());
  conn_sweep(cloud, clock_mono_ns());
  registry_sweep(cloud->registry, clock_mono_ns());
  settle();
}

/* The connector's end of the control conversation (hello.h), and requests as they arrive. */
#include "front_private.h"

#include "encode.h"
#include "roster.h"
#include "secret_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inside one, two, three;
static struct tls_ctx *tls; /* of who dialled last; a connection keeps what it needs of it */

/* -- certificates ---------------------------------------------------------------------------------------- */

static const char *certificate_of(const char *name)
{
  char file[100];
  snprintf(file, sizeof file, "%s.pem", name);
  return front_path(file);
}

/* In the place of the one before. */
static void store(const char *name, const struct buf *key, const struct buf *der)
{
  struct failure f;
  struct buf pem;
  buf_init(&pem, CSR_KEY_MAX + CERTIFICATE_MAX);
  ck_assert_int_eq(buf_append(&pem, key->data, key->len), ERR_OK);
  ck_assert_int_eq(certificate_join(der->data, der->len, key, name, &pem, &f), ERR_OK);
  ck_assert_int_eq(secret_file_write(certificate_of(name), pem.data, pem.len, &f), ERR_OK);
  buf_wipe(&pem);
}

void inside_enrol(const char *name)
{
  struct hello h;
  struct failure f = {0};
  struct buf key, der;
  char challenge[CHALLENGE_LEN + 1];
  hello_init(&h);
  buf_init(&key, CSR_KEY_MAX);
  buf_init(&der, CERTIFICATE_MAX);
  snprintf(h.name, sizeof h.name, "%s", name);
  snprintf(h.group, sizeof h.group, "%s", lab_connector_by_name(cloud->lab, name)->group);
  snprintf(h.tenant, sizeof h.tenant, "%s", front_lab_file->tenant);
  ck_assert_int_eq(roster_token(cloud->roster, name, NULL, h.token, &f), ERR_OK);
  ck_assert_int_eq(csr_challenge(h.token, challenge), ERR_OK);
  ck_assert_int_eq(csr_new(name, challenge, &key, &h.csr, &f), ERR_OK);
  ck_assert_int_eq(roster_register(cloud->roster, &h, &der, &f), ERR_OK);
  store(name, &key, &der);
  hello_clear(&h);
  buf_wipe(&key);
  buf_clear(&der);
}

/* -- what the cloud says --------------------------------------------------------------------------------- */

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
  snprintf(h.tenant, sizeof h.tenant, "%s", front_lab_file->tenant);
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

/* The head of an answer, and no more than that. */
static void break_off(struct inside *c, struct tunnel_stream *s)
{
  struct fields none;
  fields_init(&none, 1, 64);
  tunnel_stream_set_owner(s, c);
  ck_assert_int_eq(tunnel_respond(s, c->breaks_with, &none, false), ERR_OK);
  fields_clear(&none);
  link_finish(c->link, NULL);
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

/* -- requests -------------------------------------------------------------------------------------------- */

static void read_direction(struct inside *c)
{
  const char *text = fields_get(&c->fields, DIRECTION_FIELD);
  ck_assert_uint_eq(fields_count_of(&c->fields, DIRECTION_FIELD), 1);
  snprintf(c->kept, sizeof c->kept, "%s", text);
  ck_assert_int_eq(direction_read(c->kept, &c->direction), ERR_OK);
}

static void inside_request(struct tunnel *t, void *arg, struct tunnel_stream *s, const struct tunnel_head *h)
{
  (void)t;
  struct inside *c = arg;
  if (c->breaks_at && strcmp(h->path, c->breaks_at) == 0) {
    break_off(c, s);
    return;
  }
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
  read_direction(c);
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
  struct inside *c = owner;
  c->ended = true;
  c->trailers = fields_count(trailers);
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

/* -- the connection -------------------------------------------------------------------------------------- */

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

static void forget(struct inside *c)
{
  fields_clear(&c->fields);
  buf_clear(&c->body);
  buf_clear(&c->csr);
  buf_clear(&c->certificate);
  buf_wipe(&c->key);
}

void inside_forget(void)
{
  struct inside *all[] = {&one, &two, &three};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    forget(all[i]);
    *all[i] = (struct inside){0};
  }
  tls_ctx_free(tls);
  tls = NULL;
}

static void dial(struct inside *c, const char *name)
{
  struct stream *s;
  struct failure f;
  const char *pem = name ? certificate_of(name) : NULL;
  tls_ctx_free(tls);
  ck_assert_int_eq(tls_client_ctx_new(front_path("pki/ca.crt"), pem, pem, "h2", &tls, &f), ERR_OK);
  forget(c);
  fields_init(&c->fields, 200, 128 * 1024);
  buf_init(&c->csr, CSR_MAX);
  buf_init(&c->key, CSR_KEY_MAX);
  buf_init(&c->certificate, CERTIFICATE_MAX);
  c->refused[0] = 0;
  buf_init(&c->body, 64 * 1024 * 1024);
  ck_assert_int_eq(link_new(cloud->net, TUNNEL_CONNECTOR, &inside_link_events, &inside_events, c, &c->link),
                   ERR_OK);
  ck_assert_int_eq(stream_connect(cloud->net, &front_lab_file->cloud.tunnel_connect, tls, "tunnel.localhost",
                                  5000, &link_stream_events, c->link, &s),
                   ERR_OK);
}

void inside_begin(struct inside *c, const char *name)
{
  c->name = name;
  c->group = lab_connector_by_name(cloud->lab, name)->group;
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
  store(c->name, &c->key, &c->certificate);
  buf_reset(&c->certificate);
}

/* -- answers --------------------------------------------------------------------------------------------- */

void inside_answer(struct inside *c, int status, const char *name, const char *value, bool end)
{
  struct fields f;
  fields_init(&f, 4, 1024);
  if (name) ck_assert_int_eq(fields_set(&f, name, value), ERR_OK);
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

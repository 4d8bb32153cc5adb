/* The conversation with a connector on its tunnel, besides requests (hello.h): who it is, registration,
 * renewal, refusal. One thing is asked at a time. Signing and the store are for workers; a connection may be
 * gone when they are done. */
#include "registry_private.h"

#include "clock.h"
#include "encode.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define ASK_AGAIN_NS 60000000000LL /* for a renewal that came to nothing */

/* -- asking ---------------------------------------------------------------------------------------------- */

/* The callbacks of a connection that has gone ask for nothing more. */
enum err admit_request(struct connector *c, const char *method, const char *path, const struct fields *f,
                       bool end, void *owner, struct tunnel_stream **ret)
{
  if (!link_stream(c->link)) return ERR_CLOSED;
  return tunnel_request(link_tunnel(c->link), method, "connector", path, strlen(path), f, end, owner, ret);
}

/* field NULL: none. */
static enum err request(struct connector *c, const char *path, const char *field, const char *value,
                        void *owner, struct tunnel_stream **ret)
{
  struct fields f;
  fields_init(&f, 1, 2 * CERTIFICATE_MAX);
  enum err e = field ? fields_add(&f, field, value) : ERR_OK;
  if (!e) e = admit_request(c, "GET", path, &f, true, owner, ret);
  fields_clear(&f);
  return e;
}

static const struct up_ops control_ops;

/* answered: when it said 2xx; unanswered: in all other cases. */
static void ask(struct connector *c, const char *path, const char *field, const char *value,
                void (*answered)(struct connector *c),
                void (*unanswered)(struct connector *c, const struct failure *f))
{
  struct tunnel_stream *s;
  struct failure why;
  buf_reset(&c->answer);
  c->up.ops = &control_ops;
  c->answered = answered;
  c->unanswered = unanswered;
  enum err e = request(c, path, field, value, &c->up, &s);
  if (e) {
    failure_set(&why, e, "%s could not be sent", path);
    unanswered(c, &why);
  }
}

static void control_response(struct up *u, struct tunnel_stream *s, const struct tunnel_head *h)
{
  struct connector *c = (struct connector *)u;
  struct failure f;
  if (h->status / 100 <= 2) return;
  const char *why = fields_get(h->fields, CONTROL_WHY);
  failure_set(&f, ERR_TUNNEL_REFUSED, "it answered %d: %.200s", h->status, why ? why : "no reason given");
  tunnel_stream_detach(s);
  c->unanswered(c, &f);
}

static void control_data(struct up *u, struct tunnel_stream *s, const uint8_t *data, size_t n)
{
  struct connector *c = (struct connector *)u;
  struct failure f;
  tunnel_stream_consume(s, n);
  if (buf_append(&c->answer, data, n) == ERR_OK) return;
  failure_set(&f, ERR_TUNNEL_REFUSED, "its answer is too long");
  tunnel_stream_reset(s, TUNNEL_CANCEL);
  c->unanswered(c, &f);
}

static void control_end(struct up *u, const struct fields *trailers)
{
  (void)trailers;
  struct connector *c = (struct connector *)u;
  void (*answered)(struct connector *) = c->answered;
  c->answered = NULL;
  if (answered) answered(c);
}

static void control_close(struct up *u, const struct failure *f)
{
  struct connector *c = (struct connector *)u;
  /* With the whole connection gone, its own end tells. */
  if (c->answered && f->err && link_stream(c->link)) c->unanswered(c, f);
}

static const struct up_ops control_ops = {control_response, control_data, control_end, NULL, control_close};

/* -- refusing -------------------------------------------------------------------------------------------- */

static enum err tell_refusal(struct connector *c, const struct failure *why)
{
  struct fields f;
  struct tunnel_stream *s;
  fields_init(&f, 2, 1024);
  enum err e = fields_add(&f, CONTROL_ERROR, err_info(why->err)->name);
  if (!e) e = fields_add(&f, CONTROL_WHY, why->why);
  if (!e) e = admit_request(c, "GET", CONTROL_REFUSED, &f, true, NULL, &s);
  if (!e) tunnel_stream_detach(s);
  fields_clear(&f);
  return e;
}

void admit_refuse(struct connector *c, const struct failure *why)
{
  struct failure all;
  if (c->refused) return;
  connector_set_ready(c, false);
  c->refused = true;
  failure_set(&all, why->err, "%s (from %s)", why->why, c->from);
  log_failure(LOG_WARN, NULL, &all);
  if (tell_refusal(c, why) == ERR_OK)
    link_finish(c->link, why);
  else
    link_close(c->link, why);
}

/* -- enrolment: a worker's job --------------------------------------------------------------------------- */

struct enrolment {
  struct connector *c; /* NULL: its connection is gone */
  struct roster *roster;
  struct hello hello;     /* a registration's */
  struct certificate old; /* a renewal's */
  char challenge[CHALLENGE_LEN + 1];
  struct buf csr, certificate;
  enum err err;
  struct failure failure;
};

static void enrol_run(void *arg)
{
  struct enrolment *j = arg;
  j->err = j->old.serial[0] ? roster_renew(j->roster, &j->old, j->challenge, j->csr.data, j->csr.len,
                                           &j->certificate, &j->failure)
                            : roster_register(j->roster, &j->hello, &j->certificate, &j->failure);
}

static void enrolment_free(struct enrolment *j)
{
  hello_clear(&j->hello);
  buf_clear(&j->csr);
  buf_clear(&j->certificate);
  free(j);
}

static struct enrolment *enrolment_new(struct connector *c)
{
  struct enrolment *j = calloc(1, sizeof *j);
  if (!j) return NULL;
  j->c = c;
  j->roster = c->r->cloud->roster;
  hello_init(&j->hello);
  buf_init(&j->csr, CSR_MAX);
  buf_init(&j->certificate, CERTIFICATE_MAX);
  return j;
}

static void enrol_done(void *arg);

static void enrol(struct connector *c, struct enrolment *j)
{
  struct failure f;
  c->job = j;
  if (j && net_work(c->r->cloud->net, enrol_run, enrol_done, j) == ERR_OK) return;
  failure_set(&f, ERR_NOMEM, "no memory for an enrolment");
  c->unanswered(c, &f);
  c->job = NULL;
  if (j) enrolment_free(j);
}

/* What the connector does with it, it shows by dialling with it. */
static void certificate_taken(struct connector *c)
{
  if (c->certificate.serial[0])
    log_info("connector %s has a new certificate in the place of its old one", c->name);
  else
    link_finish(c->link, NULL);
}

static void give_certificate(struct connector *c, const struct enrolment *j)
{
  struct buf text;
  struct failure f;
  buf_init(&text, 2 * CERTIFICATE_MAX);
  if (base64_encode(&text, j->certificate.data, j->certificate.len)) {
    failure_set(&f, ERR_NOMEM, "no memory for a certificate");
    c->unanswered(c, &f);
  } else {
    ask(c, CONTROL_CERTIFICATE, CONTROL_DER, buf_str(&text), certificate_taken, c->unanswered);
  }
  buf_clear(&text);
}

static void enrol_done(void *arg)
{
  struct enrolment *j = arg;
  struct connector *c = j->c;
  if (!j->err && !j->old.serial[0])
    log_info("connector %s of group %s is registered", j->hello.name, j->hello.group);
  if (c) c->job = NULL;
  if (c && j->err)
    c->unanswered(c, &j->failure);
  else if (c)
    give_certificate(c, j);
  if (c) link_flush(c->link);
  enrolment_free(j);
}

void admit_forget(struct connector *c)
{
  if (c->job) c->job->c = NULL;
  c->job = NULL;
}

/* -- renewal --------------------------------------------------------------------------------------------- */

static void renewal_failed(struct connector *c, const struct failure *f)
{
  log_warn("the certificate of connector %s could not be renewed: %s", c->name, f->why);
}

static void renewal_asked(struct connector *c)
{
  struct enrolment *j = enrolment_new(c);
  if (j) {
    j->old = c->certificate;
    memcpy(j->challenge, c->challenge, sizeof j->challenge);
    if (buf_append(&j->csr, c->answer.data, c->answer.len))
      buf_reset(&j->csr); /* too long: refused as malformed */
  }
  enrol(c, j);
}

void admit_renew(struct connector *c)
{
  uint8_t nonce[32];
  struct buf text;
  c->ask_again_ns = clock_mono_ns() + ASK_AGAIN_NS;
  random_bytes(nonce, sizeof nonce);
  buf_init(&text, sizeof c->challenge);
  if (base64url_encode(&text, nonce, sizeof nonce) == ERR_OK) {
    memcpy(c->challenge, buf_str(&text), sizeof c->challenge);
    ask(c, CONTROL_RENEW, CONTROL_CHALLENGE, c->challenge, renewal_asked, renewal_failed);
    link_flush(c->link);
  }
  buf_clear(&text);
}

/* -- hello ----------------------------------------------------------------------------------------------- */

static bool fits(const struct hello *h, const struct certificate *c, struct failure *f)
{
  if (strcmp(h->name, c->name) != 0)
    failure_set(f, ERR_TUNNEL_REFUSED, "hello names %s, the certificate %s", h->name, c->name);
  else if (strcmp(h->group, c->group) != 0)
    failure_set(f, ERR_CONNECTOR_GROUP, "%s says group \"%s\", its certificate \"%s\"", c->name, h->group,
                c->group);
  else if (strcmp(h->tenant, c->tenant) != 0)
    failure_set(f, ERR_CONNECTOR_TENANT, "%s says tenant \"%s\", its certificate \"%s\"", c->name, h->tenant,
                c->tenant);
  else if (h->token[0])
    failure_set(f, ERR_TUNNEL_REFUSED, "%s sent a token with a certificate", c->name);
  else
    return true;
  return false;
}

static void not_admitted(struct connector *c, const struct failure *f)
{
  admit_refuse(c, f);
}

/* From now on requests may come: what is ready to take them may replace another connection. Nobody waits for
 * the answer. */
void admit_welcome(struct connector *c)
{
  struct tunnel_stream *s;
  struct failure f;
  if (request(c, CONTROL_WELCOME, NULL, NULL, NULL, &s)) {
    failure_set(&f, ERR_TUNNEL_REFUSED, "welcome could not be sent");
    admit_refuse(c, &f);
    return;
  }
  tunnel_stream_detach(s);
  connector_set_ready(c, true);
  log_info("connector %s of group %s is ready, from %s", c->name, c->certificate.group,
           c->from);
}

bool admit_purge(struct connector *c, const char *upn)
{
  struct tunnel_stream *s;
  if (request(c, CONTROL_PURGE, CONTROL_USER, upn, NULL, &s)) return false;
  tunnel_stream_detach(s);
  link_flush(c->link);
  return true;
}

static void register_it(struct connector *c, struct hello *h)
{
  struct failure f;
  struct enrolment *j = h->token[0] ? enrolment_new(c) : NULL;
  if (!h->token[0]) {
    failure_set(&f, ERR_TUNNEL_REFUSED, "%s came without a certificate and without a token", h->name);
    admit_refuse(c, &f);
    return;
  }
  if (j) { /* the token moves; one copy of it is enough */
    struct hello empty = j->hello;
    j->hello = *h;
    *h = empty;
  }
  enrol(c, j);
}

/* Who it is, is clear; now what it serves. */
static void begin_configuration(struct connector *c)
{
  c->known = true;
  configure_connector(c);
}

static void hello_answered(struct connector *c)
{
  struct hello h;
  struct failure f = {0};
  hello_init(&h);
  enum err e = hello_read(buf_str(&c->answer), c->answer.len, &h, &f);
  buf_wipe(&c->answer);
  memcpy(c->version, h.version, sizeof c->version);
  if (e || (c->name && !fits(&h, &c->certificate, &f)))
    admit_refuse(c, &f);
  else if (c->name)
    begin_configuration(c);
  else
    register_it(c, &h);
  hello_clear(&h);
}

void admit_begin(struct connector *c)
{
  struct failure f = {0};
  if (c->certificate.serial[0]) {
    if (roster_admit(c->r->cloud->roster, &c->certificate, &f) || connector_join(c, &f)) {
      if (f.err != ERR_AGAIN) {
        admit_refuse(c, &f);
      } else { /* there will be room: it is told nothing that would end it, and dials again */
        log_failure(LOG_WARN, NULL, &f);
        link_close(c->link, &f);
      }
      return;
    }
  }
  ask(c, CONTROL_HELLO, NULL, NULL, hello_answered, not_admitted);
}

/* -- tunnel events go to whoever owns the stream --------------------------------------------------------- */

static void on_response(struct tunnel_stream *s, void *owner, const struct tunnel_head *h)
{
  struct up *u = owner;
  u->ops->on_response(u, s, h);
}

static void on_data(struct tunnel_stream *s, void *owner, const uint8_t *data, size_t n)
{
  struct up *u = owner;
  u->ops->on_data(u, s, data, n);
}

static void on_end(struct tunnel_stream *s, void *owner, const struct fields *trailers)
{
  (void)s;
  struct up *u = owner;
  u->ops->on_end(u, trailers);
}

static void on_writable(struct tunnel_stream *s, void *owner)
{
  (void)s;
  struct up *u = owner;
  if (u->ops->on_writable) u->ops->on_writable(u);
}

static void on_stream_close(struct tunnel_stream *s, void *owner, const struct failure *f)
{
  (void)s;
  struct up *u = owner;
  u->ops->on_close(u, f);
}

static void on_goaway(struct tunnel *t, void *arg)
{
  (void)t;
  struct connector *c = arg;
  connector_set_ready(c, false);
  c->leaving = true;
  configure_check(c->r);
  if (c->name) log_info("connector %s is leaving; what it works on is finished first", c->name);
}

const struct tunnel_events admit_tunnel_events = {
    .on_response = on_response,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_stream_close,
    .on_goaway = on_goaway,
};

/* What the cloud asks a connector besides requests (hello.h), on any of its tunnels: each is answered at
 * once, but for the configuration, which has a body (configure.h). Only writing a certificate to disk is for
 * a worker. */
#include "clock.h"
#include "dial_private.h"
#include "direction.h"
#include "encode.h"
#include "hello.h"
#include "identity.h"
#include "request.h"

#include <stdlib.h>
#include <string.h>

static void answer(struct tunnel_stream *s, enum err e, const char *type, const struct buf *body)
{
  struct fields f;
  fields_init(&f, 4, 256);
  if (!e) e = fields_add(&f, "content-type", type);
  if (!e) e = tunnel_respond(s, 200, &f, false);
  if (!e) e = tunnel_stream_write(s, body->data, body->len);
  if (!e) e = tunnel_stream_end(s, NULL);
  if (e)
    tunnel_stream_reset(s, TUNNEL_FAILED);
  else
    tunnel_stream_detach(s);
  fields_clear(&f);
}

static void acknowledge(struct tunnel_stream *s)
{
  struct fields none;
  fields_init(&none, 1, 64);
  if (tunnel_respond(s, 204, &none, true))
    tunnel_stream_reset(s, TUNNEL_FAILED);
  else
    tunnel_stream_detach(s);
  fields_clear(&none);
}

static void refuse(struct tunnel_stream *s, const struct failure *why)
{
  struct fields f;
  fields_init(&f, 1, 1024);
  if (fields_add(&f, CONTROL_WHY, why->why) || tunnel_respond(s, 400, &f, true))
    tunnel_stream_reset(s, TUNNEL_FAILED);
  else
    tunnel_stream_detach(s);
  fields_clear(&f);
}

static void hello(struct line *l, struct tunnel_stream *s)
{
  struct buf text;
  struct failure f = {0};
  buf_init(&text, HELLO_MAX);
  enum err e = identity_hello(l->d->c->identity, l->registers, &text, &f);
  if (e) log_failure(LOG_ERROR, NULL, &f);
  answer(s, e, "application/json", &text);
  buf_wipe(&text);
}

static void renew(struct line *l, struct tunnel_stream *s, const char *challenge)
{
  struct buf csr;
  struct failure f = {0};
  buf_init(&csr, CSR_MAX);
  enum err e = challenge && !l->registers && !l->d->storing
                   ? identity_renew(l->d->c->identity, challenge, &csr, &f)
                   : failure_set(&f, ERR_AGAIN, "another certificate is on its way already");
  if (e)
    refuse(s, &f);
  else
    answer(s, ERR_OK, "application/pkcs10", &csr);
  buf_clear(&csr);
}

/* -- the certificate ------------------------------------------------------------------------------------- */

struct storing {
  struct dialer *d;
  struct failure failure;
};

static void store_run(void *arg)
{
  struct storing *j = arg;
  (void)!identity_store(j->d->c->identity, &j->failure); /* j->failure tells */
}

static void store_done(void *arg)
{
  struct storing *j = arg;
  j->d->storing = false;
  if (j->failure.err) log_failure(LOG_ERROR, NULL, &j->failure);
  dialer_stored(j->d, !j->failure.err);
  free(j);
}

static enum err store(struct dialer *d, struct failure *f)
{
  struct storing *j = calloc(1, sizeof *j);
  if (j) j->d = d;
  if (!j || net_work(d->c->net, store_run, store_done, j)) {
    free(j);
    return failure_set(f, ERR_NOMEM, "no memory to store a certificate");
  }
  d->storing = true;
  return ERR_OK;
}

static void take_certificate(struct line *l, struct tunnel_stream *s, const char *text)
{
  struct buf der;
  struct failure f = {0};
  buf_init(&der, CERTIFICATE_MAX);
  enum err e = text && !l->d->storing && base64_decode(&der, text, strlen(text)) == ERR_OK
                   ? identity_accept(l->d->c->identity, der.data, der.len, &f)
                   : failure_set(&f, ERR_CONNECTOR_CERTIFICATE, "it cannot be read");
  if (!e) e = store(l->d, &f);
  if (e) {
    log_failure(LOG_ERROR, NULL, &f);
    refuse(s, &f);
  } else {
    acknowledge(s);
  }
  buf_clear(&der);
}

/* The cloud's words come from outside: only an error that we know is believed. */
static void refused(struct line *l, const char *name, const char *why)
{
  struct failure f;
  enum err e = name ? err_by_name(name) : ERR_OK;
  failure_set(&f, e ? e : ERR_TUNNEL_REFUSED, "the cloud says: %s", why ? why : "no reason given");
  line_refused(l, &f);
}

static void purge(struct line *l, struct tunnel_stream *s, const char *upn)
{
  struct failure f = {0};
  if (upn && *upn) {
    log_info("the cloud took something from a user; tickets purged: %zu", step4_purge(l->d->c, upn));
    acknowledge(s);
  } else {
    failure_set(&f, ERR_TUNNEL_PROTOCOL, "purge names nobody");
    refuse(s, &f);
  }
}

bool control_answer(struct line *l, struct tunnel_stream *s, const struct tunnel_head *h)
{
  if (fields_get(h->fields, DIRECTION_FIELD)) return false;
  if (strcmp(h->path, CONTROL_HELLO) == 0) {
    hello(l, s);
  } else if (strcmp(h->path, CONTROL_RENEW) == 0) {
    renew(l, s, fields_get(h->fields, CONTROL_CHALLENGE));
  } else if (strcmp(h->path, CONTROL_CERTIFICATE) == 0) {
    take_certificate(l, s, fields_get(h->fields, CONTROL_DER));
  } else if (strcmp(h->path, CONTROL_CONFIGURATION) == 0 && strcmp(h->method, "PUT") == 0) {
    configure_begin(&l->known, l->link, s, h);
  } else if (strcmp(h->path, CONTROL_WELCOME) == 0) {
    acknowledge(s);
    line_welcomed(l);
  } else if (strcmp(h->path, CONTROL_PURGE) == 0) {
    purge(l, s, fields_get(h->fields, CONTROL_USER));
  } else if (strcmp(h->path, CONTROL_REFUSED) == 0) {
    refused(l, fields_get(h->fields, CONTROL_ERROR), fields_get(h->fields, CONTROL_WHY));
    acknowledge(s);
  } else {
    return false;
  }
  return true;
}

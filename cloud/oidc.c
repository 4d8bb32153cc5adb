#include "oidc.h"

#include "clock.h"
#include "encode.h"
#include "fetch.h"
#include "form.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_PAUSE_NS 5000000000LL
#define RETRY_FIRST_MS   20
#define RETRY_MAX_MS     1000
#define DOCUMENT_MAX     (256 * 1024)
#define TURN_NS          5000000000LL /* that a code waits for its turn at most; a worker then takes as long */

struct waiter {
  void (*done)(void *arg, bool fetched);
  void *arg;
  struct waiter *next;
};

struct metadata {
  char *authorization_endpoint, *token_endpoint, *jwks_uri;
  bool iss_parameter;
};

struct exchange_job;

struct oidc {
  struct cloud *cloud;
  void (*on_ready)(struct cloud *c);
  char issuer[512], connect_to[512], ca[4096 + 128];
  struct metadata metadata;
  struct jwks *keys;
  uv_timer_t retry;
  unsigned retry_ms;
  bool fetching, ready, stopped;
  int64_t refreshed_ns; /* when a token last made us ask again; 0: never */
  struct waiter *waiters;
  struct exchange_job *first, *last; /* that wait for their turn, n_waiting of them */
  size_t n_waiting, n_exchanged;     /* n_exchanged: those that are with a worker */
};

/* One fetch of metadata (unless known) and keys, on a worker; the loop takes the results over. */
struct job {
  struct oidc *o;
  struct metadata metadata;
  struct jwks *keys;
  struct failure failure;
};

static void metadata_clear(struct metadata *m)
{
  free(m->authorization_endpoint);
  free(m->token_endpoint);
  free(m->jwks_uri);
  *m = (struct metadata){0};
}

static enum err get(const struct oidc *o, const char *url, struct buf *out, struct failure *f)
{
  long status = 0;
  struct fetch q = {.url = url, .ca = o->ca, .connect_to = o->connect_to[0] ? o->connect_to : NULL};
  enum err e = fetch(&q, &status, out, f);
  if (!e && status != 200) e = failure_set(f, ERR_IDP_UNREACHABLE, "%s answered %ld", url, status);
  return e;
}

/* An https URL from the document, copied; NULL when absent or not https (OP-03). */
static char *https_member(const json_t *doc, const char *name)
{
  const char *text = json_string_value(json_object_get(doc, name));
  return text && strncmp(text, "https://", 8) == 0 ? strdup(text) : NULL;
}

static enum err read_metadata(struct job *j, const struct buf *text)
{
  json_error_t error;
  json_t *doc = json_loadb(buf_str(text), text->len, JSON_REJECT_DUPLICATES, &error);
  const char *issuer = json_string_value(json_object_get(doc, "issuer"));
  enum err e = ERR_OK;
  if (!doc)
    e = failure_set(&j->failure, ERR_IDP_UNREACHABLE, "the metadata are no JSON: %s", error.text);
  else if (!issuer || strcmp(issuer, j->o->issuer) != 0) /* RFC 8414 3.3 */
    e = failure_set(&j->failure, ERR_IDP_UNREACHABLE, "the metadata name the issuer %s, not %s",
                    issuer ? issuer : "(none)", j->o->issuer);
  if (!e) {
    j->metadata.authorization_endpoint = https_member(doc, "authorization_endpoint");
    j->metadata.token_endpoint = https_member(doc, "token_endpoint");
    j->metadata.jwks_uri = https_member(doc, "jwks_uri");
    j->metadata.iss_parameter =
        json_is_true(json_object_get(doc, "authorization_response_iss_parameter_supported"));
    if (!j->metadata.authorization_endpoint || !j->metadata.token_endpoint || !j->metadata.jwks_uri)
      e = failure_set(&j->failure, ERR_IDP_UNREACHABLE, "the metadata lack an https endpoint");
  }
  json_decref(doc);
  return e;
}

static void job_run(void *arg)
{
  struct job *j = arg;
  struct buf text;
  char url[600];
  buf_init(&text, DOCUMENT_MAX);
  snprintf(url, sizeof url, "%s/.well-known/openid-configuration", j->o->issuer);
  enum err e = get(j->o, url, &text, &j->failure);
  if (!e) e = read_metadata(j, &text);
  buf_reset(&text);
  if (!e) e = get(j->o, j->metadata.jwks_uri, &text, &j->failure);
  if (!e) e = jwks_parse(buf_str(&text), text.len, &j->keys, &j->failure);
  if (e && !j->failure.err) failure_set(&j->failure, e, "no memory");
  buf_clear(&text);
}

static void start_fetch(struct oidc *o);

static void retry(uv_timer_t *timer)
{
  start_fetch(timer->data);
}

static void tell_waiters(struct oidc *o, bool fetched)
{
  struct waiter *w = o->waiters;
  o->waiters = NULL;
  while (w) {
    struct waiter *next = w->next;
    w->done(w->arg, fetched);
    free(w);
    w = next;
  }
}

static void job_done(void *arg)
{
  struct job *j = arg;
  struct oidc *o = j->o;
  bool ok = j->keys != NULL;
  o->fetching = false;
  if (ok) {
    metadata_clear(&o->metadata);
    jwks_free(o->keys);
    o->metadata = j->metadata;
    o->keys = j->keys;
    atomic_store(&o->cloud->counters.keys_loaded, true);
  } else {
    metadata_clear(&j->metadata);
    if (!o->stopped && !o->ready) {
      if (o->retry_ms >= RETRY_MAX_MS) log_warn("the identity provider cannot be read: %s", j->failure.why);
      uv_timer_start(&o->retry, retry, o->retry_ms, 0);
      o->retry_ms = o->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : o->retry_ms * 2;
    }
  }
  tell_waiters(o, ok);
  if (ok && !o->ready) {
    o->ready = true;
    o->on_ready(o->cloud);
  }
  free(j);
}

static void start_fetch(struct oidc *o)
{
  struct job *j = calloc(1, sizeof *j);
  if (j) j->o = o;
  if (!j || net_work(o->cloud->net, job_run, job_done, j)) {
    free(j);
    tell_waiters(o, false);
    return;
  }
  o->fetching = true;
}

enum err oidc_new(struct cloud *c, void (*on_ready)(struct cloud *c), struct oidc **ret, struct failure *f)
{
  const struct lab_url *issuer = &c->lab->idp.issuer;
  const struct lab_addr *at = &c->lab->idp.connect;
  struct oidc *o = calloc(1, sizeof *o);
  if (!o) return failure_set(f, ERR_NOMEM, "no memory");
  o->cloud = c;
  o->on_ready = on_ready;
  o->retry_ms = RETRY_FIRST_MS;
  snprintf(o->issuer, sizeof o->issuer, "%s", issuer->text);
  snprintf(o->connect_to, sizeof o->connect_to, "%s:%u:%s:%u", issuer->host, issuer->port, at->host,
           at->port);
  actor_path(c->actor, o->ca, "pki/ca.crt");
  uv_timer_init(net_loop(c->net), &o->retry);
  o->retry.data = o;
  start_fetch(o);
  *ret = o;
  return ERR_OK;
}

void oidc_free(struct oidc *o)
{
  if (!o) return;
  metadata_clear(&o->metadata);
  jwks_free(o->keys);
  free(o);
}

const char *oidc_authorization_endpoint(const struct oidc *o)
{
  return o->metadata.authorization_endpoint;
}

bool oidc_iss_parameter_supported(const struct oidc *o)
{
  return o->metadata.iss_parameter;
}

const struct jwks *oidc_keys(const struct oidc *o)
{
  return o->keys;
}

void oidc_refresh(struct oidc *o, void (*done)(void *arg, bool fetched), void *arg)
{
  struct waiter *w;
  bool too_soon = o->refreshed_ns && clock_mono_ns() - o->refreshed_ns < REFRESH_PAUSE_NS;
  if (o->stopped || (too_soon && !o->fetching) || !(w = calloc(1, sizeof *w))) {
    done(arg, false);
    return;
  }
  *w = (struct waiter){.done = done, .arg = arg, .next = o->waiters};
  o->waiters = w;
  if (o->fetching) return;
  o->refreshed_ns = clock_mono_ns(); /* one that fails counts too: a provider in trouble needs no flood */
  start_fetch(o);
}

/* -- authorization code ---------------------------------------------------------------------------------- */

struct exchange_job {
  struct oidc *o;
  char *token_endpoint;
  struct buf form, user, password;
  char traceparent[TRACEPARENT_LEN + 1];
  char *id_token;
  struct failure failure;
  void (*done)(void *arg, const char *id_token, const struct failure *f);
  void *arg;
  int64_t until_ns; /* for its turn to come */
  struct exchange_job *next;
};

static void exchange_run(void *arg)
{
  struct exchange_job *j = arg;
  struct buf text;
  long status = 0;
  buf_init(&text, DOCUMENT_MAX);
  struct fetch q = {.url = j->token_endpoint,
                    .ca = j->o->ca,
                    .connect_to = j->o->connect_to[0] ? j->o->connect_to : NULL,
                    .form = buf_str(&j->form),
                    .traceparent = j->traceparent,
                    .user = j->user.len ? buf_str(&j->user) : NULL,
                    .password = buf_str(&j->password)};
  enum err e = fetch(&q, &status, &text, &j->failure);
  json_t *doc = e ? NULL : json_loadb(buf_str(&text), text.len, JSON_REJECT_DUPLICATES, NULL);
  const char *id_token = json_string_value(json_object_get(doc, "id_token"));
  if (e) {
    /* told already */
  } else if (status != 200) {
    const char *error = json_string_value(json_object_get(doc, "error"));
    failure_set(&j->failure, ERR_CODE_EXCHANGE, "the token endpoint answered %ld %s", status,
                error ? error : "");
  } else if (!id_token || !(j->id_token = strdup(id_token))) {
    failure_set(&j->failure, ERR_CODE_EXCHANGE, "the token response has no id_token");
  }
  json_decref(doc);
  buf_wipe(&text);
}

static void exchange_job_free(struct exchange_job *j)
{
  if (j->id_token) explicit_bzero(j->id_token, strlen(j->id_token));
  free(j->id_token);
  free(j->token_endpoint);
  buf_wipe(&j->form);
  buf_wipe(&j->user);
  buf_wipe(&j->password);
  free(j);
}

static void exchange_done(void *arg);

static enum err start_exchange(struct exchange_job *j)
{
  enum err e = net_work(j->o->cloud->net, exchange_run, exchange_done, j);
  if (!e) j->o->n_exchanged++;
  return e;
}

static void wait_for_turn(struct exchange_job *j)
{
  struct oidc *o = j->o;
  j->until_ns = clock_mono_ns() + TURN_NS;
  if (o->last)
    o->last->next = j;
  else
    o->first = j;
  o->last = j;
  o->n_waiting++;
}

static struct exchange_job *take_first(struct oidc *o)
{
  struct exchange_job *j = o->first;
  o->first = j->next;
  if (!o->first) o->last = NULL;
  o->n_waiting--;
  return j;
}

static void give_up(struct exchange_job *j, enum err e, const char *why)
{
  failure_set(&j->failure, e, "%s", why);
  j->done(j->arg, NULL, &j->failure);
  exchange_job_free(j);
}

static void next_turns(struct oidc *o)
{
  while (o->first && !o->stopped && o->n_exchanged < OIDC_CODES_AT_ONCE) {
    struct exchange_job *j = take_first(o);
    if (start_exchange(j)) give_up(j, ERR_NOMEM, "no memory for a worker");
  }
}

static void exchange_done(void *arg)
{
  struct exchange_job *j = arg;
  j->o->n_exchanged--;
  next_turns(j->o);
  j->done(j->arg, j->id_token, &j->failure);
  exchange_job_free(j);
}

void oidc_sweep(struct oidc *o, int64_t now_ns)
{
  while (o->first && now_ns >= o->first->until_ns)
    give_up(take_first(o), ERR_CODES_WAITING, "its turn to be exchanged did not come in time");
}

void oidc_stop(struct oidc *o)
{
  if (!o || o->stopped) return;
  o->stopped = true;
  uv_close((uv_handle_t *)&o->retry, NULL);
  while (o->first)
    give_up(take_first(o), ERR_CLOSED, "the cloud stops");
}

enum err oidc_exchange(struct oidc *o, const struct lab_app *app, const char *code, const char *verifier,
                       const char *redirect_uri, const struct trace_ctx *ctx,
                       void (*done)(void *arg, const char *id_token, const struct failure *f), void *arg)
{
  if (o->stopped) return ERR_CLOSED;
  if (o->n_waiting >= OIDC_CODES_WAITING) return ERR_CODES_WAITING;
  struct exchange_job *j = calloc(1, sizeof *j);
  if (!j) return ERR_NOMEM;
  *j = (struct exchange_job){.o = o, .done = done, .arg = arg};
  trace_ctx_format(ctx, j->traceparent);
  buf_init(&j->form, 16384);
  buf_init(&j->user, 1024);
  buf_init(&j->password, 1024);
  j->token_endpoint = o->metadata.token_endpoint ? strdup(o->metadata.token_endpoint) : NULL;
  enum err e = j->token_endpoint ? ERR_OK : ERR_IDP_UNREACHABLE;
  if (!e) e = form_add(&j->form, "grant_type", "authorization_code");
  if (!e) e = form_add(&j->form, "code", code);
  if (!e) e = form_add(&j->form, "redirect_uri", redirect_uri);
  if (!e) e = form_add(&j->form, "code_verifier", verifier);
  if (!e && !app->client_secret) e = form_add(&j->form, "client_id", app->name);
  if (!e && app->client_secret) {
    /* RFC 6749 2.3.1: form-encoded before Basic joins them. */
    e = percent_encode(&j->user, app->name, strlen(app->name));
    if (!e) e = percent_encode(&j->password, app->client_secret, strlen(app->client_secret));
  }
  if (!e && o->n_exchanged < OIDC_CODES_AT_ONCE)
    e = start_exchange(j);
  else if (!e)
    wait_for_turn(j);
  if (e) exchange_job_free(j);
  return e;
}

void oidc_expect_login(const struct lab *lab, const struct lab_app *app, struct token_expect *x)
{
  x->other_upn_suffix = lab->partner.realm ? lab->partner.upn_suffix : NULL;
  x->any_upn_suffix = app->login != LOGIN_UPN;
  switch (app->login) {
  case LOGIN_ON_PREMISES_UPN:
  case LOGIN_ON_PREMISES_UPN_USERNAME:
    x->login = TOKEN_LOGIN_ON_PREMISES_UPN;
    break;
  case LOGIN_SAM_ACCOUNT_NAME:
    x->login = TOKEN_LOGIN_SAM_ACCOUNT_NAME;
    break;
  default:
    x->login = TOKEN_LOGIN_UPN;
  }
}

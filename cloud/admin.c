#include "admin.h"

#include "cloud.h"
#include "form.h"
#include "registry.h"
#include "reload.h"
#include "revocation.h"
#include "roster.h"
#include "rotate.h"
#include "seal.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void answer_json(struct httpd_response *r, int status, json_t *doc)
{
  char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
  if (!text || httpd_text(r, status, "application/json", text) || buf_putc(&r->body, '\n')) r->status = 500;
  if (text) OPENSSL_cleanse(text, strlen(text));
  free(text);
  json_decref(doc);
}

static void answer_failure(struct httpd_response *r, const struct failure *f)
{
  const struct err_info *info = err_info(f->err);
  answer_json(r, info->http_status ? info->http_status : 500,
              json_pack("{s:s,s:s,s:s,s:s}", "error", info->name, "what", info->what, "why", f->why, "fix",
                        info->fix));
}

/* NAME of /connectors/NAME/VERB. */
static bool read_name(const struct httpd_request *q, const char *verb, char name[CONNECTOR_NAME_MAX + 1])
{
  const char *from = q->path + strlen("/connectors/"), *to = strchr(from, '/');
  if (!to || strcmp(to + 1, verb) != 0 || (size_t)(to - from) > CONNECTOR_NAME_MAX) return false;
  memcpy(name, from, (size_t)(to - from));
  name[to - from] = 0;
  return true;
}

static void list(const struct httpd_request *q, struct httpd_response *r)
{
  const struct cloud *c = q->arg;
  if (httpd_text(r, 200, "application/json", "") || roster_json(c->roster, &r->body)) r->status = 500;
}

static void give_token(const struct cloud *c, const char *name, const char *query, struct httpd_response *r)
{
  struct failure f = {0};
  char token[TOKEN_LEN + 1];
  const char *group = strncmp(query, "group=", 6) == 0 ? query + 6 : NULL;
  if (*query && !group) {
    failure_set(&f, ERR_SYNTAX, "the query may be group=NAME only");
    answer_failure(r, &f);
  } else if (roster_token(c->roster, name, group, token, &f)) {
    answer_failure(r, &f);
  } else {
    log_info("a registration token for connector %s was issued", name);
    answer_json(r, 200, json_pack("{s:s}", "token", token));
    OPENSSL_cleanse(token, sizeof token);
  }
}

static void revoke_connector(const struct cloud *c, const char *name, struct httpd_response *r)
{
  struct failure f = {0};
  enum err e = roster_revoke(c->roster, name, &f);
  registry_wake(c->registry);
  if (e) {
    answer_failure(r, &f);
    return;
  }
  log_info("connector %s is revoked", name);
  r->status = 204;
}

static void check(const struct httpd_request *q, const char *name, struct httpd_response *r)
{
  const struct cloud *c = q->arg;
  struct failure f = {0};
  if (roster_check(c->roster, name, q->body, q->body_len, &f))
    answer_failure(r, &f);
  else
    r->status = 204;
}

static void change(const struct httpd_request *q, struct httpd_response *r)
{
  char name[CONNECTOR_NAME_MAX + 1];
  struct failure f;
  if (read_name(q, "token", name)) {
    give_token(q->arg, name, q->query, r);
  } else if (read_name(q, "revoke", name)) {
    revoke_connector(q->arg, name, r);
  } else if (read_name(q, "check", name)) {
    check(q, name, r);
  } else {
    failure_set(&f, ERR_NOT_FOUND, "%.200s", q->path);
    answer_failure(r, &f);
  }
}

/* -- users ----------------------------------------------------------------------------------------------- */

struct ending {
  struct cloud *c;
  char upn[256];
  struct net_call *call;
  enum err e;
  size_t told;
};

static void ending_stored(void *arg, enum err e)
{
  struct ending *x = arg;
  x->e = e;
  net_call_end(x->c->net, x->call);
}

static void ending_begin(void *arg, struct net_call *call)
{
  struct ending *x = arg;
  x->call = call;
  x->told = revoke_user(x->c, x->upn, ending_stored, x);
}

static bool read_user(const char *query, char upn[static 256])
{
  struct fields parameters;
  const char *value;
  fields_init(&parameters, 2, 1024);
  bool ok = form_parse(&parameters, query, strlen(query)) == ERR_OK &&
            form_get(&parameters, "user", &value) == ERR_OK && strlen(value) < 256 &&
            http_is_field_value(value, strlen(value));
  if (ok) snprintf(upn, 256, "%s", value);
  fields_clear(&parameters);
  return ok;
}

static void handle_revoke(const struct httpd_request *q, struct httpd_response *r)
{
  struct ending x = {.c = q->arg};
  struct failure f = {0};
  if (!read_user(q->query, x.upn))
    failure_set(&f, ERR_SYNTAX, "whose sessions? POST /users/revoke?user=UPN");
  else if (!net_call(x.c->net, ending_begin, &x))
    failure_set(&f, ERR_CLOSED, "the cloud is stopping");
  else if (x.e)
    failure_set(&f, x.e, "the end of the sessions could not be stored");
  if (f.err) {
    answer_failure(r, &f);
    return;
  }
  log_info("all sessions of a user were ended, and %zu connectors told", x.told);
  answer_json(r, 200, json_pack("{s:s,s:i}", "user", x.upn, "connectors", (int)x.told));
}

/* -- keys ------------------------------------------------------------------------------------------------ */

struct rotating {
  struct cloud *c;
  struct net_call *call;
  struct failure failure;
  int key, former; /* which seals now; how many are kept for what they have sealed */
};

static void rotating_done(void *arg, const struct failure *f)
{
  struct rotating *x = arg;
  const struct seal_ring *r = seal_ring(x->c->seal);
  x->failure = *f;
  x->key = r->keys[0].id;
  x->former = (int)r->n - 1;
  net_call_end(x->c->net, x->call);
}

static void rotating_begin(void *arg, struct net_call *call)
{
  struct rotating *x = arg;
  x->call = call;
  rotate_sessions(x->c, rotating_done, x);
}

static void handle_rotate(const struct httpd_request *q, struct httpd_response *r)
{
  struct rotating x = {.c = q->arg};
  if (!net_call(x.c->net, rotating_begin, &x)) failure_set(&x.failure, ERR_CLOSED, "the cloud is stopping");
  if (x.failure.err) {
    answer_failure(r, &x.failure);
    return;
  }
  log_info("sessions are sealed with key %d from now on; former keys that are kept: %d", x.key, x.former);
  answer_json(r, 200, json_pack("{s:i,s:i}", "key", x.key, "former", x.former));
}

const struct httpd_route admin_routes[] = {
    {.method = "GET", .path = "/connectors", .handle = list},
    {.method = "GET", .path = "/configuration", .handle = handle_configuration},
    {.method = "POST", .path = "/reload", .handle = handle_reload},
    {.method = "POST", .path = "/connectors/*", .max_body = CERTIFICATE_MAX, .handle = change},
    {.method = "POST", .path = "/users/revoke", .handle = handle_revoke},
    {.method = "POST", .path = "/keys/rotate", .handle = handle_rotate},
    {.method = NULL}};

/* One request from its first line to its answer, as libmicrohttpd's callbacks see it. */
#include "httpd_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- connections ----------------------------------------------------------------------------------------- */

static void peer_name(struct connection *c, const struct sockaddr *a)
{
  if (a && a->sa_family == AF_INET)
    inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, c->peer_ip,
              sizeof c->peer_ip);
  else if (a && a->sa_family == AF_INET6)
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, c->peer_ip,
              sizeof c->peer_ip);
}

static struct connection *connection_new(struct httpd *h, struct MHD_Connection *mhd)
{
  struct connection *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->server = h;
  c->mhd = mhd;
  /* libmicrohttpd 1.0 answers every question in the same memory: one answer is taken before the next
   * question. */
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
  c->fd = info ? info->connect_fd : -1;
  info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  peer_name(c, info ? info->client_addr : NULL);
  buf_init(&c->target, HTTPD_HEAD_MAX);
  buf_init(&c->path, HTTPD_HEAD_MAX);
  buf_init(&c->body, 0);
  fields_init(&c->fields, HTTPD_FIELDS_MAX, HTTPD_HEAD_MAX);
  httpd_answer_init(&c->r);
  return c;
}

static void connection_free(struct connection *c)
{
  buf_clear(&c->target);
  buf_clear(&c->path);
  buf_wipe(&c->body);
  fields_clear(&c->fields);
  httpd_answer_clear(&c->r);
  free(c);
}

void httpd_exchange_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                               enum MHD_ConnectionNotificationCode toe)
{
  if (toe == MHD_CONNECTION_NOTIFY_STARTED) {
    struct connection *c = connection_new(cls, mhd);
    *socket_context = c;
    if (c) httpd_watch_add(c);
  } else if (*socket_context) {
    struct connection *c = *socket_context;
    httpd_watch_remove(c);
    connection_free(c);
    *socket_context = NULL;
  }
}

/* -- what a request holds while it lasts ----------------------------------------------------------------- */

static void *hold(struct connection *c)
{
  const struct httpd_config *config = &c->server->config;
  if (!config->hold) return config->arg;
  c->holds = true;
  return config->hold(config->arg);
}

static void release(struct connection *c)
{
  if (c->holds) c->server->config.release(c->q.arg);
  c->holds = false;
}

/* -- begin and end of a request -------------------------------------------------------------------------- */

/* Called with the raw request target, which libmicrohttpd shows nowhere else. What it returns is the first
 * *con_cls. */
void *httpd_exchange_begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
  (void)cls;
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  struct connection *c = info ? info->socket_context : NULL;
  if (!c) return NULL;
  httpd_watch_phase(c, PHASE_HEAD);
  c->stage = STAGE_NEW;
  c->refused = 0;
  c->received = 0;
  c->route = NULL;
  c->stream_state = NULL;
  buf_reset(&c->target);
  buf_reset(&c->path);
  if (buf_puts(&c->target, uri) || buf_append(&c->path, uri, strcspn(uri, "?"))) {
    c->refused = 414;
    c->why = "the request target is too long";
  }
  return c;
}

void httpd_exchange_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                              enum MHD_RequestTerminationCode toe)
{
  (void)cls;
  (void)mhd;
  (void)toe;
  struct connection *c = *con_cls;
  if (!c) return;
  if (c->stream_state && c->route && c->route->stream_free) c->route->stream_free(c->stream_state);
  c->stream_state = NULL;
  buf_wipe(&c->body);
  httpd_answer_clear(&c->r);
  httpd_upgrade_forget(c);
  release(c);
  httpd_watch_phase(c, PHASE_IDLE);
  *con_cls = NULL;
}

/* -- routing --------------------------------------------------------------------------------------------- */

static bool path_matches(const char *pattern, const char *path)
{
  size_t n = strlen(pattern);
  if (n && pattern[n - 1] == '*') return strncmp(pattern, path, n - 1) == 0;
  return strcmp(pattern, path) == 0;
}

static bool method_matches(const char *pattern, const char *method)
{
  if (strcmp(pattern, "*") == 0 || strcmp(pattern, method) == 0) return true;
  return strcmp(pattern, "GET") == 0 && strcmp(method, "HEAD") == 0;
}

static void allow(struct connection *c, const char *method)
{
  char *to = c->allow;
  size_t have = strlen(to);
  if (http_list_has(to, have, method) || have + strlen(method) + 9 > sizeof c->allow) return;
  snprintf(to + have, sizeof c->allow - have, "%s%s%s", have ? ", " : "", method,
           strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

static void find_route(struct connection *c, const char *method)
{
  bool path_known = false;
  c->allow[0] = 0;
  for (const struct httpd_route *r = c->server->config.routes; r && r->path; r++) {
    if (!path_matches(r->path, buf_str(&c->path))) continue;
    path_known = true;
    if (method_matches(r->method, method)) {
      c->route = r;
      return;
    }
    allow(c, r->method);
  }
  c->refused = path_known ? 405 : 404;
  c->why = path_known ? "this method is not allowed here" : "there is no such page";
}

/* -- the course ------------------------------------------------------------------------------------------ */

static void too_large(struct connection *c)
{
  c->refused = 413;
  c->why = "the body is larger than allowed";
}

static bool has_body(const struct connection *c)
{
  const char *length = fields_get(&c->fields, "content-length");
  return fields_get(&c->fields, "transfer-encoding") || (length && strtoull(length, NULL, 10) > 0);
}

static enum MHD_Result begin(struct connection *c, const char *method, const char *version)
{
  c->q = (struct httpd_request){.method = method,
                                .http_minor = strcmp(version, "HTTP/1.0") != 0,
                                .target = buf_str(&c->target),
                                .path = buf_str(&c->path),
                                .fields = &c->fields,
                                .body = (const uint8_t *)"",
                                .peer_ip = c->peer_ip,
                                .tls = c->server->config.cert_path != NULL,
                                .arg = hold(c)};
  c->q.query = c->q.target + c->path.len;
  if (*c->q.query == '?') c->q.query++;
  if (!c->refused) httpd_check(c, method, version);
  if (!c->refused) find_route(c, method);
  if (!c->refused) {
    const char *length = fields_get(&c->fields, "content-length");
    if (length && strtoull(length, NULL, 10) > c->route->max_body) too_large(c);
    buf_init(&c->body, c->route->max_body);
  }
  c->stage = STAGE_UPLOAD;
  httpd_watch_phase(c, PHASE_BODY);
  /* With a body a refusal now spares the upload, and closes. Without, it waits for the second call like any
   * answer, so that the connection lives on, unless what was sent is not to be trusted. */
  return c->refused && (httpd_refusal_closes(c->refused) || has_body(c)) ? httpd_answer_refusal(c) : MHD_YES;
}

static void accept_piece(struct connection *c, const char *data, size_t n)
{
  if (n > c->route->max_body - c->received) {
    too_large(c);
    return;
  }
  if (c->route->stream) {
    enum err e = c->route->stream(&c->q, &c->stream_state, (const uint8_t *)data, n);
    if (!e) return;
    c->refused = err_info(e)->http_status ? err_info(e)->http_status : 500;
    c->why = err_info(e)->what;
  } else if (buf_append(&c->body, data, n)) {
    c->refused = 500;
    c->why = "out of memory";
  }
}

/* libmicrohttpd takes no answer in the middle of an upload: the rest of a refused one is read and forgotten,
 * in bounds. */
static enum MHD_Result upload(struct connection *c, const char *data, size_t *n)
{
  if (!c->refused) accept_piece(c, data, *n);
  c->received += *n;
  *n = 0;
  uint64_t most = (c->route ? c->route->max_body : 0);
  return c->refused && c->received > HTTPD_SURPLUS_MAX && c->received - HTTPD_SURPLUS_MAX > most ? MHD_NO
                                                                                                 : MHD_YES;
}

static enum MHD_Result finish(struct connection *c)
{
  if (c->stage == STAGE_DELAYED) return httpd_answer_send(c);
  if (c->refused) return httpd_answer_refusal(c);
  if (c->body.data) c->q.body = c->body.data;
  c->q.body_len = c->body.len;
  httpd_watch_phase(c, PHASE_ANSWER);
  httpd_answer_clear(&c->r);
  httpd_answer_init(&c->r);
  if (c->route->stream)
    c->route->stream_handle(&c->q, c->stream_state, &c->r);
  else
    c->route->handle(&c->q, &c->r);
  if (c->r.delay_ms) {
    c->stage = STAGE_DELAYED;
    if (httpd_watch_suspend(c, c->r.delay_ms)) return MHD_YES;
  }
  return httpd_answer_send(c);
}

enum MHD_Result httpd_exchange_run(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                   const char *version, const char *data, size_t *n, void **con_cls)
{
  (void)cls;
  (void)mhd;
  (void)url; /* unescaped and without the query; ours is raw */
  struct connection *c = *con_cls;
  if (!c) return MHD_NO;
  if (c->stage == STAGE_NEW) return begin(c, method, version);
  if (*n) return upload(c, data, n);
  return finish(c);
}

#include "bodies.h"
#include "echo.h"
#include "links.h"
#include "pages.h"

#include "encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ECHO_MAX = 1024 * 1024 };

static void answer_whoami(const struct httpd_request *q, struct httpd_response *r, bool json)
{
  struct visit v;
  if (!visit_begin(&v, q->arg, q) && (json ? json_whoami(&v, r) : page_whoami(&v, r))) r->status = 500;
  visit_end(&v, r);
}

static void handle_root(const struct httpd_request *q, struct httpd_response *r)
{
  answer_whoami(q, r, wants_json(q));
}

static void handle_json(const struct httpd_request *q, struct httpd_response *r)
{
  answer_whoami(q, r, true);
}

/* As many applications do: an absolute URL and a cookie's domain, made of the Host they are asked for. */
static enum err answer_moved(const struct httpd_request *q, struct httpd_response *r)
{
  char text[400];
  const char *host = fields_get(q->fields, "Host");
  if (!host) host = "";
  snprintf(text, sizeof text, "%s://%.300s/echo/moved", q->tls ? "https" : "http", host);
  enum err e = fields_set(&r->fields, "Location", text);
  snprintf(text, sizeof text, "visited=yes; Domain=%.*s; Path=/echo/; SameSite=Lax", (int)strcspn(host, ":"),
           host);
  if (!e) e = fields_set(&r->fields, "Set-Cookie", text);
  return e ? e : httpd_text(r, 302, "text/plain; charset=utf-8", "Moved.\n");
}

static void handle_moved(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  if (!visit_begin(&v, q->arg, q) && answer_moved(q, r)) r->status = 500;
  visit_end(&v, r);
}

static void handle_healthz(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  if (httpd_text(r, 200, "text/plain; charset=utf-8", "ok\n")) r->status = 500;
}

/* Behind the verification: who has no ticket does not learn what there is. */
static void handle_other(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct failure f;
  if (!visit_begin(&v, q->arg, q)) {
    char trace_id[33];
    trace_id_format(&v.span.ctx, trace_id);
    failure_set(&f, ERR_NOT_FOUND, "the application has no %s", q->path);
    if (page_failure(r, &f, trace_id)) r->status = 500;
  }
  visit_end(&v, r);
}

const struct httpd_route backend_routes[] = {
    {.method = "GET", .path = "/", .handle = handle_root},
    {.method = "GET", .path = "/whoami.json", .handle = handle_json},
    {.method = "GET", .path = "/echo/move", .handle = handle_moved},
    {.method = "*", .path = "/echo*", .max_body = ECHO_MAX, .handle = handle_json},
    {.method = "GET", .path = "/download", .handle = handle_download},
    {.method = "GET", .path = "/links/*", .handle = handle_links},
    {.method = "GET", .path = "/slow", .handle = handle_slow},
    {.method = "GET", .path = "/stream", .handle = handle_stream},
    {.method = "PUT",
     .path = "/upload",
     .max_body = (size_t)1 << 40,
     .stream = upload_piece,
     .stream_handle = upload_answer,
     .stream_free = upload_free},
    {.method = "POST",
     .path = "/upload",
     .max_body = (size_t)1 << 40,
     .stream = upload_piece,
     .stream_handle = upload_answer,
     .stream_free = upload_free},
    {.method = "GET", .path = "/ws", .handle = handle_websocket},
    {.method = "GET", .path = "/healthz", .handle = handle_healthz},
    {.method = "*", .path = "/*", .max_body = ECHO_MAX, .handle = handle_other},
    {0},
};

void backend_refuse(int status, const char *why, struct httpd_response *r)
{
  struct failure f;
  enum err e = status == 401   ? ERR_TICKET_REQUIRED
               : status == 404 ? ERR_NOT_FOUND
               : status == 413 ? ERR_TOO_LARGE
                               : ERR_SYNTAX;
  failure_set(&f, e, "%s", why);
  e = page_failure(r, &f, NULL);
  r->status = status; /* 405 and the like have no error of their own */
  if (!e && status == 401) e = fields_set(&r->fields, "WWW-Authenticate", "Negotiate");
  if (!e) e = fields_set(&r->fields, "Sevenstep-Actor", "backend");
  if (e) r->status = 500;
}

bool backend_is_ready(void *backend, struct buf *reason)
{
  (void)backend;
  (void)reason;
  return true; /* its key was read before it listened */
}

void backend_metrics(void *backend, struct buf *out)
{
  struct backend *b = backend;
  struct krb_acceptor_counts c = {0};
  struct krb_acceptor *acceptor = atomic_load(&b->acceptor);
  if (acceptor) krb_acceptor_count(acceptor, &c);
  enum err e = buf_printf(
      out,
      "# HELP sevenstep_backend_requests_total Requests received.\n"
      "# TYPE sevenstep_backend_requests_total counter\n"
      "sevenstep_backend_requests_total %llu\n"
      "# HELP sevenstep_backend_unauthenticated_total Requests without a good ticket.\n"
      "# TYPE sevenstep_backend_unauthenticated_total counter\n"
      "sevenstep_backend_unauthenticated_total %llu\n"
      "# HELP sevenstep_backend_verified_total Tokens accepted, by what verified them.\n"
      "# TYPE sevenstep_backend_verified_total counter\n"
      "sevenstep_backend_verified_total{by=\"gssapi\"} %" PRIu64 "\n"
      "sevenstep_backend_verified_total{by=\"known_ticket\"} %" PRIu64 "\n"
      "# HELP sevenstep_backend_replays_total Authenticators refused because they were used before.\n"
      "# TYPE sevenstep_backend_replays_total counter\n"
      "sevenstep_backend_replays_total %" PRIu64 "\n"
      "# HELP sevenstep_backend_known_tickets Tickets whose session keys are kept.\n"
      "# TYPE sevenstep_backend_known_tickets gauge\n"
      "sevenstep_backend_known_tickets %zu\n"
      "# HELP sevenstep_backend_replay_entries Authenticators remembered.\n"
      "# TYPE sevenstep_backend_replay_entries gauge\n"
      "sevenstep_backend_replay_entries %zu\n"
      "# HELP sevenstep_backend_websockets_total Requests that became WebSockets.\n"
      "# TYPE sevenstep_backend_websockets_total counter\n"
      "sevenstep_backend_websockets_total %llu\n"
      "# HELP sevenstep_backend_open_websockets WebSockets open now.\n"
      "# TYPE sevenstep_backend_open_websockets gauge\n"
      "sevenstep_backend_open_websockets %llu\n",
      atomic_load(&b->requests), atomic_load(&b->unauthenticated), c.by_gssapi, c.by_known_ticket, c.replays,
      c.tickets, c.replay_entries, atomic_load(&b->websockets), atomic_load(&b->open_websockets));
  (void)e; /* a page without room is cut */
}

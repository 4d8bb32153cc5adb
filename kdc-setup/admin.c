#include "admin.h"

#include "form.h"
#include "httpd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct kdc_admin {
  struct supervised *kdc;
  struct kdc_orders orders;
  struct httpd *local, *remote;
};

/* -- the log --------------------------------------------------------------------------------------------- */

struct question {
  struct fields parameters;
  const char *client; /* NULL: any */
  int64_t since_ns;
};

/* A static text when the query is wrong. */
static const char *read_question(const char *query, struct question *q)
{
  const char *since = NULL;
  if (form_parse(&q->parameters, query, strlen(query))) return "the query is malformed\n";
  enum err e = form_get(&q->parameters, "client", &q->client);
  if (e == ERR_NOT_FOUND) q->client = NULL;
  if (e == ERR_SYNTAX) return "client is repeated\n";
  e = form_get(&q->parameters, "since", &since);
  if (e == ERR_SYNTAX) return "since is repeated\n";
  if (e == ERR_NOT_FOUND) return NULL;
  char *end;
  errno = 0;
  q->since_ns = strtoll(since, &end, 10);
  return errno || *end || q->since_ns < 0 ? "since is not a number of nanoseconds\n" : NULL;
}

static void handle_log(const struct httpd_request *request, struct httpd_response *r)
{
  struct kdc_admin *a = request->arg;
  struct question q = {.client = NULL};
  fields_init(&q.parameters, 8, 4096);
  const char *wrong = read_question(request->query, &q);
  enum err e;
  if (wrong)
    e = httpd_text(r, 400, "text/plain; charset=utf-8", wrong);
  else
    e = klog_query(supervise_log(a->kdc), q.client, q.since_ns, &r->body);
  if (!wrong && !e) e = fields_set(&r->fields, "Content-Type", "application/json");
  fields_clear(&q.parameters);
  if (e) r->status = 500;
}

/* -- orders ---------------------------------------------------------------------------------------------- */

/* On the local server's one thread: one at a time. */
static void handle_reload(const struct httpd_request *request, struct httpd_response *r)
{
  struct kdc_admin *a = request->arg;
  struct failure f = {0};
  char text[256];
  enum err e = a->orders.reload(a->orders.arg, text, sizeof text, &f);
  httpd_outcome(r, e, &f, text);
}

static void handle_rotate(const struct httpd_request *request, struct httpd_response *r)
{
  struct kdc_admin *a = request->arg;
  struct failure f = {0};
  struct fields query;
  const char *name;
  char text[256];
  fields_init(&query, 2, 1024);
  enum err e = form_parse(&query, request->query, strlen(request->query));
  if (!e) e = form_get(&query, "name", &name);
  if (e)
    failure_set(&f, e = ERR_SYNTAX, "whose key? POST /rotate?name=NAME");
  else
    e = a->orders.rotate(a->orders.arg, name, text, sizeof text, &f);
  httpd_outcome(r, e, &f, text);
  fields_clear(&query);
}

/* -- state ----------------------------------------------------------------------------------------------- */

static bool is_ready(void *arg, struct buf *reason)
{
  struct kdc_admin *a = arg;
  struct failure f = {0};
  bool serves = supervise_is_serving(a->kdc);
  if (serves && (!a->orders.check || a->orders.check(a->orders.arg, &f) == ERR_OK)) return true;
  enum err e = serves ? buf_printf(reason, "%s (%s)", err_info(f.err)->what, f.why)
                      : buf_puts(reason, "krb5kdc does not serve");
  (void)e; /* not ready, with or without words */
  return false;
}

static void write_metrics(void *arg, struct buf *out)
{
  struct kdc_admin *a = arg;
  struct klog_counts c;
  klog_drain(supervise_log(a->kdc));
  klog_count(supervise_log(a->kdc), &c);
  enum err e = buf_printf(out,
                          "# HELP sevenstep_kdc_issued_total Tickets issued, by exchange.\n"
                          "# TYPE sevenstep_kdc_issued_total counter\n"
                          "sevenstep_kdc_issued_total{exchange=\"as\"} %" PRIu64 "\n"
                          "sevenstep_kdc_issued_total{exchange=\"tgs\"} %" PRIu64 "\n"
                          "# HELP sevenstep_kdc_s4u_total Requests on a user's behalf, issued or refused.\n"
                          "# TYPE sevenstep_kdc_s4u_total counter\n"
                          "sevenstep_kdc_s4u_total{exchange=\"s4u2self\"} %" PRIu64 "\n"
                          "sevenstep_kdc_s4u_total{exchange=\"s4u2proxy\"} %" PRIu64 "\n"
                          "# HELP sevenstep_kdc_refused_total Requests refused.\n"
                          "# TYPE sevenstep_kdc_refused_total counter\n"
                          "sevenstep_kdc_refused_total %" PRIu64 "\n"
                          "# HELP sevenstep_kdc_log_lines_total Lines of krb5kdc's log.\n"
                          "# TYPE sevenstep_kdc_log_lines_total counter\n"
                          "sevenstep_kdc_log_lines_total %" PRIu64 "\n",
                          c.as_issued, c.tgs_issued, c.s4u2self, c.s4u2proxy, c.refused, c.lines);
  (void)e; /* a metrics page without room is cut */
}

/* The remote listener's own: the unix socket has these from httpd_admin_start. */
static void handle_healthz(const struct httpd_request *request, struct httpd_response *r)
{
  (void)request;
  if (httpd_text(r, 200, "text/plain; charset=utf-8", "ok\n")) r->status = 500;
}

static void handle_readyz(const struct httpd_request *request, struct httpd_response *r)
{
  struct buf reason; /* for the owner alone: it has paths */
  buf_init(&reason, 1024);
  bool ready = is_ready(request->arg, &reason);
  if (httpd_text(r, ready ? 200 : 503, "application/json",
                 ready ? "{\"ready\":true}\n" : "{\"ready\":false}\n"))
    r->status = 500;
  buf_clear(&reason);
}

static void handle_metrics(const struct httpd_request *request, struct httpd_response *r)
{
  write_metrics(request->arg, &r->body);
  if (fields_set(&r->fields, "Content-Type", "text/plain; version=0.0.4")) r->status = 500;
}

static const struct httpd_route local_routes[] = {
    {.method = "GET", .path = "/log", .handle = handle_log},
    {.method = "POST", .path = "/reload", .handle = handle_reload},
    {.method = "POST", .path = "/rotate", .handle = handle_rotate},
    {0}};
static const struct httpd_route remote_routes[] = {
    {.method = "GET", .path = "/log", .handle = handle_log},
    {.method = "GET", .path = "/healthz", .handle = handle_healthz},
    {.method = "GET", .path = "/readyz", .handle = handle_readyz},
    {.method = "GET", .path = "/metrics", .handle = handle_metrics},
    {0}};

enum err kdc_admin_start(const struct lab_addr *listen, const char *unix_path, struct supervised *kdc,
                         const struct kdc_orders *orders, struct kdc_admin **ret, struct failure *f)
{
  struct kdc_admin *a = calloc(1, sizeof *a);
  if (!a) return failure_set(f, ERR_NOMEM, "admin endpoint");
  a->kdc = kdc;
  a->orders = *orders;
  struct httpd_admin local = {
      .unix_path = unix_path, .ready = is_ready, .metrics = write_metrics, .more = local_routes, .arg = a};
  struct httpd_config remote = {.listen = *listen, .routes = remote_routes, .arg = a};
  enum err e = httpd_admin_start(&local, &a->local, f);
  if (!e) e = httpd_start(&remote, &a->remote, f);
  if (e) {
    kdc_admin_stop(a);
    return e;
  }
  *ret = a;
  return ERR_OK;
}

void kdc_admin_stop(struct kdc_admin *a)
{
  if (!a) return;
  httpd_stop(a->remote);
  httpd_stop(a->local);
  free(a);
}

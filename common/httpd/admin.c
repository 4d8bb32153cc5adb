/* The admin endpoint of every actor: a server like any other, with three routes of its own. */
#include "httpd_private.h"

#include "trace.h"

#include <stdlib.h>
#include <string.h>

static const struct httpd_admin *admin_of(const struct httpd_request *q)
{
  const char *c = (const char *)q - offsetof(struct connection, q);
  return &((const struct connection *)(const void *)c)->server->admin;
}

static void handle_health(const struct httpd_request *q, struct httpd_response *r)
{
  (void)q;
  if (httpd_text(r, 200, "text/plain; charset=utf-8", "ok\n")) r->status = 500;
}

/* As the inside of a JSON string: control characters never come from our own reasons, and become spaces. */
static enum err json_text(struct buf *out, const struct buf *text)
{
  enum err e = ERR_OK;
  for (size_t i = 0; i < text->len && !e; i++) {
    char c = (char)text->data[i];
    if (c == '"' || c == '\\') e = buf_putc(out, '\\');
    if (!e) e = buf_putc(out, (unsigned char)c < 0x20 ? ' ' : c);
  }
  return e;
}

static void handle_ready(const struct httpd_request *q, struct httpd_response *r)
{
  const struct httpd_admin *a = admin_of(q);
  struct buf reason;
  buf_init(&reason, 8192);
  bool ready = !a->ready || a->ready(q->arg, &reason);
  enum err e =
      httpd_text(r, ready ? 200 : 503, "application/json", ready ? "{\"ready\":true" : "{\"ready\":false");
  if (!e && !ready) e = buf_puts(&r->body, ",\"reason\":\"");
  if (!e && !ready) e = json_text(&r->body, &reason);
  if (!e) e = buf_puts(&r->body, ready ? "}\n" : "\"}\n");
  buf_clear(&reason);
  if (e) r->status = 500;
}

static void handle_metrics(const struct httpd_request *q, struct httpd_response *r)
{
  const struct httpd_admin *a = admin_of(q);
  if (httpd_text(r, 200, "text/plain; version=0.0.4; charset=utf-8", "")) r->status = 500;
  if (a->metrics) a->metrics(q->arg, &r->body);
  if (a->tracer && tracer_metrics(a->tracer, &r->body)) r->status = 500;
}

/* Ours, then the actor's, then the end. */
static struct httpd_route *all_routes(const struct httpd_route *more)
{
  static const struct httpd_route own[] = {{.method = "GET", .path = "/healthz", .handle = handle_health},
                                           {.method = "GET", .path = "/readyz", .handle = handle_ready},
                                           {.method = "GET", .path = "/metrics", .handle = handle_metrics}};
  size_t n_own = sizeof own / sizeof *own, n = 0;
  while (more && more[n].path)
    n++;
  struct httpd_route *all = calloc(n_own + n + 1, sizeof *all);
  if (!all) return NULL;
  memcpy(all, own, sizeof own);
  if (n) memcpy(all + n_own, more, n * sizeof *more);
  return all;
}

enum err httpd_admin_start(const struct httpd_admin *a, struct httpd **ret, struct failure *f)
{
  /* One thread is enough, and keeps an actor's process small. */
  struct httpd_config c = {.unix_path = a->unix_path,
                           .arg = a->arg,
                           .hold = a->hold,
                           .release = a->release,
                           .threads = 1,
                           .max_connections = 64};
  struct httpd *h = httpd_new(&c);
  struct httpd_route *routes = all_routes(a->more);
  if (!h || !routes) {
    httpd_stop(h);
    free(routes);
    return failure_set(f, ERR_NOMEM, "no memory for the admin endpoint");
  }
  h->admin = *a;
  h->routes = routes;
  h->config.routes = routes;
  return httpd_launch(h, ret, f);
}

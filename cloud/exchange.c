/* What exchanges do whatever carries them. */
#include "transport.h"

#include "clock.h"
#include "cors.h"
#include "rules.h"

#include <string.h>
#include <time.h>

#define STALL_TIMEOUT (60 * 1000000000LL) /* a body that does not come, a response that is not read */

void exchange_trace_request(struct exchange *x)
{
  struct buf url;
  if (!x->step.ctx.sampled) return;
  buf_init(&url, 16384);
  span_str(&x->step, "http.request.method", x->head->method);
  if (buf_printf(&url, "https://%s%s", buf_str(&x->head->authority), buf_str(&x->head->target)) == ERR_OK)
    span_strn(&x->step, "url.full", buf_str(&url), url.len);
  buf_clear(&url);
}

void exchange_hold(struct exchange *x)
{
  x->transport->hold(x);
}

void exchange_release(struct exchange *x)
{
  x->transport->release(x);
}

const char *exchange_peer_ip(const struct exchange *x)
{
  const struct stream *s = x->transport->stream(x);
  return s ? stream_peer_ip(s) : "";
}

const char *exchange_sni(const struct exchange *x)
{
  struct stream *s = x->transport->stream(x);
  struct tls *t = s ? stream_tls(s) : NULL;
  return t ? tls_server_name(t) : "";
}

void exchange_pause(struct exchange *x, bool pause)
{
  x->paused = pause;
  x->progress_ns = clock_mono_ns();
  x->transport->pause(x, pause);
}

void exchange_continue(struct exchange *x)
{
  if (x->head->expect_continue) exchange_interim(x, 100, NULL);
}

/* -- the request ----------------------------------------------------------------------------------------- */

/* A request sees the lab as it was when it began, however long it takes. */
static void begin(struct exchange *x, struct cloud *c, const struct transport *t, void *carrier,
                  const struct http1_head *head)
{
  static uint64_t number;
  exchange_clear(x);
  *x = (struct exchange){.cloud = c,
                         .number = ++number,
                         .transport = t,
                         .carrier = carrier,
                         .head = head,
                         .lab = lab_ref(c->lab),
                         .version = c->version,
                         .active = true};
}

void exchange_clear(struct exchange *x)
{
  lab_free(x->lab);
  x->lab = NULL;
}

void exchange_start(struct exchange *x, struct cloud *c, const struct transport *t, void *carrier,
                    const struct http1_head *head, bool body)
{
  begin(x, c, t, carrier, head);
  x->request_done = !body;
  x->progress_ns = clock_mono_ns();
  atomic_fetch_add_explicit(&c->counters.requests, 1, memory_order_relaxed);
  route_request(x);
}

void exchange_start_refused(struct exchange *x, struct cloud *c, const struct transport *t, void *carrier,
                            const struct http1_head *head, const struct failure *f)
{
  begin(x, c, t, carrier, head);
  span_start(&x->step, c->actor->tracer, 0, SPAN_SERVER, "refuse", NULL, true);
  x->ctx = x->step.ctx;
  exchange_refuse(x, f);
}

void exchange_refuse(struct exchange *x, const struct failure *f)
{
  const struct exchange_ops *ops = x->ops;
  x->request_done = x->rest_unwanted = true;
  x->ops = NULL;
  if (ops && ops->on_gone) ops->on_gone(x);
  if (x->begun)
    exchange_abort(x);
  else
    exchange_fail(x, f);
}

void exchange_body(struct exchange *x, const uint8_t *data, size_t n)
{
  x->progress_ns = clock_mono_ns();
  if (x->ops && x->ops->on_body) x->ops->on_body(x, data, n);
}

void exchange_body_end(struct exchange *x, const struct fields *trailers)
{
  x->request_done = true;
  if (x->ops && x->ops->on_body_end) x->ops->on_body_end(x, trailers);
}

void exchange_drained(struct exchange *x)
{
  x->progress_ns = clock_mono_ns();
  if (x->ops && x->ops->on_drain) x->ops->on_drain(x);
}

void exchange_gone(struct exchange *x)
{
  const struct exchange_ops *ops = x->ops;
  if (x->ended) return;
  x->ended = true;
  x->ops = NULL;
  if (ops && ops->on_gone) ops->on_gone(x);
  span_drop(&x->respond);
  span_end(&x->step);
}

void exchange_check(struct exchange *x, int64_t now_ns)
{
  if (x->deadline_ns && now_ns > x->deadline_ns && x->ops && x->ops->on_timeout) {
    x->deadline_ns = 0;
    x->ops->on_timeout(x);
    return;
  }
  if (x->ops && x->ops->on_second && !x->ops->on_second(x)) return;
  bool body_expected = !x->request_done && !x->paused && !x->ended;
  if (now_ns - x->progress_ns >= STALL_TIMEOUT && (body_expected || exchange_congested(x)))
    x->transport->abort(x);
}

/* -- the response ---------------------------------------------------------------------------------------- */

/* IMF-fixdate (RFC 9110 5.6.7), made once a second. */
static const char *date_now(void)
{
  static char text[40];
  static int64_t made;
  int64_t now = clock_wall_s();
  if (now != made) {
    time_t t = (time_t)now;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    made = now;
  }
  return text;
}

/* What every response of ours says about itself. */
static enum err complete_head(struct exchange *x, struct fields *f)
{
  char id[33];
  trace_id_format(&x->ctx, id);
  enum err e = fields_set(f, "Sevenstep-Trace", id);
  if (!e && !fields_get(f, "Date")) e = fields_add(f, "Date", date_now());
  /* The application behind a host may say it in its own words (RFC 6797 6.1: once). */
  if (!e && !fields_get(f, HTTP_STRICT_TRANSPORT))
    e = fields_add(f, HTTP_STRICT_TRANSPORT, HTTP_STRICT_TRANSPORT_VALUE);
  if (!e && x->clear_trace_cookie) e = cookie_set(f, COOKIE_TRACE, "", 0, "Lax");
  return e;
}

/* The head that is being made: one list, reused, for the loop's thread writes one at a time. */
static enum err start_head(const struct fields *f, struct fields **ret)
{
  static struct fields head;
  enum err e = ERR_OK;
  if (head.max == 0) fields_init(&head, 200, 96 * 1024);
  fields_reset(&head);
  for (size_t i = 0; f && i < fields_count(f) && !e; i++) {
    struct field field = fields_at(f, i);
    e = fields_addn(&head, field.name, field.name_len, field.value, field.value_len);
  }
  *ret = &head;
  return e;
}

static void send_head(struct exchange *x, int status, struct fields *head, int64_t length)
{
  if (x->begun || x->ended) return;
  x->begun = true;
  x->status = status;
  x->no_body = strcmp(x->head->method, "HEAD") == 0 || status == 204 || status == 304;
  x->progress_ns = clock_mono_ns();
  atomic_fetch_add_explicit(&x->cloud->counters.status[status / 100 % 6], 1, memory_order_relaxed);
  enum err e = cors_response(x, head);
  if (!e) e = complete_head(x, head);
  if (!e) e = x->transport->head(x, status, head, length);
  if (e) x->transport->abort(x);
}

void exchange_begin(struct exchange *x, int status, const struct fields *f, int64_t length)
{
  struct fields *head;
  if (x->begun || x->ended) return;
  if (start_head(f, &head))
    x->transport->abort(x);
  else
    send_head(x, status, head, length);
}

void exchange_switch(struct exchange *x, const struct fields *f)
{
  x->switched = true;
  exchange_begin(x, 101, f, -1);
  x->transport->switched(x);
}

void exchange_interim(struct exchange *x, int status, const struct fields *f)
{
  if (x->begun || x->ended || x->head->minor == 0) return;
  if (x->transport->interim(x, status, f)) x->transport->abort(x);
}

void exchange_write(struct exchange *x, const void *data, size_t n)
{
  if (!x->begun || x->ended || n == 0) return;
  x->sent += n;
  if (!x->no_body && x->transport->body(x, data, n)) x->transport->abort(x);
}

bool exchange_congested(const struct exchange *x)
{
  return x->transport->congested(x);
}

void exchange_end(struct exchange *x, const struct fields *trailers)
{
  if (x->ended) return;
  x->ended = true;
  x->ops = NULL;
  x->deadline_ns = 0;
  bool broken = !x->no_body && x->transport->end(x, trailers) != ERR_OK;
  span_int(&x->respond, "http.response.status_code", x->status);
  span_int(&x->respond, "http.response.body.size", (int64_t)x->sent);
  span_end(&x->respond);
  span_end(&x->step);
  if (broken)
    x->transport->abort(x);
  else
    x->transport->ended(x);
}

void exchange_abort(struct exchange *x)
{
  if (x->ended) return;
  x->ended = true;
  x->ops = NULL;
  x->deadline_ns = 0;
  span_end(&x->respond);
  span_end(&x->step);
  x->transport->abort(x);
}

/* Of pages that the cloud makes itself. */
static enum err add_own_fields(struct fields *head)
{
  static const char *const own[][2] = {
      {"Sevenstep-Actor", "cloud"},
      {"Cache-Control", "no-store"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
  };
  enum err e = ERR_OK;
  for (size_t i = 0; i < sizeof own / sizeof own[0] && !e; i++)
    e = fields_set(head, own[i][0], own[i][1]);
  return e;
}

void exchange_respond(struct exchange *x, int status, const struct fields *f, const char *content_type,
                      const void *body, size_t n)
{
  struct fields *head;
  if (!x->request_done) x->rest_unwanted = true;
  enum err e = start_head(f, &head);
  if (!e && content_type) e = fields_set(head, "Content-Type", content_type);
  if (!e) e = add_own_fields(head);
  if (e) {
    exchange_abort(x);
    return;
  }
  send_head(x, status, head, (int64_t)n);
  exchange_write(x, body, n);
  exchange_end(x, NULL);
}

/* RFC 6455 4.4; with 426 also RFC 9110 15.5.22. */
static enum err name_version(struct fields *f)
{
  enum err e = fields_add(f, "Sec-WebSocket-Version", "13");
  if (!e) e = fields_add(f, "Connection", "Upgrade");
  return e ? e : fields_add(f, "Upgrade", "websocket");
}

void exchange_fail(struct exchange *x, const struct failure *f)
{
  const struct err_info *info = err_info(f->err);
  struct buf page;
  struct fields fields;
  buf_init(&page, 64 * 1024);
  fields_init(&fields, 8, 2048);
  atomic_fetch_add_explicit(&x->cloud->counters.failures, 1, memory_order_relaxed);
  span_fail(x->respond.open ? &x->respond : &x->step, f);
  enum err e = page_failure(x, f, &page);
  if (!e) e = fields_add(&fields, "Sevenstep-Error", info->name);
  if (!e) e = bearer_challenge(x, f, &fields);
  if (!e && info->http_status == 405) e = fields_add(&fields, "Allow", METHODS_ALLOWED);
  if (!e && f->err == ERR_WEBSOCKET_VERSION) e = name_version(&fields);
  /* A second: by then a bucket that was empty has a token again. */
  if (!e && info->http_status == 429) e = fields_add(&fields, "Retry-After", "1");
  if (!e && (info->http_status == 503 || info->http_status == 504))
    e = fields_add(&fields, "Retry-After", "5");
  if (e)
    exchange_abort(x);
  else
    exchange_respond(x, info->http_status ? info->http_status : 502, &fields, "text/html; charset=utf-8",
                     page.data, page.len);
  buf_clear(&page);
  fields_clear(&fields);
}

void exchange_redirect(struct exchange *x, int status, const char *location, struct fields *f)
{
  if (fields_set(f, "Location", location))
    exchange_abort(x);
  else
    exchange_respond(x, status, f, "text/plain; charset=utf-8", "Redirecting.\n", 13);
}

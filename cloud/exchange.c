#include "conn.h"

#include "clock.h"

#include <string.h>
#include <time.h>

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
  conn_hold(x->conn);
}

void exchange_release(struct exchange *x)
{
  conn_release(x->conn);
}

const char *exchange_peer_ip(const struct exchange *x)
{
  return x->conn->stream ? stream_peer_ip(x->conn->stream) : "";
}

const char *exchange_sni(const struct exchange *x)
{
  struct tls *t = x->conn->stream ? stream_tls(x->conn->stream) : NULL;
  return t ? tls_server_name(t) : "";
}

void exchange_pause(struct exchange *x, bool pause)
{
  conn_pause_body(x->conn, pause);
}

static struct buf *out_of(struct exchange *x)
{
  return x->conn->stream ? stream_out(x->conn->stream) : NULL;
}

void exchange_continue(struct exchange *x)
{
  static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
  if (!x->head->expect_continue || x->begun || !x->conn->stream) return;
  if (stream_write(x->conn->stream, line, sizeof line - 1)) stream_abort(x->conn->stream);
}

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

static enum err add_length(struct fields *f, int64_t length)
{
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", (long long)length);
  return fields_add(f, "Content-Length", digits);
}

/* Framing, and what every response of ours says about itself. */
static enum err complete_head(struct exchange *x, int status, struct fields *f, int64_t length)
{
  char id[33];
  enum err e = ERR_OK;
  bool head = strcmp(x->head->method, "HEAD") == 0;
  x->no_body = head || status == 204 || status == 304;
  if (status == 204) {
    /* no framing fields at all (RFC 9110 8.6) */
  } else if (length >= 0) {
    e = add_length(f, length);
  } else if (!x->no_body) {
    x->chunked = x->head->minor >= 1;
    if (x->chunked)
      e = fields_add(f, "Transfer-Encoding", "chunked");
    else
      x->close_after = true;
  }
  trace_id_format(&x->ctx, id);
  if (!e) e = fields_set(f, "Sevenstep-Trace", id);
  if (!e && !fields_get(f, "Date")) e = fields_add(f, "Date", date_now());
  if (!e && x->clear_trace_cookie) e = cookie_set(f, COOKIE_TRACE, "", 0, "Lax");
  if (!e && x->close_after)
    e = fields_add(f, "Connection", "close");
  else if (!e && x->head->minor == 0)
    e = fields_add(f, "Connection", "keep-alive");
  return e;
}

void exchange_begin(struct exchange *x, int status, const struct fields *f, int64_t length)
{
  if (x->begun || x->ended) return;
  x->begun = true;
  x->status = status;
  x->conn->progress_ns = clock_mono_ns();
  atomic_fetch_add_explicit(&x->cloud->counters.status[status / 100 % 6], 1, memory_order_relaxed);
  struct buf *out = out_of(x);
  if (!out) return;
  /* One list, reused: the loop's thread writes one head at a time. */
  static struct fields all;
  if (all.max == 0) fields_init(&all, 200, 96 * 1024);
  fields_reset(&all);
  enum err e = ERR_OK;
  for (size_t i = 0; f && i < fields_count(f) && !e; i++) {
    struct field field = fields_at(f, i);
    e = fields_addn(&all, field.name, field.name_len, field.value, field.value_len);
  }
  if (!e) e = complete_head(x, status, &all, length);
  if (!e) e = http1_write_response(out, 1, status, NULL, &all);
  if (e)
    stream_abort(x->conn->stream);
  else
    stream_flush(x->conn->stream);
}

void exchange_interim(struct exchange *x, int status, const struct fields *f)
{
  struct buf *out = out_of(x);
  if (!out || x->begun || x->head->minor == 0) return;
  if (http1_write_response(out, 1, status, NULL, f))
    stream_abort(x->conn->stream);
  else
    stream_flush(x->conn->stream);
}

void exchange_write(struct exchange *x, const void *data, size_t n)
{
  struct buf *out = out_of(x);
  if (!out || !x->begun || x->ended || n == 0) return;
  x->sent += n;
  if (x->no_body) return;
  enum err e = x->chunked ? http1_write_chunk_head(out, n) : ERR_OK;
  if (!e) e = buf_append(out, data, n);
  if (!e && x->chunked) e = http1_write_chunk_tail(out);
  if (e)
    stream_abort(x->conn->stream);
  else
    stream_flush(x->conn->stream);
}

bool exchange_congested(const struct exchange *x)
{
  return x->conn->stream && stream_congested(x->conn->stream);
}

void exchange_end(struct exchange *x, const struct fields *trailers)
{
  if (x->ended) return;
  x->ended = true;
  x->ops = NULL;
  x->deadline_ns = 0;
  struct buf *out = out_of(x);
  if (out && x->chunked && !x->no_body) {
    if (http1_write_last_chunk(out, trailers))
      stream_abort(x->conn->stream);
    else
      stream_flush(x->conn->stream);
  }
  span_int(&x->respond, "http.response.status_code", x->status);
  span_int(&x->respond, "http.response.body.size", (int64_t)x->sent);
  span_end(&x->respond);
  span_end(&x->step);
  conn_exchange_ended(x->conn);
}

void exchange_abort(struct exchange *x)
{
  if (x->ended) return;
  x->ended = true;
  x->ops = NULL;
  x->deadline_ns = 0;
  span_end(&x->respond);
  span_end(&x->step);
  if (x->conn->stream) stream_abort(x->conn->stream);
}

void exchange_respond(struct exchange *x, int status, const struct fields *f, const char *content_type,
                      const void *body, size_t n)
{
  struct fields all;
  if (!x->request_done) x->close_after = true; /* nobody waits for the rest of the request */
  fields_init(&all, 64, 32 * 1024);
  enum err e = ERR_OK;
  for (size_t i = 0; f && i < fields_count(f) && !e; i++) {
    struct field field = fields_at(f, i);
    e = fields_addn(&all, field.name, field.name_len, field.value, field.value_len);
  }
  if (!e && content_type) e = fields_set(&all, "Content-Type", content_type);
  if (!e) e = fields_set(&all, "Sevenstep-Actor", "cloud");
  if (!e) e = fields_set(&all, "Cache-Control", "no-store");
  if (!e) e = fields_set(&all, "X-Content-Type-Options", "nosniff");
  if (!e) e = fields_set(&all, "Referrer-Policy", "no-referrer");
  if (!e)
    e = fields_set(&all, "Content-Security-Policy",
                   "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
  if (!e) e = fields_set(&all, "Strict-Transport-Security", "max-age=31536000");
  if (e) {
    exchange_abort(x);
  } else {
    exchange_begin(x, status, &all, (int64_t)n);
    exchange_write(x, body, n);
    exchange_end(x, NULL);
  }
  fields_clear(&all);
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
  if (!e && info->http_status == 405)
    e = fields_add(&fields, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
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

#include "httpd_private.h"

#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 32768 };

void httpd_answer_init(struct httpd_response *r)
{
  *r = (struct httpd_response){.status = 200, .produce_length = -1};
  fields_init(&r->fields, HTTPD_FIELDS_MAX, HTTPD_HEAD_MAX);
  buf_init(&r->body, HTTPD_ANSWER_MAX);
}

void httpd_answer_clear(struct httpd_response *r)
{
  fields_clear(&r->fields);
  buf_wipe(&r->body);
  if (r->produce_free) r->produce_free(r->produce_arg);
  r->produce = NULL;
  r->produce_free = NULL;
  if (r->protocol.free) r->protocol.free(r->protocol.arg);
  r->protocol = (struct httpd_protocol){0};
}

/* -- producers ------------------------------------------------------------------------------------------- */

/* libmicrohttpd owns it together with the response. */
struct producer {
  struct connection *c;
  ssize_t (*produce)(void *arg, uint64_t offset, uint8_t *out, size_t max);
  void *arg;
  void (*free)(void *arg);
};

static ssize_t produce_piece(void *cls, uint64_t offset, char *out, size_t max)
{
  struct producer *p = cls;
  ssize_t n = p->produce(p->arg, offset, (uint8_t *)out, max);
  if (n > 0) return n;
  if (n == 0) return MHD_CONTENT_READER_END_OF_STREAM;
  if (n == -1 || !httpd_watch_suspend(p->c, (unsigned)(-1 - n))) return MHD_CONTENT_READER_END_WITH_ERROR;
  return 0;
}

static void producer_free(void *cls)
{
  struct producer *p = cls;
  if (p->free) p->free(p->arg);
  free(p);
}

static struct MHD_Response *from_producer(struct connection *c, uint64_t size)
{
  struct producer *p = malloc(sizeof *p);
  if (!p) return NULL;
  *p = (struct producer){c, c->r.produce, c->r.produce_arg, c->r.produce_free};
  struct MHD_Response *m = MHD_create_response_from_callback(size, PIECE, produce_piece, p, producer_free);
  if (!m) {
    free(p);
    return NULL;
  }
  c->r.produce = NULL;
  c->r.produce_free = NULL; /* the response's now */
  return m;
}

/* -- the response ---------------------------------------------------------------------------------------- */

static struct MHD_Response *nothing(void)
{
  return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
}

static ssize_t no_piece(void *cls, uint64_t offset, char *out, size_t max)
{
  (void)cls;
  (void)offset;
  (void)out;
  (void)max;
  return MHD_CONTENT_READER_END_OF_STREAM;
}

/* Without Content-Length, because 0 would be a lie (RFC 9110 8.6), and without the last chunk that 0.9.75
 * sends to 304 and HEAD although there is no body. The price is the connection. */
static struct MHD_Response *without_length(struct MHD_Response *m)
{
  if (m) MHD_set_response_options(m, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
  return m;
}

static struct MHD_Response *create(struct connection *c)
{
  struct httpd_response *r = &c->r;
  if (r->status == 101) return httpd_upgrade_response(c);
  if (r->status == 204) return nothing();
  if (r->status == 304)
    return without_length(MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, no_piece, NULL, NULL));
  if (r->produce) {
    uint64_t size = r->produce_length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)r->produce_length;
    struct MHD_Response *m = from_producer(c, size);
    return size == MHD_SIZE_UNKNOWN && strcmp(c->q.method, "HEAD") == 0 ? without_length(m) : m;
  }
  if (r->body.len == 0) return nothing();
  void *body = r->body.data;
  struct MHD_Response *m = MHD_create_response_from_buffer_with_free_callback(r->body.len, body, free);
  if (m) r->body = (struct buf){.max = r->body.max};
  return m;
}

static bool is_servers_own(const struct field *one)
{
  return http_name_is(one->name, one->name_len, "content-length") ||
         http_name_is(one->name, one->name_len, "transfer-encoding") ||
         http_name_is(one->name, one->name_len, "date");
}

/* False: a name or value that could not be sent. */
static bool add_fields(struct MHD_Response *m, const struct fields *f)
{
  for (size_t i = 0; i < fields_count(f); i++) {
    struct field one = fields_at(f, i);
    if (is_servers_own(&one) || one.value_len == 0) continue;
    if (!http_is_token(one.name, one.name_len) || !http_is_field_value(one.value, one.value_len))
      return false;
    if (MHD_add_response_header(m, one.name, one.value) != MHD_YES) return false;
  }
  return true;
}

static bool is_sendable(const struct httpd_response *r)
{
  return (r->status >= 200 && r->status <= 599) || (r->status == 101 && r->protocol.on_data);
}

/* Answers with what is in c->r, and clears it. */
enum MHD_Result httpd_answer_send(struct connection *c)
{
  if (!is_sendable(&c->r)) c->r.status = 500;
  int status = c->r.status;
  struct MHD_Response *m = create(c);
  if (m && !add_fields(m, &c->r.fields)) {
    MHD_destroy_response(m);
    m = nothing();
    status = 500;
  }
  httpd_answer_clear(&c->r);
  if (!m) return MHD_NO;
  if (c->server->config.strict_transport &&
      MHD_add_response_header(m, HTTP_STRICT_TRANSPORT, HTTP_STRICT_TRANSPORT_VALUE) != MHD_YES) {
    MHD_destroy_response(m);
    return MHD_NO;
  }
  httpd_watch_phase(c, PHASE_ANSWER);
  enum MHD_Result done = MHD_queue_response(c->mhd, (unsigned)status, m);
  MHD_destroy_response(m);
  return done;
}

bool httpd_refusal_closes(int status)
{
  return status == 400 || status == 431 || status == 501 || status == 505;
}

enum MHD_Result httpd_answer_refusal(struct connection *c)
{
  struct httpd_response *r = &c->r;
  void (*refuse)(int, const char *, struct httpd_response *) = c->server->config.refuse;
  httpd_answer_clear(r);
  httpd_answer_init(r);
  enum err e = ERR_OK;
  if (refuse)
    refuse(c->refused, c->why, r);
  else if (!(e = httpd_text(r, c->refused, "text/plain; charset=utf-8", c->why)))
    e = buf_putc(&r->body, '\n');
  if (!e && c->refused == 405) e = fields_set(&r->fields, "Allow", c->allow);
  if (!e && httpd_refusal_closes(c->refused)) e = fields_set(&r->fields, "Connection", "close");
  if (e) return MHD_NO;
  r->status = c->refused;
  r->delay_ms = 0;
  return httpd_answer_send(c);
}

/* -- helpers for handlers -------------------------------------------------------------------------------- */

enum err httpd_redirect(struct httpd_response *r, int status, const char *location)
{
  r->status = status;
  buf_reset(&r->body);
  return fields_set(&r->fields, "Location", location);
}

enum err httpd_text(struct httpd_response *r, int status, const char *content_type, const char *text)
{
  r->status = status;
  buf_reset(&r->body);
  enum err e = fields_set(&r->fields, "Content-Type", content_type);
  return e ? e : buf_puts(&r->body, text);
}

void httpd_outcome(struct httpd_response *r, enum err e, const struct failure *f, const char *text)
{
  const struct err_info *info = err_info(e);
  char line[sizeof f->why + 64];
  if (e) snprintf(line, sizeof line, "%s: %s\n", info->name, f->why);
  if (httpd_text(r,
                 !e                  ? 200
                 : info->http_status ? info->http_status
                                     : 500,
                 "text/plain; charset=utf-8", e ? line : text))
    r->status = 500;
}

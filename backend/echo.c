#include "echo.h"

#include "frames.h"
#include "handshake.h"
#include "pages.h"

#include <stdlib.h>
#include <string.h>

struct echo {
  struct backend *backend;
  struct websocket_reader reader;
};

/* -- frames ---------------------------------------------------------------------------------------------- */

/* False: this side has said its last (RFC 6455 7.1.1: then the server closes). */
static bool answer_control(const struct websocket_reader *r, struct buf *out, enum err *ret_e)
{
  if (r->opcode == WEBSOCKET_PING)
    *ret_e = websocket_write(out, WEBSOCKET_PONG, r->control, r->control_len, NULL);
  else if (r->opcode == WEBSOCKET_CLOSE)
    *ret_e = websocket_write_close(out, r->close_code, "", NULL);
  return r->opcode != WEBSOCKET_CLOSE;
}

static bool answer_event(const struct websocket_reader *r, enum websocket_event event, struct buf *out,
                         enum err *ret_e)
{
  switch (event) {
  case WEBSOCKET_MESSAGE:
    *ret_e = websocket_write(out, r->opcode, r->message.data, r->message.len, NULL);
    return true;
  case WEBSOCKET_CONTROL:
    return answer_control(r, out, ret_e);
  case WEBSOCKET_FAILED:
    *ret_e = websocket_write_close(out, r->close_code, r->why, NULL);
    return false;
  case WEBSOCKET_NEED_MORE:
    break;
  }
  return true;
}

/* What is sent back is never longer than what came. */
static bool echo_data(void *arg, const uint8_t *data, size_t n, struct buf *out)
{
  struct echo *e = arg;
  enum websocket_event event;
  enum err why = ERR_OK;
  size_t at = 0, used;
  bool more;
  do {
    event = websocket_read(&e->reader, data + at, n - at, &used);
    at += used;
    more = answer_event(&e->reader, event, out, &why);
  } while (more && !why && event != WEBSOCKET_NEED_MORE);
  return more && !why;
}

static void echo_free(void *arg)
{
  struct echo *e = arg;
  atomic_fetch_sub_explicit(&e->backend->open_websockets, 1, memory_order_relaxed);
  websocket_reader_clear(&e->reader);
  free(e);
}

/* -- the handshake --------------------------------------------------------------------------------------- */

static enum err choose_subprotocol(const struct httpd_request *q, struct httpd_response *r)
{
  char name[128];
  const char *offered = fields_get(q->fields, "Sec-WebSocket-Protocol");
  size_t n = offered ? strcspn(offered, ", \t") : 0;
  if (n == 0 || n >= sizeof name || !http_is_token(offered, n)) return ERR_OK;
  memcpy(name, offered, n);
  name[n] = 0;
  return fields_set(&r->fields, "Sec-WebSocket-Protocol", name);
}

static enum err switch_to_echo(struct backend *b, const struct httpd_request *q, struct httpd_response *r)
{
  char accept[WEBSOCKET_ACCEPT_LEN + 1];
  enum err e = websocket_accept(fields_get(q->fields, "Sec-WebSocket-Key"), accept);
  if (!e) e = fields_set(&r->fields, "Upgrade", "websocket");
  if (!e) e = fields_set(&r->fields, "Sec-WebSocket-Accept", accept);
  if (!e) e = choose_subprotocol(q, r);
  struct echo *echo = e ? NULL : calloc(1, sizeof *echo);
  if (!echo) return e ? e : ERR_NOMEM;
  echo->backend = b;
  websocket_reader_init(&echo->reader, WEBSOCKET_SERVER, ECHO_MESSAGE_MAX);
  atomic_fetch_add_explicit(&b->websockets, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&b->open_websockets, 1, memory_order_relaxed);
  r->status = 101;
  r->protocol = (struct httpd_protocol){echo_data, echo_free, echo};
  return ERR_OK;
}

static enum err refuse(const struct visit *v, const struct failure *f, struct httpd_response *r)
{
  char trace_id[33];
  trace_id_format(&v->span.ctx, trace_id);
  enum err e = page_failure(r, f, trace_id);
  if (e || f->err != ERR_WEBSOCKET_VERSION) return e;
  return fields_set(&r->fields, "Sec-WebSocket-Version", WEBSOCKET_VERSION); /* RFC 6455 4.4 */
}

void handle_websocket(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct failure f;
  if (!visit_begin(&v, q->arg, q)) {
    enum err e = websocket_check_request(q->method, q->http_minor, q->body_len > 0, q->fields, &f);
    e = e ? refuse(&v, &f, r) : switch_to_echo(q->arg, q, r);
    if (e) r->status = 500;
  }
  visit_end(&v, r);
}

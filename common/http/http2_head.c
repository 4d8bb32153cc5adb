#include "http2_head.h"

#include "chars.h"
#include "http1_private.h"

/* RFC 8441 4, 5; an unknown protocol is 501 as in RFC 9220 3. */
static bool protocol_rules(struct http1_parser *p, const char *protocol)
{
  if (!*protocol) return http1_refuse(p, ERR_HTTP_METHOD_REFUSED, "CONNECT");
  if (strcmp(protocol, "websocket") != 0)
    return http1_refuse(p, ERR_HTTP_NOT_IMPLEMENTED, ":protocol is not websocket");
  p->head.websocket = true;
  memcpy(p->head.method, "GET", sizeof "GET");
  return true;
}

static bool method_rules(struct http1_parser *p, const char *method, const char *protocol)
{
  size_t n = strlen(method);
  if (!http_is_token(method, n)) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "the method is not a token");
  if (n >= sizeof p->head.method)
    return http1_refuse(p, ERR_HTTP_NOT_IMPLEMENTED, "the method's name is too long");
  memcpy(p->head.method, method, n + 1);
  return strcmp(method, "CONNECT") == 0 ? protocol_rules(p, protocol) : true;
}

static bool target_rules(struct http1_parser *p, struct span t)
{
  if (t.n > p->limits.target)
    return http1_refuse(p, ERR_HTTP_URI_TOO_LONG, "the request target is longer than allowed");
  for (size_t i = 0; i < t.n; i++)
    if (!char_is(t.at[i], CH_TARGET))
      return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "a character in the target that is not allowed");
  if (t.n == 1 && t.at[0] == '*') {
    if (strcmp(p->head.method, "OPTIONS") != 0)
      return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "the target * belongs to OPTIONS");
  } else if (t.n == 0 || t.at[0] != '/') {
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, ":path does not begin with /");
  }
  return http1_target_store(p, t);
}

/* RFC 9113 8.3.1: Host may only say the same as :authority, which it may stand for. */
static bool authority_rules(struct http1_parser *p, const char *authority, const struct notes *t)
{
  struct span a = {authority, strlen(authority)};
  if (t->hosts > 1) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "more than one Host");
  if (a.n == 0 && t->hosts == 0) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "neither :authority nor Host");
  if (a.n && t->hosts && !http_name_is(t->host.at, t->host.n, authority))
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "Host is not what :authority says");
  if (a.n == 0) a = t->host;
  if (!http1_authority_valid(a))
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "the host or port of the request is malformed");
  return http1_authority_store(p, a);
}

static bool field_room(struct http1_parser *p, enum err e)
{
  if (e == ERR_TOO_LARGE) return http1_refuse(p, ERR_HTTP_HEADERS_TOO_LARGE, "more fields than allowed");
  return e ? http1_refuse(p, e, "no memory for the fields") : true;
}

/* RFC 9113 8.2.3: compression likes cookies apart, everybody else wants them in one field. */
static bool join_cookies(struct http1_parser *p, const struct fields *f)
{
  struct buf *all = &p->line;
  enum err e = ERR_OK;
  buf_reset(all);
  for (size_t i = 0; i < fields_count(f) && !e; i++) {
    struct field one = fields_at(f, i);
    if (!http_name_is(one.name, one.name_len, "cookie")) continue;
    if (all->len) e = buf_puts(all, "; ");
    if (!e) e = buf_append(all, one.value, one.value_len);
  }
  if (!e && all->len) e = fields_addn(&p->head.fields, "cookie", 6, buf_str(all), all->len);
  return field_room(p, e);
}

static bool take_fields(struct http1_parser *p, const struct fields *f, struct notes *notes)
{
  for (size_t i = 0; i < fields_count(f); i++) {
    struct field one = fields_at(f, i);
    if (!http_is_token(one.name, one.name_len) || !http_is_field_value(one.value, one.value_len))
      return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "a character in a field that is not allowed");
    http1_note(notes, one.name, one.name_len, (struct span){one.value, one.value_len});
    if (http_name_is(one.name, one.name_len, "cookie")) continue;
    if (!field_room(p, fields_addn(&p->head.fields, one.name, one.name_len, one.value, one.value_len)))
      return false;
  }
  return join_cookies(p, f);
}

bool http2_request_head(struct http1_parser *p, const struct http2_request *r)
{
  struct http1_head *h = &p->head;
  struct notes notes = {0};
  h->minor = 2;
  if (!method_rules(p, r->method, r->protocol)) return false;
  if (strcmp(r->scheme, "https") != 0) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, ":scheme is not https");
  if (!target_rules(p, (struct span){r->path, r->path_len})) return false;
  if (!take_fields(p, r->fields, &notes) || !authority_rules(p, r->authority, &notes)) return false;
  if (notes.codings) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "Transfer-Encoding in a request of HTTP/2");
  if (!http1_request_rules(p, &notes)) return false;
  if (h->websocket) {
    if (notes.lengths) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "Content-Length in an extended CONNECT");
    fields_remove(&h->fields, "Sec-WebSocket-Key"); /* not used (RFC 8441 5) */
  } else if (!notes.lengths && !r->end) {
    h->body = BODY_CHUNKED;
    h->expect_continue = notes.expects == 1 && http_name_is(notes.expect.at, notes.expect.n, "100-continue");
  }
  return true;
}

/* A whole head: its field lines, and what they mean for the framing of the body (RFC 9112 6.3) and for the
 * routing. Where two readers could disagree about a message, it is refused. */
#include "http1_private.h"

#include "chars.h"

#include <stdio.h>

enum { INTERIM_MAX = 32 }; /* 1xx before a response */

/* -- field lines -------------------------------------------------------------------------------------------
 */

static const char *why_no_name(const char *at, const char *stop)
{
  if (stop == at) {
    if (*at == ' ' || *at == '\t') return "a folded header line (obs-fold)";
    if (*at == ':') return "an empty field name";
  }
  if (*stop == ' ' || *stop == '\t') return "white space between field name and colon";
  if (*stop == '\r') return "a header line without a colon";
  return "a character in a field name that is not allowed";
}

static void note_connection(struct notes *t, const char *value, size_t n)
{
  t->close |= http_list_has(value, n, "close");
  t->persist |= http_list_has(value, n, "keep-alive");
  t->wants_upgrade |= http_list_has(value, n, "upgrade");
}

void http1_note(struct notes *t, const char *name, size_t n, struct span value)
{
  switch (n) {
  case 4:
    if (!http_name_is(name, n, "host")) return;
    t->host = value;
    t->hosts++;
    return;
  case 6:
    if (!http_name_is(name, n, "expect")) return;
    t->expect = value;
    t->expects++;
    return;
  case 7:
    t->has_upgrade |= http_name_is(name, n, "upgrade");
    return;
  case 10:
    if (http_name_is(name, n, "connection")) note_connection(t, value.at, value.n);
    return;
  case 13:
    t->authorizations += http_name_is(name, n, "authorization");
    return;
  case 14:
    if (!http_name_is(name, n, "content-length")) return;
    t->length = value;
    t->lengths++;
    return;
  case 17:
    if (!http_name_is(name, n, "transfer-encoding")) return;
    t->coding = value;
    t->codings++;
    return;
  default:
    return;
  }
}

bool http1_field_parse(struct http1_parser *p, struct fields *into, const char **at, const char *end,
                       struct notes *notes)
{
  const char *name = *at, *s = name;
  while (char_is(*s, CH_TOKEN))
    s++;
  if (*s != ':' || s == name) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, why_no_name(name, s));
  size_t name_len = (size_t)(s - name);
  s++;
  while (*s == ' ' || *s == '\t')
    s++;
  const char *stop = char_skip_value(s, end);
  if (stop[0] != '\r' || stop[1] != '\n')
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "a control character in a field value");
  *at = stop + 2;
  while (stop > s && (stop[-1] == ' ' || stop[-1] == '\t'))
    stop--;
  struct span value = {s, (size_t)(stop - s)};
  enum err e = fields_addn(into, name, name_len, value.at, value.n);
  if (e == ERR_TOO_LARGE) return http1_refuse(p, ERR_HTTP_HEADERS_TOO_LARGE, "more fields than allowed");
  if (e) return http1_refuse(p, e, "no memory for the fields");
  if (notes) http1_note(notes, name, name_len, value);
  return true;
}

bool http1_trailer_allowed(const char *name, size_t n)
{
  static const char *const forbidden[] = {
      /* framing and routing */
      "content-length", "transfer-encoding", "trailer", "host", "connection", "te", "upgrade", "keep-alive",
      "proxy-connection", "via", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
      /* request modifiers and conditions */
      "expect", "max-forwards", "range", "if-match", "if-none-match", "if-modified-since",
      "if-unmodified-since", "if-range", "cache-control", "pragma",
      /* authentication and cookies */
      "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info",
      "proxy-authentication-info", "cookie", "set-cookie",
      /* how to read the content, and where to go next */
      "content-encoding", "content-type", "content-range", "location", "retry-after", "age", "date",
      "expires", "vary", "warning"};
  for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
    if (http_name_is(name, n, forbidden[i])) return false;
  return true;
}

/* -- framing -----------------------------------------------------------------------------------------------
 */

static bool parse_decimal(struct span s, uint64_t *ret)
{
  uint64_t v = 0;
  if (s.n == 0 || s.n > 19) return false;
  for (size_t i = 0; i < s.n; i++) {
    if (!char_is(s.at[i], CH_DIGIT)) return false;
    v = v * 10 + (uint64_t)(s.at[i] - '0');
  }
  if (v > INT64_MAX) return false;
  *ret = v;
  return true;
}

/* A coding we do not know is an honest 501, chunked in the wrong place is an attempt (RFC 9112 6.1, 6.3). */
static bool refuse_coding(struct http1_parser *p, struct span value)
{
  if (value.n == 0 || http_list_has(value.at, value.n, "chunked")) {
    const char *last = value.at + value.n;
    while (last > value.at && last[-1] != ',' && last[-1] != ' ' && last[-1] != '\t')
      last--;
    struct span before = {value.at, (size_t)(last - value.at)};
    bool is_last = http_name_is(last, value.n - before.n, "chunked");
    if (!is_last || http_list_has(before.at, before.n, "chunked") || before.n == 0)
      return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "Transfer-Encoding: chunked must come last, and once");
  }
  return http1_refuse(p, ERR_HTTP_NOT_IMPLEMENTED, "a transfer coding other than chunked");
}

static bool coding_rules(struct http1_parser *p, const struct notes *t)
{
  if (t->lengths) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "both Content-Length and Transfer-Encoding");
  if (t->codings > 1) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "more than one Transfer-Encoding");
  if (p->head.minor == 0)
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "Transfer-Encoding in an HTTP/1.0 message");
  if (!http_name_is(t->coding.at, t->coding.n, "chunked")) return refuse_coding(p, t->coding);
  p->head.body = BODY_CHUNKED;
  return true;
}

static void persistence(struct http1_parser *p, const struct notes *t)
{
  p->head.keep_alive = !t->close && (p->head.minor == 1 || t->persist);
}

/* The body begins, or the message ends. */
static void enter_body(struct http1_parser *p)
{
  static const int states[] = {[BODY_NONE] = ST_END,
                               [BODY_LENGTH] = ST_LENGTH,
                               [BODY_CHUNKED] = ST_CHUNK_SIZE,
                               [BODY_UNTIL_CLOSE] = ST_UNTIL_CLOSE};
  p->state = states[p->head.body];
  p->left = p->head.body == BODY_LENGTH ? p->head.content_length : 0;
  p->digits = 0;
}

bool http1_request_rules(struct http1_parser *p, const struct notes *t)
{
  struct http1_head *h = &p->head;
  if (t->authorizations > 1) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "more than one Authorization");
  if (t->codings) {
    if (!coding_rules(p, t)) return false;
  } else if (t->lengths) {
    if (t->lengths > 1) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "more than one Content-Length");
    if (!parse_decimal(t->length, &h->content_length))
      return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "Content-Length is not a decimal number");
    h->body = h->content_length ? BODY_LENGTH : BODY_NONE;
  }
  persistence(p, t);
  h->upgrade = h->minor == 1 && t->wants_upgrade && t->has_upgrade;
  h->expect_continue = h->minor >= 1 && h->body != BODY_NONE && t->expects == 1 &&
                       http_name_is(t->expect.at, t->expect.n, "100-continue");
  enter_body(p);
  return true;
}

/* The one number that all members of all Content-Length fields agree on (RFC 9112 6.3, item 5). */
static bool agreed_length(struct http1_parser *p, uint64_t *ret)
{
  bool have = false;
  for (size_t i = 0; i < fields_count(&p->head.fields); i++) {
    struct field one = fields_at(&p->head.fields, i);
    if (!http_name_is(one.name, one.name_len, "content-length")) continue;
    const char *at = one.value, *end = at + one.value_len;
    for (;;) {
      const char *comma = memchr(at, ',', (size_t)(end - at));
      const char *stop = comma ? comma : end;
      while (at < stop && *at == ' ')
        at++;
      const char *last = stop;
      while (last > at && last[-1] == ' ')
        last--;
      uint64_t v;
      if (!parse_decimal((struct span){at, (size_t)(last - at)}, &v) || (have && v != *ret)) return false;
      *ret = v;
      have = true;
      if (!comma) break;
      at = stop + 1;
    }
  }
  return have;
}

static bool response_length(struct http1_parser *p, const struct notes *t)
{
  struct http1_head *h = &p->head;
  if (t->lengths == 1 && parse_decimal(t->length, &h->content_length)) return true;
  if (!agreed_length(p, &h->content_length))
    return http1_refuse(p, ERR_BACKEND_PROTOCOL, "Content-Length is malformed, or two of them differ");
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)h->content_length);
  if (fields_set(&h->fields, "Content-Length", text))
    return http1_refuse(p, ERR_NOMEM, "no memory for the fields");
  return true;
}

/* What is not the last word: the next head follows. */
static bool interim(struct http1_parser *p)
{
  if (++p->skipped > INTERIM_MAX) return http1_refuse(p, ERR_BACKEND_PROTOCOL, "too many 1xx answers");
  p->state = ST_START;
  return true;
}

bool http1_response_rules(struct http1_parser *p, const struct notes *t)
{
  struct http1_head *h = &p->head;
  if (t->lengths && !response_length(p, t)) return false;
  if (t->codings && !coding_rules(p, t)) return false;
  persistence(p, t);
  if (h->status < 200 || h->status == 204) {
    /* RFC 9110 8.6, RFC 9112 6.1: neither may be there, so neither may be passed on. */
    fields_remove(&h->fields, "Content-Length");
    fields_remove(&h->fields, "Transfer-Encoding");
  }
  h->upgrade = h->status == 101;
  if (h->status < 200 && h->status != 101) {
    h->body = BODY_NONE;
    return interim(p);
  }
  if (h->status == 101 || h->status == 204 || h->status == 304 || p->head_only)
    h->body = BODY_NONE;
  else if (!t->codings)
    h->body = t->lengths ? BODY_LENGTH : BODY_UNTIL_CLOSE;
  if (h->body == BODY_UNTIL_CLOSE) h->keep_alive = false;
  enter_body(p);
  return true;
}

/* -- the whole ----------------------------------------------------------------------------------------------
 */

static void forget(struct http1_parser *p)
{
  struct http1_head *h = &p->head;
  h->minor = h->status = 0;
  h->method[0] = 0;
  buf_reset(&h->target);
  buf_reset(&h->authority);
  buf_reset(&h->reason);
  fields_reset(&h->fields);
  fields_reset(&p->trailers);
  h->absolute_http = h->absolute_https = h->expect_continue = h->keep_alive = h->upgrade = h->websocket =
      false;
  h->body = BODY_NONE;
  h->content_length = 0;
}

enum http1_event http1_head_parse(struct http1_parser *p, const char *head, size_t n)
{
  bool request = p->kind == HTTP1_REQUEST;
  const char *at = head, *end = head + n;
  struct notes notes = {0};
  forget(p);
  if (!(request ? http1_request_line(p, &at) : http1_status_line(p, &at))) return HTTP1_ERROR;
  while (at < end - 2)
    if (!http1_field_parse(p, &p->head.fields, &at, end, &notes)) return HTTP1_ERROR;
  if (request && !http1_authority_rules(p, &notes)) return HTTP1_ERROR;
  bool ok = request ? http1_request_rules(p, &notes) : http1_response_rules(p, &notes);
  return ok ? HTTP1_HEAD : HTTP1_ERROR;
}

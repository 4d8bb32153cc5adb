/* The parser's course through a message: finding the end of the head, then the body. A head that lies whole
 * in the input is parsed where it lies; only one that came in pieces is collected first. */
#include "http1_private.h"

#include "chars.h"

enum {
  EMPTY_LINES_MAX = 4,     /* before a request (RFC 9112 2.2) */
  REQUEST_LINE_EXTRA = 64, /* method, version, spaces and CRLF beside the target */
  CHUNK_DIGITS_MAX = 16,
  KEEP_MEMORY = 16384, /* a larger buffer is not kept for the next message */
};

const struct http1_limits http1_default_limits = {
    .target = 8192, .head = 65536, .fields = 128, .chunk_ext = 8192};

/* Not an event: go on in the new state. */
#define STEP_ON ((enum http1_event) - 1)

struct input {
  const uint8_t *at, *end;
  const uint8_t **ret_data;
  size_t *ret_n;
};

void http1_parser_init(struct http1_parser *p, enum http1_kind kind, const struct http1_limits *limits)
{
  *p = (struct http1_parser){.kind = kind, .limits = limits ? *limits : http1_default_limits};
  buf_init(&p->head.target, p->limits.target);
  buf_init(&p->head.authority, p->limits.head);
  buf_init(&p->head.reason, p->limits.head);
  buf_init(&p->line, p->limits.head + 1);
  fields_init(&p->head.fields, p->limits.fields, p->limits.head);
  fields_init(&p->trailers, p->limits.fields, p->limits.chunk_ext);
}

void http1_parser_clear(struct http1_parser *p)
{
  buf_clear(&p->head.target);
  buf_clear(&p->head.authority);
  buf_clear(&p->head.reason);
  buf_wipe(&p->line);
  fields_clear(&p->head.fields);
  fields_clear(&p->trailers);
}

static void drop_large(struct buf *b)
{
  if (b->cap > KEEP_MEMORY)
    buf_wipe(b);
  else
    buf_reset(b);
}

void http1_parser_next(struct http1_parser *p)
{
  drop_large(&p->line);
  fields_reset(&p->head.fields);
  drop_large(&p->head.fields.store);
  fields_reset(&p->trailers);
  p->state = ST_START;
  p->head_only = false;
  p->scan = p->line_start = p->ext_used = 0;
  p->skipped = 0;
}

void http1_parser_expect_head_response(struct http1_parser *p)
{
  p->head_only = true;
}

bool http1_parser_started(const struct http1_parser *p)
{
  return p->state != ST_START || (p->kind == HTTP1_RESPONSE && p->skipped);
}

enum http1_event http1_fail(struct http1_parser *p, enum err e, const char *why)
{
  failure_set(&p->failure, p->kind == HTTP1_RESPONSE ? ERR_BACKEND_PROTOCOL : e, "%s", why);
  p->state = ST_ERROR;
  return HTTP1_ERROR;
}

static enum http1_event bad(struct http1_parser *p, const char *why)
{
  return http1_fail(p, ERR_HTTP_BAD_REQUEST, why);
}

/* -- the head -------------------------------------------------------------------------------------------- */

static enum http1_event step_start(struct http1_parser *p, struct input *in)
{
  if (in->at == in->end) return HTTP1_NEED_MORE;
  if (p->kind == HTTP1_REQUEST) {
    if (*in->at == '\r') {
      in->at++;
      p->state = ST_START_LF;
      return STEP_ON;
    }
    /* Found out at once, because a TLS ClientHello or junk may never come to a line end. */
    if (!char_is((char)*in->at, CH_TOKEN)) return bad(p, "the first byte cannot begin a method");
  }
  p->state = ST_HEAD;
  p->scan = p->line_start = 0;
  buf_reset(&p->line);
  return STEP_ON;
}

static enum http1_event step_start_lf(struct http1_parser *p, struct input *in)
{
  if (in->at == in->end) return HTTP1_NEED_MORE;
  if (*in->at++ != '\n') return bad(p, "CR without LF before the request line");
  if (++p->skipped > EMPTY_LINES_MAX) return bad(p, "too many empty lines before the request");
  p->state = ST_START;
  return STEP_ON;
}

static enum http1_event too_large(struct http1_parser *p)
{
  if (p->kind == HTTP1_REQUEST && p->line_start == 0)
    return http1_fail(p, ERR_HTTP_URI_TOO_LONG, "the request line is longer than allowed");
  return http1_fail(p, ERR_HTTP_HEADERS_TOO_LARGE, "the header block is larger than allowed");
}

static size_t line_limit(const struct http1_parser *p)
{
  size_t first = p->limits.target + REQUEST_LINE_EXTRA;
  bool in_request_line = p->kind == HTTP1_REQUEST && p->line_start == 0;
  return in_request_line && first < p->limits.head ? first : p->limits.head;
}

static bool begins_like_http(const char *s, size_t n)
{
  return memcmp(s, "HTTP/1.", n < 7 ? n : 7) == 0;
}

/* Looks for the empty line that ends the head, in s[0..n), where s[0..p->scan) was looked at before. What
 * decides is the first byte that settles the matter, so that it does not depend on where the input was cut.
 */
static enum http1_event scan_head(struct http1_parser *p, const char *s, size_t n, size_t *ret_len)
{
  if (p->kind == HTTP1_RESPONSE && p->line_start == 0 && !begins_like_http(s, n))
    return bad(p, "the answer does not begin with HTTP/1.");
  for (;;) {
    const char *lf = p->scan < n ? memchr(s + p->scan, '\n', n - p->scan) : NULL;
    size_t seen = lf ? (size_t)(lf - s) + 1 : n;
    if (seen > line_limit(p)) return too_large(p);
    p->scan = seen;
    if (!lf) return HTTP1_NEED_MORE;
    if (seen < 2 || lf[-1] != '\r') return bad(p, "LF without CR in the header block");
    bool empty = seen == p->line_start + 2;
    p->line_start = seen;
    if (empty) {
      *ret_len = seen;
      return HTTP1_HEAD;
    }
  }
}

static enum http1_event step_head(struct http1_parser *p, struct input *in)
{
  size_t n = (size_t)(in->end - in->at), before = p->line.len, len = 0;
  const char *head = (const char *)in->at;
  if (before) {
    size_t room = p->line.max - before;
    if (n > room) n = room;
    if (buf_append(&p->line, in->at, n)) return http1_fail(p, ERR_NOMEM, "no memory for the head");
    head = (const char *)p->line.data;
  }
  enum http1_event ev = scan_head(p, head, before + n, &len);
  if (ev == HTTP1_HEAD) {
    in->at += len - before;
    p->ext_used = 0;
    return http1_head_parse(p, head, len);
  }
  if (ev == HTTP1_NEED_MORE) {
    if (!before && buf_append(&p->line, in->at, n)) return http1_fail(p, ERR_NOMEM, "no memory for the head");
    in->at = in->end;
  }
  return ev;
}

/* -- bodies ---------------------------------------------------------------------------------------------- */

static enum http1_event give(struct input *in, size_t n)
{
  *in->ret_data = in->at;
  *in->ret_n = n;
  in->at += n;
  return HTTP1_DATA;
}

static enum http1_event step_counted(struct http1_parser *p, struct input *in, int next)
{
  if (p->left == 0) {
    p->state = next;
    return STEP_ON;
  }
  size_t n = (size_t)(in->end - in->at);
  if (n == 0) return HTTP1_NEED_MORE;
  if (n > p->left) n = (size_t)p->left;
  p->left -= n;
  return give(in, n);
}

static enum http1_event step_chunk_size(struct http1_parser *p, struct input *in)
{
  for (; in->at < in->end && char_is((char)*in->at, CH_HEX); in->at++) {
    if (++p->digits > CHUNK_DIGITS_MAX) return bad(p, "the chunk size has too many digits");
    p->left = p->left << 4 | char_hex((char)*in->at);
    if (p->left > INT64_MAX) return bad(p, "the chunk size is too large");
  }
  if (in->at == in->end) return HTTP1_NEED_MORE;
  if (p->digits == 0) return bad(p, "the chunk size is not a hexadecimal number");
  p->state = ST_CHUNK_BWS;
  return STEP_ON;
}

static enum http1_event step_chunk_bws(struct http1_parser *p, struct input *in)
{
  for (; in->at < in->end && (*in->at == ' ' || *in->at == '\t'); in->at++) {
    p->digits = 0; /* white space was seen: only ';' may follow */
    if (++p->ext_used > p->limits.chunk_ext) return bad(p, "the chunk extensions are larger than allowed");
  }
  if (in->at == in->end) return HTTP1_NEED_MORE;
  if (*in->at == '\r' && p->digits) {
    in->at++;
    p->state = ST_CHUNK_LF;
  } else if (*in->at == ';') {
    p->state = ST_CHUNK_EXT;
  } else {
    return bad(p, "junk behind the chunk size");
  }
  return STEP_ON;
}

/* Extensions are ignored, but not free: RFC 9112 7.1.1 wants a limit. */
static enum http1_event step_chunk_ext(struct http1_parser *p, struct input *in)
{
  for (; in->at < in->end && char_is((char)*in->at, CH_VALUE); in->at++)
    if (++p->ext_used > p->limits.chunk_ext) return bad(p, "the chunk extensions are larger than allowed");
  if (in->at == in->end) return HTTP1_NEED_MORE;
  if (*in->at++ != '\r') return bad(p, "a control character in a chunk extension");
  p->state = ST_CHUNK_LF;
  return STEP_ON;
}

static enum http1_event step_byte(struct http1_parser *p, struct input *in, char want, int next,
                                  const char *why)
{
  if (in->at == in->end) return HTTP1_NEED_MORE;
  if (*in->at++ != (uint8_t)want) return bad(p, why);
  p->state = next;
  return STEP_ON;
}

static void begin_chunk(struct http1_parser *p)
{
  p->left = 0;
  p->digits = 0;
}

static enum http1_event step_chunk_lf(struct http1_parser *p, struct input *in)
{
  int next = p->left ? ST_CHUNK_DATA : ST_TRAILER;
  enum http1_event ev = step_byte(p, in, '\n', next, "CR without LF behind the chunk size");
  if (p->state == ST_TRAILER) buf_reset(&p->line);
  return ev;
}

static enum http1_event trailer_line(struct http1_parser *p, const char *at, size_t n)
{
  if (n < 2 || at[n - 2] != '\r') return bad(p, "LF without CR in the trailers");
  if (n == 2) {
    p->state = ST_END;
    return STEP_ON;
  }
  const char *colon = memchr(at, ':', n);
  if (colon && !http1_trailer_allowed(at, (size_t)(colon - at)))
    return bad(p, "a field that is not allowed in trailers");
  return http1_field_parse(p, &p->trailers, &at, at + n, NULL) ? STEP_ON : HTTP1_ERROR;
}

static enum http1_event step_trailer(struct http1_parser *p, struct input *in)
{
  size_t n = (size_t)(in->end - in->at), before = p->line.len;
  if (n == 0) return HTTP1_NEED_MORE;
  const uint8_t *lf = memchr(in->at, '\n', n);
  if (lf) n = (size_t)(lf - in->at) + 1;
  if (n > p->limits.chunk_ext - p->ext_used) return bad(p, "the trailers are larger than allowed");
  p->ext_used += n;
  const char *line = (const char *)in->at;
  in->at += n;
  if (before || !lf) {
    if (buf_append(&p->line, line, n)) return http1_fail(p, ERR_NOMEM, "no memory for a trailer");
    if (!lf) return HTTP1_NEED_MORE;
    line = (const char *)p->line.data;
  }
  enum http1_event ev = trailer_line(p, line, before + n);
  buf_reset(&p->line);
  return ev;
}

static enum http1_event step_until_close(struct input *in)
{
  return in->at == in->end ? HTTP1_NEED_MORE : give(in, (size_t)(in->end - in->at));
}

/* -- the course ------------------------------------------------------------------------------------------ */

static enum http1_event step(struct http1_parser *p, struct input *in)
{
  switch ((enum http1_state)p->state) {
  case ST_START:
    return step_start(p, in);
  case ST_START_LF:
    return step_start_lf(p, in);
  case ST_HEAD:
    return step_head(p, in);
  case ST_LENGTH:
    return step_counted(p, in, ST_END);
  case ST_CHUNK_SIZE:
    return step_chunk_size(p, in);
  case ST_CHUNK_BWS:
    return step_chunk_bws(p, in);
  case ST_CHUNK_EXT:
    return step_chunk_ext(p, in);
  case ST_CHUNK_LF:
    return step_chunk_lf(p, in);
  case ST_CHUNK_DATA:
    return step_counted(p, in, ST_CHUNK_DATA_CR);
  case ST_CHUNK_DATA_CR:
    return step_byte(p, in, '\r', ST_CHUNK_DATA_LF, "the chunk is longer than its size");
  case ST_CHUNK_DATA_LF:
    begin_chunk(p);
    return step_byte(p, in, '\n', ST_CHUNK_SIZE, "CR without LF behind the chunk");
  case ST_TRAILER:
    return step_trailer(p, in);
  case ST_UNTIL_CLOSE:
    return step_until_close(in);
  case ST_END:
    p->state = ST_DONE;
    return HTTP1_END;
  case ST_DONE:
    return HTTP1_END;
  case ST_ERROR:
    return HTTP1_ERROR;
  }
  return HTTP1_ERROR;
}

enum http1_event http1_parse(struct http1_parser *p, const uint8_t *data, size_t n, size_t *ret_used,
                             const uint8_t **ret_data, size_t *ret_n)
{
  static const uint8_t nothing[1];
  if (n == 0) data = nothing; /* so that no arithmetic is done on NULL */
  struct input in = {data, data + n, ret_data, ret_n};
  enum http1_event ev;
  do
    ev = step(p, &in);
  while (ev == STEP_ON);
  *ret_used = (size_t)(in.at - data);
  return ev;
}

enum http1_event http1_parse_eof(struct http1_parser *p)
{
  switch ((enum http1_state)p->state) {
  case ST_START:
    if (!http1_parser_started(p)) return HTTP1_NEED_MORE;
    break;
  case ST_LENGTH:
    if (p->left) break;
    p->state = ST_DONE;
    return HTTP1_END;
  case ST_UNTIL_CLOSE:
  case ST_END:
  case ST_DONE:
    p->state = ST_DONE;
    return HTTP1_END;
  case ST_ERROR:
    return HTTP1_ERROR;
  default:
    break;
  }
  return bad(p, "the connection was closed in the middle of the message");
}

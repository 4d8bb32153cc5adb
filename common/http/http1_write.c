/* Writing messages. Everything is checked again on the way out, so that no bug elsewhere can split a message.
 */
#include "http1.h"

#include "chars.h"

#include <stdio.h>
#include <string.h>

/* RFC 9110 15, and RFC 6585. */
const char *http_reason_phrase(int status)
{
  static const struct {
    int status;
    const char *phrase;
  } phrases[] = {{100, "Continue"},
                 {101, "Switching Protocols"},
                 {102, "Processing"},
                 {103, "Early Hints"},
                 {200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {203, "Non-Authoritative Information"},
                 {204, "No Content"},
                 {205, "Reset Content"},
                 {206, "Partial Content"},
                 {207, "Multi-Status"},
                 {300, "Multiple Choices"},
                 {301, "Moved Permanently"},
                 {302, "Found"},
                 {303, "See Other"},
                 {304, "Not Modified"},
                 {307, "Temporary Redirect"},
                 {308, "Permanent Redirect"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {402, "Payment Required"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {406, "Not Acceptable"},
                 {407, "Proxy Authentication Required"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {411, "Length Required"},
                 {412, "Precondition Failed"},
                 {413, "Content Too Large"},
                 {414, "URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {416, "Range Not Satisfiable"},
                 {417, "Expectation Failed"},
                 {421, "Misdirected Request"},
                 {422, "Unprocessable Content"},
                 {423, "Locked"},
                 {425, "Too Early"},
                 {426, "Upgrade Required"},
                 {428, "Precondition Required"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {505, "HTTP Version Not Supported"}};
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
    if (phrases[i].status == status) return phrases[i].phrase;
  return "";
}

static uint8_t *put(uint8_t *at, const void *data, size_t n)
{
  if (n) memcpy(at, data, n);
  return at + n;
}

static size_t fields_size(const struct fields *f)
{
  size_t n = 2;
  for (size_t i = 0; f && i < fields_count(f); i++) {
    struct field one = fields_at(f, i);
    n += one.name_len + one.value_len + 4;
  }
  return n;
}

/* The field lines and the empty line; there is room. NULL when one of them could not be parsed again. */
static uint8_t *put_fields(uint8_t *at, const struct fields *f)
{
  for (size_t i = 0; f && i < fields_count(f); i++) {
    struct field one = fields_at(f, i);
    if (!http_is_token(one.name, one.name_len) || !http_is_field_value(one.value, one.value_len)) return NULL;
    at = put(at, one.name, one.name_len);
    at = put(at, ": ", 2);
    at = put(at, one.value, one.value_len);
    at = put(at, "\r\n", 2);
  }
  return put(at, "\r\n", 2);
}

/* Appends start line (three pieces, which end with CRLF) and fields. */
static enum err write_head(struct buf *out, const char *a, size_t na, const char *b, size_t nb, const char *c,
                           size_t nc, const struct fields *f)
{
  uint8_t *at;
  enum err e = buf_reserve(out, na + nb + nc + fields_size(f), &at);
  if (e) return e;
  uint8_t *end = put(put(put(at, a, na), b, nb), c, nc);
  end = put_fields(end, f);
  if (!end) {
    *at = 0;
    return ERR_INTERNAL;
  }
  *end = 0;
  out->len += (size_t)(end - at);
  return ERR_OK;
}

static bool is_target(const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!char_is(s[i], CH_TARGET)) return false;
  return n > 0;
}

enum err http1_write_request(struct buf *out, const char *method, const char *target, size_t target_len,
                             const struct fields *f)
{
  char start[34];
  size_t n = strlen(method);
  if (!http_is_token(method, n) || n > 31 || !is_target(target, target_len)) return ERR_INTERNAL;
  memcpy(start, method, n);
  start[n] = ' ';
  return write_head(out, start, n + 1, target, target_len, " HTTP/1.1\r\n", 11, f);
}

enum err http1_write_response(struct buf *out, int minor, int status, const char *reason,
                              const struct fields *f)
{
  if (status < 100 || status > 599 || minor < 0 || minor > 1) return ERR_INTERNAL;
  if (!reason) reason = http_reason_phrase(status);
  size_t n = strlen(reason);
  if (!http_is_field_value(reason, n)) return ERR_INTERNAL;
  char start[] = "HTTP/1.0 000 ";
  start[7] = (char)('0' + minor);
  start[9] = (char)('0' + status / 100);
  start[10] = (char)('0' + status / 10 % 10);
  start[11] = (char)('0' + status % 10);
  return write_head(out, start, 13, reason, n, "\r\n", 2, f);
}

enum err http1_write_chunk_head(struct buf *out, size_t n)
{
  /* A chunk of no bytes would be the last one. */
  return n ? buf_printf(out, "%zx\r\n", n) : ERR_INTERNAL;
}

enum err http1_write_chunk_tail(struct buf *out)
{
  return buf_append(out, "\r\n", 2);
}

enum err http1_write_last_chunk(struct buf *out, const struct fields *trailers)
{
  return write_head(out, "0\r\n", 3, NULL, 0, NULL, 0, trailers);
}

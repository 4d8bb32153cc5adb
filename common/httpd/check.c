/* libmicrohttpd parses laxly (it takes CL with TE, two Hosts, any TE, controls in values). What it lets
 * through to the first callback is judged here, by the rules of the codec in common/http. */
#include "httpd_private.h"

#include <string.h>

struct counts {
  unsigned hosts, lengths, codings, authorizations;
};

static void refuse(struct connection *c, int status, const char *why)
{
  if (c->refused) return; /* the first reason is the one told */
  c->refused = status;
  c->why = why;
}

static void check_length(struct connection *c, const char *value, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (value[i] < '0' || value[i] > '9') n = 0;
  if (n == 0 || n > 18) refuse(c, 400, "Content-Length is not a decimal number");
}

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t nn,
                                const char *value, size_t nv)
{
  (void)kind;
  struct connection *c = ((void **)cls)[0];
  struct counts *n = ((void **)cls)[1];
  if (!value) value = "";
  if (!http_is_token(name, nn)) refuse(c, 400, "a character in a field name that is not allowed");
  if (!http_is_field_value(value, nv)) refuse(c, 400, "a control character in a field value");
  if (http_name_is(name, nn, "host")) n->hosts++;
  if (http_name_is(name, nn, "authorization")) n->authorizations++;
  if (http_name_is(name, nn, "content-length")) {
    n->lengths++;
    check_length(c, value, nv);
  }
  if (http_name_is(name, nn, "transfer-encoding")) {
    n->codings++;
    if (!http_name_is(value, nv, "chunked")) refuse(c, 501, "a transfer coding other than chunked");
  }
  if (!c->refused && fields_addn(&c->fields, name, nn, value, nv))
    refuse(c, 431, "the header fields are too many or too large");
  return c->refused ? MHD_NO : MHD_YES;
}

static void check_counts(struct connection *c, const struct counts *n, bool http11)
{
  if (n->hosts > 1) refuse(c, 400, "more than one Host");
  if (n->hosts == 0 && http11) refuse(c, 400, "no Host in an HTTP/1.1 request");
  if (n->lengths > 1) refuse(c, 400, "more than one Content-Length");
  if (n->codings > 1) refuse(c, 400, "more than one Transfer-Encoding");
  if (n->lengths && n->codings) refuse(c, 400, "both Content-Length and Transfer-Encoding");
  if (n->codings && !http11) refuse(c, 400, "Transfer-Encoding in an HTTP/1.0 request");
  if (n->authorizations > 1) refuse(c, 400, "more than one Authorization");
}

static bool target_ok(const struct buf *t)
{
  const char *s = buf_str(t);
  for (size_t i = 0; i < t->len; i++)
    if (s[i] <= ' ' || s[i] == '#' || s[i] == 0x7f) return false; /* obs-text is negative, or above */
  return s[0] == '/';
}

void httpd_check(struct connection *c, const char *method, const char *version)
{
  struct counts n = {0};
  void *cls[2] = {c, &n};
  bool http11 = strcmp(version, "HTTP/1.1") == 0;
  fields_reset(&c->fields);
  if (!http11 && strcmp(version, "HTTP/1.0") != 0) refuse(c, 505, "neither HTTP/1.0 nor HTTP/1.1");
  if (!http_is_token(method, strlen(method))) refuse(c, 400, "the method is not a token");
  if (!target_ok(&c->target)) refuse(c, 400, "the request target is not a path");
  MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, on_field, cls);
  check_counts(c, &n, http11);
}

/* Start lines (RFC 9112 3 and 4), and the authority a request is for (3.2, 3.3; RFC 9110 7.2). */
#include "http1_private.h"

#include "chars.h"

/* -- request line ------------------------------------------------------------------------------------------
 */

static bool method_parse(struct http1_parser *p, const char **at)
{
  const char *s = *at;
  while (char_is(*s, CH_TOKEN))
    s++;
  size_t n = (size_t)(s - *at);
  if (*s != ' ' || n == 0) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "the method is not a token");
  if (n >= sizeof p->head.method)
    return http1_refuse(p, ERR_HTTP_NOT_IMPLEMENTED, "the method's name is too long");
  memcpy(p->head.method, *at, n);
  p->head.method[n] = 0;
  *at = s + 1;
  return true;
}

/* "HTTP/1.0" or "HTTP/1.1", and the CRLF. */
static bool version_parse(struct http1_parser *p, const char **at)
{
  const char *s = *at;
  /* Byte by byte, because the line may end early; each line ends in CRLF. */
  for (const char *want = "HTTP/"; *want; want++, s++)
    if (*s != *want) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "no HTTP version behind the target");
  if (!char_is(s[0], CH_DIGIT) || s[1] != '.' || !char_is(s[2], CH_DIGIT) || s[3] != '\r' || s[4] != '\n')
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "the HTTP version is malformed");
  if (s[0] != '1' || s[2] > '1') {
    bool older = s[0] == '0';
    return http1_refuse(p, older ? ERR_HTTP_BAD_REQUEST : ERR_HTTP_VERSION, "neither HTTP/1.0 nor HTTP/1.1");
  }
  p->head.minor = s[2] - '0';
  *at = s + 5;
  return true;
}

static bool same_scheme(struct span t, const char *scheme)
{
  size_t n = strlen(scheme);
  return t.n > n && http_name_is(t.at, n, scheme);
}

static bool port_valid(struct span s)
{
  unsigned port = 0;
  if (s.n == 0 || s.n > 5) return false;
  for (size_t i = 0; i < s.n; i++) {
    if (!char_is(s.at[i], CH_DIGIT)) return false;
    port = port * 10 + (unsigned)(s.at[i] - '0');
  }
  return port <= 65535;
}

/* host[:port]; no userinfo, no path, no escapes: a name that we could ever have published. */
bool http1_authority_valid(struct span a)
{
  size_t i = 0;
  if (a.n && a.at[0] == '[') {
    for (i = 1; i < a.n && (char_is(a.at[i], CH_HEX) || a.at[i] == ':' || a.at[i] == '.'); i++)
      ;
    if (i < 3 || i >= a.n || a.at[i++] != ']') return false;
  } else {
    while (i < a.n && char_is(a.at[i], CH_HOST))
      i++;
    if (i == 0 || i > 255) return false;
  }
  return i == a.n || (a.at[i] == ':' && port_valid((struct span){a.at + i + 1, a.n - i - 1}));
}

bool http1_authority_store(struct http1_parser *p, struct span a)
{
  uint8_t *to;
  if (buf_reserve(&p->head.authority, a.n, &to)) return http1_refuse(p, ERR_NOMEM, "no memory for the host");
  for (size_t i = 0; i < a.n; i++)
    to[i] = (uint8_t)char_lower(a.at[i]);
  to[a.n] = 0;
  p->head.authority.len = a.n;
  return true;
}

/* http://host/path?query: what a proxy is sent. The authority rules over Host (HT-09). */
static bool absolute_form(struct http1_parser *p, struct span *target)
{
  if (same_scheme(*target, "http://"))
    p->head.absolute_http = true;
  else if (same_scheme(*target, "https://"))
    p->head.absolute_https = true;
  else
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "the target is neither a path nor an http or https URL");
  size_t start = p->head.absolute_http ? 7 : 8, i = start;
  while (i < target->n && target->at[i] != '/' && target->at[i] != '?')
    i++;
  struct span authority = {target->at + start, i - start};
  if (!http1_authority_valid(authority))
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "the target's host or port is malformed");
  if (!http1_authority_store(p, authority)) return false;
  *target = (struct span){target->at + i, target->n - i};
  return true;
}

bool http1_target_store(struct http1_parser *p, struct span t)
{
  struct buf *to = &p->head.target;
  enum err e = ERR_OK;
  if (t.n == 0 && strcmp(p->head.method, "OPTIONS") == 0) /* RFC 9112 3.2.4 */
    e = buf_putc(to, '*');
  else if (t.n == 0 || t.at[0] == '?')
    e = buf_putc(to, '/');
  if (!e) e = buf_append(to, t.at, t.n);
  if (e == ERR_TOO_LARGE)
    return http1_refuse(p, ERR_HTTP_URI_TOO_LONG, "the request target is longer than allowed");
  return e ? http1_refuse(p, e, "no memory for the target") : true;
}

static bool target_parse(struct http1_parser *p, const char **at)
{
  const char *s = *at;
  while (char_is(*s, CH_TARGET))
    s++;
  struct span t = {*at, (size_t)(s - *at)};
  if (*s == '\r' && s[1] == '\n')
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "no HTTP version behind the target");
  if (*s != ' ')
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "a character in the target that is not allowed");
  if (t.n == 0)
    return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "more than one space, or no target, in the request line");
  if (t.n > p->limits.target)
    return http1_refuse(p, ERR_HTTP_URI_TOO_LONG, "the request target is longer than allowed");
  *at = s + 1;
  if (strcmp(p->head.method, "CONNECT") == 0) return http1_refuse(p, ERR_HTTP_METHOD_REFUSED, "CONNECT");
  if (t.n == 1 && t.at[0] == '*') {
    if (strcmp(p->head.method, "OPTIONS") != 0)
      return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "the target * belongs to OPTIONS");
  } else if (t.at[0] != '/' && !absolute_form(p, &t)) {
    return false;
  }
  return http1_target_store(p, t);
}

bool http1_request_line(struct http1_parser *p, const char **at)
{
  return method_parse(p, at) && target_parse(p, at) && version_parse(p, at);
}

bool http1_authority_rules(struct http1_parser *p, const struct notes *t)
{
  if (t->hosts > 1) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "more than one Host");
  if (t->hosts == 0) {
    if (p->head.minor == 1) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "no Host in an HTTP/1.1 request");
    return true;
  }
  /* Also checked when the target's own authority wins: a bad Host is a sign of an attempt. */
  if (!http1_authority_valid(t->host)) return http1_refuse(p, ERR_HTTP_BAD_REQUEST, "Host is malformed");
  return p->head.authority.len ? true : http1_authority_store(p, t->host);
}

/* -- status line -------------------------------------------------------------------------------------------
 */

static bool status_parse(struct http1_parser *p, const char **at)
{
  const char *s = *at;
  for (int i = 0; i < 3; i++, s++) {
    if (!char_is(*s, CH_DIGIT))
      return http1_refuse(p, ERR_BACKEND_PROTOCOL, "the status is not three digits");
    p->head.status = p->head.status * 10 + (*s - '0');
  }
  if (p->head.status < 100 || p->head.status > 599 || (*s != ' ' && *s != '\r'))
    return http1_refuse(p, ERR_BACKEND_PROTOCOL, "the status is not between 100 and 599");
  *at = s;
  return true;
}

bool http1_status_line(struct http1_parser *p, const char **at)
{
  const char *s = *at + 7; /* "HTTP/1." was seen when the head began */
  if ((*s != '0' && *s != '1') || s[1] != ' ')
    return http1_refuse(p, ERR_BACKEND_PROTOCOL, "neither HTTP/1.0 nor HTTP/1.1");
  p->head.minor = *s - '0';
  *at = s + 2;
  if (!status_parse(p, at)) return false;
  s = *at;
  if (*s == ' ') s++; /* without a reason the space is often missing too, and nothing hangs on it */
  const char *reason = s;
  while (char_is(*s, CH_VALUE))
    s++;
  if (s[0] != '\r' || s[1] != '\n')
    return http1_refuse(p, ERR_BACKEND_PROTOCOL, "a control character in the reason");
  if (buf_append(&p->head.reason, reason, (size_t)(s - reason)))
    return http1_refuse(p, ERR_NOMEM, "no memory for the reason");
  *at = s + 2;
  return true;
}

#include "lab_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

const struct lab_port lab_ports[] = {
    {"stage", 0, "the stage (reserved)"},
    {"cloud", 3, "users reach the cloud proxy here (HTTPS)"},
    {"idp", 4, "the identity provider (HTTPS)"},
    {"tunnel", 5, "connectors dial the cloud here (mutual TLS)"},
    {"backend", 6, "the internal application (HTTP)"},
    {"kdc_admin", 7, "the KDC's admin endpoint, with its log (HTTP)"},
    {"kdc", 8, "the KDC (Kerberos over TCP and UDP)"},
    {"backend_tls", 9, "the internal application (HTTPS)"},
    {"partner_kdc", 10, "the partner realm's KDC, if there is one"},
    {"partner_admin", 11, "its admin endpoint"},
    {"kdc_2", LAB_PORT_REPLICAS, "the second KDC of the realm, if there is one"},
    {"kdc_2_admin", LAB_PORT_REPLICAS + 1, "its admin endpoint"},
    {"kdc_3", LAB_PORT_REPLICAS + 2, "the third"},
    {"kdc_3_admin", LAB_PORT_REPLICAS + 3, "its admin endpoint"},
    {NULL, 0, NULL},
};

#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define UPPER   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"
#define ALNUM   LOWER UPPER DIGITS
#define URLCHAR ALNUM "-._~!$&'()*+,;=:@/%"

static bool all_in(const char *text, size_t n, const char *set)
{
  for (size_t i = 0; i < n; i++)
    if (!text[i] || !strchr(set, text[i])) return false;
  return true;
}

static bool is_edge(char c)
{
  return c && strchr(ALNUM, c) != NULL;
}

/* Letters, digits and `inner`, beginning and ending with a letter or digit. */
static bool is_label(const char *text, size_t n, size_t max, const char *set)
{
  return n >= 1 && n <= max && all_in(text, n, set) && is_edge(text[0]) && is_edge(text[n - 1]);
}

/* Labels of up to 63 characters between dots (RFC 1123 section 2.1). */
static bool is_domain(const char *text, size_t n, const char *set)
{
  if (n == 0 || n > 253) return false;
  while (n) {
    const char *dot = memchr(text, '.', n);
    size_t label = dot ? (size_t)(dot - text) : n;
    if (!is_label(text, label, 63, set)) return false;
    if (!dot) return true;
    text += label + 1;
    n -= label + 1;
  }
  return false;
}

static bool name_ok(const char *text)
{
  return is_label(text, strlen(text), 63, LOWER DIGITS "-");
}

static bool user_name_ok(const char *text)
{
  return is_label(text, strlen(text), 64, ALNUM "._-");
}

static bool host_name_ok(const char *text)
{
  return is_domain(text, strlen(text), LOWER DIGITS "-");
}

static bool upn_ok(const char *text)
{
  const char *at = strchr(text, '@');
  return at && is_label(text, (size_t)(at - text), 64, ALNUM "._-'") &&
         is_domain(at + 1, strlen(at + 1), ALNUM "-");
}

static bool spn_ok(const char *text)
{
  const char *slash = strchr(text, '/');
  return slash && is_label(text, (size_t)(slash - text), 32, ALNUM "-") && host_name_ok(slash + 1);
}

static bool spn_pattern_ok(const char *text)
{
  const char *slash = strchr(text, '/');
  if (!slash || strncmp(slash, "/*.", 3) != 0) return spn_ok(text);
  return is_label(text, (size_t)(slash - text), 32, ALNUM "-") && host_name_ok(slash + 3) &&
         strlen(text) < 256 - 63;
}

static bool realm_ok(const char *text)
{
  return is_domain(text, strlen(text), UPPER DIGITS "-");
}

static bool line_ok(const char *text)
{
  size_t n = 0;
  for (; text[n]; n++)
    if ((unsigned char)text[n] < 0x20 || text[n] == 0x7f) return false;
  return n >= 1 && n <= 256;
}

static bool secret_ok(const char *text)
{
  return line_ok(text) && strlen(text) >= 8;
}

/* Does the name begin with this (lower case, '-'), as applications may read it? To CGI all that is neither
 * letter nor digit is one and the same (RFC 3875 4.1.18). */
static bool reads_as(const char *name, const char *begin)
{
  for (; *begin; name++, begin++) {
    char c = *name >= 'A' && *name <= 'Z' ? *name | 0x20 : *name == '_' ? '-' : *name;
    if (c != *begin) return false;
  }
  return !is_edge(*name);
}

/* Not those that mean something on the way: framing, routing, hop by hop, credentials, and the proxy's own.
 */
static bool header_name_ok(const char *text)
{
  static const char *const taken[] = {
      "host",    "connection",    "keep-alive", "te",          "trailer",   "transfer-encoding", "upgrade",
      "cookie",  "authorization", "expect",     "via",         "forwarded", "traceparent",       "tracestate",
      "content", "proxy",         "sevenstep",  "x-forwarded", "x-ms",      "x-real-ip"};
  size_t n = strlen(text);
  if (n > 64 || !is_edge(*text) || !all_in(text, n, ALNUM "-_")) return false;
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    if (reads_as(text, taken[i])) return false;
  return true;
}

static bool redirect_uri_ok(const char *text)
{
  const char *rest = strncmp(text, "https://", 8) == 0  ? text + 8
                     : strncmp(text, "http://", 7) == 0 ? text + 7
                                                        : NULL;
  size_t n = strlen(text);
  return rest && n <= 1024 && is_edge(*rest) && all_in(text, n, URLCHAR "?");
}

/* As browsers write it (RFC 6454 6.2): no default port, nothing behind it. */
static bool origin_ok(const char *text)
{
  bool https = strncmp(text, "https://", 8) == 0;
  if (!https && strncmp(text, "http://", 7) != 0) return false;
  const char *host = text + (https ? 8 : 7), *colon = strchr(host, ':');
  unsigned port;
  if (colon && (!lab_parse_count(colon + 1, 1, 65535, &port) || port == (https ? 443u : 80u))) return false;
  return is_domain(host, colon ? (size_t)(colon - host) : strlen(host), LOWER DIGITS "-");
}

static bool http_token_ok(const char *text)
{
  size_t n = strlen(text);
  return n >= 1 && n <= 64 && all_in(text, n, ALNUM "!#$%&'*+-.^_`|~") && strcmp(text, "*") != 0;
}

static bool http_method_ok(const char *text)
{
  return http_token_ok(text) && strcmp(text, "CONNECT") != 0 && strcmp(text, "TRACE") != 0;
}

const struct lab_rule rule_origin = {
    "an origin as browsers send it: https://host or https://host:port, in lower case, without a path",
    origin_ok};
const struct lab_rule rule_http_method = {"a method, such as PUT, but not CONNECT, TRACE or *",
                                          http_method_ok};
const struct lab_rule rule_http_header = {"the name of a header field, not *", http_token_ok};
const struct lab_rule rule_name = {"a name of lower-case letters, digits and - (at most 63)", name_ok};
const struct lab_rule rule_user_name = {
    "an account name of letters, digits and . _ - (at most 64), as it becomes part of a Kerberos principal",
    user_name_ok};
const struct lab_rule rule_upn = {"a user principal name, local-part@suffix, of letters, digits and . _ - '",
                                  upn_ok};
const struct lab_rule rule_spn = {
    "a service principal name, SERVICE/host.name, the host in lower case and without a realm", spn_ok};
const struct lab_rule rule_spn_pattern = {"a service principal name, SERVICE/host.name or SERVICE/*.domain, "
                                          "the host in lower case and without a realm",
                                          spn_pattern_ok};
const struct lab_rule rule_realm = {"a realm: a domain name in capitals", realm_ok};
const struct lab_rule rule_host_name = {"a host or domain name in lower case", host_name_ok};
const struct lab_rule rule_line = {"one line of text (at most 256 characters)", line_ok};
const struct lab_rule rule_secret = {"one line of 8 to 256 characters", secret_ok};
const struct lab_rule rule_header_name = {"a field name of letters, digits, - and _ (at most 64) that has no "
                                          "meaning of its own in HTTP or at the proxy",
                                          header_name_ok};
const struct lab_rule rule_redirect_uri = {"an absolute http or https URI without fragment", redirect_uri_ok};

static const struct lab_port *port_by_name(const char *name, size_t n)
{
  for (const struct lab_port *p = lab_ports; p->name; p++)
    if (strlen(p->name) == n && memcmp(p->name, name, n) == 0) return p;
  return NULL;
}

const char *lab_expand_ports(struct arena *a, unsigned port_base, const char *text, const char **ret)
{
  /* Each placeholder is at least 5 characters and becomes at most 5 digits, so the result is never longer. */
  char *out = arena_alloc(a, strlen(text) + 1);
  if (!out) return "a shorter file (out of memory)";
  char *at = out;
  while (*text) {
    if (*text != '{') {
      *at++ = *text++;
      continue;
    }
    const char *close = strchr(text, '}');
    const struct lab_port *p = close ? port_by_name(text + 1, (size_t)(close - text - 1)) : NULL;
    if (!p)
      return "one of the ports {stage} {cloud} {idp} {tunnel} {backend} {backend_tls} {kdc_admin} {kdc} "
             "{partner_kdc} {partner_admin} {kdc_2} {kdc_2_admin} {kdc_3} {kdc_3_admin} where a { stands";
    at += snprintf(at, 6, "%u", port_base + p->offset);
    text = close + 1;
  }
  *at = 0;
  *ret = out;
  return NULL;
}

bool lab_parse_count(const char *text, unsigned min, unsigned max, unsigned *ret)
{
  size_t n = strlen(text);
  if (n < 1 || n > 9 || !all_in(text, n, DIGITS) || (n > 1 && text[0] == '0')) return false;
  unsigned long v = strtoul(text, NULL, 10);
  if (v < min || v > max) return false;
  *ret = (unsigned)v;
  return true;
}

/* "host", "host:port", "[v6]" or "[v6]:port"; port 0 when absent. The host is copied without brackets. */
static bool parse_authority(struct arena *a, const char *text, size_t n, const char **ret_host,
                            unsigned *ret_port)
{
  char whole[300];
  if (n >= sizeof whole) return false;
  memcpy(whole, text, n);
  whole[n] = 0;

  char *host = whole, *port;
  if (*host == '[') {
    char *close = strchr(++host, ']');
    if (!close || close == host || !all_in(host, (size_t)(close - host), "0123456789abcdef:.")) return false;
    *close = 0;
    port = close + 1;
    if (*port && *port++ != ':') return false;
  } else {
    port = strchr(host, ':');
    if (port) *port++ = 0;
    if (!host_name_ok(host)) return false;
  }
  unsigned number = 0;
  if (port && *port && !lab_parse_count(port, 1, 65535, &number)) return false;
  if (port && !*port && n && text[n - 1] == ':') return false;
  *ret_host = arena_strndup(a, host, strlen(host));
  *ret_port = number;
  return *ret_host != NULL;
}

const char *lab_parse_addr(struct arena *a, const char *text, struct lab_addr *ret)
{
  const char *host;
  unsigned port;
  if (!parse_authority(a, text, strlen(text), &host, &port) || port == 0)
    return "HOST:PORT, where PORT is a number from 1 to 65535 or one of the lab's ports, such as {cloud}";
  *ret = (struct lab_addr){host, (uint16_t)port};
  return NULL;
}

const char *lab_parse_url(struct arena *a, const char *text, struct lab_url *ret)
{
  static const char expected[] = "a URL: http or https, a host in lower case, perhaps a port and a path";
  struct lab_url url = {.text = arena_strndup(a, text, strlen(text))};
  const char *rest;
  if (strncmp(text, "https://", 8) == 0)
    url.scheme = "https", rest = text + 8;
  else if (strncmp(text, "http://", 7) == 0)
    url.scheme = "http", rest = text + 7;
  else
    return expected;

  size_t n = strcspn(rest, "/"), star = strncmp(rest, "*.", 2) == 0 ? 2 : 0;
  unsigned port;
  if (!parse_authority(a, rest + star, n - star, &url.host, &port)) return expected;
  if (star && !(url.host = arena_strndup(a, rest, 2 + strlen(url.host))))
    return "a shorter file (out of memory)";
  const char *path = rest[n] ? rest + n : "/";
  if (!all_in(path, strlen(path), URLCHAR)) return expected;
  url.port = (uint16_t)(port ? port : strcmp(url.scheme, "https") == 0 ? 443 : 80);
  url.path = arena_strndup(a, path, strlen(path));
  if (!url.text || !url.path) return "a shorter file (out of memory)";
  *ret = url;
  return NULL;
}

const char *lab_parse_time(const char *text, int64_t *ret)
{
  static const char expected[] = "a date or time in UTC, 2026-01-31 or 2026-01-31T17:30:00Z";
  char whole[21], back[21];
  struct tm tm = {0};
  snprintf(whole, sizeof whole, "%s%s", text, strlen(text) == 10 ? "T00:00:00Z" : "");
  const char *end = strptime(whole, "%Y-%m-%dT%H:%M:%SZ", &tm);
  if (strlen(text) > 20 || !end || *end) return expected;
  int64_t time_s = timegm(&tm);
  /* Back again, since days that no month has are carried over, and numbers may be short. */
  lab_format_time(time_s, back);
  if (strcmp(whole, back) != 0 || tm.tm_year < 71 || tm.tm_year > 205) return expected;
  *ret = time_s;
  return NULL;
}

void lab_format_time(int64_t time_s, char out[21])
{
  struct tm tm;
  time_t t = (time_t)time_s;
  gmtime_r(&t, &tm);
  if (strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) out[0] = 0;
}

unsigned lab_word_distance(const char *a, const char *b)
{
  enum { MAX = 32 };
  size_t na = strlen(a), nb = strlen(b);
  if (na > MAX || nb > MAX) return 99;
  unsigned row[MAX + 1];
  for (size_t j = 0; j <= nb; j++)
    row[j] = (unsigned)j;
  for (size_t i = 1; i <= na; i++) {
    unsigned diagonal = row[0];
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= nb; j++) {
      unsigned change = diagonal + (a[i - 1] != b[j - 1]);
      unsigned other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      diagonal = row[j];
      row[j] = change < other ? change : other;
    }
  }
  return row[nb];
}

unsigned lab_word_slack(const char *word)
{
  size_t half = strlen(word) / 2;
  return half < 3 ? (unsigned)half : 3;
}

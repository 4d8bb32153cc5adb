#include "rules.h"

#include "chars.h"
#include "http1_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every request passes here with every field: most are let go by their first letter. */
static bool may_begin(const struct field *one, const char *letters)
{
  return one->name_len && strchr(letters, char_lower(one->name[0]));
}

static bool is_one_of(const char *name, size_t n, const char *const *list)
{
  for (; *list; list++)
    if (http_name_is(name, n, *list)) return true;
  return false;
}

/* -- hop-by-hop
 * ---------------------------------------------------------------------------------------------- */

static bool drop_named_by_connection(const struct field *one, void *arg)
{
  const struct fields *f = arg;
  return !http_name_is(one->name, one->name_len, "connection") &&
         fields_has_token(f, "connection", one->name);
}

static bool drop_hop_by_hop(const struct field *one, void *arg)
{
  static const char *const names[] = {"connection",
                                      "keep-alive",
                                      "proxy-connection",
                                      "te",
                                      "upgrade",
                                      "transfer-encoding",
                                      "trailer",
                                      "proxy-authenticate",
                                      "proxy-authorization",
                                      "proxy-authentication-info",
                                      NULL};
  (void)arg;
  return may_begin(one, "ckptu") && is_one_of(one->name, one->name_len, names);
}

void rules_strip_hop_by_hop(struct fields *f)
{
  /* Connection itself goes last, because it is what is asked. */
  if (fields_get(f, "connection")) fields_remove_if(f, drop_named_by_connection, f);
  fields_remove_if(f, drop_hop_by_hop, NULL);
}

/* -- identity
 * ------------------------------------------------------------------------------------------------ */

/* What applications may read a character of a name as: to CGI all that is neither letter nor digit may be one
 * and the same (RFC 3875 4.1.18 has '-' only, servers go further). */
static char as_read(char c)
{
  c = char_lower(c);
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
}

/* Does the name begin with this (lower case, '-')? */
static bool begins(const char *name, size_t n, const char *prefix)
{
  for (; *prefix; prefix++, name++, n--)
    if (n == 0 || as_read(*name) != *prefix) return false;
  return true;
}

static bool drop_identity(const struct field *one, void *arg)
{
  static const char *const prefixes[] = {"x-ms-", "x-forwarded-", "x-auth-", "sevenstep-"};
  static const char *const names[] = {"forwarded",      "x-forwarded",   "x-real-ip",
                                      "remote-user",    "x-remote-user", "sevenstep",
                                      "x-original-url", "x-rewrite-url", "proxy"};
  (void)arg;
  if (!may_begin(one, "xfrsp")) return false;
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (begins(one->name, one->name_len, prefixes[i])) return true;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (one->name_len == strlen(names[i]) && begins(one->name, one->name_len, names[i])) return true;
  return false;
}

static bool drop_spelling(const struct field *one, void *arg)
{
  const char *name = arg;
  size_t n = strlen(name);
  if (one->name_len != n) return false;
  for (size_t i = 0; i < n; i++)
    if (as_read(one->name[i]) != as_read(name[i])) return false;
  return true;
}

void rules_strip_spellings(struct fields *f, const char *name)
{
  fields_remove_if(f, drop_spelling, (void *)(uintptr_t)name);
}

void rules_strip_identity(struct fields *f)
{
  fields_remove_if(f, drop_identity, NULL);
}

static bool drop_ours(const struct field *one, void *arg)
{
  (void)arg;
  return begins(one->name, one->name_len, "sevenstep-");
}

void rules_strip_ours(struct fields *f)
{
  fields_remove_if(f, drop_ours, NULL);
}

/* -- trailers
 * ------------------------------------------------------------------------------------------------ */

/* Whoever merges a trailer into the head would let these decide about more than the one answer, or about who
 * may read it; heads may have them. */
static bool drop_from_trailers(const struct field *one, void *arg)
{
  static const char *const policies[] = {"strict-transport-security",
                                         "content-security-policy",
                                         "content-security-policy-report-only",
                                         "permissions-policy",
                                         "referrer-policy",
                                         "x-content-type-options",
                                         "x-frame-options",
                                         "clear-site-data",
                                         "alt-svc",
                                         "refresh",
                                         "set-cookie2",
                                         NULL};
  (void)arg;
  return !http1_trailer_allowed(one->name, one->name_len) || is_one_of(one->name, one->name_len, policies) ||
         begins(one->name, one->name_len, "access-control-") ||
         begins(one->name, one->name_len, "cross-origin-") || drop_ours(one, NULL);
}

void rules_strip_trailers(struct fields *f)
{
  rules_strip_hop_by_hop(f);
  fields_remove_if(f, drop_from_trailers, NULL);
}

/* -- forwarding
 * ---------------------------------------------------------------------------------------------- */

static enum err add_forwarded(struct fields *f, const char *client_ip, const char *proto, const char *host)
{
  char value[512];
  /* RFC 7239 4 and 6: an IPv6 address is bracketed and quoted, a host with a port is quoted. */
  bool v6 = strchr(client_ip, ':');
  enum err e = text_join(value, sizeof value, v6 ? "for=\"[" : "for=", client_ip,
                         v6 ? "]\";proto=" : ";proto=", proto, ";host=\"", host, "\"");
  return e ? e : fields_add(f, "Forwarded", value);
}

enum err rules_add_forwarding(struct fields *f, const char *pseudonym, int http_minor, const char *client_ip,
                              const char *proto, const char *host)
{
  char via[128];
  const char *version = http_minor == 0 ? "1.0 " : http_minor == 1 ? "1.1 " : "2.0 ";
  enum err e = text_join(via, sizeof via, version, pseudonym);
  if (!e) e = fields_add(f, "Via", via);
  if (!e) e = add_forwarded(f, client_ip, proto, host);
  if (!e) e = fields_set(f, "X-Forwarded-For", client_ip);
  if (!e) e = fields_set(f, "X-Forwarded-Proto", proto);
  if (!e) e = fields_set(f, "X-Forwarded-Host", host);
  if (!e) e = fields_set(f, "X-MS-Proxy", pseudonym);
  return e;
}

int rules_max_forwards(const struct fields *f)
{
  const char *text = fields_get(f, "Max-Forwards");
  size_t n = text ? strspn(text, "0123456789") : 0;
  if (n == 0 || n > 9 || text[n] || fields_count_of(f, "Max-Forwards") != 1) return -1;
  return (int)strtol(text, NULL, 10);
}

enum err rules_count_forward(struct fields *f)
{
  char text[16];
  int n = rules_max_forwards(f);
  if (n <= 0) return ERR_OK;
  snprintf(text, sizeof text, "%d", n - 1);
  return fields_set(f, "Max-Forwards", text);
}

/* -- cookies
 * ------------------------------------------------------------------------------------------------- */

struct cookie {
  const char *name, *value;
  size_t name_len, value_len;
};

static bool is_space(char c)
{
  return c == ' ' || c == '\t';
}

/* The cookie at *at, which moves behind the ';'. False at the end. A piece without '=' has an empty name. */
static bool next_cookie(const char **at, const char *end, struct cookie *ret)
{
  if (*at >= end) return false;
  const char *s = *at, *semicolon = memchr(s, ';', (size_t)(end - s));
  const char *stop = semicolon ? semicolon : end;
  *at = semicolon ? stop + 1 : end;
  while (s < stop && is_space(*s))
    s++;
  while (stop > s && is_space(stop[-1]))
    stop--;
  const char *equals = memchr(s, '=', (size_t)(stop - s));
  const char *value = equals ? equals + 1 : s, *name_end = equals ? equals : s;
  while (name_end > s && is_space(name_end[-1]))
    name_end--;
  while (value < stop && is_space(*value))
    value++;
  *ret = (struct cookie){s, value, (size_t)(name_end - s), (size_t)(stop - value)};
  return true;
}

enum err rules_cookie_get(const struct fields *f, const char *name, const char **ret_value, size_t *ret_n)
{
  struct cookie found = {0}, c;
  size_t nn = strlen(name);
  for (size_t i = 0; i < fields_count(f); i++) {
    struct field one = fields_at(f, i);
    if (!http_name_is(one.name, one.name_len, "cookie")) continue;
    const char *at = one.value, *end = at + one.value_len;
    while (next_cookie(&at, end, &c)) {
      if (c.name_len != nn || memcmp(c.name, name, nn) != 0) continue;
      if (found.name) return ERR_SYNTAX;
      found = c;
    }
  }
  if (!found.name) return ERR_NOT_FOUND;
  *ret_value = found.value;
  *ret_n = found.value_len;
  return ERR_OK;
}

/* Without case, as browsers compare the __Host- prefix. A nameless cookie is sent as its bare value, so that
 * is looked at too. */
static bool has_prefix(const struct cookie *c, const char *prefix)
{
  size_t n = strlen(prefix);
  const char *s = c->name_len ? c->name : c->value;
  size_t have = c->name_len ? c->name_len : c->value_len;
  for (size_t i = 0; i < n; i++)
    if (i >= have || char_lower(s[i]) != char_lower(prefix[i])) return false;
  return true;
}

/* Moves the cookies that stay down over those that go, with the separators they had. */
static size_t strip_value(char *value, size_t n, void *arg)
{
  const char **prefix = arg, *at = value, *end = value + n;
  size_t kept = 0;
  struct cookie c;
  for (const char *piece = at; next_cookie(&at, end, &c); piece = at) {
    if (has_prefix(&c, *prefix)) continue;
    if (kept == 0)
      while (piece < at && is_space(*piece))
        piece++;
    memmove(value + kept, piece, (size_t)(at - piece));
    kept += (size_t)(at - piece);
  }
  /* The last one went: so does the separator before it. */
  if (kept && kept < n && value[kept - 1] == ';') kept--;
  return kept;
}

static bool drop_empty_cookie(const struct field *one, void *arg)
{
  (void)arg;
  return one->value_len == 0 && http_name_is(one->name, one->name_len, "cookie");
}

enum err rules_cookie_strip(struct fields *f, const char *prefix)
{
  for (size_t i = 0; i < fields_count(f); i++) {
    struct field one = fields_at(f, i);
    if (http_name_is(one.name, one.name_len, "cookie")) fields_edit(f, i, strip_value, &prefix);
  }
  fields_remove_if(f, drop_empty_cookie, NULL);
  return ERR_OK;
}

static bool drop_set_cookie(const struct field *one, void *arg)
{
  if (!http_name_is(one->name, one->name_len, "set-cookie")) return false;
  const char **prefix = arg, *at = one->value;
  struct cookie c;
  return next_cookie(&at, at + one->value_len, &c) && has_prefix(&c, *prefix);
}

void rules_set_cookie_strip(struct fields *f, const char *prefix)
{
  fields_remove_if(f, drop_set_cookie, &prefix);
}

/* -- authentication
 * ------------------------------------------------------------------------------------------ */

/* A comma inside of a quoted string is taken for one between challenges: then too much is removed, never too
 * little. */
static bool drop_negotiate(const struct field *one, void *arg)
{
  static const char scheme[] = "negotiate";
  const size_t n = sizeof scheme - 1;
  (void)arg;
  if (!http_name_is(one->name, one->name_len, "www-authenticate")) return false;
  const char *at = one->value, *end = at + one->value_len;
  while (at < end) {
    while (at < end && is_space(*at))
      at++;
    if ((size_t)(end - at) >= n && http_name_is(at, n, scheme) &&
        (at + n == end || is_space(at[n]) || at[n] == ','))
      return true;
    const char *comma = memchr(at, ',', (size_t)(end - at));
    at = comma ? comma + 1 : end;
  }
  return false;
}

void rules_strip_negotiate(struct fields *f)
{
  fields_remove_if(f, drop_negotiate, NULL);
}

#include "translate.h"

#include "publish.h"

#include <string.h>
#include <strings.h>

#define VALUE_MAX (64 * 1024)

enum direction { INWARDS, OUTWARDS };

static const struct lab_url *url_from(const struct lab_app *app, enum direction d)
{
  return d == OUTWARDS ? &app->internal_url : &app->external_url;
}

static const struct lab_url *url_to(const struct lab_app *app, enum direction d)
{
  return d == OUTWARDS ? &app->external_url : &app->internal_url;
}

/* -- URLs ------------------------------------------------------------------------------------------------ */

/* ":8443", or nothing where the port is the scheme's own. NULL: another port. */
static const char *behind_port(const struct lab_url *url, const char *at)
{
  unsigned standard = strcmp(url->scheme, "https") == 0 ? 443 : 80, port = 0;
  if (*at != ':') return url->port == standard ? at : NULL;
  size_t n = strspn(++at, "0123456789");
  if (n > 5) return NULL;
  for (size_t i = 0; i < n; i++)
    port = port * 10 + (unsigned)(at[i] - '0');
  return port == url->port || (n == 0 && url->port == standard) ? at + n : NULL;
}

/* What is behind scheme, host and port of this URL in text; NULL when they are others. "//host" has the
 * scheme of where it stands (RFC 3986 4.2). */
static const char *behind_origin(const struct lab_url *url, const char *text,
                                 char ret_label[static LAB_LABEL_MAX + 1])
{
  size_t scheme = strlen(url->scheme);
  if (strncasecmp(text, url->scheme, scheme) == 0 && text[scheme] == ':') text += scheme + 1;
  if (strncmp(text, "//", 2) != 0) return NULL;
  size_t host = strcspn(text + 2, ":/?#");
  if (!lab_host_matches(url->host, text + 2, host, ret_label)) return NULL;
  const char *at = behind_port(url, text + 2 + host);
  return at && (*at == 0 || strchr("/?#", *at)) ? at : NULL;
}

static bool path_ends(char c)
{
  return c == 0 || c == '?' || c == '#';
}

/* What is behind this URL's path; NULL when the path is another one. "/app" is taken as "/app/". */
static const char *behind_path(const struct lab_url *url, const char *at)
{
  size_t n = strlen(url->path);
  if (strncmp(at, url->path, n) == 0) return at + n;
  return strncmp(at, url->path, n - 1) == 0 && path_ends(at[n - 1]) ? at + n - 1 : NULL;
}

static bool is_path(const char *text)
{
  return text[0] == '/' && text[1] != '/';
}

/* The application that an origin or URL is of, between hosts that are published themselves and wildcards the
 * former, then the one with the longest path, then this one before others. One behind a wildcard comes as the
 * label makes it, until the next call; where the other side has a "*" too much, the label is not known, and
 * there is no translation. */
static const struct lab_app *app_of_url(const struct lab *lab, const struct lab_app *own, enum direction d,
                                        const char *text, bool with_path, const char **ret_rest)
{
  static _Thread_local struct lab_concrete concrete;
  char label[LAB_LABEL_MAX + 1], best_label[LAB_LABEL_MAX + 1] = "";
  const struct lab_app *best = NULL;
  size_t best_rank = 0;
  for (size_t i = 0; i <= lab->n_published; i++) {
    const struct lab_app *app = i == 0 ? own : &lab->published[i - 1];
    const struct lab_url *url = url_from(app, d);
    const char *at = behind_origin(url, text, label);
    if (at && with_path) at = behind_path(url, at);
    if (!at || (!label[0] && lab_is_wildcard(url_to(app, d)->host))) continue;
    size_t rank = 1 + (with_path ? strlen(url->path) : 0) + (label[0] ? 0 : 65536);
    if (rank <= best_rank) continue;
    best = app;
    best_rank = rank;
    memcpy(best_label, label, sizeof label);
    *ret_rest = at;
  }
  return best && best_label[0] ? lab_app_for_label(best, best_label, &concrete) : best;
}

/* What text is to continue with behind its translation *ret_with; NULL when it has none. */
static const char *map_prefix(const struct lab *lab, const struct lab_app *own, enum direction d,
                              const char *text, const char **ret_with)
{
  const char *rest = NULL;
  if (is_path(text)) {
    rest = own->by_path ? behind_path(url_from(own, d), text) : NULL;
    *ret_with = url_to(own, d)->path;
    return rest;
  }
  const struct lab_app *app = app_of_url(lab, own, d, text, true, &rest);
  if (app) *ret_with = url_to(app, d)->text;
  return rest;
}

/* Appends the translation to out; nothing when there is none. */
static enum err map_url(const struct lab *lab, const struct lab_app *own, enum direction d, const char *text,
                        struct buf *out)
{
  const char *with, *rest = map_prefix(lab, own, d, text, &with);
  if (!rest) return ERR_OK;
  enum err e = buf_puts(out, with);
  return e ? e : buf_puts(out, rest);
}

/* The same for an origin (RFC 6454 6.2), which has no path. */
static enum err map_origin(const struct lab *lab, const struct lab_app *own, enum direction d,
                           const char *text, struct buf *out)
{
  const char *rest;
  const struct lab_app *app = app_of_url(lab, own, d, text, false, &rest);
  if (!app || *rest) return ERR_OK;
  const char *to = url_to(app, d)->text;
  return buf_append(out, to, lab_origin_len(to));
}

typedef enum err map_function(const struct lab *, const struct lab_app *, enum direction, const char *,
                              struct buf *);

static enum err map_field(struct fields *f, const char *name, map_function *map, const struct lab *lab,
                          const struct lab_app *app, enum direction d)
{
  struct buf out;
  const char *value = fields_get(f, name);
  if (!value) return ERR_OK;
  buf_init(&out, VALUE_MAX);
  enum err e = map(lab, app, d, value, &out);
  if (!e && out.len) e = fields_set(f, name, buf_str(&out));
  buf_clear(&out);
  return e;
}

/* -- cookies (RFC 6265 5.2) ------------------------------------------------------------------------------ */

struct piece {
  const char *at;
  size_t n;
};

static struct piece trimmed(const char *at, const char *end)
{
  while (at < end && (*at == ' ' || *at == '\t'))
    at++;
  while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  return (struct piece){at, (size_t)(end - at)};
}

/* The inside host itself, or a domain that it is in. */
static bool is_domain_of(const char *host, struct piece domain)
{
  if (domain.n && domain.at[0] == '.') domain.at++, domain.n--;
  size_t n = strlen(host);
  if (domain.n == 0 || domain.n > n || strncasecmp(host + n - domain.n, domain.at, domain.n) != 0)
    return false;
  return domain.n == n || host[n - domain.n - 1] == '.';
}

/* A path inside of the internal one becomes the same inside of the external one; one around it becomes the
 * external path, for nothing more of the host is the application's. */
static enum err map_cookie_path(const struct lab_app *app, struct piece path, struct buf *out)
{
  const char *in = app->internal_url.path, *ex = app->external_url.path;
  size_t n = strlen(in);
  if (path.n >= n && strncmp(path.at, in, n) == 0) {
    enum err e = buf_puts(out, ex);
    return e ? e : buf_append(out, path.at + n, path.n - n);
  }
  bool around = path.n && path.n < n && strncmp(path.at, in, path.n) == 0 &&
                (in[path.n] == '/' || path.at[path.n - 1] == '/');
  return around ? buf_puts(out, ex) : buf_append(out, path.at, path.n);
}

/* One attribute, from behind its semicolon to the next one. */
static enum err map_attribute(const struct lab_app *app, const char *at, const char *end, struct buf *out)
{
  const char *equals = memchr(at, '=', (size_t)(end - at));
  struct piece name = trimmed(at, equals ? equals : end);
  struct piece value = equals ? trimmed(equals + 1, end) : (struct piece){end, 0};
  bool domain = http_name_is(name.at, name.n, "Domain") && is_domain_of(app->internal_url.host, value);
  bool path = app->by_path && value.n && http_name_is(name.at, name.n, "Path");
  if (!domain && !path) return buf_append(out, at, (size_t)(end - at));
  enum err e = buf_append(out, at, (size_t)(value.at - at));
  if (!e) e = domain ? buf_puts(out, app->external_url.host) : map_cookie_path(app, value, out);
  return e ? e : buf_append(out, value.at + value.n, (size_t)(end - value.at) - value.n);
}

static enum err map_cookie(const struct lab_app *app, const char *at, size_t n, struct buf *out)
{
  const char *end = at + n, *stop = memchr(at, ';', n);
  enum err e = buf_append(out, at, stop ? (size_t)(stop - at) : n);
  while (stop && !e) {
    at = stop + 1;
    stop = memchr(at, ';', (size_t)(end - at));
    e = buf_putc(out, ';');
    if (!e) e = map_attribute(app, at, stop ? stop : end, out);
  }
  return e;
}

/* All of them in their order, each a field of its own. */
static enum err map_cookies(const struct lab_app *app, struct fields *f)
{
  struct fields mapped;
  struct buf out;
  enum err e = ERR_OK;
  fields_init(&mapped, f->max, VALUE_MAX);
  buf_init(&out, VALUE_MAX);
  for (size_t i = 0; i < fields_count(f) && !e; i++) {
    struct field field = fields_at(f, i);
    if (!http_name_is(field.name, field.name_len, "Set-Cookie")) continue;
    buf_reset(&out);
    e = map_cookie(app, field.value, field.value_len, &out);
    if (!e) e = fields_addn(&mapped, field.name, field.name_len, buf_str(&out), out.len);
  }
  if (!e) fields_remove(f, "Set-Cookie");
  for (size_t i = 0; i < fields_count(&mapped) && !e; i++) {
    struct field field = fields_at(&mapped, i);
    e = fields_addn(f, field.name, field.name_len, field.value, field.value_len);
  }
  fields_clear(&mapped);
  buf_wipe(&out);
  return e;
}

/* -- heads ----------------------------------------------------------------------------------------------- */

enum err translate_request(const struct lab *lab, const struct lab_app *app, struct fields *f)
{
  enum err e = map_field(f, "Origin", map_origin, lab, app, INWARDS);
  return e ? e : map_field(f, "Referer", map_url, lab, app, INWARDS);
}

enum err translate_response(const struct lab *lab, const struct lab_app *app, struct fields *f)
{
  enum err e = map_field(f, "Location", map_url, lab, app, OUTWARDS);
  if (!e) e = map_field(f, "Content-Location", map_url, lab, app, OUTWARDS);
  if (!e) e = map_field(f, "Access-Control-Allow-Origin", map_origin, lab, app, OUTWARDS);
  return e || !fields_get(f, "Set-Cookie") ? e : map_cookies(app, f);
}

size_t translate_url(const struct lab *lab, const struct lab_app *app, const char *url, const char **ret_with)
{
  const char *rest = map_prefix(lab, app, OUTWARDS, url, ret_with);
  return rest ? (size_t)(rest - url) : 0;
}

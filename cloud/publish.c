#include "publish.h"

#include <string.h>
#include <strings.h>

/* -- paths, as an application's server may read them
 * ------------------------------------------------------------------------- */

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character at *at, decoded; moves on. 0 at the end of the path. */
static char next_char(const char **at)
{
  const char *p = *at;
  char c = *p;
  if (c == 0 || c == '?') return 0;
  *at = p + 1;
  if (c == '%' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
    c = (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
    *at = p + 3;
    if (c == 0) c = '%'; /* ends no path of ours */
  }
  return c == '\\' ? '/' : c;
}

/* How many bytes of the target the published path covers; 0: the target is not inside. The bytes behind are
 * left as they are, also when they begin with slashes. */
static size_t covered(const char *path, const char *target)
{
  const char *at = target;
  char before = 0;
  for (; *path; before = *path++) {
    char c = next_char(&at);
    while (c == '/' && before == '/')
      c = next_char(&at);
    if (c != *path) return 0;
  }
  return (size_t)(at - target);
}

/* "." and "..", also encoded and with parameters ("..;x"): servers resolve them, and then the target leads
 * elsewhere than it reads. */
static bool has_dot_segment(const char *target)
{
  size_t length = 0, dots = 0;
  bool parameters = false;
  for (;;) {
    char c = next_char(&target);
    if (c == 0 || c == '/') {
      if (length && length == dots && length <= 2) return true;
      if (c == 0) return false;
      length = dots = 0;
      parameters = false;
    } else if (c == ';') {
      parameters = true;
    } else if (!parameters) {
      length++;
      dots += c == '.';
    }
  }
}

/* -- applications
 * ------------------------------------------------------------------------------------------------------ */

static bool is_host(const struct lab_app *app, const char *host, size_t n)
{
  const char *known = app->external_url.host;
  return strncasecmp(known, host, n) == 0 && known[n] == 0;
}

enum err publish_find(const struct lab *lab, const char *host, size_t n, const char *target,
                      const struct lab_app **ret_app, size_t *ret_rest, struct failure *f)
{
  const struct lab_app *best = NULL;
  size_t best_path = 0, rest = 0;
  bool host_known = false;
  for (size_t i = 0; i < lab->n_apps; i++) {
    const struct lab_app *app = &lab->apps[i];
    if (!is_host(app, host, n)) continue;
    if (!app->by_path) { /* has the host for itself */
      *ret_app = app;
      *ret_rest = target[0] == '/';
      return ERR_OK;
    }
    host_known = true;
    size_t path = strlen(app->external_url.path), length = covered(app->external_url.path, target);
    if (length && path > best_path) best = app, best_path = path, rest = length;
  }
  if (!host_known)
    return failure_set(f, ERR_APP_UNKNOWN, "no application has the external host %.*s", (int)n, host);
  if (!best) return failure_set(f, ERR_APP_UNKNOWN, "nothing is published at this path");
  if (has_dot_segment(target))
    return failure_set(f, ERR_APP_UNKNOWN, "dot segments could lead out of the published path");
  *ret_app = best;
  *ret_rest = rest;
  return ERR_OK;
}

enum err publish_internal_target(const struct lab_app *app, const char *target, size_t n, size_t rest,
                                 struct buf *out)
{
  enum err e = buf_puts(out, app->internal_url.path);
  return e ? e : buf_append(out, target + rest, n - rest);
}

size_t publish_origin_len(const struct lab_url *url)
{
  return strlen(url->text) - strlen(url->path);
}

#include "publish.h"

#include <string.h>

/* -- paths, as an application's server may read them ----------------------------------------------------- */

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

/* -- applications ---------------------------------------------------------------------------------------- */

/* The external host by which this one is published: itself, or else a wildcard. */
static const char *pattern_of(const struct lab *lab, const char *host, size_t n,
                              char ret_label[static LAB_LABEL_MAX + 1])
{
  const char *pattern = NULL;
  ret_label[0] = 0;
  for (size_t i = 0; i < lab->n_published; i++) {
    const char *known = lab->published[i].external_url.host;
    if (!lab_host_matches(known, host, n, ret_label)) continue;
    pattern = known;
    if (!ret_label[0]) break;
  }
  return pattern;
}

enum err publish_find(const struct lab *lab, const char *host, size_t n, const char *target,
                      struct lab_concrete *storage, struct published *ret, struct failure *f)
{
  char label[LAB_LABEL_MAX + 1];
  const char *pattern = pattern_of(lab, host, n, label);
  const struct lab_app *best = NULL;
  size_t best_path = 0, rest = 0;
  for (size_t i = 0; pattern && i < lab->n_published; i++) {
    const struct lab_app *app = &lab->published[i];
    if (strcmp(app->external_url.host, pattern) != 0) continue;
    size_t path = strlen(app->external_url.path), length = covered(app->external_url.path, target);
    if (!app->by_path) length = target[0] == '/'; /* has the host for itself */
    if ((length || !app->by_path) && path > best_path) best = app, best_path = path, rest = length;
  }
  if (!pattern)
    return failure_set(f, ERR_APP_UNKNOWN, "no application has the external host %.*s", (int)n, host);
  if (!best) return failure_set(f, ERR_APP_UNKNOWN, "nothing is published at this path");
  if (best->by_path && has_dot_segment(target))
    return failure_set(f, ERR_APP_UNKNOWN, "dot segments could lead out of the published path");
  ret->app = label[0] ? lab_app_for_label(best, label, storage) : best;
  ret->rest = rest;
  return ERR_OK;
}

enum err publish_internal_target(const struct lab_app *app, const char *target, size_t n, size_t rest,
                                 struct buf *out)
{
  enum err e = buf_puts(out, app->internal_url.path);
  return e ? e : buf_append(out, target + rest, n - rest);
}

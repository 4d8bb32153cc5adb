#include "markup_private.h"

#include <string.h>

void url_begin(struct markup *m, bool absolute_only)
{
  struct url *u = &m->url;
  u->active = true;
  u->decided = false;
  u->absolute_only = absolute_only;
  u->n = u->raw_n = 0;
}

/* "/a", but not "//host/a". */
static bool is_path(const char *text)
{
  return text[0] == '/' && text[1] != '/';
}

static void decide(struct markup *m)
{
  struct url *u = &m->url;
  const char *with = NULL;
  size_t n = u->n;
  while (n && markup_is_space(u->text[n - 1]))
    n--;
  u->text[n] = 0;
  size_t replaced = u->absolute_only && is_path(u->text) ? 0 : m->map(m->arg, u->text, &with);
  if (replaced > n) replaced = n;
  size_t from = replaced ? u->end[replaced - 1] : 0;
  if (replaced) markup_emit(m, with, strlen(with));
  markup_emit(m, u->raw + from, u->raw_n - from);
  u->decided = true;
}

void url_raw(struct markup *m, const char *raw, size_t n)
{
  struct url *u = &m->url;
  if (!u->decided && u->raw_n + n > sizeof u->raw) decide(m);
  if (u->decided) {
    markup_emit(m, raw, n);
    return;
  }
  memcpy(u->raw + u->raw_n, raw, n);
  u->raw_n += n;
}

void url_char_done(struct markup *m, char c)
{
  struct url *u = &m->url;
  /* Browsers take these out of URLs (WHATWG URL 4.4). */
  if (u->decided || c == '\t' || c == '\n' || c == '\r') return;
  u->text[u->n] = c;
  u->end[u->n++] = (uint16_t)u->raw_n;
  if (u->n == MARKUP_URL_MAX) decide(m);
}

void url_char(struct markup *m, char c, const char *raw, size_t n)
{
  url_raw(m, raw, n);
  url_char_done(m, c);
}

bool url_is(const struct markup *m, const char *word)
{
  const struct url *u = &m->url;
  size_t n = u->n, i = 0;
  while (n && markup_is_space(u->text[n - 1]))
    n--;
  while (i < n && word[i] && markup_lower(u->text[i]) == word[i])
    i++;
  return i == n && word[i] == 0;
}

void url_end(struct markup *m)
{
  if (m->url.active && !m->url.decided) decide(m);
  m->url.active = false;
}

void url_drop(struct markup *m)
{
  if (m->url.active && !m->url.decided) markup_emit(m, m->url.raw, m->url.raw_n);
  m->url.active = false;
}

/* Enough of CSS Syntax 3 to know url() and @import from strings and comments that look like them. */
#include "markup_private.h"

#include <string.h>

void css_begin(struct markup *m)
{
  m->css = (struct css){.state = CSS_CODE};
}

void css_end(struct markup *m)
{
  url_end(m);
  css_begin(m);
}

static bool word_is(const struct css *s, const char *word)
{
  return s->word_n == strlen(word) && memcmp(s->word, word, s->word_n) == 0;
}

static bool is_name(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '@' || (c & 0x80);
}

/* Longer words than ours only have to stay different from them. */
static void add_to_word(struct css *s, char c)
{
  if (s->word_ended) s->word_n = 0;
  s->word_ended = false;
  if (s->word_n < sizeof s->word) s->word[s->word_n++] = c;
}

static void code(struct css *s, char c)
{
  char before = s->before;
  s->before = c;
  if (s->escape) {
    s->escape = false;
    s->before = 0;
    add_to_word(s, '\\');
  } else if (c == '\\') {
    s->escape = true;
  } else if (before == '/' && c == '*') {
    s->state = CSS_COMMENT;
    s->before = 0;
  } else if (c == '"' || c == '\'') {
    s->state = word_is(s, "@import") ? CSS_URL_QUOTED : CSS_STRING;
    s->quote = c;
    s->word_n = 0;
  } else if (c == '(' && word_is(s, "url") && !s->word_ended) {
    s->state = CSS_URL_OPEN;
    s->word_n = 0;
  } else if (is_name(markup_lower(c))) {
    add_to_word(s, markup_lower(c));
  } else if (markup_is_space(c) || c == '/') {
    s->word_ended = true;
  } else {
    s->word_n = 0;
  }
}

static void comment(struct css *s, char c)
{
  if (s->before == '*' && c == '/') {
    s->state = CSS_CODE;
    c = 0;
  }
  s->before = c;
}

static void string(struct css *s, char c)
{
  if (s->escape)
    s->escape = false;
  else if (c == '\\')
    s->escape = true;
  else if (c == s->quote || c == '\n')
    s->state = CSS_CODE;
}

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  c = markup_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind a backslash (CSS Syntax 4.3.7): up to six hexadecimal digits and a space, or the character itself.
 * True when c belonged to it. */
static bool escaped(struct markup *m, char c, const char *raw, size_t n)
{
  struct css *s = &m->css;
  int digit = hex_digit(c);
  if (digit >= 0 && s->digits < 6) {
    s->code = s->code << 4 | (unsigned)digit;
    s->digits++;
    url_raw(m, raw, n);
    return true;
  }
  s->escape = false;
  if (!s->digits) {
    url_char(m, c, raw, n);
    return true;
  }
  bool space = markup_is_space(c);
  if (space) url_raw(m, raw, n);
  url_char_done(m,
                s->code && s->code < 0x80 ? (char)s->code : '\x7f'); /* no URL of ours has such characters */
  return space;
}

static bool ends(const struct css *s, char c)
{
  if (s->state == CSS_URL_QUOTED) return c == s->quote || c == '\n';
  return c == ')' || markup_is_space(c);
}

static bool in_url(struct markup *m, char c, const char *raw, size_t n)
{
  struct css *s = &m->css;
  if (s->escape && escaped(m, c, raw, n)) return true;
  if (ends(s, c)) {
    url_end(m);
    s->state = CSS_CODE;
    return false;
  }
  if (!m->url.active) {
    if (markup_is_space(c)) return false;
    url_begin(m, false);
  }
  if (c == '\\') {
    s->escape = true;
    s->code = s->digits = 0;
    url_raw(m, raw, n);
  } else {
    url_char(m, c, raw, n);
  }
  return true;
}

bool css_char(struct markup *m, char c, const char *raw, size_t n)
{
  struct css *s = &m->css;
  switch (s->state) {
  case CSS_CODE:
    code(s, c);
    return false;
  case CSS_COMMENT:
    comment(s, c);
    return false;
  case CSS_STRING:
    string(s, c);
    return false;
  case CSS_URL_OPEN:
    if (markup_is_space(c)) return false;
    s->state = c == '"' || c == '\'' ? CSS_URL_QUOTED : CSS_URL_BARE;
    s->quote = c;
    if (s->state == CSS_URL_QUOTED) return false;
    break;
  case CSS_URL_QUOTED:
  case CSS_URL_BARE:
    break;
  }
  return in_url(m, c, raw, n);
}

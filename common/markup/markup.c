/* The tokenizer of HTML (WHATWG 13.2.5), as far as it tells attributes from everything else. */
#include "markup_private.h"

#include <stdlib.h>
#include <string.h>

static const char *const raw_elements[] = {"script", "style",  "title",   "textarea",
                                           "xmp",    "iframe", "noembed", "noframes"};

bool markup_is_space(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

char markup_lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

void markup_emit(struct markup *m, const char *data, size_t n)
{
  if (!m->err && n) m->err = buf_append(m->out, data, n);
}

/* -- words --------------------------------------------------------------------------------------------- */

/* What does not fit is longer than any word that is known, and so becomes none. */
static void add(char word[WORD_MAX], size_t *n, char c)
{
  if (*n < WORD_MAX) word[(*n)++] = markup_lower(c);
}

static bool is(const char word[WORD_MAX], size_t n, const char *known)
{
  return strlen(known) == n && memcmp(word, known, n) == 0;
}

static bool is_letter(char c)
{
  c = markup_lower(c);
  return c >= 'a' && c <= 'z';
}

static bool ends_name(char c)
{
  return markup_is_space(c) || c == '/' || c == '>';
}

/* -- tags ---------------------------------------------------------------------------------------------- */

static void begin_raw(struct markup *m, const char *element)
{
  m->state = HTML_RAW;
  m->raw = element;
  m->word_n = 0;
  m->hidden = m->twice = false;
  if (strcmp(element, "style") == 0) css_begin(m);
}

static void tag_done(struct markup *m)
{
  m->state = HTML_TEXT;
  if (m->closing || (m->slash && m->language == MARKUP_XHTML)) return;
  if (is(m->tag, m->tag_n, "plaintext")) m->state = HTML_PLAIN;
  for (size_t i = 0; i < sizeof raw_elements / sizeof *raw_elements; i++)
    if (is(m->tag, m->tag_n, raw_elements[i])) begin_raw(m, raw_elements[i]);
}

static void begin_tag(struct markup *m, char c, bool closing)
{
  m->closing = closing;
  m->slash = false;
  m->tag_n = 0;
  add(m->tag, &m->tag_n, c);
  m->state = HTML_TAG_NAME;
}

/* Between attributes, and behind names: what may stand there. */
static void between(struct markup *m, char c)
{
  if (c == '>') {
    tag_done(m);
  } else if (c == '/') {
    m->slash = true;
    m->state = HTML_BEFORE_ATTRIBUTE;
  } else if (markup_is_space(c)) {
    m->state = m->state == HTML_ATTRIBUTE || m->state == HTML_AFTER_ATTRIBUTE ? HTML_AFTER_ATTRIBUTE
                                                                              : HTML_BEFORE_ATTRIBUTE;
  } else {
    m->slash = false;
    m->attribute_n = 0;
    add(m->attribute, &m->attribute_n, c);
    m->state = HTML_ATTRIBUTE;
  }
}

static bool begin_value(struct markup *m, char c)
{
  if (markup_is_space(c)) return false;
  if (c == '>') {
    tag_done(m);
    return false;
  }
  m->quote = c == '"' || c == '\'' ? c : 0;
  m->state = HTML_VALUE;
  value_begin(m);
  return m->quote ? false : value_byte(m, c);
}

static bool in_value(struct markup *m, char c)
{
  bool ends = m->quote ? c == m->quote : markup_is_space(c) || c == '>';
  if (!ends) return value_byte(m, c);
  value_end(m);
  m->state = HTML_BEFORE_ATTRIBUTE;
  if (!m->quote && c == '>') tag_done(m);
  return false;
}

/* -- what is no element -------------------------------------------------------------------------------- */

static void tag_open(struct markup *m, char c)
{
  if (is_letter(c))
    begin_tag(m, c, false);
  else if (c == '/')
    m->state = HTML_END_TAG_OPEN;
  else if (c == '!')
    m->state = HTML_DECLARATION, m->word_n = 0;
  else if (c == '?')
    m->state = HTML_BOGUS_COMMENT;
  else if (c != '<')
    m->state = HTML_TEXT;
}

static void end_tag_open(struct markup *m, char c)
{
  if (is_letter(c))
    begin_tag(m, c, true);
  else
    m->state = c == '>' ? HTML_TEXT : HTML_BOGUS_COMMENT;
}

static void declaration(struct markup *m, char c)
{
  static const char cdata[] = "[cdata[";
  add(m->word, &m->word_n, c);
  m->marks = 0;
  if (is(m->word, m->word_n, "--")) {
    m->state = HTML_COMMENT;
    m->marks = 2;
    m->fresh = true;
    m->bang = false;
  } else if (is(m->word, m->word_n, cdata)) {
    m->state = HTML_CDATA;
  } else if (!is(m->word, m->word_n, "-") && strncmp(cdata, m->word, m->word_n) != 0) {
    m->state = c == '>' ? HTML_TEXT : HTML_BOGUS_COMMENT;
  }
}

/* "-->" ends it, "--!>" too, and at its very beginning ">" and "->". */
static void comment(struct markup *m, char c)
{
  bool marked = m->marks >= 2 || m->bang;
  if (c == '>' && marked) m->state = HTML_TEXT;
  m->bang = c == '!' && m->marks >= (m->fresh ? 4 : 2);
  if (c == '-')
    m->marks++;
  else
    m->marks = 0, m->fresh = false;
}

static void cdata_section(struct markup *m, char c)
{
  if (c == '>' && m->marks >= 2) m->state = HTML_TEXT;
  m->marks = c == ']' ? m->marks + 1 : 0;
}

/* -- raw text ------------------------------------------------------------------------------------------ */

/* Inside of <!-- in a script, <script> and </script> come in pairs that do not end it (13.2.5.23 to 33). */
static void in_script(struct markup *m, char c, bool opens, bool closes)
{
  if (m->hidden && opens) m->twice = true;
  if (closes) m->twice = false;
  if (!m->hidden && is(m->word, m->word_n, "<!--")) {
    m->hidden = true;
    m->marks = 2;
    m->word_n = 0;
  } else if (m->hidden) {
    if (c == '>' && m->marks >= 2) m->hidden = m->twice = false;
    m->marks = c == '-' ? m->marks + 1 : 0;
  }
}

static bool is_raw_tag(const struct markup *m, const char *before)
{
  size_t n = strlen(before), length = strlen(m->raw);
  return m->word_n == n + length && memcmp(m->word, before, n) == 0 &&
         memcmp(m->word + n, m->raw, length) == 0;
}

static bool in_raw(struct markup *m, char c)
{
  bool style = strcmp(m->raw, "style") == 0, script = strcmp(m->raw, "script") == 0;
  bool opens = ends_name(c) && is_raw_tag(m, "<"), closes = ends_name(c) && is_raw_tag(m, "</");
  if (closes && !m->twice) {
    if (style) css_end(m);
    m->closing = true;
    m->slash = false;
    m->state = HTML_BEFORE_ATTRIBUTE;
    between(m, c);
    return false;
  }
  if (c == '<') m->word_n = 0;
  if (c == '<' || m->word_n) add(m->word, &m->word_n, c);
  if (m->word_n == WORD_MAX) m->word_n = 0; /* no tag that ends it */
  if (script) in_script(m, c, opens, closes);
  return style && css_char(m, c, &c, 1);
}

/* -- the document -------------------------------------------------------------------------------------- */

static bool in_html(struct markup *m, char c)
{
  switch (m->state) {
  case HTML_TEXT:
    if (c == '<') m->state = HTML_TAG_OPEN;
    break;
  case HTML_TAG_OPEN:
    tag_open(m, c);
    break;
  case HTML_END_TAG_OPEN:
    end_tag_open(m, c);
    break;
  case HTML_TAG_NAME:
    if (ends_name(c))
      between(m, c);
    else
      add(m->tag, &m->tag_n, c);
    break;
  case HTML_ATTRIBUTE:
    if (c == '=')
      m->state = HTML_BEFORE_VALUE;
    else if (ends_name(c))
      between(m, c);
    else
      add(m->attribute, &m->attribute_n, c);
    break;
  case HTML_AFTER_ATTRIBUTE:
    if (c == '=')
      m->state = HTML_BEFORE_VALUE;
    else
      between(m, c);
    break;
  case HTML_BEFORE_ATTRIBUTE:
    between(m, c);
    break;
  case HTML_BEFORE_VALUE:
    return begin_value(m, c);
  case HTML_VALUE:
    return in_value(m, c);
  case HTML_BOGUS_COMMENT:
    if (c == '>') m->state = HTML_TEXT;
    break;
  case HTML_DECLARATION:
    declaration(m, c);
    break;
  case HTML_COMMENT:
    comment(m, c);
    break;
  case HTML_CDATA:
    cdata_section(m, c);
    break;
  case HTML_RAW:
    return in_raw(m, c);
  case HTML_PLAIN:
    break;
  }
  return false;
}

/* How far nothing can begin. */
static size_t dull(const struct markup *m, const char *data, size_t n)
{
  if (m->language == MARKUP_CSS) return 0;
  if (m->state == HTML_PLAIN) return n;
  bool raw = m->state == HTML_RAW && !m->word_n && !m->hidden && strcmp(m->raw, "style") != 0;
  if (m->state != HTML_TEXT && !raw) return 0;
  const char *at = memchr(data, '<', n);
  return at ? (size_t)(at - data) : n;
}

enum err markup_put(struct markup *m, const void *data, size_t n, struct buf *out)
{
  const char *at = data, *end = at + n, *from = at; /* from: what is not yet let go */
  m->out = out;
  while (at < end && !m->err) {
    at += dull(m, at, (size_t)(end - at));
    if (at == end) break;
    bool kept = m->language == MARKUP_CSS ? css_char(m, *at, at, 1) : in_html(m, *at);
    if (kept) {
      markup_emit(m, from, (size_t)(at - from));
      from = at + 1;
    }
    at++;
  }
  markup_emit(m, from, (size_t)(end - from));
  return m->err;
}

enum err markup_end(struct markup *m, struct buf *out)
{
  m->out = out;
  if (m->state == HTML_VALUE)
    value_end(m);
  else
    url_end(m);
  return m->err;
}

enum err markup_new(enum markup_language language, markup_map *map, void *arg, struct markup **ret)
{
  struct markup *m = calloc(1, sizeof *m);
  if (!m) return ERR_NOMEM;
  m->language = language;
  m->map = map;
  m->arg = arg;
  *ret = m;
  return ERR_OK;
}

void markup_free(struct markup *m)
{
  free(m);
}

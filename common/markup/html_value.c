/* Values of attributes: which of them hold URLs, and where in the value. */
#include "markup_private.h"

#include <string.h>

/* The attributes that Microsoft's service translates ("Redirect hard-coded links", How link translation
 * works), and behind them those that HTML, its predecessors and SVG have besides. "": of every element. */
static const struct known {
  const char *tag, *attribute;
  enum value_kind kind;
} known[] = {
    {"a", "href", VALUE_URL},
    {"audio", "src", VALUE_URL},
    {"base", "href", VALUE_URL},
    {"button", "formaction", VALUE_URL},
    {"div", "data-background", VALUE_URL},
    {"div", "data-src", VALUE_URL},
    {"embed", "src", VALUE_URL},
    {"form", "action", VALUE_URL},
    {"frame", "src", VALUE_URL},
    {"head", "profile", VALUE_URL},
    {"html", "manifest", VALUE_URL},
    {"iframe", "longdesc", VALUE_URL},
    {"iframe", "src", VALUE_URL},
    {"img", "longdesc", VALUE_URL},
    {"img", "src", VALUE_URL},
    {"input", "formaction", VALUE_URL},
    {"input", "src", VALUE_URL},
    {"input", "value", VALUE_TEXT},
    {"link", "href", VALUE_URL},
    {"menuitem", "icon", VALUE_URL},
    {"meta", "content", VALUE_META},
    {"object", "archive", VALUE_LIST},
    {"object", "codebase", VALUE_URL},
    {"object", "data", VALUE_URL},
    {"script", "src", VALUE_URL},
    {"source", "src", VALUE_URL},
    {"track", "src", VALUE_URL},
    {"video", "poster", VALUE_URL},
    {"video", "src", VALUE_URL},
    /* ours */
    {"", "style", VALUE_STYLE},
    {"", "background", VALUE_URL},
    {"a", "xlink:href", VALUE_URL},
    {"area", "href", VALUE_URL},
    {"blockquote", "cite", VALUE_URL},
    {"del", "cite", VALUE_URL},
    {"frame", "longdesc", VALUE_URL},
    {"image", "href", VALUE_URL},
    {"image", "xlink:href", VALUE_URL},
    {"img", "srcset", VALUE_LIST},
    {"ins", "cite", VALUE_URL},
    {"link", "imagesrcset", VALUE_LIST},
    {"q", "cite", VALUE_URL},
    {"source", "srcset", VALUE_LIST},
    {"use", "href", VALUE_URL},
    {"use", "xlink:href", VALUE_URL},
};

static bool is_word(const char *word, size_t n, const char *known_word)
{
  return strlen(known_word) == n && memcmp(word, known_word, n) == 0;
}

static enum value_kind kind_of(const struct markup *m)
{
  for (size_t i = 0; i < sizeof known / sizeof *known && !m->closing; i++)
    if (is_word(m->attribute, m->attribute_n, known[i].attribute) &&
        (!*known[i].tag || is_word(m->tag, m->tag_n, known[i].tag)))
      return known[i].kind;
  return VALUE_NONE;
}

void value_begin(struct markup *m)
{
  m->value = (struct value){.kind = kind_of(m), .candidate = true};
  if (m->value.kind == VALUE_STYLE) css_begin(m);
}

/* -- kinds of values ----------------------------------------------------------------------------------- */

static bool into_url(struct markup *m, bool absolute_only, char c, const char *raw, size_t n)
{
  if (!m->url.active) {
    if (markup_is_space(c)) return false;
    url_begin(m, absolute_only);
  }
  url_char(m, c, raw, n);
  return true;
}

/* URLs between spaces. In srcset (HTML 4.8.4.2.1) a comma ends an item when it is the last character of its
 * URL, or stands in the descriptor behind it. Descriptors are no URLs, so every token may be tried. */
static bool in_list(struct markup *m, char c, const char *raw, size_t n)
{
  struct value *v = &m->value;
  if (!m->url.active) {
    if (c == ',') v->candidate = true;
    if (c == ',' || markup_is_space(c)) return false;
    url_begin(m, false);
  } else if (markup_is_space(c) || (c == ',' && !v->candidate)) {
    url_end(m);
    v->candidate = c == ',' || v->last == ',';
    return false;
  }
  v->last = c;
  url_char(m, c, raw, n);
  return true;
}

/* What a property is about, or when and where to go: "5; url='http://...'" (HTML 4.2.5.3). */
static bool in_meta(struct markup *m, char c, const char *raw, size_t n)
{
  struct value *v = &m->value;
  bool quoted = c == '"' || c == '\'';
  switch (v->meta) {
  case META_START:
    if (markup_is_space(c)) return false;
    v->meta = (c >= '0' && c <= '9') || c == '.' ? META_SECONDS : META_URL;
    return v->meta == META_URL && into_url(m, true, c, raw, n);
  case META_SECONDS:
    if (c == ';' || c == ',')
      v->meta = META_TARGET;
    else if ((c < '0' || c > '9') && c != '.' && !markup_is_space(c))
      v->meta = META_REST;
    return false;
  case META_TARGET:
    if (m->url.active && c == '=' && url_is(m, "url")) {
      url_drop(m);
      return false;
    }
    if (!m->url.active && quoted) {
      v->quote = c;
      v->meta = META_URL;
      return false;
    }
    return into_url(m, false, c, raw, n);
  case META_URL:
    if (v->quote && c == v->quote) {
      url_end(m);
      v->meta = META_REST;
      return false;
    }
    return into_url(m, false, c, raw, n);
  case META_REST:
    break;
  }
  return false;
}

static bool value_char(struct markup *m, char c, const char *raw, size_t n)
{
  switch (m->value.kind) {
  case VALUE_URL:
    return into_url(m, false, c, raw, n);
  case VALUE_TEXT:
    return into_url(m, true, c, raw, n);
  case VALUE_LIST:
    return in_list(m, c, raw, n);
  case VALUE_META:
    return in_meta(m, c, raw, n);
  case VALUE_STYLE:
    return css_char(m, c, raw, n);
  case VALUE_NONE:
    break;
  }
  return false;
}

/* -- character references ------------------------------------------------------------------------------ */

static char numeric(const char *text, size_t n)
{
  bool hex = n && (*text == 'x' || *text == 'X');
  unsigned code = 0, base = hex ? 16 : 10;
  for (size_t i = hex; i < n; i++) {
    char c = markup_lower(text[i]);
    unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                            : 99;
    if (digit >= base || code > 0x10ffff) return 0;
    code = code * base + digit;
  }
  return code < 0x80 ? (char)code : '\x7f';
}

/* Those that can stand for a character that means something here. 0: none of them. */
static char named(const char *text, size_t n)
{
  static const struct {
    const char *name;
    char c;
  } names[] = {{"amp", '&'},    {"quot", '"'},     {"apos", '\''},  {"lt", '<'},    {"gt", '>'},
               {"sol", '/'},    {"colon", ':'},    {"period", '.'}, {"quest", '?'}, {"num", '#'},
               {"equals", '='}, {"semi", ';'},     {"comma", ','},  {"lpar", '('},  {"rpar", ')'},
               {"Tab", '\t'},   {"NewLine", '\n'}, {"lowbar", '_'}, {"bsol", '\\'}, {"commat", '@'}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (is_word(text, n, names[i].name)) return names[i].c;
  return 0;
}

static void pass(struct markup *m, char c, const char *raw, size_t n)
{
  if (!value_char(m, c, raw, n)) markup_emit(m, raw, n);
}

/* The reference is complete (with its semicolon, or a numeric one without), or was none. */
static void end_reference(struct markup *m)
{
  struct value *v = &m->value;
  const char *text = v->reference;
  size_t n = v->reference_n;
  if (!n) return;
  bool closed = text[n - 1] == ';';
  size_t length = n - 1 - closed;
  char c = n > 1 && text[1] == '#' ? (length > 1 ? numeric(text + 2, length - 1) : 0)
           : closed                ? named(text + 1, length)
                                   : 0;
  v->reference_n = 0;
  if (c)
    pass(m, c, text, n);
  else
    for (size_t i = 0; i < n; i++)
      pass(m, text[i], text + i, 1);
}

static bool in_reference(char c)
{
  c = markup_lower(c);
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '#' || c == ';';
}

bool value_byte(struct markup *m, char c)
{
  struct value *v = &m->value;
  if (v->kind == VALUE_NONE) return false;
  if (v->reference_n && (!in_reference(c) || v->reference_n == sizeof v->reference)) end_reference(m);
  if (!v->reference_n && c != '&') return value_char(m, c, &c, 1);
  v->reference[v->reference_n++] = c;
  if (c == ';') end_reference(m);
  return true;
}

void value_end(struct markup *m)
{
  end_reference(m);
  if (m->value.kind == VALUE_STYLE)
    css_end(m);
  else
    url_end(m);
}

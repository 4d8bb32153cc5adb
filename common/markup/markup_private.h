/* What the parts of markup share. Each part takes characters: c, and the bytes that it was written with,
 * which are several in a character reference. A part answers true when it keeps those bytes to itself (they
 * leave with the URL), false when they may pass. */
#ifndef SEVENSTEP_MARKUP_PRIVATE_H
#define SEVENSTEP_MARKUP_PRIVATE_H

#include "markup.h"

/* url.c: the URL under way. */
struct url {
  bool active, decided; /* decided: too long to be held; what is left of it passes */
  bool absolute_only;   /* a path of the host is not taken for a URL here */
  size_t n, raw_n;
  char text[MARKUP_URL_MAX + 1];
  uint16_t end[MARKUP_URL_MAX]; /* where in raw the nth character ends */
  char raw[4 * MARKUP_URL_MAX];
};

/* css.c */
struct css {
  enum { CSS_CODE, CSS_COMMENT, CSS_STRING, CSS_URL_OPEN, CSS_URL_QUOTED, CSS_URL_BARE } state;
  char word[8]; /* the identifier or at-keyword before this character */
  size_t word_n;
  bool word_ended;
  char quote, before;
  bool escape; /* behind a backslash */
  unsigned code, digits;
};

/* html_value.c: an attribute's value. */
enum value_kind { VALUE_NONE, VALUE_URL, VALUE_TEXT, VALUE_LIST, VALUE_META, VALUE_STYLE };

struct value {
  enum value_kind kind;
  enum { META_START, META_SECONDS, META_TARGET, META_URL, META_REST } meta;
  bool candidate; /* of a list: this token begins an item */
  char last, quote;
  char reference[32]; /* a character reference under way */
  size_t reference_n;
};

enum { WORD_MAX = 16 };

struct markup {
  enum markup_language language;
  markup_map *map;
  void *arg;
  struct buf *out;
  enum err err;
  struct url url;
  struct css css;
  struct value value;
  /* markup.c */
  enum {
    HTML_TEXT,
    HTML_TAG_OPEN,
    HTML_END_TAG_OPEN,
    HTML_TAG_NAME,
    HTML_BEFORE_ATTRIBUTE,
    HTML_ATTRIBUTE,
    HTML_AFTER_ATTRIBUTE,
    HTML_BEFORE_VALUE,
    HTML_VALUE,
    HTML_BOGUS_COMMENT,
    HTML_DECLARATION,
    HTML_COMMENT,
    HTML_CDATA,
    HTML_RAW,
    HTML_PLAIN
  } state;
  char tag[WORD_MAX], attribute[WORD_MAX],
      word[WORD_MAX]; /* in small letters; a longer one is no known one */
  size_t tag_n, attribute_n, word_n;
  bool closing, slash;
  char quote;         /* 0: the value stands without */
  const char *raw;    /* the element whose raw text this is */
  unsigned marks;     /* '-' or ']' in a row */
  bool bang, fresh;   /* of a comment: "--!" was seen; nothing was seen */
  bool hidden, twice; /* of a script: inside of <!--, and there of another <script */
};

void markup_emit(struct markup *m, const char *data, size_t n);
bool markup_is_space(char c);
char markup_lower(char c);

void url_begin(struct markup *m, bool absolute_only);
void url_raw(struct markup *m, const char *raw, size_t n);
void url_char(struct markup *m, char c, const char *raw, size_t n);
/* The character whose bytes url_raw() had last. */
void url_char_done(struct markup *m, char c);
bool url_is(const struct markup *m, const char *word);
void url_end(struct markup *m);  /* decides, and lets it go; nothing when there is none */
void url_drop(struct markup *m); /* it was none: lets it go as it came */

void css_begin(struct markup *m);
bool css_char(struct markup *m, char c, const char *raw, size_t n);
void css_end(struct markup *m);

/* m->tag and m->attribute tell what it is. */
void value_begin(struct markup *m);
bool value_byte(struct markup *m, char c);
void value_end(struct markup *m);

#endif

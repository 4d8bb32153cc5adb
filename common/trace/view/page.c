#include "page.h"

#include <string.h>

static const char *const codes[] = {
    [TONE_PLAIN] = "",          [TONE_BOLD] = "\033[1m",    [TONE_DIM] = "\033[2m",
    [TONE_STEP] = "\033[1;36m", [TONE_GOOD] = "\033[1;32m", [TONE_BAD] = "\033[1;31m",
};

/* The bytes of the character at s (the text is UTF-8: jansson refuses other). */
static size_t character(const char *s)
{
  size_t n = 1;
  while (((unsigned char)s[n] & 0xc0) == 0x80)
    n++;
  return n;
}

/* C0 controls, DEL, and the C1 controls, which some terminals obey too. */
static bool is_control(const char *s)
{
  unsigned char a = (unsigned char)s[0], b = (unsigned char)s[1];
  return a < 0x20 || a == 0x7f || (a == 0xc2 && b >= 0x80 && b <= 0x9f);
}

static void put(const struct page *p, const char *from, const char *to)
{
  while (from < to) {
    size_t n = character(from);
    if (is_control(from))
      fputc('?', p->out);
    else
      fwrite(from, 1, n, p->out);
    from += n;
  }
}

static void put_toned(const struct page *p, enum tone tone, const char *from, const char *to)
{
  bool toned = p->colour && tone != TONE_PLAIN;
  if (toned) fputs(codes[tone], p->out);
  put(p, from, to);
  if (toned) fputs("\033[0m", p->out);
}

void page_text(const struct page *p, enum tone tone, const char *text)
{
  put_toned(p, tone, text, text + strlen(text));
}

void page_newline(const struct page *p)
{
  fputc('\n', p->out);
}

/* Where the line that begins at text ends, if it may hold `room` characters: behind the last space, else in
 * the word. */
static const char *line_end(const char *text, int room)
{
  const char *at = text, *space = NULL;
  for (int n = 0; *at; n++) {
    if (n == room) return space ? space : at;
    if (*at == ' ') space = at;
    at += character(at);
  }
  return at;
}

static void put_wrapped(const struct page *p, int column, enum tone tone, const char *text)
{
  const char *end = line_end(text, PAGE_WIDTH - column);
  put_toned(p, tone, text, end);
  while (*end) {
    text = end;
    while (*text == ' ')
      text++;
    if (!*text) break;
    fprintf(p->out, "\n%*s", column, "");
    end = line_end(text, PAGE_WIDTH - column);
    put_toned(p, tone, text, end);
  }
  page_newline(p);
}

void page_row(const struct page *p, int indent, int column, const char *label, enum tone tone,
              const char *value)
{
  int used = indent + (int)strlen(label);
  fprintf(p->out, "%*s", indent, "");
  page_text(p, TONE_DIM, label);
  if (!*value) {
    page_newline(p);
    return;
  }
  fprintf(p->out, "%*s", used < column ? column - used : 1, "");
  put_wrapped(p, used < column ? column : used + 1, tone, value);
}

void page_paragraph(const struct page *p, int indent, enum tone tone, const char *text)
{
  fprintf(p->out, "%*s", indent, "");
  put_wrapped(p, indent, tone, text);
}

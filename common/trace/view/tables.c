#include "tables.h"

#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DOCUMENT_MAX 1048576u

/* A cell: what would end it, or be taken for HTML, is escaped. */
static enum err cell(struct buf *out, const char *text)
{
  enum err e = ERR_OK;
  for (; *text && !e; text++) {
    if (*text == '|')
      e = buf_puts(out, "\\|");
    else if (*text == '<')
      e = buf_puts(out, "&lt;");
    else
      e = buf_putc(out, *text);
  }
  return e;
}

static enum err steps_table(struct buf *out)
{
  enum err e = buf_puts(out, "| step | actor | verb | what happens |\n|---|---|---|---|\n");
  for (int i = 1; !e && step_by_number(i); i++) {
    const struct step *s = step_by_number(i);
    e = buf_printf(out, "| %d | %s | %s | ", s->number, s->actor, s->verb);
    if (!e) e = cell(out, s->sentence);
    if (!e) e = buf_puts(out, " |\n");
  }
  return e;
}

/* 0 stands for "none" in err.def. */
static enum err number(struct buf *out, int v)
{
  return v ? buf_printf(out, " %d |", v) : buf_puts(out, " |");
}

static enum err error_row(struct buf *out, const struct err_info *info)
{
  enum err e = buf_printf(out, "| `%s` |", info->name);
  if (!e) e = buf_printf(out, " %s |", info->actor);
  if (!e) e = number(out, info->http_status);
  if (!e) e = number(out, info->event);
  if (!e) e = buf_putc(out, ' ');
  if (!e) e = cell(out, info->what);
  if (!e) e = buf_puts(out, " | ");
  if (!e) e = cell(out, info->fix);
  if (!e) e = buf_puts(out, " |\n");
  return e;
}

static enum err errors_of_step(struct buf *out, int step)
{
  const struct step *s = step_by_number(step);
  enum err e = s ? buf_printf(out, "## Step %d: %s\n\n%s\n\n", step, s->verb, s->sentence)
                 : buf_puts(out, "## Of no step\n\n");
  bool any = false;
  for (int i = 1; i < ERR_COUNT && !e; i++) {
    const struct err_info *info = err_info((enum err)i);
    if (info->step != step) continue;
    if (!any)
      e = buf_puts(out,
                   "| name | who | HTTP | event | what happened | what to do |\n|---|---|---|---|---|---|\n");
    any = true;
    if (!e) e = error_row(out, info);
  }
  if (!e && !any) e = buf_puts(out, "No error belongs to this step alone.\n");
  return e;
}

static enum err errors_table(struct buf *out)
{
  enum err e = ERR_OK;
  for (int step = 1; step <= 7 && !e; step++) {
    e = errors_of_step(out, step);
    if (!e) e = buf_putc(out, '\n');
  }
  return e ? e : errors_of_step(out, 0);
}

enum err table_make(const char *name, struct buf *out)
{
  if (strcmp(name, "steps") == 0) return steps_table(out);
  if (strcmp(name, "errors") == 0) return errors_table(out);
  return ERR_NOT_FOUND;
}

static enum err read_document(const char *path, struct buf *out, struct failure *f)
{
  char piece[4096];
  size_t n;
  enum err e = ERR_OK;
  FILE *in = fopen(path, "r");
  if (!in) return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  while (!e && (n = fread(piece, 1, sizeof piece, in)) > 0)
    e = buf_append(out, piece, n);
  if (!e && ferror(in)) e = ERR_IO;
  fclose(in);
  return e ? failure_set(f, e, "%s cannot be read", path) : ERR_OK;
}

/* The place of the table in the document: from behind the first comment line to the second. */
static enum err find_place(const char *name, const char *path, const struct buf *document, size_t *ret_from,
                           size_t *ret_to, struct failure *f)
{
  char begin[64], end[64];
  snprintf(begin, sizeof begin, "<!-- table: %s -->\n", name);
  snprintf(end, sizeof end, "<!-- end of table: %s -->\n", name);
  const char *text = buf_str(document), *first = strstr(text, begin);
  const char *second = first ? strstr(first, end) : NULL;
  if (!second) return failure_set(f, ERR_SYNTAX, "%s lacks the lines around the table \"%s\"", path, name);
  *ret_from = (size_t)(first - text) + strlen(begin);
  *ret_to = (size_t)(second - text);
  return ERR_OK;
}

enum err table_check(const char *name, const char *path, struct failure *f)
{
  struct buf table, document;
  size_t from = 0, to = 0;
  buf_init(&table, DOCUMENT_MAX);
  buf_init(&document, DOCUMENT_MAX);
  enum err e = table_make(name, &table);
  if (e) (void)failure_set(f, e, "there is no table %s", name);
  if (!e) e = read_document(path, &document, f);
  if (!e) e = find_place(name, path, &document, &from, &to, f);
  if (!e && (to - from != table.len || memcmp(document.data + from, table.data, table.len) != 0))
    e = failure_set(f, ERR_SYNTAX, "%s is out of date: run sevenstep-trace table %s --write %s", path, name,
                    path);
  buf_clear(&table);
  buf_clear(&document);
  return e;
}

static enum err write_document(const char *path, const struct buf *document, size_t from, size_t to,
                               const struct buf *table, struct failure *f)
{
  FILE *out = fopen(path, "w");
  if (!out) return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  fwrite(document->data, 1, from, out);
  fwrite(table->data, 1, table->len, out);
  fwrite(document->data + to, 1, document->len - to, out);
  return fclose(out) == 0 ? ERR_OK : failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
}

enum err table_write(const char *name, const char *path, struct failure *f)
{
  struct buf table, document;
  size_t from = 0, to = 0;
  buf_init(&table, DOCUMENT_MAX);
  buf_init(&document, DOCUMENT_MAX);
  enum err e = table_make(name, &table);
  if (e) (void)failure_set(f, e, "there is no table %s", name);
  if (!e) e = read_document(path, &document, f);
  if (!e) e = find_place(name, path, &document, &from, &to, f);
  if (!e) e = write_document(path, &document, from, to, &table, f);
  buf_clear(&table);
  buf_clear(&document);
  return e;
}

/* A loaded lab as a lab file again: every key with its value in force, along the table of keys. */
#include "lab_keys.h"
#include "tool.h"

#include <stdio.h>
#include <string.h>

static void write_text(const char *text)
{
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') putchar('\\');
    putchar(*text);
  }
  putchar('"');
}

static void write_texts(const struct lab_strings *list)
{
  putchar('[');
  for (size_t i = 0; i < list->n; i++) {
    if (i) fputs(", ", stdout);
    write_text(list->v[i]);
  }
  putchar(']');
}

static void write_addr(const struct lab_addr *addr)
{
  bool v6 = strchr(addr->host, ':') != NULL;
  printf("\"%s%s%s:%u\"", v6 ? "[" : "", addr->host, v6 ? "]" : "", addr->port);
}

static void write_time(int64_t time_s)
{
  char text[21];
  lab_format_time(time_s, text);
  write_text(text);
}

static const char *choice_word(const struct lab_key *key, unsigned value)
{
  const struct lab_choice *c = key->choices;
  while (c->word && c->value != value)
    c++;
  return c->word;
}

static bool is_absent(const struct lab_key *key, const char *field, const char *row)
{
  switch (key->type) {
  case KEY_TEXT:
  case KEY_ADDR: /* begins with its host */
  case KEY_URL:  /* begins with its text */
    return *(const char *const *)(const void *)field == NULL;
  case KEY_TIME:
    return *(const int64_t *)(const void *)field == 0;
  case KEY_TEXTS:
    return !key->required && ((const struct lab_strings *)(const void *)field)->n == 0;
  case KEY_TABLE:
  case KEY_ROWS:
    return *(const size_t *)(const void *)(row + key->count) == 0;
  default:
    return false;
  }
}

static void write_value(const struct lab_key *key, const void *field)
{
  switch (key->type) {
  case KEY_TEXT:
    write_text(*(const char *const *)field);
    break;
  case KEY_TEXTS:
    write_texts(field);
    break;
  case KEY_BOOL:
    fputs(*(const bool *)field ? "true" : "false", stdout);
    break;
  case KEY_COUNT:
    printf("%u", *(const unsigned *)field);
    break;
  case KEY_PORT:
    printf("%u", *(const uint16_t *)field);
    break;
  case KEY_TIME:
    write_time(*(const int64_t *)field);
    break;
  case KEY_CHOICE:
    write_text(choice_word(key, *(const unsigned *)field));
    break;
  case KEY_ADDR:
    write_addr(field);
    break;
  case KEY_URL:
    write_text(((const struct lab_url *)field)->text);
    break;
  default:
    break;
  }
}

static void write_keys(const struct lab_keys *keys, const char *row, int indent, const char *first);

static void write_rows(const struct lab_key *key, const char *row, int indent)
{
  const char *rows = *(const char *const *)(const void *)(row + key->offset);
  size_t n = *(const size_t *)(const void *)(row + key->count);
  for (size_t i = 0; i < n; i++, rows += key->members->size) {
    if (key->type == KEY_ROWS) {
      write_keys(key->members, rows, indent + 2, "- ");
      continue;
    }
    printf("%*s", indent, "");
    write_text(*(const char *const *)(const void *)(rows + key->members->name_offset));
    fputs(":\n", stdout);
    write_keys(key->members, rows, indent + 2, "");
  }
}

/* first stands before the first key, at the place of the last columns of its indent. */
static void write_keys(const struct lab_keys *keys, const char *row, int indent, const char *first)
{
  for (const struct lab_key *key = keys->keys; key->name; key++) {
    const char *field = row + key->offset;
    if (key->type != KEY_SECTION && is_absent(key, field, row)) continue;
    printf("%*s%s:", indent, first, key->name);
    first = "";
    if (key->type == KEY_SECTION) {
      putchar('\n');
      write_keys(key->members, row, indent + 2, "");
    } else if (key->members) {
      putchar('\n');
      write_rows(key, row, indent + 2);
    } else {
      putchar(' ');
      write_value(key, field);
      putchar('\n');
    }
  }
}

int tool_write(const struct lab *lab)
{
  printf("# Derived from the lab file; changes are overwritten.\n");
  write_keys(&lab_top_keys, (const char *)lab, 0, "");
  return fflush(stdout) ? 1 : 0;
}

#include "direction.h"

#include <string.h>

static const char *const none = "-";

static const char *or_none(const char *word)
{
  return word ? word : none;
}

enum err direction_write(const struct direction *d, char out[static DIRECTION_MAX])
{
  char version[TEXT_NUMBER_SIZE], http[TEXT_NUMBER_SIZE];
  return text_join(out, DIRECTION_MAX, text_number(d->version, version), " ", d->app, " ",
                   or_none(d->segment), " ", or_none(d->label), " ", d->client, " ",
                   text_number((unsigned)d->http, http), d->upn ? " " : "", d->upn ? d->upn : "");
}

/* The word at *at, which moves behind its space, or to the end; NULL: there is none. */
static char *next_word(char **at)
{
  char *word = *at;
  size_t n = strcspn(word, " ");
  if (n == 0) return NULL;
  *at = word + n;
  if (word[n]) *(*at)++ = 0;
  return word;
}

/* Decimal, without zeros in front. */
static bool read_number(const char *text, unsigned most, unsigned *ret)
{
  uint64_t value = 0;
  size_t n = strlen(text);
  if (n > 10 || strspn(text, "0123456789") != n || (n > 1 && text[0] == '0')) return false;
  for (size_t i = 0; i < n; i++)
    value = value * 10 + (unsigned)(text[i] - '0');
  *ret = (unsigned)value;
  return value <= most;
}

static const char *unless_none(const char *word)
{
  return strcmp(word, none) == 0 ? NULL : word;
}

enum err direction_read(char *text, struct direction *ret)
{
  enum { VERSION, APP, SEGMENT, LABEL, CLIENT, HTTP, WORDS };
  char *words[WORDS];
  unsigned http;
  for (int i = 0; i < WORDS; i++)
    if (!(words[i] = next_word(&text))) return ERR_SYNTAX;
  *ret = (struct direction){.app = unless_none(words[APP]),
                            .segment = unless_none(words[SEGMENT]),
                            .label = unless_none(words[LABEL]),
                            .client = unless_none(words[CLIENT]),
                            .upn = *text ? text : NULL};
  if (!ret->app || !ret->client) return ERR_SYNTAX;
  if (!read_number(words[VERSION], UINT32_MAX, &ret->version) || ret->version == 0) return ERR_SYNTAX;
  if (!read_number(words[HTTP], 2, &http)) return ERR_SYNTAX;
  ret->http = (int)http;
  return ERR_OK;
}

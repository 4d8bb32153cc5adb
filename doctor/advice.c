#include "advice.h"

#include <string.h>

static const struct advice table[] = {
#define ADVICE(id, error, cause, mit, ad) {ERR_##error, cause, mit, ad},
#include "advice.def"
#undef ADVICE
};

const struct advice *advice_of(enum advice_id id)
{
  return &table[id];
}

static const char *word(const struct advice_names *n, const char *text, size_t len)
{
  const struct {
    const char *name, *value;
  } words[] = {
      {"keytab", n->keytab}, {"connector", n->connector}, {"account", n->account}, {"realm", n->realm},
      {"other", n->other},   {"user", n->user},           {"spn", n->spn},         {"url", n->url}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strlen(words[i].name) == len && memcmp(words[i].name, text, len) == 0)
      return words[i].value ? words[i].value : "?";
  return NULL;
}

void advice_expand(const char *text, const struct advice_names *names, char *out, size_t size)
{
  size_t used = 0;
  while (*text && used + 1 < size) {
    const char *end = *text == '{' ? strchr(text, '}') : NULL;
    const char *value = end ? word(names, text + 1, (size_t)(end - text - 1)) : NULL;
    if (!value) {
      out[used++] = *text++;
      continue;
    }
    size_t n = strlen(value), room = size - 1 - used;
    if (n > room) n = room;
    memcpy(out + used, value, n);
    used += n;
    text = end + 1;
  }
  out[used] = '\0';
}

/* Hosts and SPNs with a "*": which labels they stand for, and an application as one label makes it. */
#include "lab.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool lab_is_wildcard(const char *text)
{
  return text && strchr(text, '*') != NULL;
}

bool lab_label_ok(const char *label, size_t n)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
  if (n == 0 || n > LAB_LABEL_MAX || label[0] == '-' || label[n - 1] == '-') return false;
  for (size_t i = 0; i < n; i++)
    if (!label[i] || !strchr(letters, label[i])) return false;
  return true;
}

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool lab_host_matches(const char *pattern, const char *host, size_t n,
                      char ret_label[static LAB_LABEL_MAX + 1])
{
  char label[LAB_LABEL_MAX + 1] = "";
  size_t known = strlen(pattern);
  if (pattern[0] != '*') {
    if (known != n || strncasecmp(pattern, host, n) != 0) return false;
  } else {
    size_t first = n > known - 1 ? n - (known - 1) : 0;
    if (first > LAB_LABEL_MAX || strncasecmp(host + first, pattern + 1, known - 1) != 0) return false;
    for (size_t i = 0; i < first; i++)
      label[i] = lower(host[i]);
    if (!lab_label_ok(label, first)) return false;
  }
  memcpy(ret_label, label, sizeof label);
  return true;
}

bool lab_spn_matches(const char *pattern, const char *spn)
{
  const char *host = strchr(pattern, '/'), *slash = strchr(spn, '/');
  char label[LAB_LABEL_MAX + 1];
  if (!lab_is_wildcard(pattern)) return strcmp(pattern, spn) == 0;
  return host && slash && host - pattern == slash - spn &&
         strncmp(pattern, spn, (size_t)(slash - spn)) == 0 &&
         lab_host_matches(host + 1, slash + 1, strlen(slash + 1), label);
}

static bool seen(const char *const *list, size_t n, const char *text)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i], text) == 0) return true;
  return false;
}

size_t lab_spn_count_max(const struct lab *lab)
{
  size_t n = 1;
  for (size_t i = 0; i < lab->n_connectors; i++)
    n += lab->connectors[i].allowed_to_delegate_to.n;
  return n;
}

size_t lab_spns(const struct lab *lab, const struct lab_app *app, const char **ret)
{
  size_t n = 0;
  if (!app->spn) return 0;
  if (!lab_is_wildcard(app->spn)) {
    ret[0] = app->spn;
    return 1;
  }
  for (size_t i = 0; i < lab->n_connectors; i++) {
    const struct lab_strings *list = &lab->connectors[i].allowed_to_delegate_to;
    for (size_t k = 0; k < list->n; k++)
      if (lab_spn_matches(app->spn, list->v[k]) && !seen(ret, n, list->v[k])) ret[n++] = list->v[k];
  }
  return n;
}

/* text with its "*" replaced, behind what is in the storage already. */
static const char *expand(struct lab_concrete *c, size_t *used, const char *text, const char *label)
{
  if (!lab_is_wildcard(text)) return text;
  char *out = c->text + *used;
  size_t room = sizeof c->text - *used, star = strcspn(text, "*");
  int n = snprintf(out, room, "%.*s%s%s", (int)star, text, label, text + star + 1);
  if (n < 0 || (size_t)n >= room) return text; /* checked at load: cannot be */
  *used += (size_t)n + 1;
  return out;
}

const struct lab_app *lab_app_for_label(const struct lab_app *app, const char *label,
                                        struct lab_concrete *ret)
{
  size_t used = 0;
  snprintf(ret->label, sizeof ret->label, "%s", label);
  ret->app = *app;
  struct lab_app *a = &ret->app;
  a->label = ret->label;
  a->external_url.text = expand(ret, &used, app->external_url.text, label);
  a->external_url.host = expand(ret, &used, app->external_url.host, label);
  a->internal_url.text = expand(ret, &used, app->internal_url.text, label);
  a->internal_url.host = expand(ret, &used, app->internal_url.host, label);
  a->connect.host = expand(ret, &used, app->connect.host, label);
  a->spn = expand(ret, &used, app->spn, label);
  return a;
}

const struct lab_app *lab_published(const struct lab *lab, const char *name, const char *segment)
{
  for (size_t i = 0; i < lab->n_published; i++) {
    const struct lab_app *a = &lab->published[i];
    if (strcmp(a->name, name) == 0 && strcmp(a->segment ? a->segment : "", segment ? segment : "") == 0)
      return a;
  }
  return NULL;
}

size_t lab_origin_len(const char *url)
{
  const char *authority = strstr(url, "://");
  size_t scheme = authority ? (size_t)(authority - url) + 3 : 0;
  return scheme + strcspn(url + scheme, "/");
}

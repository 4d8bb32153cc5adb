#include "params.h"

#include "form.h"

#include <string.h>

enum { COUNT_MAX = 64, DECODED_MAX = 2 * PARAMS_MAX_BYTES };

enum err params_parse(struct fields *list, const char *text, size_t n, struct failure *f)
{
  fields_init(list, COUNT_MAX, DECODED_MAX);
  if (n > PARAMS_MAX_BYTES)
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "longer than %d bytes", PARAMS_MAX_BYTES);
  /* What is encoded has no other characters; and text that is shown again in a form must come back unchanged.
   */
  for (size_t i = 0; i < n; i++)
    if (text[i] <= 0x20 || text[i] > 0x7e)
      return failure_set(f, ERR_OIDC_INVALID_REQUEST, "not percent-encoded");
  if (form_parse(list, text, n))
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "bad percent-encoding, or more than %d parameters",
                       COUNT_MAX);
  return ERR_OK;
}

enum err params_get(const struct fields *list, const char *name, const char **ret, struct failure *f)
{
  const char *value = NULL;
  enum err e = form_get(list, name, &value);
  if (e == ERR_SYNTAX) return failure_set(f, ERR_OIDC_INVALID_REQUEST, "%s is given twice", name);
  *ret = e ? NULL : value;
  return ERR_OK;
}

enum err params_refuse_repeated(const struct fields *list, struct failure *f)
{
  for (size_t i = 0; i < fields_count(list); i++) {
    const char *name = fields_at(list, i).name;
    for (size_t k = 0; k < i; k++)
      if (!strcmp(fields_at(list, k).name, name))
        return failure_set(f, ERR_OIDC_INVALID_REQUEST, "%.40s is given twice", name);
  }
  return ERR_OK;
}

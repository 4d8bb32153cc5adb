/* The causes, one row each: the error it is reported under, the cause in plain words, and what to type in an
 * MIT realm and in Active Directory. {words} in braces are replaced by the names of the case. */
#ifndef SEVENSTEP_DOCTOR_ADVICE_H
#define SEVENSTEP_DOCTOR_ADVICE_H

#include "err.h"

#include <stddef.h>

enum advice_id {
#define ADVICE(id, error, cause, mit, ad) ADVICE_##id,
#include "advice.def"
#undef ADVICE
  ADVICE_COUNT
};

struct advice {
  enum err error;
  const char *cause, *mit, *ad;
};
const struct advice *advice_of(enum advice_id id);

/* What stands for {keytab}, {connector}, {account} (its first part's host, as AD names it), {realm}, {other}
 * (another realm), {user}, {spn}, {url}. NULL is written as "?". */
struct advice_names {
  const char *keytab, *connector, *account, *realm, *other, *user, *spn, *url;
};
/* Replaces {words}; the result is cut at size. An unknown word stays as it is. */
void advice_expand(const char *text, const struct advice_names *names, char *out, size_t size);

#endif

#include "lockout.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_LEN = 128 };

/* One account, one counter: by UPN or by account name. For strangers, what was typed in lower case. */
static void counter_key(char out[static NAME_MAX_LEN + 2], const struct lab_user *user, const char *name)
{
  snprintf(out, NAME_MAX_LEN + 2, "%c%.*s", user ? '=' : '?', NAME_MAX_LEN, user ? user->name : name);
  for (char *c = out; !user && *c; c++)
    *c = (char)tolower((unsigned char)*c);
}

enum err lockout_check(struct store *s, const struct lab_user *user, const char *name, int64_t *ret_left_s,
                       struct failure *f)
{
  char key[NAME_MAX_LEN + 2];
  int64_t count, left;
  counter_key(key, user, name);
  enum err e = store_count_get(s, "lockout", key, &count, &left);
  if (e) return failure_set(f, e, "the counter of failed logons");
  if (count < LOCKOUT_FAILURES) return ERR_OK;
  *ret_left_s = left;
  return failure_set(f, ERR_LOGON_LOCKED_OUT, "%d wrong passwords; %lld s left", LOCKOUT_FAILURES,
                     (long long)left);
}

enum err lockout_failed(struct store *s, const struct lab_user *user, const char *name, int64_t *ret_count)
{
  char key[NAME_MAX_LEN + 2];
  counter_key(key, user, name);
  return store_count(s, "lockout", key, LOCKOUT_S, ret_count);
}

enum err lockout_succeeded(struct store *s, const struct lab_user *user)
{
  char key[NAME_MAX_LEN + 2];
  counter_key(key, user, user->name);
  return store_remove(s, "lockout", key);
}

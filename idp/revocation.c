#include "revocation.h"

#include "clock.h"
#include "form.h"
#include "log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { VALUE_MAX = 128, PARAMETERS_MAX = 1024 };

static const char KIND[] = "revoked", NEVER[] = "-";

struct end {
  char mark[REVOCATION_MARK_LEN + 1];
  int64_t at_s;
};

/* The user's last end; ERR_NOT_FOUND: none, or so long ago that nothing of before is left. */
static enum err last_end(struct idp *i, const char *user, struct end *ret)
{
  long long at_s;
  struct buf value;
  buf_init(&value, VALUE_MAX);
  enum err e = store_get(i->store, KIND, user, &value);
  if (!e && sscanf(buf_str(&value), "%lld %43s", &at_s, ret->mark) != 2) e = ERR_IO;
  if (!e) ret->at_s = at_s;
  buf_clear(&value);
  return e;
}

enum err revocation_mark(struct idp *i, const char *user, char ret[static REVOCATION_MARK_LEN + 1])
{
  struct end end;
  enum err e = last_end(i, user, &end);
  if (e && e != ERR_NOT_FOUND) return e;
  memcpy(ret, e ? NEVER : end.mark, e ? sizeof NEVER : sizeof end.mark);
  return ERR_OK;
}

enum err revocation_check(struct idp *i, const char *user, const char *mark)
{
  struct end end;
  enum err e = last_end(i, user, &end);
  if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
  return strcmp(mark, end.mark) == 0 ? ERR_OK : ERR_NOT_FOUND;
}

bool revocation_covers(struct idp *i, const char *user, int64_t issued_s)
{
  struct end end;
  enum err e = last_end(i, user, &end);
  return e ? e != ERR_NOT_FOUND : issued_s <= end.at_s;
}

enum err revoke_user(struct idp *i, const char *user)
{
  char mark[REVOCATION_MARK_LEN + 1], value[VALUE_MAX];
  idp_random_text(mark);
  int n = snprintf(value, sizeof value, "%lld %s", (long long)clock_wall_s(), mark);
  /* Twice, as a logon may be stored a while after its mark was read. */
  return store_put(i->store, KIND, user, value, (size_t)n, 2 * (int64_t)IDP_SESSION_S);
}

/* -- what a change takes --------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b, int (*compare)(const char *, const char *))
{
  return a == b || (a && b && compare(a, b) == 0);
}

enum err revoke_by_change(struct idp *i, const struct lab *before, const struct lab *now, struct buf *out,
                          struct failure *f)
{
  int64_t now_s = clock_wall_s();
  enum err e = ERR_OK;
  for (size_t n = 0; n < before->n_users && !e; n++) {
    const struct lab_user *was = &before->users[n], *is = lab_user_by_name(now, was->name);
    bool password = is && !same(was->password, is->password, strcmp);
    if (is && !password && same(was->upn, is->upn, strcasecmp) &&
        lab_user_is_active(was, now_s) == lab_user_is_active(is, now_s))
      continue;
    e = revoke_user(i, was->name);
    if (!e && password && is->upn) e = buf_printf(out, "password %s\n", is->upn);
  }
  return e ? failure_set(f, e, "the end of a user's logons could not be stored") : ERR_OK;
}

/* -- on demand ------------------------------------------------------------------------------------------- */

static const struct lab_user *named(const struct lab *lab, const char *name)
{
  const struct lab_user *u = lab_user_by_upn(lab, name);
  return u ? u : lab_user_by_name(lab, name);
}

void revocation_ask(const struct httpd_request *q, struct httpd_response *r)
{
  struct idp *i = q->arg;
  struct fields parameters;
  struct failure f = {0};
  const char *name;
  const struct lab_user *u = NULL;
  enum err e;
  fields_init(&parameters, 2, PARAMETERS_MAX);
  if (form_parse(&parameters, q->query, strlen(q->query)) || form_get(&parameters, "user", &name))
    e = failure_set(&f, ERR_SYNTAX, "whose logons? POST /users/revoke?user=UPN");
  else if (!(u = named(i->lab, name)))
    e = failure_set(&f, ERR_NOT_FOUND, "no user has this name");
  else if ((e = revoke_user(i, u->name)))
    failure_set(&f, e, "the end of the logons could not be stored");
  if (!e) log_info("all logons of a user were ended");
  httpd_outcome(r, e, &f, "his logons are ended\n");
  fields_clear(&parameters);
}

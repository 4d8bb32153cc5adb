#include "sessions.h"

#include "clock.h"
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 512 };

static const char KIND[] = "session";

/* The id in the request's cookie. Malformed, or given twice: none (CK-06). */
static bool cookie_id(const struct fields *request, char id[static IDP_SECRET_TEXT + 1])
{
  const char *value;
  size_t n;
  if (rules_cookie_get(request, SESSION_COOKIE, &value, &n) || n != IDP_SECRET_TEXT) return false;
  memcpy(id, value, n);
  id[n] = 0;
  return true;
}

enum err session_get(struct idp *i, const struct fields *request, struct session *ret)
{
  char id[IDP_SECRET_TEXT + 1];
  struct buf value;
  if (!cookie_id(request, id)) return ERR_NOT_FOUND;
  buf_init(&value, VALUE_MAX);
  enum err e = store_get(i->store, KIND, id, &value);
  if (!e) {
    int at = 0;
    long long auth_time_s;
    struct session s;
    bool read = sscanf(buf_str(&value), "%lld %43s %n", &auth_time_s, s.mark, &at) == 2 && at > 0;
    s.auth_time_s = auth_time_s;
    s.user = read ? lab_user_by_name(i->lab, buf_str(&value) + at) : NULL;
    e = s.user ? revocation_check(i, s.user->name, s.mark) : ERR_NOT_FOUND;
    if (!e) *ret = s;
  }
  buf_clear(&value);
  return e;
}

enum err session_begin(struct idp *i, const struct fields *request, const struct lab_user *user,
                       const char *mark, struct fields *response, struct session *ret)
{
  char id[IDP_SECRET_TEXT + 1];
  struct session s = {.user = user, .auth_time_s = clock_wall_s()};
  snprintf(s.mark, sizeof s.mark, "%s", mark);
  struct buf value;
  enum err e = cookie_id(request, id) ? store_remove(i->store, KIND, id) : ERR_OK;
  if (e) return e;
  idp_random_text(id);
  buf_init(&value, VALUE_MAX);
  e = buf_printf(&value, "%lld %s %s", (long long)s.auth_time_s, s.mark, user->name);
  if (!e) e = store_put(i->store, KIND, id, value.data, value.len, IDP_SESSION_S);
  if (!e) e = cookie_set(response, SESSION_COOKIE, id, -1, "Lax");
  buf_clear(&value);
  if (!e) *ret = s;
  return e;
}

enum err session_end(struct idp *i, const struct fields *request, struct fields *response)
{
  char id[IDP_SECRET_TEXT + 1];
  enum err e = cookie_id(request, id) ? store_remove(i->store, KIND, id) : ERR_OK;
  return e ? e : cookie_set(response, SESSION_COOKIE, "", 0, "Lax");
}

enum err cookie_set(struct fields *response, const char *name, const char *value, int max_age_s,
                    const char *same_site)
{
  char text[512], age[32] = "";
  if (max_age_s >= 0) snprintf(age, sizeof age, "; Max-Age=%d", max_age_s);
  int n = snprintf(text, sizeof text, "%s=%s; Path=/; Secure; HttpOnly; SameSite=%s%s", name, value,
                   same_site, age);
  return n < (int)sizeof text ? fields_add(response, "Set-Cookie", text) : ERR_TOO_LARGE;
}

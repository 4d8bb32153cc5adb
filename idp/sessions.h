/* A user's logon at the provider, so that the next application asks for no password. The cookie is a random
 * id, the rest is in the store: ending a session ends it wherever the cookie is (CK-03). Thread safe; blocks
 * on the store. */
#ifndef SEVENSTEP_SESSIONS_H
#define SEVENSTEP_SESSIONS_H

#include "fields.h"
#include "idp.h"
#include "revocation.h"

#define SESSION_COOKIE "__Host-sevenstep-idp"

struct session {
  const struct lab_user *user;
  int64_t auth_time_s;
  char mark[REVOCATION_MARK_LEN + 1];
};

/* The session that the request's cookie names. ERR_NOT_FOUND: none, ended, or of a user that is no more. */
enum err session_get(struct idp *i, const struct fields *request, struct session *ret) MUST_CHECK;
/* Begins one under a new id and the user's mark, ends the one the request brought, and adds Set-Cookie to the
 * response. */
enum err session_begin(struct idp *i, const struct fields *request, const struct lab_user *user,
                       const char *mark, struct fields *response, struct session *ret) MUST_CHECK;
/* Ends it, if there is one, and takes the cookie away. */
enum err session_end(struct idp *i, const struct fields *request, struct fields *response) MUST_CHECK;

/* A cookie of ours: Secure, HttpOnly, Path=/, no Domain. max_age_s < 0: until the browser ends; 0: removed.
 */
enum err cookie_set(struct fields *response, const char *name, const char *value, int max_age_s,
                    const char *same_site) MUST_CHECK;

#endif

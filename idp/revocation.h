/* What a user was issued is void before its time: logons, codes, and access tokens for UserInfo. On demand,
 * and when a change of the lab takes a user's account or password. The cloud does the same with what it and
 * the connectors have.
 *
 * A user has a mark, a random one since the last end. Logons, and codes with them, are good as long as it is
 * theirs: so no clock decides which came first. Thread safe; blocks on the store. */
#ifndef SEVENSTEP_IDP_REVOCATION_H
#define SEVENSTEP_IDP_REVOCATION_H

#include "idp.h"

#define REVOCATION_MARK_LEN IDP_SECRET_TEXT

/* The mark of now. For a logon it is read before the password is looked at, or the old password might begin
 * one that outlives it. */
enum err revocation_mark(struct idp *i, const char *user,
                         char ret[static REVOCATION_MARK_LEN + 1]) MUST_CHECK;
/* ERR_NOT_FOUND: what was begun under this mark has ended. */
enum err revocation_check(struct idp *i, const char *user, const char *mark) MUST_CHECK;
/* Was a token that was issued then ended? An error counts as yes. */
bool revocation_covers(struct idp *i, const char *user, int64_t issued_s);

/* Ends all that the user of this account name was issued until now. */
enum err revoke_user(struct idp *i, const char *user) MUST_CHECK;
/* before has become now. Ends what they have whose password or UPN is another one, or whose account was
 * taken or given. Appends a line "password UPN" to out for each with another password: the cloud, which
 * knows no passwords, is to be told. */
enum err revoke_by_change(struct idp *i, const struct lab *before, const struct lab *now, struct buf *out,
                          struct failure *f) MUST_CHECK;

/* For the admin endpoint: POST /users/revoke?user=UPN or account name. */
void revocation_ask(const struct httpd_request *q, struct httpd_response *r);

#endif

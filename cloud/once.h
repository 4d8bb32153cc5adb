/* What may be used once, or not any more: the nonces of completed logons, and sessions that were ended, one
 * or all of a user's. Kept
 * in the store, so that a restart forgets nothing; writing happens on workers. Ended sessions are in memory
 * too, so that a request's check costs a look-up; only a session that may be from before this process's start
 * is asked of the store, once. Loop's thread. */
#ifndef SEVENSTEP_ONCE_H
#define SEVENSTEP_ONCE_H

#include "cloud.h"
#include "session.h"

struct once;
enum err once_new(struct cloud *c, const char *path, struct once **ret, struct failure *f) MUST_CHECK;
void once_free(struct once *o); /* after the loop has ended; accepts NULL */

/* Can what must be remembered be stored now? Thread safe. */
enum err once_probe(struct once *o, struct failure *f) MUST_CHECK;

/* done(): ERR_OK for the first use of this nonce, ERR_EXISTS afterwards, or what the store failed with. */
void once_use_nonce(struct once *o, const char *nonce, int64_t lifetime_s,
                    void (*done)(void *arg, enum err e), void *arg);

/* Ends a session for good: from now session_ended() is true. done() when it is on disk. */
void once_end_session(struct once *o, const struct session *s, void (*done)(void *arg, enum err e),
                      void *arg);
bool once_session_ended(struct once *o, const struct session *s);

/* Ends all that this user (a UPN, in any case) has been issued until now: sessions, and access tokens. It is
 * remembered for lifetime_s, which none of them outlives. done() when it is on disk. */
void once_end_user(struct once *o, const char *upn, int64_t lifetime_s, void (*done)(void *arg, enum err e),
                   void *arg);
/* Does that concern this session? once_session_ended() asks it, too. */
bool once_user_ended(struct once *o, const struct session *s);
/* And a token that was issued then? In the second of such an end it counts as one of after: who signs in
 * again at once is not refused. */
bool once_token_ended(struct once *o, const struct token_claims *c);
/* When a session that begins now is to say that it was issued: not in the second of such an end. */
int64_t once_session_begins_s(struct once *o, const char *upn);

#endif

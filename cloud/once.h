/* What may be used once, or not any more: the nonces of completed logons, and sessions that were ended. Kept
 * in the store, so that a restart forgets nothing; writing happens on workers. Ended sessions are in memory
 * too, so that a request's check costs a look-up; only a session from before this process's start is asked of
 * the store, once. Loop's thread. */
#ifndef SEVENSTEP_ONCE_H
#define SEVENSTEP_ONCE_H

#include "cloud.h"
#include "session.h"

struct once;
enum err once_new(struct cloud *c, const char *path, struct once **ret, struct failure *f) MUST_CHECK;
void once_free(struct once *o); /* after the loop has ended; accepts NULL */

/* done(): ERR_OK for the first use of this nonce, ERR_EXISTS afterwards, or what the store failed with. */
void once_use_nonce(struct once *o, const char *nonce, int64_t lifetime_s,
                    void (*done)(void *arg, enum err e), void *arg);

/* Ends a session for good: from now session_ended() is true. done() when it is on disk. */
void once_end_session(struct once *o, const struct session *s, void (*done)(void *arg, enum err e),
                      void *arg);
bool once_session_ended(struct once *o, const struct session *s);

#endif

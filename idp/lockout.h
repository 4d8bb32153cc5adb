/* Lockout after repeated wrong passwords: at the tenth in a row an account is closed for a minute, as Azure
 * AD's smart lockout does by default. Counted by what was typed, known or not, so that the answer tells
 * nothing about who exists; kept in the store, so that a restart does not help. Thread safe; blocks on the
 * store. */
#ifndef SEVENSTEP_LOCKOUT_H
#define SEVENSTEP_LOCKOUT_H

#include "lab.h"
#include "store.h"

#define LOCKOUT_FAILURES 10
#define LOCKOUT_S        60 /* after the last failure */

/* ERR_LOGON_LOCKED_OUT, with the seconds left in f->why and *ret_left_s. user NULL: name is nobody's. */
enum err lockout_check(struct store *s, const struct lab_user *user, const char *name, int64_t *ret_left_s,
                       struct failure *f) MUST_CHECK;
/* Counts one; *ret_count is the number so far. */
enum err lockout_failed(struct store *s, const struct lab_user *user, const char *name,
                        int64_t *ret_count) MUST_CHECK;
enum err lockout_succeeded(struct store *s, const struct lab_user *user) MUST_CHECK;

#endif

/* How much a user, an application and all together may ask for in a second, and a user at once. Without I/O
 * and without a clock: the caller says what time it is.
 *
 * A rate of n lets n requests through in a burst and then n a second (the generic cell rate algorithm, which
 * needs one number a bucket). The tables have a fixed size: where more users ask within one second than there
 * is room for, those who asked least lately begin anew, and no user is refused for another's sake. Loop's
 * thread. */
#ifndef SEVENSTEP_THROTTLE_H
#define SEVENSTEP_THROTTLE_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct throttle;
struct throttle_slot;

/* 0: no limit. Rates are requests a second. */
struct throttle_policy {
  unsigned tenant_rate, app_rate, user_rate, user_at_once;
  /* Without user_at_once a user may have as many under way in this group of connectors as it still has room
   * for (0: that is not known). So one user gets half of it, two a third each, and the next one always finds
   * something (dynamic thresholds, as switches share their buffers; Choudhury and Hahne 1998). */
  const char *group;
  size_t room;
};

enum err throttle_new(struct throttle **ret) MUST_CHECK;
void throttle_free(struct throttle *l); /* accepts NULL */

/* Takes a token from each bucket, or from none. ERR_RATE_LIMITED, ERR_TOO_MANY_AT_ONCE. *ret is to be given
 * to throttle_done when the request is over; NULL when nothing was counted. p->group is needed with room. */
enum err throttle_admit(struct throttle *l, const struct throttle_policy *p, const char *app,
                        const char *user, int64_t now_ns, struct throttle_slot **ret,
                        struct failure *f) MUST_CHECK;
/* The name of who is known by nothing but his address: an IPv6 address counts by the first 64 bits of it, for
 * the rest is its host's to choose (RFC 4291 2.5.1). */
#define THROTTLE_ADDRESS_MAX 64
void throttle_address(const char *ip, char ret[static THROTTLE_ADDRESS_MAX]);
void throttle_done(struct throttle_slot *counted); /* accepts NULL */

#endif

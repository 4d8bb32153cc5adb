/* Which authenticators were accepted already (RFC 4120 3.2.3): a tag of eight bytes each, kept as long as the
 * authenticator's time would let it be accepted again.
 *
 * Tags are grouped by when they expire; each group is a set in memory and a file of the folder, written
 * through a mapping, so that they outlive the process (not the machine, like MIT's own). Expired groups go as
 * a whole. Thread safe. */
#ifndef SEVENSTEP_REPLAY_H
#define SEVENSTEP_REPLAY_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct replay;
/* folder: made (0700) if absent; what is there and has not expired is read. */
enum err replay_open(const char *folder, int64_t now_s, struct replay **ret, struct failure *f) MUST_CHECK;
void replay_close(struct replay *r); /* accepts NULL; the files stay */
/* Remembers tag until expires_s. ERR_EXISTS when it is known already; ERR_NOMEM, ERR_IO: it could not be
 * remembered, so do not accept; ERR_TIMEOUT: expires_s is past, or too far off. expires_s is the same for the
 * same tag: it comes from the authenticator. */
enum err replay_remember(struct replay *r, uint64_t tag, int64_t expires_s, int64_t now_s) MUST_CHECK;
size_t replay_count(struct replay *r);

#endif

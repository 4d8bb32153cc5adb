/* The keys of sessions change while the cloud runs: another one on demand, and a former one is forgotten when
 * the last session that it has sealed has ended. Stored first, by a worker. Loop's thread. */
#ifndef SEVENSTEP_CLOUD_ROTATE_H
#define SEVENSTEP_CLOUD_ROTATE_H

#include "cloud.h"

/* done() with what came of it: ERR_AGAIN while all former keys are needed, or another change is under way. */
void rotate_sessions(struct cloud *c, void (*done)(void *arg, const struct failure *f), void *arg);
/* Each second: forgets former keys whose time is over. */
void rotate_sweep(struct cloud *c);

#endif

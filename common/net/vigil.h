/* How long the loop looks, once all is done, whether something comes, before it sleeps. To be woken takes a
 * process longer than most of what it then does for a request, so whoever hears again within some tens of
 * microseconds has not slept; while others want the processor, it is theirs (sched_yield()). The time is
 * learned as KVM learns how long to poll before a halt (Documentation/virt/kvm/halt-polling.rst): a wait that
 * was short lets the next vigil be as long as any, one that was long halves it. So what comes rarely costs
 * nothing. */
#ifndef SEVENSTEP_VIGIL_H
#define SEVENSTEP_VIGIL_H

#include <stdbool.h>
#include <stdint.h>

#define VIGIL_MIN_NS 10000
#define VIGIL_MAX_NS 100000

/* Zeroed at the beginning. */
struct vigil {
  int64_t limit_ns; /* of the next */
  int64_t since_ns; /* monotonic: since when there is nothing to do; 0: there is */
};

/* There is nothing to do. False: sleep. */
bool vigil_goes_on(struct vigil *v, int64_t now_ns);
/* Something came, to a vigil or to a sleeper (since_ns tells). */
void vigil_end(struct vigil *v, int64_t now_ns);

#endif

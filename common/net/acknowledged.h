/* How far the peer's kernel has come with what was sent: TCP's own count, which what the kernel took from us
 * does not tell. A file of its own, as the kernel's header, which alone has it, does not go with libc's. */
#ifndef SEVENSTEP_ACKNOWLEDGED_H
#define SEVENSTEP_ACKNOWLEDGED_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes acknowledged since the connection began. ret_all: the kernel holds none besides. */
uint64_t acknowledged_by_peer(int fd, bool *ret_all);

#endif

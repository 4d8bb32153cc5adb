/* Where frames end in a WebSocket that only passes by (RFC 6455 5.2): heads are read, payload is skipped, and
 * nothing is judged. So that who is neither end can put a frame of its own between two, a control frame also
 * between those of one message (5.4). Sans-I/O; caller storage, which begins as zeros. */
#ifndef SEVENSTEP_BOUNDARY_H
#define SEVENSTEP_BOUNDARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct websocket_boundary {
  bool closed; /* a close frame has passed: nothing may follow it (5.5.1) */
  /* private */
  uint8_t head[10];
  size_t head_len;
  uint64_t left; /* of the frame: mask and payload */
};

/* Is it between two frames? */
bool websocket_at_boundary(const struct websocket_boundary *b);
/* These bytes pass. */
void websocket_follow(struct websocket_boundary *b, const uint8_t *data, size_t n);
/* The same for those which belong to the frame that has begun. Returns how many these are: none at a
 * boundary, all of them where the frame goes on. */
size_t websocket_follow_frame(struct websocket_boundary *b, const uint8_t *data, size_t n);

#endif

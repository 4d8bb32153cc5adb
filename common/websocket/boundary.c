#include "boundary.h"

#include "frames.h"

bool websocket_at_boundary(const struct websocket_boundary *b)
{
  return b->head_len == 0;
}

static size_t extended_length(const struct websocket_boundary *b)
{
  unsigned length = b->head[1] & 0x7f;
  return length == 126 ? 2 : length == 127 ? 8 : 0;
}

static bool is_head_complete(const struct websocket_boundary *b)
{
  return b->head_len >= 2 && b->head_len == 2 + extended_length(b);
}

static void read_length(struct websocket_boundary *b)
{
  size_t n = extended_length(b);
  b->left = n ? 0 : b->head[1] & 0x7f;
  for (size_t i = 0; i < n; i++)
    b->left = b->left << 8 | b->head[2 + i];
  if (b->left > INT64_MAX) b->left = INT64_MAX; /* no such length exists; it does not end either way */
  if (b->head[1] & 0x80) b->left += 4;
}

/* The whole of a head stays there until its frame ends. */
static void end_if_complete(struct websocket_boundary *b)
{
  if (b->left || !is_head_complete(b)) return;
  if ((b->head[0] & 0x0f) == WEBSOCKET_CLOSE) b->closed = true;
  b->head_len = 0;
}

/* Some of the frame that has begun, or begins. */
static size_t take(struct websocket_boundary *b, const uint8_t *data, size_t n)
{
  size_t taken = 1;
  if (is_head_complete(b)) {
    taken = n < b->left ? n : (size_t)b->left;
    b->left -= taken;
  } else {
    b->head[b->head_len++] = *data;
    if (is_head_complete(b)) read_length(b);
  }
  end_if_complete(b);
  return taken;
}

void websocket_follow(struct websocket_boundary *b, const uint8_t *data, size_t n)
{
  for (size_t at = 0; at < n;)
    at += take(b, data + at, n - at);
}

size_t websocket_follow_frame(struct websocket_boundary *b, const uint8_t *data, size_t n)
{
  size_t at = 0;
  while (at < n && !websocket_at_boundary(b))
    at += take(b, data + at, n - at);
  return at;
}

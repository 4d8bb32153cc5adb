/* Whatever a peer sends as WebSocket frames, to a server or a client, cut anywhere: the same events as in one
 * piece, nothing over the limits, and what was told can be written and read again; and who only follows where
 * frames end comes to the same place. The first byte chooses the
 * role, the second the cut; the rest is what the peer sends. */
#include "boundary.h"
#include "frames.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What a server writes, a client reads back as it was. */
static void check_echo(enum websocket_opcode opcode, const uint8_t *data, size_t n)
{
  struct websocket_reader r;
  struct buf out;
  size_t used;
  buf_init(&out, MAX_MESSAGE + 16);
  websocket_reader_init(&r, WEBSOCKET_CLIENT, MAX_MESSAGE);
  if (websocket_write(&out, opcode, data, n, NULL)) abort();
  if (websocket_read(&r, out.data, out.len, &used) != WEBSOCKET_MESSAGE || used != out.len) abort();
  if (r.opcode != opcode || r.message.len != n || (n && memcmp(r.message.data, data, n) != 0)) abort();
  websocket_reader_clear(&r);
  buf_clear(&out);
}

static enum err note(struct buf *told, enum websocket_event ev, const struct websocket_reader *r)
{
  uint8_t kind[2] = {(uint8_t)ev, (uint8_t)r->opcode};
  if (ev == WEBSOCKET_NEED_MORE) return ERR_OK;
  enum err e = buf_append(told, kind, ev == WEBSOCKET_FAILED ? 1 : 2);
  if (ev == WEBSOCKET_MESSAGE) {
    check_echo(r->opcode, r->message.data, r->message.len);
    return e ? e : buf_append(told, r->message.data, r->message.len);
  }
  if (ev == WEBSOCKET_FAILED) return e ? e : buf_printf(told, "%d %s", r->close_code, r->why);
  if (r->control_len > WEBSOCKET_CONTROL_MAX) abort();
  return e ? e : buf_append(told, r->control, r->control_len);
}

static bool read_on(struct websocket_reader *r, struct buf *told, const uint8_t *data, size_t n)
{
  enum websocket_event ev;
  size_t at = 0;
  do {
    size_t used;
    ev = websocket_read(r, data + at, n - at, &used);
    at += used;
    if (at > n || note(told, ev, r)) abort();
  } while (ev != WEBSOCKET_NEED_MORE && ev != WEBSOCKET_FAILED);
  return ev != WEBSOCKET_FAILED;
}

static void check_boundary(const uint8_t *data, size_t n, size_t cut)
{
  struct websocket_boundary whole = {0}, pieces = {0};
  websocket_follow(&whole, data, n);
  websocket_follow(&pieces, data, cut);
  size_t frame = websocket_follow_frame(&pieces, data + cut, n - cut);
  if (frame < n - cut && !websocket_at_boundary(&pieces)) abort();
  websocket_follow(&pieces, data + cut + frame, n - cut - frame);
  if (whole.closed != pieces.closed || whole.left != pieces.left || whole.head_len != pieces.head_len)
    abort();
}

static void read_all(enum websocket_role role, const uint8_t *data, size_t n, size_t cut, struct buf *told)
{
  struct websocket_reader r;
  buf_init(told, 16 * n + 1024);
  websocket_reader_init(&r, role, MAX_MESSAGE);
  if (read_on(&r, told, data, cut)) (void)read_on(&r, told, data + cut, n - cut);
  websocket_reader_clear(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  struct buf whole, pieces;
  if (n < 3) return 0;
  enum websocket_role role = data[0] & 1 ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER;
  size_t cut = data[1] % (n - 2);
  data += 2;
  n -= 2;
  check_boundary(data, n, cut);
  read_all(role, data, n, n, &whole);
  read_all(role, data, n, cut, &pieces);
  if (whole.len != pieces.len || (whole.len && memcmp(whole.data, pieces.data, whole.len) != 0)) abort();
  buf_clear(&whole);
  buf_clear(&pieces);
  return 0;
}

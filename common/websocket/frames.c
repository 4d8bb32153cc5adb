#include "frames.h"

#include <string.h>

#define KEEP_MEMORY (64 * 1024) /* a larger buffer is not kept for the next message */

void websocket_reader_init(struct websocket_reader *r, enum websocket_role role, size_t max_message)
{
  *r = (struct websocket_reader){.role = role};
  buf_init(&r->message, max_message);
}

void websocket_reader_clear(struct websocket_reader *r)
{
  buf_clear(&r->message);
}

static bool fail(struct websocket_reader *r, int code, const char *why)
{
  r->failed = true;
  r->close_code = code;
  r->why = why;
  return false;
}

static bool broken(struct websocket_reader *r, const char *why)
{
  return fail(r, WEBSOCKET_PROTOCOL_ERROR, why);
}

/* -- heads (5.2) ----------------------------------------------------------------------------------------- */

static bool is_final(const struct websocket_reader *r)
{
  return r->head[0] & 0x80;
}

static enum websocket_opcode opcode_of(const struct websocket_reader *r)
{
  return (enum websocket_opcode)(r->head[0] & 0x0f);
}

static bool is_control(enum websocket_opcode opcode)
{
  return opcode & 0x08;
}

static size_t extended_length(const struct websocket_reader *r)
{
  unsigned length = r->head[1] & 0x7f;
  return length == 126 ? 2 : length == 127 ? 8 : 0;
}

/* Of the head, as far as it is known. */
static size_t head_size(const struct websocket_reader *r)
{
  if (r->head_len < 2) return 2;
  return 2 + extended_length(r) + (r->head[1] & 0x80 ? 4 : 0);
}

static bool check_opcode(struct websocket_reader *r)
{
  enum websocket_opcode opcode = opcode_of(r);
  bool begun = r->message_opcode != WEBSOCKET_CONTINUATION;
  switch (opcode) {
  case WEBSOCKET_CONTINUATION:
    return begun ? true : broken(r, "a continuation of no message");
  case WEBSOCKET_TEXT:
  case WEBSOCKET_BINARY:
    return begun ? broken(r, "a message inside another") : true;
  case WEBSOCKET_CLOSE:
  case WEBSOCKET_PING:
  case WEBSOCKET_PONG:
    if (!is_final(r)) return broken(r, "a control frame in fragments");
    return (r->head[1] & 0x7f) > WEBSOCKET_CONTROL_MAX ? broken(r, "a control frame over 125 bytes") : true;
  }
  return broken(r, "a reserved opcode");
}

/* The first two bytes settle most, before more is waited for. */
static bool check_head(struct websocket_reader *r)
{
  bool masked = r->head[1] & 0x80;
  if (r->head[0] & 0x70) return broken(r, "a reserved bit of no extension");
  if (masked != (r->role == WEBSOCKET_SERVER))
    return broken(r, masked ? "a masked frame from a server" : "an unmasked frame from a client");
  return check_opcode(r);
}

static bool read_length(struct websocket_reader *r)
{
  size_t n = extended_length(r);
  uint64_t length = n ? 0 : r->head[1] & 0x7f;
  for (size_t i = 0; i < n; i++)
    length = length << 8 | r->head[2 + i];
  if (n && (length < 126 || (n == 8 && length <= 0xffff)))
    return broken(r, "a length that is not in its shortest form");
  if (length > INT64_MAX) return broken(r, "a length over 63 bits");
  if (!is_control(opcode_of(r)) && length > r->message.max - r->message.len)
    return fail(r, WEBSOCKET_TOO_BIG, "the message is larger than allowed");
  r->left = length;
  return true;
}

static bool begin_frame(struct websocket_reader *r)
{
  enum websocket_opcode opcode = opcode_of(r);
  if (!read_length(r)) return false;
  memcpy(r->mask, r->head + 2 + extended_length(r), 4); /* unmasked: not looked at */
  r->phase = 0;
  r->in_payload = true;
  if (is_control(opcode)) {
    r->control_len = 0;
  } else if (opcode != WEBSOCKET_CONTINUATION) {
    r->message_opcode = opcode;
    r->utf8 = (struct utf8){0};
  }
  return true;
}

/* False: more is needed, or it failed. */
static bool read_head(struct websocket_reader *r, const uint8_t *data, size_t n, size_t *at)
{
  while (r->head_len < head_size(r)) {
    if (*at == n) return false;
    r->head[r->head_len++] = data[(*at)++];
    if (r->head_len == 2 && !check_head(r)) return false;
  }
  return begin_frame(r);
}

/* -- payload (5.3 to 5.6) -------------------------------------------------------------------------------- */

/* XOR is its own inverse. Eight bytes a step: a mask read twice is as good as one of eight bytes. */
static void apply_mask(uint8_t *at, size_t n, const uint8_t mask[4], unsigned phase)
{
  uint8_t turned[8];
  uint64_t wide, word;
  for (unsigned i = 0; i < 8; i++)
    turned[i] = mask[(phase + i) & 3];
  memcpy(&wide, turned, sizeof wide);
  for (; n >= sizeof word; n -= sizeof word, at += sizeof word) {
    memcpy(&word, at, sizeof word);
    word ^= wide;
    memcpy(at, &word, sizeof word);
  }
  for (size_t i = 0; i < n; i++)
    at[i] ^= turned[i];
}

static void unmask(struct websocket_reader *r, uint8_t *at, size_t n)
{
  if (r->role == WEBSOCKET_SERVER) apply_mask(at, n, r->mask, r->phase);
  r->phase = (r->phase + n) & 3;
}

static bool take_control(struct websocket_reader *r, const uint8_t *data, size_t n)
{
  memcpy(r->control + r->control_len, data, n);
  unmask(r, r->control + r->control_len, n);
  r->control_len += n;
  return true;
}

static bool take_message(struct websocket_reader *r, const uint8_t *data, size_t n)
{
  uint8_t *at;
  if (buf_reserve(&r->message, n, &at)) return fail(r, WEBSOCKET_TOO_BIG, "no memory for the message");
  memcpy(at, data, n);
  unmask(r, at, n);
  r->message.len += n;
  if (r->message_opcode == WEBSOCKET_TEXT && !utf8_take(&r->utf8, at, n))
    return fail(r, WEBSOCKET_NOT_UTF8, "the text is not UTF-8");
  return true;
}

/* Which codes may travel (7.4; 1012 to 1014 were registered later). */
static bool code_valid(int code)
{
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static bool check_close(struct websocket_reader *r)
{
  struct utf8 u = {0};
  r->close_code = WEBSOCKET_NO_CODE;
  if (r->control_len == 0) return true;
  if (r->control_len == 1) return broken(r, "a close code of one byte");
  int code = r->control[0] << 8 | r->control[1];
  if (!code_valid(code)) return broken(r, "a close code that may not be sent");
  if (!utf8_take(&u, r->control + 2, r->control_len - 2) || !utf8_complete(&u))
    return fail(r, WEBSOCKET_NOT_UTF8, "the reason of the close is not UTF-8");
  r->close_code = code;
  return true;
}

static enum websocket_event end_frame(struct websocket_reader *r)
{
  enum websocket_opcode opcode = opcode_of(r);
  r->in_payload = false;
  r->head_len = 0;
  if (is_control(opcode)) {
    r->opcode = opcode;
    return opcode != WEBSOCKET_CLOSE || check_close(r) ? WEBSOCKET_CONTROL : WEBSOCKET_FAILED;
  }
  if (!is_final(r)) return WEBSOCKET_NEED_MORE; /* the caller goes on */
  if (r->message_opcode == WEBSOCKET_TEXT && !utf8_complete(&r->utf8)) {
    fail(r, WEBSOCKET_NOT_UTF8, "the text ends inside of a character");
    return WEBSOCKET_FAILED;
  }
  r->opcode = r->message_opcode;
  r->message_opcode = WEBSOCKET_CONTINUATION;
  r->told = true;
  return WEBSOCKET_MESSAGE;
}

static void forget_message(struct websocket_reader *r)
{
  if (!r->told) return;
  r->told = false;
  if (r->message.cap > KEEP_MEMORY)
    buf_clear(&r->message);
  else
    buf_reset(&r->message);
}

enum websocket_event websocket_read(struct websocket_reader *r, const uint8_t *data, size_t n,
                                    size_t *ret_used)
{
  enum websocket_event event = WEBSOCKET_NEED_MORE;
  size_t at = 0;
  forget_message(r);
  while (event == WEBSOCKET_NEED_MORE && !r->failed) {
    if (!r->in_payload && !read_head(r, data, n, &at)) break;
    size_t piece = n - at < r->left ? n - at : (size_t)r->left;
    bool control = is_control(opcode_of(r));
    if (piece && !(control ? take_control : take_message)(r, data + at, piece)) break;
    at += piece;
    r->left -= piece;
    if (r->left) break;
    event = end_frame(r);
  }
  *ret_used = at;
  return r->failed ? WEBSOCKET_FAILED : event;
}

/* -- writing --------------------------------------------------------------------------------------------- */

static size_t write_head(uint8_t head[10], enum websocket_opcode opcode, size_t n, bool masked)
{
  size_t extra = n > 0xffff ? 8 : n > 125 ? 2 : 0;
  head[0] = (uint8_t)(0x80 | opcode);
  head[1] = (uint8_t)((masked ? 0x80 : 0) | (extra == 8 ? 127 : extra == 2 ? 126 : n));
  for (size_t i = 0; i < extra; i++)
    head[2 + i] = (uint8_t)((uint64_t)n >> (8 * (extra - 1 - i)));
  return 2 + extra;
}

enum err websocket_write(struct buf *out, enum websocket_opcode opcode, const void *data, size_t n,
                         const uint8_t mask[4])
{
  uint8_t head[10], *at;
  size_t k = write_head(head, opcode, n, mask != NULL);
  enum err e = buf_reserve(out, k + (mask ? 4 : 0) + n, &at);
  if (e) return e;
  memcpy(at, head, k);
  at += k;
  if (mask) {
    memcpy(at, mask, 4);
    at += 4;
    k += 4;
  }
  if (n) memcpy(at, data, n);
  if (mask) apply_mask(at, n, mask, 0);
  out->len += k + n;
  return ERR_OK;
}

enum err websocket_write_close(struct buf *out, int code, const char *why, const uint8_t mask[4])
{
  uint8_t payload[WEBSOCKET_CONTROL_MAX];
  size_t n = strlen(why);
  if (code == WEBSOCKET_NO_CODE) return websocket_write(out, WEBSOCKET_CLOSE, NULL, 0, mask);
  if (n > sizeof payload - 2) n = sizeof payload - 2;
  payload[0] = (uint8_t)(code >> 8);
  payload[1] = (uint8_t)code;
  memcpy(payload + 2, why, n);
  return websocket_write(out, WEBSOCKET_CLOSE, payload, n + 2, mask);
}

#include "handshake.h"

#include "clock.h"
#include "encode.h"

#include <openssl/sha.h>
#include <string.h>

bool websocket_wanted(const struct fields *f)
{
  return fields_has_token(f, "Upgrade", "websocket");
}

static bool key_valid(const char *key)
{
  struct buf bytes;
  buf_init(&bytes, 16);
  bool ok = strlen(key) == WEBSOCKET_KEY_LEN && base64_decode(&bytes, key, WEBSOCKET_KEY_LEN) == ERR_OK &&
            bytes.len == 16;
  buf_clear(&bytes);
  return ok;
}

enum err websocket_check_version(const struct fields *f, struct failure *why)
{
  const enum err bad = ERR_WEBSOCKET_HANDSHAKE;
  const char *version = fields_get(f, "Sec-WebSocket-Version");
  if (fields_count_of(f, "Sec-WebSocket-Version") > 1)
    return failure_set(why, bad, "more than one Sec-WebSocket-Version");
  if (!version) return failure_set(why, bad, "no Sec-WebSocket-Version");
  if (strcmp(version, WEBSOCKET_VERSION) == 0) return ERR_OK;
  return failure_set(why, ERR_WEBSOCKET_VERSION, "it asks for version %.20s", version);
}

enum err websocket_check_request(const char *method, int http_minor, bool has_body, const struct fields *f,
                                 struct failure *why)
{
  const enum err bad = ERR_WEBSOCKET_HANDSHAKE;
  const char *key = fields_get(f, "Sec-WebSocket-Key");
  if (strcmp(method, "GET") != 0) return failure_set(why, bad, "the method is %s, not GET", method);
  if (http_minor < 1) return failure_set(why, bad, "HTTP/1.0 knows no Upgrade");
  if (has_body) return failure_set(why, bad, "the handshake has a body");
  if (!websocket_wanted(f)) return failure_set(why, bad, "no Upgrade: websocket");
  if (!fields_has_token(f, "Connection", "upgrade")) return failure_set(why, bad, "no Connection: Upgrade");
  enum err e = websocket_check_version(f, why);
  if (e) return e;
  if (fields_count_of(f, "Sec-WebSocket-Key") > 1)
    return failure_set(why, bad, "more than one Sec-WebSocket-Key");
  if (!key) return failure_set(why, bad, "no Sec-WebSocket-Key");
  if (!key_valid(key)) return failure_set(why, bad, "Sec-WebSocket-Key is not 16 bytes in base64");
  return ERR_OK;
}

/* A key or an accept value: its length is given by that of the bytes. */
static enum err encode(const uint8_t *bytes, size_t n, char *out)
{
  struct buf text;
  buf_init(&text, 64);
  enum err e = base64_encode(&text, bytes, n);
  if (!e) memcpy(out, text.data, text.len + 1);
  buf_clear(&text);
  return e;
}

enum err websocket_new_key(char out[static WEBSOCKET_KEY_LEN + 1])
{
  uint8_t bytes[16];
  random_bytes(bytes, sizeof bytes);
  return encode(bytes, sizeof bytes, out);
}

enum err websocket_accept(const char *key, char out[static WEBSOCKET_ACCEPT_LEN + 1])
{
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */
  uint8_t text[WEBSOCKET_KEY_LEN + sizeof guid - 1], digest[SHA_DIGEST_LENGTH];
  if (strlen(key) != WEBSOCKET_KEY_LEN) return ERR_SYNTAX;
  memcpy(text, key, WEBSOCKET_KEY_LEN);
  memcpy(text + WEBSOCKET_KEY_LEN, guid, sizeof guid - 1);
  SHA1(text, sizeof text, digest); /* proves that a WebSocket was meant, and keeps no secret */
  return encode(digest, sizeof digest, out);
}

enum err websocket_check_answer(const char *key, const struct fields *f, struct failure *why)
{
  char want[WEBSOCKET_ACCEPT_LEN + 1];
  const enum err bad = ERR_BACKEND_PROTOCOL;
  const char *accept = fields_get(f, "Sec-WebSocket-Accept");
  if (!websocket_wanted(f)) return failure_set(why, bad, "a 101 without Upgrade: websocket");
  if (!fields_has_token(f, "Connection", "upgrade"))
    return failure_set(why, bad, "a 101 without Connection: Upgrade");
  if (fields_count_of(f, "Sec-WebSocket-Accept") != 1)
    return failure_set(why, bad, "a 101 without exactly one Sec-WebSocket-Accept");
  if (websocket_accept(key, want) || strcmp(accept, want) != 0)
    return failure_set(why, bad, "its Sec-WebSocket-Accept does not answer the key");
  return ERR_OK;
}

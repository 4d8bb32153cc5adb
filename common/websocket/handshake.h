/* The opening handshake of WebSocket over HTTP/1.1 (RFC 6455 4): pure functions on header fields, for who is
 * asked (the cloud, the application) and for who asks (the connector). They decide about the handshake alone:
 * sessions, origins and tickets are their callers' business. */
#ifndef SEVENSTEP_HANDSHAKE_H
#define SEVENSTEP_HANDSHAKE_H

#include "fields.h"

#define WEBSOCKET_KEY_LEN    24 /* base64 of 16 bytes */
#define WEBSOCKET_ACCEPT_LEN 28 /* base64 of a SHA-1 */
#define WEBSOCKET_VERSION    "13"

/* Does the request ask for a WebSocket, well or badly? */
bool websocket_wanted(const struct fields *f);

/* RFC 6455 4.2.1: GET by HTTP/1.1 without a body, Connection: Upgrade, one Sec-WebSocket-Key of 16 bytes, one
 * Sec-WebSocket-Version. ERR_WEBSOCKET_HANDSHAKE, or ERR_WEBSOCKET_VERSION, whose answer names version 13
 * (4.4). */
enum err websocket_check_request(const char *method, int http_minor, bool has_body, const struct fields *f,
                                 struct failure *why) MUST_CHECK;

/* The part of it that an extended CONNECT has, too (RFC 8441 5): one Sec-WebSocket-Version. */
enum err websocket_check_version(const struct fields *f, struct failure *why) MUST_CHECK;

/* A fresh Sec-WebSocket-Key (4.1, item 7). */
enum err websocket_new_key(char out[static WEBSOCKET_KEY_LEN + 1]) MUST_CHECK;
/* The Sec-WebSocket-Accept that answers a key (4.2.2, item 5.4). */
enum err websocket_accept(const char *key, char out[static WEBSOCKET_ACCEPT_LEN + 1]) MUST_CHECK;

/* Do the fields of a 101 answer a request with this key (4.1, items 2 to 4)? What it chose of the offered
 * protocols and extensions is between the two ends. ERR_BACKEND_PROTOCOL. */
enum err websocket_check_answer(const char *key, const struct fields *f, struct failure *why) MUST_CHECK;

#endif

/* TLS of the data path, by OpenSSL: contexts for the three roles (front for users, tunnel listener, dialling
 * connector) and one connection over a non-blocking socket. TLS 1.2 and 1.3 with AEAD suites only, no
 * renegotiation, no compression (RFC 9325 3.1, 4.2); names and chains are always checked (RFC 9525 6). Does
 * not own the socket. A context is shared and immutable after creation, but for tls_ctx_reload(); a
 * connection belongs to one thread.
 */
#ifndef SEVENSTEP_TLS_H
#define SEVENSTEP_TLS_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_ctx;

/* A server's context from PEM files. client_ca NULL: clients are not asked for certificates. Otherwise they
 * may send one, which must come from that authority, and only TLS 1.3 is spoken (both ends are ours); whether
 * there is one and whether its time has come is the caller's to check (tls_peer_certificate), who can tell
 * the client. alpn: the protocol to select, e.g. "http/1.1", or several by preference with commas
 * between; a client that offers ALPN without any of them is refused (RFC 7301 3.2). */
enum err tls_server_ctx_new(const char *cert, const char *key, const char *client_ca, const char *alpn,
                            struct tls_ctx **ret, struct failure *f) MUST_CHECK;
/* A client's context: trusts ca alone, or with NULL any certificate of anybody, so that nobody is kept from
 * listening in; cert and key may be NULL. alpn as above, offered. */
enum err tls_client_ctx_new(const char *ca, const char *cert, const char *key, const char *alpn,
                            struct tls_ctx **ret, struct failure *f) MUST_CHECK;
/* Authorities, read from a PEM file once for many contexts. */
struct tls_trust;
enum err tls_trust_new(const char *ca, struct tls_trust **ret, struct failure *f) MUST_CHECK;
void tls_trust_free(struct tls_trust *t); /* accepts NULL; contexts that trust it keep what they need */
/* From now on a client's context trusts these alone; no session goes on that was checked otherwise. */
enum err tls_ctx_trust(struct tls_ctx *c, const struct tls_trust *t) MUST_CHECK;
/* For a client's context that leads to one server: its connections go on with the session of the one before
 * (RFC 8446 2.2), as long as the certificate checked then has not expired. The context then belongs to one
 * thread. */
void tls_ctx_resume(struct tls_ctx *c);
/* A server's certificate and key as they are on disk now, for the connections to come; sessions are resumed
 * as before. When they are not right (unreadable, not a pair, expired), those in use stay. */
enum err tls_ctx_reload(struct tls_ctx *c, const char *cert, const char *key, struct failure *f) MUST_CHECK;
void tls_ctx_free(struct tls_ctx *c); /* accepts NULL */

struct tls;
/* server_name: client only, the name to send (SNI) and to require in the certificate, or an address to
 * require. What is wrong with a certificate comes as ERR_TLS_CERTIFICATE, in plain words. */
enum err tls_new(struct tls_ctx *c, int fd, const char *server_name, struct tls **ret) MUST_CHECK;
void tls_free(struct tls *t); /* accepts NULL */

enum tls_want { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_CLOSED, TLS_FAILED };

enum tls_want tls_handshake(struct tls *t, struct failure *f);
/* TLS_DONE with *ret_n > 0 bytes; TLS_CLOSED at close_notify. A TCP end without it is TLS_FAILED
 * (truncation). */
enum tls_want tls_read(struct tls *t, uint8_t *out, size_t max, size_t *ret_n, struct failure *f);
/* TLS_DONE with *ret_n > 0 bytes taken. After TLS_WANT_* call again with at least the same bytes. Records are
 * gathered, so that several leave by one call to the kernel: when nothing more is to be written, tls_flush().
 */
enum tls_want tls_write(struct tls *t, const uint8_t *data, size_t n, size_t *ret_n, struct failure *f);
/* Sends what was gathered: TLS_DONE when all of it has left, TLS_WANT_WRITE: again when the socket is
 * writable, TLS_FAILED. */
enum tls_want tls_flush(struct tls *t, struct failure *f);
/* Are decrypted or buffered bytes waiting that a poll on the socket would not report? */
bool tls_pending(const struct tls *t);
/* Sends close_notify if possible; does not wait. */
void tls_close_notify(struct tls *t);

/* Appends the peer's certificate (DER) to out; nothing when there is none. */
enum err tls_peer_certificate(struct tls *t, struct buf *out) MUST_CHECK;
/* The name that a client asked for (SNI), "" when there is none. Valid for the connection's life. */
const char *tls_server_name(struct tls *t);
/* The protocol that ALPN chose, "" when there was no ALPN. */
const char *tls_protocol(struct tls *t);
/* Did it go on with the session of an earlier connection? */
bool tls_resumed(const struct tls *t);

/* The channel binding tls-server-end-point (RFC 5929 4.1): the hash of the server's certificate. Of the
 * peer's, at the client; of a PEM file's first certificate, at the server. ERR_NOT_FOUND: there is none to
 * bind to. */
enum { TLS_END_POINT_MAX = 64 };
enum err tls_end_point(const struct tls *t, uint8_t out[static TLS_END_POINT_MAX], size_t *ret_n) MUST_CHECK;
enum err tls_end_point_of_file(const char *cert, uint8_t out[static TLS_END_POINT_MAX], size_t *ret_n,
                               struct failure *f) MUST_CHECK;

#endif

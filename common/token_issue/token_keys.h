/* The issuer's signing keys: a ring of RSA keys in a folder, of which one signs and all are published.
 *
 * A key is a file FROM-KID.pem (PKCS #8, mode 0600): FROM is the second since 1970 from which it signs, KID
 * its RFC 7638 thumbprint. Of the keys whose time has come the youngest signs. A key that is to come is
 * published before its time, and an old one until the tokens it signed have ended (OpenID Connect
 * Core 10.1.1); then its file is deleted. So the names of the files are the whole state.
 *
 * Thread safe. Private keys are wiped on free. Library code: nothing is logged. */
#ifndef SEVENSTEP_TOKEN_KEYS_H
#define SEVENSTEP_TOKEN_KEYS_H

#include "buf.h"

#define TOKEN_KEYS_MAX 16 /* keys in the ring */
#define TOKEN_KID_LEN  43 /* base64url of a SHA-256 */

struct token_keys;

/* Opens the folder (made with mode 0700 if need be) and reads its keys; with none there it makes one, which
 * takes about 100 ms. retain_s: how long a token lives at most, so how long an old key stays published.
 * Refused, ERR_IO: a key file that others may read, or that holds no RSA key of 2048 bit or more. */
enum err token_keys_open(const char *folder, int64_t retain_s, struct token_keys **ret,
                         struct failure *f) MUST_CHECK;
void token_keys_free(struct token_keys *k); /* accepts NULL */

/* Makes a key that is published at once and signs in ahead_s seconds: as long as relying parties may cache
 * the key set. Also drops what has ended. ret_kid may be NULL. ERR_AGAIN when the ring is full of keys still
 * needed. */
enum err token_keys_rotate(struct token_keys *k, int64_t ahead_s, char ret_kid[TOKEN_KID_LEN + 1],
                           struct failure *f) MUST_CHECK;

/* Appends the JWK Set (RFC 7517 5): public members only. */
enum err token_keys_jwks(struct token_keys *k, struct buf *out) MUST_CHECK;

/* The key that signs now, as PEM, copied into pem (wipe it), and its kid. For token_issue.c. */
enum err token_keys_signer(struct token_keys *k, struct buf *pem, char ret_kid[TOKEN_KID_LEN + 1]) MUST_CHECK;

#endif

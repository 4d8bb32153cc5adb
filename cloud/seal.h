/* Sealed values: what the cloud gives to browsers to keep for it (sessions, logons under way), encrypted and
 * authenticated by AES-256-GCM with keys that never leave this process and its run folder. Belongs to the
 * loop's thread. */
#ifndef SEVENSTEP_SEAL_H
#define SEVENSTEP_SEAL_H

#include "seal_ring.h"

struct seal;
/* path: the file of keys, made (0600) if absent, so that sessions survive a restart. */
enum err seal_new(const char *path, struct seal **ret, struct failure *f) MUST_CHECK;
void seal_free(struct seal *s); /* wipes; accepts NULL */
/* The keys in use, and others from now on; who changes them has stored them. */
const struct seal_ring *seal_ring(const struct seal *s);
enum err seal_use(struct seal *s, const struct seal_ring *r) MUST_CHECK;

/* Appends base64url(the key's id, nonce, ciphertext, tag) to out. aad binds the value to its purpose and
 * place. */
enum err seal_close(struct seal *s, const char *aad, const void *data, size_t n, struct buf *out) MUST_CHECK;
/* ERR_SESSION_MALFORMED when it has not the form; ERR_SESSION_INVALID when it was not sealed with one of the
 * keys in use for this aad, unchanged. */
enum err seal_open(struct seal *s, const char *aad, const char *text, size_t n, struct buf *out) MUST_CHECK;
/* The same for what comes again and again: some hundreds of texts are known, with what was in them. */
enum err seal_reopen(struct seal *s, const char *aad, const char *text, size_t n, struct buf *out) MUST_CHECK;

#endif

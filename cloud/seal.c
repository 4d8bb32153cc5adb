#include "seal.h"

#include "clock.h"
#include "encode.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { NONCE = 12, TAG = 16, SEALED_MAX = 8192, KNOWN = 512 };

/* A text that was opened, and what was in it. */
struct known {
  size_t aad_len, text_len, plain_len;
  uint8_t bytes[]; /* aad, text, plain */
};

struct seal {
  struct seal_ring ring;
  EVP_CIPHER_CTX *encrypt, *decrypt[SEAL_KEYS_MAX]; /* keyed once, given a nonce each time */
  struct buf raw;
  struct known *known[KNOWN]; /* by the text's end, which is part of a tag that was found right */
};

static void forget(struct known *k)
{
  if (k) explicit_bzero(k, sizeof *k + k->aad_len + k->text_len + k->plain_len);
  free(k);
}

static void forget_all(struct seal *s)
{
  for (size_t i = 0; i < KNOWN; i++) {
    forget(s->known[i]);
    s->known[i] = NULL;
  }
}

static void free_contexts(EVP_CIPHER_CTX *const decrypt[static SEAL_KEYS_MAX], EVP_CIPHER_CTX *encrypt)
{
  for (size_t i = 0; i < SEAL_KEYS_MAX; i++)
    EVP_CIPHER_CTX_free(decrypt[i]);
  EVP_CIPHER_CTX_free(encrypt);
}

static bool make_contexts(const struct seal_ring *r, EVP_CIPHER_CTX *decrypt[static SEAL_KEYS_MAX],
                          EVP_CIPHER_CTX **encrypt)
{
  *encrypt = EVP_CIPHER_CTX_new();
  if (!*encrypt || EVP_EncryptInit_ex(*encrypt, EVP_aes_256_gcm(), NULL, r->keys[0].bytes, NULL) != 1)
    return false;
  for (size_t i = 0; i < r->n; i++) {
    decrypt[i] = EVP_CIPHER_CTX_new();
    if (!decrypt[i] || EVP_DecryptInit_ex(decrypt[i], EVP_aes_256_gcm(), NULL, r->keys[i].bytes, NULL) != 1)
      return false;
  }
  return true;
}

enum err seal_use(struct seal *s, const struct seal_ring *r)
{
  EVP_CIPHER_CTX *decrypt[SEAL_KEYS_MAX] = {0}, *encrypt;
  if (!make_contexts(r, decrypt, &encrypt)) {
    free_contexts(decrypt, encrypt);
    return ERR_NOMEM;
  }
  free_contexts(s->decrypt, s->encrypt);
  memcpy(s->decrypt, decrypt, sizeof decrypt);
  s->encrypt = encrypt;
  s->ring = *r;
  forget_all(s); /* also what was sealed with a key that is no more */
  return ERR_OK;
}

enum err seal_new(const char *path, struct seal **ret, struct failure *f)
{
  struct seal_ring ring;
  enum err e = seal_ring_read(path, &ring, f);
  if (e == ERR_NOT_FOUND) {
    seal_ring_begin(&ring);
    e = seal_ring_write(path, &ring, f);
  }
  if (e) return e;
  struct seal *s = calloc(1, sizeof *s);
  if (s) buf_init(&s->raw, SEALED_MAX);
  if (!s || seal_use(s, &ring)) e = failure_set(f, ERR_NOMEM, "no AES-256-GCM");
  explicit_bzero(&ring, sizeof ring);
  if (e) {
    seal_free(s);
    return e;
  }
  *ret = s;
  return ERR_OK;
}

const struct seal_ring *seal_ring(const struct seal *s)
{
  return &s->ring;
}

void seal_free(struct seal *s)
{
  if (!s) return;
  forget_all(s);
  free_contexts(s->decrypt, s->encrypt);
  buf_wipe(&s->raw);
  explicit_bzero(&s->ring, sizeof s->ring);
  free(s);
}

enum err seal_close(struct seal *s, const char *aad, const void *data, size_t n, struct buf *out)
{
  uint8_t *at;
  buf_reset(&s->raw);
  enum err e = buf_reserve(&s->raw, 1 + NONCE + n + TAG, &at);
  if (e) return e;
  int len;
  at[0] = s->ring.keys[0].id;
  random_bytes(at + 1, NONCE);
  uint8_t *text = at + 1 + NONCE;
  if (EVP_EncryptInit_ex(s->encrypt, NULL, NULL, NULL, at + 1) != 1 ||
      EVP_EncryptUpdate(s->encrypt, NULL, &len, (const uint8_t *)aad, (int)strlen(aad)) != 1 ||
      EVP_EncryptUpdate(s->encrypt, text, &len, data, (int)n) != 1 ||
      EVP_EncryptFinal_ex(s->encrypt, text + n, &len) != 1 ||
      EVP_CIPHER_CTX_ctrl(s->encrypt, EVP_CTRL_GCM_GET_TAG, TAG, text + n) != 1)
    return ERR_INTERNAL;
  return base64url_encode(out, at, 1 + NONCE + n + TAG);
}

static EVP_CIPHER_CTX *context_of(const struct seal *s, uint8_t id)
{
  for (size_t i = 0; i < s->ring.n; i++)
    if (s->ring.keys[i].id == id) return s->decrypt[i];
  return NULL;
}

enum err seal_open(struct seal *s, const char *aad, const char *text, size_t n, struct buf *out)
{
  buf_reset(&s->raw);
  if (n > SEALED_MAX || base64url_decode(&s->raw, text, n)) return ERR_SESSION_MALFORMED;
  if (s->raw.len < 1 + NONCE + TAG) return ERR_SESSION_MALFORMED;
  EVP_CIPHER_CTX *c = context_of(s, s->raw.data[0]);
  if (!c) return ERR_SESSION_INVALID;
  size_t plain = s->raw.len - 1 - NONCE - TAG;
  uint8_t *sealed = s->raw.data + 1 + NONCE, *at;
  int len;
  enum err e = buf_reserve(out, plain, &at);
  if (e) return e;
  if (EVP_DecryptInit_ex(c, NULL, NULL, NULL, s->raw.data + 1) != 1 ||
      EVP_DecryptUpdate(c, NULL, &len, (const uint8_t *)aad, (int)strlen(aad)) != 1 ||
      EVP_DecryptUpdate(c, at, &len, sealed, (int)plain) != 1 ||
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, sealed + plain) != 1 ||
      EVP_DecryptFinal_ex(c, at + plain, &len) != 1) {
    explicit_bzero(at, plain);
    return ERR_SESSION_INVALID;
  }
  out->len += plain;
  out->data[out->len] = 0;
  return ERR_OK;
}

/* -- what comes again and again -------------------------------------------------------------------------- */

static struct known **place_of(struct seal *s, const char *text, size_t n)
{
  size_t at = n < 8 ? 0 : n - 8, sum = 0;
  for (; at < n; at++)
    sum = sum * 31 + (uint8_t)text[at];
  return &s->known[sum % KNOWN];
}

/* Whoever guesses at a text learns nothing from the time it takes. */
static bool is_known(const struct known *k, const char *aad, size_t n_aad, const char *text, size_t n)
{
  return k && k->aad_len == n_aad && k->text_len == n &&
         (CRYPTO_memcmp(k->bytes, aad, n_aad) | CRYPTO_memcmp(k->bytes + n_aad, text, n)) == 0;
}

/* Without memory it is opened anew each time. */
static void keep(struct known **place, const char *aad, size_t n_aad, const char *text, size_t n,
                 const uint8_t *plain, size_t n_plain)
{
  struct known *k = malloc(sizeof *k + n_aad + n + n_plain);
  forget(*place);
  *place = k;
  if (!k) return;
  *k = (struct known){.aad_len = n_aad, .text_len = n, .plain_len = n_plain};
  memcpy(k->bytes, aad, n_aad);
  memcpy(k->bytes + n_aad, text, n);
  memcpy(k->bytes + n_aad + n, plain, n_plain);
}

enum err seal_reopen(struct seal *s, const char *aad, const char *text, size_t n, struct buf *out)
{
  struct known **place = place_of(s, text, n);
  size_t n_aad = strlen(aad), before = out->len;
  if (is_known(*place, aad, n_aad, text, n))
    return buf_append(out, (*place)->bytes + n_aad + n, (*place)->plain_len);
  enum err e = seal_open(s, aad, text, n, out);
  if (!e) keep(place, aad, n_aad, text, n, out->data + before, out->len - before);
  return e;
}

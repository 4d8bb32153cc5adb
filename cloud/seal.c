#include "seal.h"

#include "clock.h"
#include "encode.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERSION = 1, KEY = 32, NONCE = 12, TAG = 16, SEALED_MAX = 8192, KNOWN = 512 };

/* A text that was opened, and what was in it. */
struct known {
  size_t aad_len, text_len, plain_len;
  uint8_t bytes[]; /* aad, text, plain */
};

struct seal {
  EVP_CIPHER_CTX *encrypt, *decrypt; /* keyed once, given a nonce each time */
  struct buf raw;
  struct known *known[KNOWN]; /* by the text's end, which is part of a tag that was found right */
};

static enum err read_key(const char *path, uint8_t key[static KEY], struct failure *f)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? ERR_NOT_FOUND : failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
  ssize_t n = read(fd, key, KEY);
  close(fd);
  return n == KEY ? ERR_OK : failure_set(f, ERR_IO, "%s is not a key of %d bytes; remove it", path, KEY);
}

/* Written aside and renamed, so that a crash never leaves half a key. */
static enum err write_key(const char *path, const uint8_t key[static KEY], struct failure *f)
{
  char aside[4096 + 160];
  snprintf(aside, sizeof aside, "%s.new", path);
  int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool ok = fd >= 0 && write(fd, key, KEY) == KEY;
  if (fd >= 0) ok = close(fd) == 0 && ok;
  if (ok && rename(aside, path) == 0) return ERR_OK;
  return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
}

enum err seal_new(const char *path, struct seal **ret, struct failure *f)
{
  uint8_t key[KEY];
  enum err e = read_key(path, key, f);
  if (e == ERR_NOT_FOUND) {
    random_bytes(key, KEY);
    e = write_key(path, key, f);
  }
  if (e) return e;
  struct seal *s = calloc(1, sizeof *s);
  if (s) {
    buf_init(&s->raw, SEALED_MAX);
    s->encrypt = EVP_CIPHER_CTX_new();
    s->decrypt = EVP_CIPHER_CTX_new();
  }
  if (!s || !s->encrypt || !s->decrypt ||
      EVP_EncryptInit_ex(s->encrypt, EVP_aes_256_gcm(), NULL, key, NULL) != 1 ||
      EVP_DecryptInit_ex(s->decrypt, EVP_aes_256_gcm(), NULL, key, NULL) != 1)
    e = failure_set(f, ERR_NOMEM, "no AES-256-GCM");
  explicit_bzero(key, sizeof key);
  if (e) {
    seal_free(s);
    return e;
  }
  *ret = s;
  return ERR_OK;
}

static void forget(struct known *k)
{
  if (k) explicit_bzero(k, sizeof *k + k->aad_len + k->text_len + k->plain_len);
  free(k);
}

void seal_free(struct seal *s)
{
  if (!s) return;
  for (size_t i = 0; i < KNOWN; i++)
    forget(s->known[i]);
  EVP_CIPHER_CTX_free(s->encrypt);
  EVP_CIPHER_CTX_free(s->decrypt);
  buf_wipe(&s->raw);
  free(s);
}

enum err seal_close(struct seal *s, const char *aad, const void *data, size_t n, struct buf *out)
{
  uint8_t *at;
  buf_reset(&s->raw);
  enum err e = buf_reserve(&s->raw, 1 + NONCE + n + TAG, &at);
  if (e) return e;
  int len;
  at[0] = VERSION;
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

enum err seal_open(struct seal *s, const char *aad, const char *text, size_t n, struct buf *out)
{
  buf_reset(&s->raw);
  if (n > SEALED_MAX || base64url_decode(&s->raw, text, n)) return ERR_SESSION_MALFORMED;
  if (s->raw.len < 1 + NONCE + TAG || s->raw.data[0] != VERSION) return ERR_SESSION_MALFORMED;
  size_t plain = s->raw.len - 1 - NONCE - TAG;
  uint8_t *sealed = s->raw.data + 1 + NONCE, *at;
  int len;
  enum err e = buf_reserve(out, plain, &at);
  if (e) return e;
  if (EVP_DecryptInit_ex(s->decrypt, NULL, NULL, NULL, s->raw.data + 1) != 1 ||
      EVP_DecryptUpdate(s->decrypt, NULL, &len, (const uint8_t *)aad, (int)strlen(aad)) != 1 ||
      EVP_DecryptUpdate(s->decrypt, at, &len, sealed, (int)plain) != 1 ||
      EVP_CIPHER_CTX_ctrl(s->decrypt, EVP_CTRL_GCM_SET_TAG, TAG, sealed + plain) != 1 ||
      EVP_DecryptFinal_ex(s->decrypt, at + plain, &len) != 1) {
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

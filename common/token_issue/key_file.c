#include "key_file.h"

#include "encode.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  RSA_BITS = 2048,
  RSA_MAX_BYTES = 1024,
  PEM_MAX = 16384,
  JWK_MAX = 4096,
  NAME_MAX_LEN = 20 + 1 + TOKEN_KID_LEN + 4, /* "-", ".pem" */
};

static enum err encode_number(EVP_PKEY *pkey, const char *param, struct buf *out)
{
  uint8_t raw[RSA_MAX_BYTES];
  BIGNUM *bn = NULL;
  enum err e = ERR_INTERNAL;
  if (EVP_PKEY_get_bn_param(pkey, param, &bn) && BN_num_bytes(bn) <= RSA_MAX_BYTES)
    e = base64url_encode(out, raw, (size_t)BN_bn2bin(bn, raw));
  BN_free(bn);
  return e;
}

/* RFC 7638 3: the required members in lexical order without white space, hashed. */
static enum err thumbprint(const char *n, const char *e_text, char kid[static TOKEN_KID_LEN + 1])
{
  struct buf text, out;
  uint8_t hash[32];
  buf_init(&text, JWK_MAX);
  buf_init(&out, TOKEN_KID_LEN + 1); /* the encoder reserves whole groups of four */
  enum err e = buf_printf(&text, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e_text, n);
  if (!e && !EVP_Q_digest(NULL, "SHA256", NULL, text.data, text.len, hash, NULL)) e = ERR_INTERNAL;
  if (!e) e = base64url_encode(&out, hash, sizeof hash);
  if (!e) memcpy(kid, buf_str(&out), TOKEN_KID_LEN + 1);
  buf_clear(&text);
  buf_clear(&out);
  return e;
}

/* Fills kid and jwk. Base64url needs no escaping in JSON. */
static enum err describe(EVP_PKEY *pkey, struct key_file *k)
{
  struct buf n, ex;
  buf_init(&n, JWK_MAX);
  buf_init(&ex, JWK_MAX);
  enum err e = encode_number(pkey, OSSL_PKEY_PARAM_RSA_N, &n);
  if (!e) e = encode_number(pkey, OSSL_PKEY_PARAM_RSA_E, &ex);
  if (!e) e = thumbprint(buf_str(&n), buf_str(&ex), k->kid);
  if (!e)
    e = buf_printf(
        &k->jwk,
        "{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"}",
        k->kid, buf_str(&n), buf_str(&ex));
  buf_clear(&n);
  buf_clear(&ex);
  return e;
}

static enum err to_pem(EVP_PKEY *pkey, struct buf *pem)
{
  BIO *bio = BIO_new(BIO_s_secmem());
  char *text = NULL;
  long n = 0;
  if (bio && PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL))
    n = BIO_get_mem_data(bio, &text);
  enum err e = n > 0 ? buf_append(pem, text, (size_t)n) : ERR_INTERNAL;
  BIO_free(bio);
  return e;
}

static void init(struct key_file *k, int64_t from_s)
{
  *k = (struct key_file){.from_s = from_s};
  buf_init(&k->pem, PEM_MAX);
  buf_init(&k->jwk, JWK_MAX);
}

void key_file_clear(struct key_file *k)
{
  buf_wipe(&k->pem);
  buf_clear(&k->jwk);
}

enum err key_file_generate(int64_t from_s, struct key_file *ret, struct failure *f)
{
  struct key_file k;
  init(&k, from_s);
  EVP_PKEY *pkey = EVP_RSA_gen(RSA_BITS);
  enum err e = pkey ? describe(pkey, &k) : ERR_INTERNAL;
  if (!e) e = to_pem(pkey, &k.pem);
  EVP_PKEY_free(pkey);
  if (e) {
    key_file_clear(&k);
    const char *why = ERR_reason_error_string(ERR_get_error());
    return failure_set(f, e, "generating an RSA key: %s", why ? why : err_info(e)->what);
  }
  *ret = k;
  return ERR_OK;
}

/* Complete or not at all, also when the machine stops: written aside, synced, renamed. */
enum err key_file_write(const struct key_file *k, const char *folder, struct failure *f)
{
  char to[4096], aside[4096];
  if (snprintf(aside, sizeof aside, "%s/.new-key", folder) >= (int)sizeof aside ||
      snprintf(to, sizeof to, "%s/%lld-%s.pem", folder, (long long)k->from_s, k->kid) >= (int)sizeof to)
    return failure_set(f, ERR_TOO_LARGE, "a path of %zu bytes", strlen(folder));
  unlink(aside); /* of a run that stopped half-way */
  int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool ok = fd >= 0 && write(fd, k->pem.data, k->pem.len) == (ssize_t)k->pem.len && !fsync(fd);
  if (fd >= 0 && close(fd)) ok = false;
  if (ok && !rename(aside, to)) return ERR_OK;
  int error = errno;
  unlink(aside);
  return failure_set(f, ERR_IO, "%s: %s", to, strerror(error));
}

static bool parse_name(const char *name, int64_t *ret_from, const char **ret_kid)
{
  char *end;
  size_t n = strlen(name);
  if (n > NAME_MAX_LEN || name[0] < '0' || name[0] > '9') return false;
  errno = 0;
  long long from = strtoll(name, &end, 10);
  if (errno || *end != '-' || strlen(end) != 1 + TOKEN_KID_LEN + 4 || strcmp(name + n - 4, ".pem") != 0)
    return false;
  *ret_from = from;
  *ret_kid = end + 1;
  return true;
}

bool key_file_name(const char *name)
{
  int64_t from;
  const char *kid;
  return parse_name(name, &from, &kid);
}

static enum err read_pem(const char *path, struct buf *pem, struct failure *f)
{
  struct stat st;
  uint8_t *at;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 || fstat(fd, &st)) {
    int error = errno;
    if (fd >= 0) close(fd);
    return failure_set(f, ERR_IO, "%s: %s", path, strerror(error));
  }
  enum err e = ERR_OK;
  if (st.st_mode & 077)
    e = failure_set(f, ERR_IO, "%s may be read by others: chmod 600, or remove it to get a new key", path);
  else if (buf_reserve(pem, PEM_MAX, &at))
    e = failure_set(f, ERR_NOMEM, "%s", path);
  if (!e) {
    ssize_t n = read(fd, at, PEM_MAX);
    if (n > 0) pem->len = (size_t)n;
  }
  close(fd);
  return e;
}

enum err key_file_read(const char *folder, const char *name, struct key_file *ret, struct failure *f)
{
  char path[4096];
  struct key_file k;
  const char *kid;
  int64_t from;
  if (!parse_name(name, &from, &kid) ||
      snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
    return failure_set(f, ERR_IO, "%s: not a key file's name", name);
  init(&k, from);
  EVP_PKEY *pkey = NULL;
  enum err e = read_pem(path, &k.pem, f);
  if (e) goto out;
  BIO *bio = BIO_new_mem_buf(k.pem.data, (int)k.pem.len);
  pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
  BIO_free(bio);
  ERR_clear_error();
  if (!pkey || !EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_get_bits(pkey) < RSA_BITS || describe(pkey, &k) ||
      strncmp(k.kid, kid, TOKEN_KID_LEN) != 0)
    e = failure_set(f, ERR_IO, "%s is damaged: remove it; tokens it signed become invalid", path);
out:
  EVP_PKEY_free(pkey);
  if (e)
    key_file_clear(&k);
  else
    *ret = k;
  return e;
}

void key_file_delete(const struct key_file *k, const char *folder)
{
  char path[4096];
  int n = snprintf(path, sizeof path, "%s/%lld-%s.pem", folder, (long long)k->from_s, k->kid);
  if (n < (int)sizeof path) unlink(path);
}

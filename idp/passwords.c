#include "passwords.h"

#include "clock.h"
#include "encode.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* N 2^14, r 8: 16 MiB of memory and some 40 ms a guess, as RFC 7914 2 and its author advise for logons. */
enum {
  SALT_LEN = 16,
  HASH_LEN = 32,
  SCRYPT_N = 16384,
  SCRYPT_R = 8,
  SCRYPT_P = 1,
  SCRYPT_MEMORY = 64 << 20,
  FILE_MAX = 16 << 20,
};

/* The first line: the format, and what the hashes were made from. */
#define STAMP_FORMAT "sevenstep-passwords 2 scrypt %d %d %d"

struct entry {
  uint8_t salt[SALT_LEN], hash[HASH_LEN];
  bool hashed; /* else hash is empty, and the lab file's password counts */
};

struct passwords {
  atomic_uint refs;
  const struct lab *lab;
  char *path;
  char stamp[256];
  pthread_mutex_t lock;  /* over entries[].hash, .hashed, pending and stop */
  struct entry *entries; /* as lab->users; one more for users that do not exist */
  unsigned pending;
  bool stop;
  bool running;
  pthread_t thread;
};

static bool hash_password(const char *password, const uint8_t salt[static SALT_LEN],
                          uint8_t hash[static HASH_LEN])
{
  uint64_t n = SCRYPT_N, memory = SCRYPT_MEMORY;
  uint32_t r = SCRYPT_R, p = SCRYPT_P;
  uint8_t salt_copy[SALT_LEN]; /* OSSL_PARAM knows no const */
  char *secret = OPENSSL_strdup(password ? password : "");
  memcpy(salt_copy, salt, SALT_LEN);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, secret, secret ? strlen(secret) : 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_copy, SALT_LEN),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
      OSSL_PARAM_construct_end(),
  };
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
  EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
  bool ok = secret && ctx && EVP_KDF_derive(ctx, hash, HASH_LEN, params) == 1;
  EVP_KDF_CTX_free(ctx);
  EVP_KDF_free(kdf);
  if (secret) OPENSSL_clear_free(secret, strlen(secret));
  return ok;
}

/* Not a hash of the file: that would be a fast test for guesses at the passwords in it. */
static enum err make_stamp(struct passwords *p, struct failure *f)
{
  struct stat st;
  const char *files[] = {p->lab->path, p->lab->changes};
  size_t n = (size_t)snprintf(p->stamp, sizeof p->stamp, STAMP_FORMAT, SCRYPT_N, SCRYPT_R, SCRYPT_P);
  for (size_t i = 0; i < 2 && files[i]; i++) {
    if (stat(files[i], &st)) {
      if (i == 1 && errno == ENOENT) return ERR_OK; /* no changes */
      return failure_set(f, ERR_IO, "%s: %s", files[i], strerror(errno));
    }
    n += (size_t)snprintf(p->stamp + n, sizeof p->stamp - n, " %lld.%09ld %lld %llu",
                          (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_size,
                          (unsigned long long)st.st_ino);
  }
  return ERR_OK;
}

static struct entry *entry_of(struct passwords *p, const struct lab_user *user)
{
  const struct lab_user *own = user ? lab_user_by_name(p->lab, user->name) : NULL;
  return &p->entries[own ? (size_t)(own - p->lab->users) : p->lab->n_users];
}

/* -- the file: a stamp, then NAME SALT HASH a line -- */

static bool decode_exactly(uint8_t *out, size_t n, const char *text, size_t len)
{
  struct buf b;
  buf_init(&b, n + 2);
  bool ok = !base64url_decode(&b, text, len) && b.len == n;
  if (ok) memcpy(out, b.data, n);
  buf_clear(&b);
  return ok;
}

static void take_line(struct passwords *p, char *line)
{
  char *salt = strchr(line, ' '), *hash = salt ? strchr(salt + 1, ' ') : NULL;
  if (!hash) return;
  *salt++ = 0;
  *hash++ = 0;
  const struct lab_user *user = lab_user_by_name(p->lab, line);
  if (!user) return;
  struct entry *e = entry_of(p, user);
  if (!e->hashed && decode_exactly(e->salt, SALT_LEN, salt, strlen(salt)) &&
      decode_exactly(e->hash, HASH_LEN, hash, strlen(hash))) {
    e->hashed = true;
    p->pending--;
  }
}

static void read_lines(struct passwords *p, char *text)
{
  char *state, *line = strtok_r(text, "\n", &state);
  if (!line || strcmp(line, p->stamp) != 0) return;
  while ((line = strtok_r(NULL, "\n", &state)))
    take_line(p, line);
}

static void read_file(struct passwords *p)
{
  struct stat st;
  int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  /* One that others can write could hold anybody's hash. */
  if (!fstat(fd, &st) && !(st.st_mode & 077) && st.st_uid == geteuid() && st.st_size <= FILE_MAX) {
    char *text = calloc(1, (size_t)st.st_size + 1);
    if (text && read(fd, text, (size_t)st.st_size) == st.st_size) read_lines(p, text);
    free(text);
  }
  close(fd);
}

static enum err format_file(struct passwords *p, struct buf *out)
{
  enum err e = buf_printf(out, "%s\n", p->stamp);
  for (size_t i = 0; !e && i < p->lab->n_users; i++) {
    const struct entry *entry = &p->entries[i];
    e = buf_printf(out, "%s ", p->lab->users[i].name);
    if (!e) e = base64url_encode(out, entry->salt, SALT_LEN);
    if (!e) e = buf_putc(out, ' ');
    if (!e) e = base64url_encode(out, entry->hash, HASH_LEN);
    if (!e) e = buf_putc(out, '\n');
  }
  return e;
}

/* A file that cannot be written costs the next start its speed, nothing else. */
static void write_file(struct passwords *p)
{
  char aside[4096 + 16];
  struct buf text;
  buf_init(&text, FILE_MAX);
  if (snprintf(aside, sizeof aside, "%s.new", p->path) >= (int)sizeof aside || format_file(p, &text))
    goto out;
  unlink(aside);
  int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) goto out;
  bool ok = write(fd, text.data, text.len) == (ssize_t)text.len;
  if (close(fd) || !ok || rename(aside, p->path)) unlink(aside);
out:
  buf_clear(&text);
}

/* -- hashing in the background -- */

static bool stopped(struct passwords *p)
{
  pthread_mutex_lock(&p->lock);
  bool stop = p->stop;
  pthread_mutex_unlock(&p->lock);
  return stop;
}

static void *hash_all(void *arg)
{
  struct passwords *p = arg;
  uint8_t hash[HASH_LEN];
  for (size_t i = 0; i < p->lab->n_users; i++) {
    struct entry *e = &p->entries[i];
    if (e->hashed) continue; /* only this thread sets it */
    if (stopped(p) || !hash_password(p->lab->users[i].password, e->salt, hash)) return NULL;
    pthread_mutex_lock(&p->lock);
    memcpy(e->hash, hash, HASH_LEN);
    e->hashed = true;
    p->pending--;
    pthread_mutex_unlock(&p->lock);
  }
  write_file(p);
  return NULL;
}

enum err passwords_open(const struct lab *lab, const char *path, struct passwords **ret, struct failure *f)
{
  struct passwords *p = calloc(1, sizeof *p);
  if (!p) return failure_set(f, ERR_NOMEM, "passwords");
  pthread_mutex_init(&p->lock, NULL);
  atomic_init(&p->refs, 1);
  p->lab = lab_ref(lab);
  p->path = strdup(path);
  p->entries = calloc(lab->n_users + 1, sizeof *p->entries);
  enum err e = p->path && p->entries ? make_stamp(p, f) : failure_set(f, ERR_NOMEM, "passwords");
  if (e) goto out;
  for (size_t i = 0; i <= lab->n_users; i++)
    random_bytes(p->entries[i].salt, SALT_LEN);
  p->pending = (unsigned)lab->n_users;
  read_file(p);
  if (p->pending) {
    p->running = !pthread_create(&p->thread, NULL, hash_all, p);
    if (!p->running) e = failure_set(f, ERR_NOMEM, "a thread for passwords");
  }
out:
  if (e)
    passwords_free(p);
  else
    *ret = p;
  return e;
}

struct passwords *passwords_ref(struct passwords *p)
{
  atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
  return p;
}

void passwords_free(struct passwords *p)
{
  if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1) return;
  pthread_mutex_lock(&p->lock);
  p->stop = true;
  pthread_mutex_unlock(&p->lock);
  if (p->running) pthread_join(p->thread, NULL);
  pthread_mutex_destroy(&p->lock);
  if (p->entries) OPENSSL_clear_free(p->entries, (p->lab->n_users + 1) * sizeof *p->entries);
  lab_free(p->lab);
  free(p->path);
  free(p);
}

/* Plain texts of any length compare as their digests do, in constant time. */
static bool same_text(const char *a, const char *b)
{
  uint8_t da[32], db[32];
  bool ok = EVP_Q_digest(NULL, "SHA256", NULL, a, strlen(a), da, NULL) &&
            EVP_Q_digest(NULL, "SHA256", NULL, b, strlen(b), db, NULL);
  return ok && constant_time_equal(da, sizeof da, db, sizeof db);
}

bool passwords_check(struct passwords *p, const struct lab_user *user, const char *password)
{
  uint8_t hash[HASH_LEN];
  pthread_mutex_lock(&p->lock);
  struct entry e = *entry_of(p, user);
  pthread_mutex_unlock(&p->lock);
  bool hashed = e.hashed, ok = hash_password(password, e.salt, hash);
  bool as_hash = constant_time_equal(hash, HASH_LEN, e.hash, HASH_LEN);
  const char *plain = user && user->password ? user->password : "";
  bool as_plain = same_text(password, plain);
  OPENSSL_cleanse(hash, sizeof hash);
  OPENSSL_cleanse(&e, sizeof e);
  return ok && user && user->password && *user->password && (hashed ? as_hash : as_plain);
}

unsigned passwords_pending(struct passwords *p)
{
  pthread_mutex_lock(&p->lock);
  unsigned n = p->pending;
  pthread_mutex_unlock(&p->lock);
  return n;
}

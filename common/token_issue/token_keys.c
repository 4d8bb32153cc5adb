#include "token_keys.h"

#include "clock.h"
#include "key_file.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct token_keys {
  pthread_rwlock_t lock; /* over n and key */
  char *folder;
  int64_t retain_s;
  size_t n;
  struct key_file key[TOKEN_KEYS_MAX]; /* by from_s, oldest first */
};

static void insert(struct token_keys *k, const struct key_file *key)
{
  size_t i = k->n++;
  for (; i > 0 && k->key[i - 1].from_s > key->from_s; i--)
    k->key[i] = k->key[i - 1];
  k->key[i] = *key;
}

/* The youngest whose time has come. Clocks may have been set back: then the oldest. */
static size_t signer(const struct token_keys *k, int64_t now)
{
  size_t i = k->n - 1;
  while (i > 0 && k->key[i].from_s > now)
    i--;
  return i;
}

/* The tokens of a key end retain_s after its successor began to sign. */
static void drop_ended(struct token_keys *k, int64_t now)
{
  size_t ended = 0;
  while (ended + 1 < k->n && k->key[ended + 1].from_s + k->retain_s < now) {
    key_file_delete(&k->key[ended], k->folder);
    key_file_clear(&k->key[ended]);
    ended++;
  }
  k->n -= ended;
  memmove(k->key, k->key + ended, k->n * sizeof *k->key);
}

static enum err read_folder(struct token_keys *k, struct failure *f)
{
  DIR *d = opendir(k->folder);
  if (!d) return failure_set(f, ERR_IO, "%s: %s", k->folder, strerror(errno));
  enum err e = ERR_OK;
  struct dirent *entry;
  while (!e && (entry = readdir(d))) {
    struct key_file key;
    if (!key_file_name(entry->d_name)) continue;
    if (k->n == TOKEN_KEYS_MAX)
      e = failure_set(f, ERR_TOO_LARGE, "%s holds more than %d keys: remove old ones", k->folder,
                      TOKEN_KEYS_MAX);
    else if (!(e = key_file_read(k->folder, entry->d_name, &key, f)))
      insert(k, &key);
  }
  closedir(d);
  return e;
}

static enum err add_key(struct token_keys *k, int64_t from_s, char *ret_kid, struct failure *f)
{
  struct key_file key;
  enum err e = key_file_generate(from_s, &key, f);
  if (e) return e;
  e = key_file_write(&key, k->folder, f);
  if (e) {
    key_file_clear(&key);
    return e;
  }
  insert(k, &key);
  if (ret_kid) memcpy(ret_kid, key.kid, sizeof key.kid);
  return ERR_OK;
}

enum err token_keys_open(const char *folder, int64_t retain_s, struct token_keys **ret, struct failure *f)
{
  struct token_keys *k = calloc(1, sizeof *k);
  if (!k) return failure_set(f, ERR_NOMEM, "%s", folder);
  pthread_rwlock_init(&k->lock, NULL);
  k->retain_s = retain_s;
  k->folder = strdup(folder);
  enum err e = ERR_OK;
  if (!k->folder)
    e = failure_set(f, ERR_NOMEM, "%s", folder);
  else if (mkdir(folder, 0700) && errno != EEXIST)
    e = failure_set(f, ERR_IO, "%s: %s", folder, strerror(errno));
  if (!e) e = read_folder(k, f);
  if (!e) drop_ended(k, clock_wall_s());
  if (!e && !k->n) e = add_key(k, clock_wall_s(), NULL, f);
  if (e)
    token_keys_free(k);
  else
    *ret = k;
  return e;
}

void token_keys_free(struct token_keys *k)
{
  if (!k) return;
  for (size_t i = 0; i < k->n; i++)
    key_file_clear(&k->key[i]);
  pthread_rwlock_destroy(&k->lock);
  free(k->folder);
  free(k);
}

enum err token_keys_rotate(struct token_keys *k, int64_t ahead_s, char ret_kid[TOKEN_KID_LEN + 1],
                           struct failure *f)
{
  int64_t now = clock_wall_s();
  pthread_rwlock_wrlock(&k->lock);
  drop_ended(k, now);
  enum err e =
      k->n < TOKEN_KEYS_MAX
          ? add_key(k, now + ahead_s, ret_kid, f)
          : failure_set(f, ERR_AGAIN, "%d keys are in use; wait until the oldest has ended", TOKEN_KEYS_MAX);
  pthread_rwlock_unlock(&k->lock);
  return e;
}

enum err token_keys_jwks(struct token_keys *k, struct buf *out)
{
  pthread_rwlock_rdlock(&k->lock);
  enum err e = buf_puts(out, "{\"keys\":[");
  for (size_t i = 0; !e && i < k->n; i++) {
    if (i) e = buf_putc(out, ',');
    if (!e) e = buf_append(out, k->key[i].jwk.data, k->key[i].jwk.len);
  }
  if (!e) e = buf_puts(out, "]}");
  pthread_rwlock_unlock(&k->lock);
  return e;
}

enum err token_keys_signer(struct token_keys *k, struct buf *pem, char ret_kid[TOKEN_KID_LEN + 1])
{
  pthread_rwlock_rdlock(&k->lock);
  const struct key_file *key = &k->key[signer(k, clock_wall_s())];
  enum err e = buf_append(pem, key->pem.data, key->pem.len);
  if (!e) memcpy(ret_kid, key->kid, sizeof key->kid);
  pthread_rwlock_unlock(&k->lock);
  return e;
}

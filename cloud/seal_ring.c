#include "seal_ring.h"

#include "clock.h"
#include "secret_file.h"

#include <string.h>

/* The file: this, then id, until_s (big-endian) and key of each, the newest first. */
static const char MAGIC[8] = "sealring";
enum { RECORD = 1 + 8 + SEAL_KEY, FILE_MAX = sizeof MAGIC + SEAL_KEYS_MAX * RECORD };

static void number_write(uint8_t out[static 8], int64_t number)
{
  for (int i = 0; i < 8; i++)
    out[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
}

static int64_t number_read(const uint8_t in[static 8])
{
  uint64_t number = 0;
  for (int i = 0; i < 8; i++)
    number = number << 8 | in[i];
  return (int64_t)number;
}

void seal_ring_begin(struct seal_ring *ret)
{
  *ret = (struct seal_ring){.n = 1, .keys = {{.id = 1}}};
  random_bytes(ret->keys[0].bytes, SEAL_KEY);
}

enum err seal_ring_rotate(struct seal_ring *r, int64_t now_s, int64_t kept_s, struct failure *f)
{
  seal_ring_drop(r, now_s);
  if (r->n == SEAL_KEYS_MAX)
    return failure_set(f, ERR_AGAIN, "%d former keys are still needed for what they have sealed",
                       SEAL_KEYS_MAX - 1);
  memmove(r->keys + 1, r->keys, r->n * sizeof *r->keys);
  r->n++;
  r->keys[1].until_s = now_s + kept_s;
  r->keys[0] = (struct seal_key){.id = (uint8_t)(r->keys[1].id % 255 + 1)};
  random_bytes(r->keys[0].bytes, SEAL_KEY);
  return ERR_OK;
}

bool seal_ring_is_over(const struct seal_ring *r, int64_t now_s)
{
  for (size_t i = 1; i < r->n; i++)
    if (r->keys[i].until_s <= now_s) return true;
  return false;
}

void seal_ring_drop(struct seal_ring *r, int64_t now_s)
{
  size_t n = 1;
  for (size_t i = 1; i < r->n; i++)
    if (r->keys[i].until_s > now_s) r->keys[n++] = r->keys[i];
  explicit_bzero(r->keys + n, (r->n - n) * sizeof *r->keys);
  r->n = n;
}

static bool parse(const struct buf *file, struct seal_ring *ret)
{
  size_t n = (file->len - sizeof MAGIC) / RECORD;
  const uint8_t *at = file->data + sizeof MAGIC;
  if (file->len < sizeof MAGIC + RECORD || memcmp(file->data, MAGIC, sizeof MAGIC) != 0) return false;
  if (file->len != sizeof MAGIC + n * RECORD || n > SEAL_KEYS_MAX) return false;
  for (size_t i = 0; i < n; i++, at += RECORD) {
    ret->keys[i] = (struct seal_key){.id = at[0], .until_s = number_read(at + 1)};
    memcpy(ret->keys[i].bytes, at + 9, SEAL_KEY);
    if (at[0] == 0) return false;
    for (size_t k = 0; k < i; k++)
      if (ret->keys[k].id == at[0]) return false;
  }
  ret->n = n;
  return true;
}

enum err seal_ring_read(const char *path, struct seal_ring *ret, struct failure *f)
{
  struct buf file;
  struct seal_ring read = {0};
  buf_init(&file, FILE_MAX + 1);
  enum err e = secret_file_read(path, &file, f);
  if (!e && file.len == SEAL_KEY && memcmp(file.data, MAGIC, sizeof MAGIC) != 0) {
    read = (struct seal_ring){.n = 1, .keys = {{.id = 1}}};
    memcpy(read.keys[0].bytes, file.data, SEAL_KEY);
  } else if (!e && !parse(&file, &read)) {
    e = failure_set(f, ERR_IO, "%s does not hold the keys of sessions; remove it", path);
  }
  if (!e) *ret = read;
  explicit_bzero(&read, sizeof read);
  buf_wipe(&file);
  return e;
}

enum err seal_ring_write(const char *path, const struct seal_ring *r, struct failure *f)
{
  uint8_t file[FILE_MAX], *at = file + sizeof MAGIC;
  memcpy(file, MAGIC, sizeof MAGIC);
  for (size_t i = 0; i < r->n; i++, at += RECORD) {
    at[0] = r->keys[i].id;
    number_write(at + 1, r->keys[i].until_s);
    memcpy(at + 9, r->keys[i].bytes, SEAL_KEY);
  }
  enum err e = secret_file_write(path, file, (size_t)(at - file), f);
  explicit_bzero(file, sizeof file);
  return e;
}

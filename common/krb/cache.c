/* The connector's tickets: a hash table with chains, and a list from the most to the least recently used.
 * Each user and target has one place; nothing is ever found for another user, because the key is compared
 * whole. */
#include "krb.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP_S = 60 };

struct slot {
  struct slot *chain;         /* the next in the same bucket */
  struct slot *newer, *older; /* in order of use */
  struct krb_ticket *ticket;
  uint64_t hash;
  size_t key_len;
  char key[]; /* upn NUL spn NUL */
};

struct krb_cache {
  struct slot **bucket;
  size_t mask, count, max;
  struct slot *newest, *oldest;
  uint64_t seed;
};

struct key {
  const char *upn, *spn;
  size_t upn_len, spn_len; /* with their NUL */
  uint64_t hash;
};

/* FNV-1a from a random start, so that nobody can choose names that collide. */
static uint64_t hash_bytes(uint64_t h, const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    h = (h ^ (unsigned char)s[i]) * 0x100000001b3ULL;
  return h;
}

static struct key key_of(const struct krb_cache *c, const char *upn, const char *spn)
{
  struct key k = {.upn = upn, .spn = spn, .upn_len = strlen(upn) + 1, .spn_len = strlen(spn) + 1};
  k.hash = hash_bytes(hash_bytes(c->seed, upn, k.upn_len), spn, k.spn_len);
  k.hash ^= k.hash >> 32;
  return k;
}

static bool matches(const struct slot *s, const struct key *k)
{
  return s->hash == k->hash && s->key_len == k->upn_len + k->spn_len &&
         memcmp(s->key, k->upn, k->upn_len) == 0 && memcmp(s->key + k->upn_len, k->spn, k->spn_len) == 0;
}

static struct slot *find(const struct krb_cache *c, const struct key *k)
{
  for (struct slot *s = c->bucket[k->hash & c->mask]; s; s = s->chain)
    if (matches(s, k)) return s;
  return NULL;
}

static void unlink_use(struct krb_cache *c, struct slot *s)
{
  *(s->newer ? &s->newer->older : &c->newest) = s->older;
  *(s->older ? &s->older->newer : &c->oldest) = s->newer;
}

static void link_newest(struct krb_cache *c, struct slot *s)
{
  s->newer = NULL;
  s->older = c->newest;
  *(c->newest ? &c->newest->newer : &c->oldest) = s;
  c->newest = s;
}

static void drop(struct krb_cache *c, struct slot *s)
{
  struct slot **at = &c->bucket[s->hash & c->mask];
  while (*at != s)
    at = &(*at)->chain;
  *at = s->chain;
  unlink_use(c, s);
  krb_ticket_unref(s->ticket);
  free(s);
  c->count--;
}

enum err krb_cache_new(size_t max, struct krb_cache **ret)
{
  size_t buckets = 16;
  while (buckets < max && buckets < SIZE_MAX / 32)
    buckets *= 2;
  struct krb_cache *c = calloc(1, sizeof *c);
  struct slot **bucket = calloc(buckets, sizeof(struct slot *));
  if (!c || !bucket) {
    free(c);
    free(bucket);
    return ERR_NOMEM;
  }
  c->bucket = bucket;
  c->mask = buckets - 1;
  c->max = max ? max : 1;
  random_bytes(&c->seed, sizeof c->seed);
  *ret = c;
  return ERR_OK;
}

void krb_cache_free(struct krb_cache *c)
{
  if (!c) return;
  while (c->newest)
    drop(c, c->newest);
  free(c->bucket);
  free(c);
}

struct krb_ticket *krb_cache_get(struct krb_cache *c, const char *upn, const char *spn, int64_t now_s)
{
  struct key k = key_of(c, upn, spn);
  struct slot *s = find(c, &k);
  if (!s) return NULL;
  if (krb_ticket_describe(s->ticket)->end_time_s < now_s + KEEP_S) {
    drop(c, s);
    return NULL;
  }
  if (c->newest != s) {
    unlink_use(c, s);
    link_newest(c, s);
  }
  return krb_ticket_ref(s->ticket);
}

void krb_cache_put(struct krb_cache *c, const char *upn, const char *spn, struct krb_ticket *t)
{
  struct key k = key_of(c, upn, spn);
  struct slot *s = find(c, &k);
  if (s) drop(c, s);
  s = calloc(1, sizeof *s + k.upn_len + k.spn_len);
  if (!s) return; /* without memory the next request asks the KDC again */
  if (c->count == c->max) drop(c, c->oldest);
  s->ticket = krb_ticket_ref(t);
  s->hash = k.hash;
  s->key_len = k.upn_len + k.spn_len;
  memcpy(s->key, k.upn, k.upn_len);
  memcpy(s->key + k.upn_len, k.spn, k.spn_len);
  s->chain = c->bucket[k.hash & c->mask];
  c->bucket[k.hash & c->mask] = s;
  link_newest(c, s);
  c->count++;
}

void krb_cache_remove(struct krb_cache *c, const char *upn, const char *spn)
{
  struct key k = key_of(c, upn, spn);
  struct slot *s = find(c, &k);
  if (s) drop(c, s);
}

size_t krb_cache_count(const struct krb_cache *c)
{
  return c->count;
}

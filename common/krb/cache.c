/* The connector's tickets: a hash table with chains, and a list from the most to the least recently used.
 * Each user, principal and target has one place; nothing is ever found for another user, because the key is
 * compared whole. */
#include "krb.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
  KEEP_S = 60,      /* a request must not outlive its ticket */
  LEAD_PART = 5,    /* the last fifth of its time is when it is renewed, */
  LEAD_MAX_S = 300, /* at most the last five minutes; */
  RETRY_PART = 4,   /* four times in that, when it comes to nothing */
};

struct slot {
  struct slot *chain;         /* the next in the same bucket */
  struct slot *newer, *older; /* in order of use */
  struct krb_ticket *ticket;
  int64_t until_s; /* it is given out no more */
  int64_t renew_s; /* the next one who is given it should renew it */
  uint64_t hash;
  size_t key_len;
  char key[]; /* upn NUL user NUL spn NUL */
};

struct krb_cache {
  struct slot **bucket;
  size_t mask, count, max;
  unsigned trust_s, lead_s;
  struct slot *newest, *oldest;
  uint64_t seed;
};

enum { PARTS = 3 };
struct key {
  const char *part[PARTS];
  size_t part_len[PARTS]; /* with their NUL */
  size_t len;
  uint64_t hash;
};

/* FNV-1a from a random start, so that nobody can choose names that collide. */
static uint64_t hash_bytes(uint64_t h, const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    h = (h ^ (unsigned char)s[i]) * 0x100000001b3ULL;
  return h;
}

static struct key key_of(const struct krb_cache *c, const struct krb_cache_key *of)
{
  struct key k = {.part = {of->upn, of->user, of->spn}, .hash = c->seed};
  for (size_t i = 0; i < PARTS; i++) {
    k.part_len[i] = strlen(k.part[i]) + 1;
    k.len += k.part_len[i];
    k.hash = hash_bytes(k.hash, k.part[i], k.part_len[i]);
  }
  k.hash ^= k.hash >> 32;
  return k;
}

static void write_key(char *out, const struct key *k)
{
  for (size_t i = 0; i < PARTS; out += k->part_len[i++])
    memcpy(out, k->part[i], k->part_len[i]);
}

static bool matches(const struct slot *s, const struct key *k)
{
  const char *at = s->key;
  if (s->hash != k->hash || s->key_len != k->len) return false;
  for (size_t i = 0; i < PARTS; at += k->part_len[i++])
    if (memcmp(at, k->part[i], k->part_len[i]) != 0) return false;
  return true;
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

enum err krb_cache_new(size_t max, unsigned trust_s, struct krb_cache **ret)
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
  c->trust_s = trust_s;
  c->lead_s = trust_s / LEAD_PART < LEAD_MAX_S ? trust_s / LEAD_PART : LEAD_MAX_S;
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

struct krb_ticket *krb_cache_get(struct krb_cache *c, const struct krb_cache_key *key, int64_t now_s,
                                 bool *ret_renew)
{
  struct key k = key_of(c, key);
  struct slot *s = find(c, &k);
  *ret_renew = false;
  if (!s) return NULL;
  if (now_s > s->until_s) {
    drop(c, s);
    return NULL;
  }
  if (now_s >= s->renew_s) {
    *ret_renew = true;
    s->renew_s = now_s + c->lead_s / RETRY_PART + 1;
  }
  if (c->newest != s) {
    unlink_use(c, s);
    link_newest(c, s);
  }
  return krb_ticket_ref(s->ticket);
}

void krb_cache_put(struct krb_cache *c, const struct krb_cache_key *key, struct krb_ticket *t, int64_t now_s)
{
  struct key k = key_of(c, key);
  struct slot *s = find(c, &k);
  if (s) drop(c, s);
  s = calloc(1, sizeof *s + k.len);
  if (!s) return; /* without memory the next request asks the KDC again */
  if (c->count == c->max) drop(c, c->oldest);
  int64_t end_s = krb_ticket_end_s(t) - KEEP_S, trusted_s = now_s + c->trust_s;
  s->ticket = krb_ticket_ref(t);
  s->until_s = end_s < trusted_s ? end_s : trusted_s;
  s->renew_s = s->until_s - c->lead_s;
  s->hash = k.hash;
  s->key_len = k.len;
  write_key(s->key, &k);
  s->chain = c->bucket[k.hash & c->mask];
  c->bucket[k.hash & c->mask] = s;
  link_newest(c, s);
  c->count++;
}

void krb_cache_remove(struct krb_cache *c, const struct krb_cache_key *key)
{
  struct key k = key_of(c, key);
  struct slot *s = find(c, &k);
  if (s) drop(c, s);
}

bool krb_cache_is_of(const char *upn, const char *user, const char *name)
{
  return !name || strcasecmp(upn, name) == 0 || strcasecmp(user, name) == 0;
}

size_t krb_cache_purge(struct krb_cache *c, const char *name)
{
  size_t before = c->count;
  for (struct slot *s = c->newest, *older; s; s = older) {
    older = s->older;
    if (krb_cache_is_of(s->key, s->key + strlen(s->key) + 1, name)) drop(c, s);
  }
  return before - c->count;
}

size_t krb_cache_count(const struct krb_cache *c)
{
  return c->count;
}

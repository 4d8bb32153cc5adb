#include "throttle.h"

#include "clock.h"

#include <arpa/inet.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000LL

enum { WAYS = 8, USER_SETS = 1024, APP_SETS = 64 };

struct throttle_slot {
  uint64_t key;   /* a keyed hash of the name; 0: free */
  int64_t due_ns; /* when the bucket is full again; past: it is */
  size_t at_once;
};

struct throttle {
  uint8_t secret[16]; /* so that nobody chooses a name that shares a set with another's */
  EVP_MAC_CTX *hash;
  struct throttle_slot tenant, apps[APP_SETS][WAYS], users[USER_SETS][WAYS];
  struct throttle_slot shares[USER_SETS][WAYS]; /* of a user in a group */
};

/* SipHash of 64 bits, made for tables that others may fill. */
static EVP_MAC_CTX *hash_new(const uint8_t secret[static 16])
{
  size_t bytes = sizeof(uint64_t);
  OSSL_PARAM size[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &bytes), OSSL_PARAM_construct_end()};
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
  EVP_MAC_CTX *hash = mac ? EVP_MAC_CTX_new(mac) : NULL;
  EVP_MAC_free(mac);
  if (hash && EVP_MAC_init(hash, secret, 16, size) == 1) return hash;
  EVP_MAC_CTX_free(hash);
  return NULL;
}

enum err throttle_new(struct throttle **ret)
{
  struct throttle *l = calloc(1, sizeof *l);
  if (!l) return ERR_NOMEM;
  random_bytes(l->secret, sizeof l->secret);
  l->hash = hash_new(l->secret);
  if (!l->hash) {
    throttle_free(l);
    return ERR_NOMEM;
  }
  *ret = l;
  return ERR_OK;
}

void throttle_free(struct throttle *l)
{
  if (!l) return;
  EVP_MAC_CTX_free(l->hash);
  free(l);
}

/* group: "" but for a share. Names that cannot be hashed would share a bucket. */
static uint64_t key_of(const struct throttle *l, const char *group, const char *name)
{
  uint64_t key;
  size_t n;
  if (EVP_MAC_init(l->hash, l->secret, sizeof l->secret, NULL) != 1 ||
      EVP_MAC_update(l->hash, (const uint8_t *)group, strlen(group) + 1) != 1 ||
      EVP_MAC_update(l->hash, (const uint8_t *)name, strlen(name)) != 1 ||
      EVP_MAC_final(l->hash, (uint8_t *)&key, &n, sizeof key) != 1)
    return 1;
  return key ? key : 1;
}

/* The slot of this key: its own, a free one, or that of who has waited longest. NULL: all are in the midst of
 * requests. */
static struct throttle_slot *find(struct throttle_slot *set, uint64_t key)
{
  struct throttle_slot *oldest = NULL;
  for (size_t i = 0; i < WAYS; i++) {
    if (set[i].key == key) return &set[i];
    if (!set[i].at_once && (!oldest || set[i].due_ns < oldest->due_ns)) oldest = &set[i];
  }
  if (oldest) *oldest = (struct throttle_slot){.key = key};
  return oldest;
}

/* When the bucket would be full again after one more. */
static int64_t due_after(const struct throttle_slot *s, unsigned rate, int64_t now_ns)
{
  return (s->due_ns > now_ns ? s->due_ns : now_ns) + SECOND / rate;
}

static bool has_token(const struct throttle_slot *s, unsigned rate, int64_t now_ns)
{
  return !s || !rate || due_after(s, rate, now_ns) - now_ns <= SECOND;
}

static void take_token(struct throttle_slot *s, unsigned rate, int64_t now_ns)
{
  if (s && rate) s->due_ns = due_after(s, rate, now_ns);
}

static enum err refuse(const struct throttle_policy *p, size_t at_once, const char *user, struct failure *f)
{
  if (p->user_at_once)
    return failure_set(f, ERR_TOO_MANY_AT_ONCE, "%zu requests of %.100s are under way", at_once, user);
  return failure_set(
      f, ERR_TOO_MANY_AT_ONCE,
      "%zu requests of %.100s are under way in group %.100s, and what its connectors still take "
      "is for others",
      at_once, user, p->group);
}

enum err throttle_admit(struct throttle *l, const struct throttle_policy *p, const char *app,
                        const char *user, int64_t now_ns, struct throttle_slot **ret, struct failure *f)
{
  struct throttle_slot *a = NULL, *u = NULL, *counted = NULL;
  *ret = NULL;
  size_t at_once = p->user_at_once ? p->user_at_once : p->room;
  if (!p->tenant_rate && !p->app_rate && !p->user_rate && !at_once) return ERR_OK;
  if (p->app_rate) {
    uint64_t key = key_of(l, "", app);
    a = find(l->apps[key % APP_SETS], key);
  }
  if (p->user_rate || p->user_at_once) {
    uint64_t key = key_of(l, "", user);
    u = find(l->users[key % USER_SETS], key);
  }
  if (p->user_at_once) {
    counted = u;
  } else if (at_once) {
    uint64_t key = key_of(l, p->group, user);
    counted = find(l->shares[key % USER_SETS], key);
  }
  if (counted && counted->at_once >= at_once) return refuse(p, counted->at_once, user, f);
  if (!has_token(u, p->user_rate, now_ns))
    return failure_set(f, ERR_RATE_LIMITED, "more than %u requests a second of %.100s", p->user_rate, user);
  if (!has_token(a, p->app_rate, now_ns))
    return failure_set(f, ERR_RATE_LIMITED, "more than %u requests a second to %s", p->app_rate, app);
  if (!has_token(&l->tenant, p->tenant_rate, now_ns))
    return failure_set(f, ERR_RATE_LIMITED, "more than %u requests a second to all applications",
                       p->tenant_rate);
  take_token(u, p->user_rate, now_ns);
  take_token(a, p->app_rate, now_ns);
  take_token(&l->tenant, p->tenant_rate, now_ns);
  if (counted) counted->at_once++;
  *ret = counted;
  return ERR_OK;
}

void throttle_address(const char *ip, char ret[static THROTTLE_ADDRESS_MAX])
{
  struct in6_addr a;
  char text[INET6_ADDRSTRLEN];
  snprintf(ret, THROTTLE_ADDRESS_MAX, "%s", ip);
  if (inet_pton(AF_INET6, ip, &a) != 1 || IN6_IS_ADDR_V4MAPPED(&a)) return;
  memset(a.s6_addr + 8, 0, 8);
  if (inet_ntop(AF_INET6, &a, text, sizeof text)) snprintf(ret, THROTTLE_ADDRESS_MAX, "%s/64", text);
}

void throttle_done(struct throttle_slot *counted)
{
  if (counted) counted->at_once--;
}

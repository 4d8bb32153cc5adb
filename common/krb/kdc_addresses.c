#include "kdc_addresses.h"

#include <netdb.h>
#include <profile.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ENTRY_MAX = 4 };

/* One kdc = entry. Its name may have several addresses, and the KDC may listen at one of them only: ::1 and
 * 127.0.0.1, say. */
struct entry {
  char host[256], port[8]; /* these four never change */
  bool udp, tcp;
  struct kdc_address known[ENTRY_MAX]; /* best first */
  size_t n;                            /* 0: not resolved yet */
  bool stale, pending;
};

/* Look-ups run on threads of their own, because a resolver may take 20 s and more and cannot be interrupted;
 * each holds a reference, so nobody waits for it at the end. */
struct kdc_addresses {
  atomic_uint refs;
  char realm[256];
  pthread_mutex_t lock;
  pthread_cond_t news; /* a look-up came to its end */
  size_t n, preferred;
  size_t exchanges; /* under way */
  bool silent;      /* the last one that ended met with silence */
  struct entry entry[KDC_MAX];
};

struct lookup {
  struct kdc_addresses *addresses;
  struct entry *entry;
};

static void unref(struct kdc_addresses *a)
{
  if (atomic_fetch_sub(&a->refs, 1) != 1) return;
  pthread_cond_destroy(&a->news);
  pthread_mutex_destroy(&a->lock);
  free(a);
}

/* "host", "host:port", "[v6]:port", each with "tcp/" or "udp/" before it. */
static bool parse_entry(const char *text, struct entry *e)
{
  memset(e, 0, sizeof *e);
  e->udp = strncmp(text, "tcp/", 4) != 0;
  e->tcp = strncmp(text, "udp/", 4) != 0;
  if (!e->udp || !e->tcp) text += 4;
  const char *host = text, *end, *port;
  if (*text == '[') {
    host = text + 1;
    end = strchr(host, ']');
    if (!end) return false;
    port = end[1] == ':' ? end + 2 : NULL;
  } else {
    end = host + strcspn(host, ":");
    port = *end ? end + 1 : NULL;
  }
  if (!port) port = "88";
  size_t n = (size_t)(end - host);
  if (n == 0 || n >= sizeof e->host || strlen(port) == 0 || strlen(port) >= sizeof e->port) return false;
  memcpy(e->host, host, n);
  snprintf(e->port, sizeof e->port, "%s", port);
  return true;
}

static void adopt(struct entry *e, const struct addrinfo *found)
{
  e->n = 0;
  e->stale = false;
  for (const struct addrinfo *ai = found; ai && e->n < ENTRY_MAX; ai = ai->ai_next) {
    struct kdc_address *k = &e->known[e->n];
    if (ai->ai_addrlen > sizeof k->addr) continue;
    *k = (struct kdc_address){.len = ai->ai_addrlen, .udp = e->udp, .tcp = e->tcp};
    memcpy(&k->addr, ai->ai_addr, ai->ai_addrlen);
    e->n++;
  }
}

/* Numeric addresses need no resolver. */
static bool resolve_numeric(struct entry *e)
{
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
                  *found = NULL;
  if (getaddrinfo(e->host, e->port, &hints, &found) != 0) return false;
  adopt(e, found);
  freeaddrinfo(found);
  return true;
}

static void *look_up(void *arg)
{
  struct lookup job = *(struct lookup *)arg;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
  free(arg);
  int rc = getaddrinfo(job.entry->host, job.entry->port, &hints, &found);
  pthread_mutex_lock(&job.addresses->lock);
  if (rc == 0) adopt(job.entry, found);
  job.entry->pending = false;
  pthread_cond_broadcast(&job.addresses->news);
  pthread_mutex_unlock(&job.addresses->lock);
  if (rc == 0) freeaddrinfo(found);
  unref(job.addresses);
  return NULL;
}

/* Under the lock. Without a thread there is no look-up, and the next call tries again. */
static void start_lookup(struct kdc_addresses *a, struct entry *e)
{
  pthread_t thread;
  struct lookup *job = malloc(sizeof *job);
  if (!job) return;
  *job = (struct lookup){a, e};
  atomic_fetch_add(&a->refs, 1);
  e->pending = true;
  if (pthread_create(&thread, NULL, look_up, job) == 0) {
    pthread_detach(thread);
    return;
  }
  e->pending = false;
  atomic_fetch_sub(&a->refs, 1);
  free(job);
}

/* The profile's entries of this realm, as far as there is room. */
static void read_profile(krb5_context ctx, struct kdc_addresses *a)
{
  profile_t profile = NULL;
  char **values = NULL;
  const char *names[] = {"realms", a->realm, "kdc", NULL};
  if (krb5_get_profile(ctx, &profile)) return;
  if (profile_get_values(profile, names, &values) == 0) {
    for (size_t i = 0; values[i] && a->n < KDC_MAX; i++)
      if (parse_entry(values[i], &a->entry[a->n])) a->n++;
    profile_free_list(values);
  }
  profile_release(profile);
}

enum err kdc_addresses_new(krb5_context ctx, const char *realm, struct kdc_addresses **ret, struct failure *f)
{
  struct kdc_addresses *a = calloc(1, sizeof *a);
  if (!a) return failure_set(f, ERR_NOMEM, "KDC addresses");
  if (strlen(realm) >= sizeof a->realm) {
    free(a);
    return failure_set(f, ERR_CONFIG, "the realm's name is too long");
  }
  snprintf(a->realm, sizeof a->realm, "%s", realm);
  atomic_init(&a->refs, 1);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&a->news, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&a->lock, NULL);
  read_profile(ctx, a);
  for (size_t i = 0; i < a->n; i++)
    resolve_numeric(&a->entry[i]);
  *ret = a;
  return ERR_OK;
}

void kdc_addresses_free(struct kdc_addresses *a)
{
  if (a) unref(a);
}

bool kdc_addresses_is_realm(const struct kdc_addresses *a, const krb5_data *realm)
{
  return a->n > 0 && strlen(a->realm) == realm->length && memcmp(a->realm, realm->data, realm->length) == 0;
}

/* What is known, best first: each entry's best before anyone's second, so that one name of many addresses
 * leaves room for the others. */
static size_t collect(const struct kdc_addresses *a, struct kdc_address out[KDC_MAX], bool *ret_pending)
{
  size_t n = 0;
  *ret_pending = false;
  for (size_t k = 0; k < ENTRY_MAX; k++) {
    for (size_t i = 0; i < a->n; i++) {
      const struct entry *e = &a->entry[(a->preferred + i) % a->n];
      if (k < e->n && n < KDC_MAX) out[n++] = e->known[k];
      *ret_pending |= e->pending;
    }
  }
  return n;
}

size_t kdc_addresses_get(struct kdc_addresses *a, int64_t deadline_ns, struct kdc_address out[KDC_MAX])
{
  struct timespec deadline = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
  bool pending;
  pthread_mutex_lock(&a->lock);
  for (size_t i = 0; i < a->n; i++)
    if ((a->entry[i].n == 0 || a->entry[i].stale) && !a->entry[i].pending) start_lookup(a, &a->entry[i]);
  size_t n = collect(a, out, &pending);
  while (n == 0 && pending && pthread_cond_timedwait(&a->news, &a->lock, &deadline) == 0)
    n = collect(a, out, &pending);
  pthread_mutex_unlock(&a->lock);
  return n;
}

bool kdc_addresses_begin(struct kdc_addresses *a)
{
  pthread_mutex_lock(&a->lock);
  bool may = !a->silent || a->exchanges == 0;
  if (may) a->exchanges++;
  pthread_mutex_unlock(&a->lock);
  return may;
}

/* Brings the address to the entry's front, if it is one of its. */
static bool entry_prefer(struct entry *e, const struct kdc_address *good)
{
  for (size_t k = 0; k < e->n; k++) {
    struct kdc_address found = e->known[k];
    if (found.len != good->len || memcmp(&found.addr, &good->addr, found.len) != 0) continue;
    e->known[k] = e->known[0];
    e->known[0] = found;
    return true;
  }
  return false;
}

/* Under the lock, as the next one. */
static void prefer(struct kdc_addresses *a, const struct kdc_address *good)
{
  for (size_t i = 0; i < a->n; i++) {
    if (!entry_prefer(&a->entry[i], good)) continue;
    a->preferred = i;
    return;
  }
}

static void doubt_names(struct kdc_addresses *a)
{
  for (size_t i = 0; i < a->n; i++) {
    struct entry *e = &a->entry[i];
    struct entry numeric = *e;
    e->stale = !resolve_numeric(&numeric);
  }
}

void kdc_addresses_end(struct kdc_addresses *a, const struct kdc_address *answered, bool silent)
{
  pthread_mutex_lock(&a->lock);
  a->exchanges--;
  a->silent = silent;
  if (answered)
    prefer(a, answered);
  else
    doubt_names(a);
  pthread_mutex_unlock(&a->lock);
}

void kdc_address_text(const struct kdc_address *k, char *out, size_t size)
{
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (getnameinfo((const struct sockaddr *)&k->addr, k->len, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    snprintf(out, size, "?");
  else
    snprintf(out, size, k->addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

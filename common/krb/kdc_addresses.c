#include "kdc_addresses.h"

#include "clock.h"

#include <netdb.h>
#include <profile.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One kdc = entry. A look-up that outlives its wait goes on in the resolver's thread and is collected later;
 * so its memory stays where it is until then. */
struct entry {
  char host[256], port[8];
  bool udp, tcp;
  struct kdc_address known;
  bool resolved, stale, pending;
  struct gaicb query;
  struct addrinfo hints;
};

struct kdc_addresses {
  char realm[256];
  pthread_mutex_t lock;
  size_t n, preferred;
  struct entry entry[KDC_MAX];
};

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

static void adopt(struct entry *e, const struct addrinfo *ai)
{
  if (ai->ai_addrlen > sizeof e->known.addr) return;
  memcpy(&e->known.addr, ai->ai_addr, ai->ai_addrlen);
  e->known.len = ai->ai_addrlen;
  e->known.udp = e->udp;
  e->known.tcp = e->tcp;
  e->resolved = true;
  e->stale = false;
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

static void query_start(struct entry *e)
{
  e->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  e->query = (struct gaicb){.ar_name = e->host, .ar_service = e->port, .ar_request = &e->hints};
  struct gaicb *list[] = {&e->query};
  e->pending = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) == 0;
}

static void query_collect(struct entry *e)
{
  int rc = e->pending ? gai_error(&e->query) : EAI_INPROGRESS;
  if (rc == EAI_INPROGRESS) return;
  e->pending = false;
  if (rc == 0) {
    adopt(e, e->query.ar_result);
    freeaddrinfo(e->query.ar_result);
  }
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
  pthread_mutex_init(&a->lock, NULL);
  read_profile(ctx, a);
  for (size_t i = 0; i < a->n; i++)
    resolve_numeric(&a->entry[i]);
  *ret = a;
  return ERR_OK;
}

void kdc_addresses_free(struct kdc_addresses *a)
{
  if (!a) return;
  for (size_t i = 0; i < a->n; i++) {
    /* The resolver may hold this memory for many seconds more. Waiting would delay the process's end, so it
     * keeps it. */
    if (a->entry[i].pending && gai_cancel(&a->entry[i].query) == EAI_NOTCANCELED) return;
    query_collect(&a->entry[i]);
  }
  pthread_mutex_destroy(&a->lock);
  free(a);
}

bool kdc_addresses_is_realm(const struct kdc_addresses *a, const krb5_data *realm)
{
  return a->n > 0 && strlen(a->realm) == realm->length && memcmp(a->realm, realm->data, realm->length) == 0;
}

static size_t collect(struct kdc_addresses *a, struct kdc_address out[KDC_MAX], bool *ret_pending)
{
  size_t n = 0;
  *ret_pending = false;
  for (size_t i = 0; i < a->n; i++) {
    struct entry *e = &a->entry[(a->preferred + i) % a->n];
    query_collect(e);
    if ((!e->resolved || e->stale) && !e->pending) query_start(e);
    query_collect(e);
    if (e->resolved) out[n++] = e->known;
    *ret_pending |= e->pending;
  }
  return n;
}

size_t kdc_addresses_get(struct kdc_addresses *a, int64_t deadline_ns, struct kdc_address out[KDC_MAX])
{
  for (;;) {
    bool pending;
    pthread_mutex_lock(&a->lock);
    size_t n = collect(a, out, &pending);
    pthread_mutex_unlock(&a->lock);
    if (n || !pending || clock_mono_ns() >= deadline_ns) return n;
    /* Several threads may wait for one query, which gai_suspend does not allow for freed ones: look again
     * shortly. */
    struct timespec nap = {.tv_nsec = 5 * 1000 * 1000};
    nanosleep(&nap, NULL);
  }
}

void kdc_addresses_prefer(struct kdc_addresses *a, const struct kdc_address *good)
{
  pthread_mutex_lock(&a->lock);
  for (size_t i = 0; i < a->n; i++) {
    const struct kdc_address *k = &a->entry[i].known;
    if (a->entry[i].resolved && k->len == good->len && memcmp(&k->addr, &good->addr, k->len) == 0) {
      a->preferred = i;
      break;
    }
  }
  pthread_mutex_unlock(&a->lock);
}

void kdc_addresses_doubt(struct kdc_addresses *a)
{
  pthread_mutex_lock(&a->lock);
  for (size_t i = 0; i < a->n; i++) {
    struct entry *e = &a->entry[i];
    struct entry numeric = *e;
    e->stale = !resolve_numeric(&numeric);
  }
  pthread_mutex_unlock(&a->lock);
}

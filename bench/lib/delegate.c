/* How many users a second get their tickets from the KDC, and what a cached ticket takes.
 *
 *   bench-delegate KEYTAB PRINCIPAL REALM SPN USERS sevenstep|libkrb5|cache COUNT THREADS
 *
 * COUNT pairs of S4U2Self and S4U2Proxy on THREADS threads: by common/krb as the connector has it, or by
 * libkrb5 alone. Prints one line of numbers as report.lua does; cpu_us is this process's own.
 * cache: keeps COUNT tickets in the connector's cache; prints what the process grew by, and a ticket's size.
 */
#include "users.h"

#include "clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { THREADS_MAX = 256 };

static struct users users;
static struct krb_delegator *delegator;
static struct krb_cache *cache; /* NULL: tickets are not kept */
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t count;
static atomic_size_t next;
static float *took_us;
static pthread_barrier_t begin, end;

static void keep(size_t i, struct krb_ticket *t)
{
  char account[64], upn[128], user[KRB_USER_MAX];
  snprintf(account, sizeof account, USERS_PREFIX "%zu", 1 + i); /* as many names as tickets */
  snprintf(upn, sizeof upn, "%s@sevenstep.test", account);
  snprintf(user, sizeof user, "%s@%s", account, users.realm);
  const struct krb_cache_key key = {.upn = upn, .user = user, .spn = users.spn};
  pthread_mutex_lock(&cache_lock);
  krb_cache_put(cache, &key, t, clock_wall_s());
  pthread_mutex_unlock(&cache_lock);
}

static void obtain(size_t i, struct plain_s4u *plain)
{
  if (plain) {
    krb5_free_creds(plain->ctx, plain_s4u_obtain(plain, &users, i));
    return;
  }
  struct krb_ticket *t = users_obtain(&users, delegator, i);
  if (cache && i < count) keep(i, t);
  krb_ticket_unref(t);
}

/* One user before it counts: the connector's own ticket, and what libraries set up once. */
static void *work(void *arg)
{
  struct plain_s4u plain, *p = delegator ? NULL : &plain;
  (void)arg;
  if (p) plain_s4u_open(p, &users);
  obtain(count, p);
  pthread_barrier_wait(&begin);
  for (size_t i; (i = atomic_fetch_add(&next, 1)) < count;) {
    int64_t from = clock_mono_ns();
    obtain(i, p);
    took_us[i] = (float)(clock_mono_ns() - from) / 1e3F;
  }
  pthread_barrier_wait(&end);
  if (p) plain_s4u_close(p);
  return NULL;
}

static double cpu_us(void)
{
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double resident_bytes(void)
{
  unsigned long all = 0, resident = 0;
  char text[128] = "", *at;
  FILE *f = fopen("/proc/self/statm", "re");
  if (!f || !fgets(text, sizeof text, f)) give_up("/proc/self/statm", "cannot be read");
  fclose(f);
  all = strtoul(text, &at, 10);
  resident = strtoul(at, NULL, 10);
  if (!all || !resident) give_up("/proc/self/statm", "is not understood");
  return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static int compare(const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void report(double duration_us, double cpu, double grown)
{
  if (cache) {
    struct krb_ticket_info info;
    struct krb_ticket *t = users_obtain(&users, delegator, 0);
    krb_ticket_describe(t, &info);
    if (krb_cache_count(cache) != count) give_up("cache", "not every ticket was kept");
    printf("RESULT requests=%zu bytes_each=%.0f ticket_bytes=%zu\n", count, grown / (double)count, info.size);
    krb_ticket_unref(t);
    return;
  }
  qsort(took_us, count, sizeof *took_us, compare);
  printf("RESULT requests=%zu duration_us=%.0f p50_us=%.0f p99_us=%.0f cpu_us=%.0f\n", count, duration_us,
         (double)took_us[count / 2], (double)took_us[count * 99 / 100], cpu);
}

int main(int argc, char **argv)
{
  pthread_t thread[THREADS_MAX];
  const char *way = argc == 4 + USERS_ARGUMENTS ? argv[1 + USERS_ARGUMENTS] : "";
  bool plain = strcmp(way, "libkrb5") == 0, caching = strcmp(way, "cache") == 0;
  if (!plain && !caching && strcmp(way, "sevenstep") != 0) {
    fprintf(stderr, "usage: bench-delegate " USERS_USAGE " sevenstep|libkrb5|cache COUNT THREADS\n");
    return 2;
  }
  users = users_of(argv + 1);
  count = number_of(argv[2 + USERS_ARGUMENTS]);
  size_t threads = number_of(argv[3 + USERS_ARGUMENTS]);
  took_us = calloc(count, sizeof *took_us);
  if (!took_us || threads > THREADS_MAX) give_up("threads", "too many, or no memory");
  memset(took_us, 1, count * sizeof *took_us); /* its own pages before the cache's are counted */
  if (!plain) delegator = users_delegator(&users);
  if (caching && krb_cache_new(count, 36000, &cache)) give_up("cache", "no memory");
  pthread_barrier_init(&begin, NULL, (unsigned)threads + 1);
  pthread_barrier_init(&end, NULL, (unsigned)threads + 1);
  for (size_t i = 0; i < threads; i++)
    if (pthread_create(&thread[i], NULL, work, NULL)) give_up("thread", "cannot be started");
  pthread_barrier_wait(&begin);
  double from = (double)clock_mono_ns(), cpu = cpu_us(), resident = resident_bytes();
  pthread_barrier_wait(&end);
  double duration = ((double)clock_mono_ns() - from) / 1e3;
  report(duration, cpu_us() - cpu, resident_bytes() - resident);
  for (size_t i = 0; i < threads; i++)
    pthread_join(thread[i], NULL);
  krb_cache_free(cache);
  krb_delegator_free(delegator);
  free(took_us);
  return 0;
}

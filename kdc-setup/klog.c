#include "klog.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line {
  int64_t time_ns;
  long pid;
  char *text; /* without krb5kdc's own date, host and level */
};

struct klog {
  pthread_mutex_t lock;
  int fd;
  void (*each)(void *arg, const char *text);
  void *arg;
  struct line line[KLOG_LINES];
  uint64_t total; /* lines ever; the newest is line[(total - 1) % KLOG_LINES] */
  char partial[KLOG_LINE_MAX];
  size_t partial_len;
  bool ended;
  struct klog_counts counts;
};

enum err klog_new(int fd, void (*each)(void *arg, const char *text), void *arg, struct klog **ret,
                  struct failure *f)
{
  struct klog *k = calloc(1, sizeof *k);
  if (!k) return failure_set(f, ERR_NOMEM, "KDC log");
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    free(k);
    return failure_set(f, ERR_IO, "the KDC's log: %s", strerror(errno));
  }
  pthread_mutex_init(&k->lock, NULL);
  k->fd = fd;
  k->each = each;
  k->arg = arg;
  *ret = k;
  return ERR_OK;
}

void klog_free(struct klog *k)
{
  if (!k) return;
  for (size_t i = 0; i < KLOG_LINES; i++)
    free(k->line[i].text);
  pthread_mutex_destroy(&k->lock);
  free(k);
}

/* -- reading --------------------------------------------------------------------------------------------- */

/* "Nov 23 22:08:10 host krb5kdc[8205](info): TEXT" gives TEXT and 8205; anything else is left as it is. */
static const char *strip(const char *text, long *ret_pid)
{
  const char *mark = strstr(text, "krb5kdc["), *end = mark ? strstr(mark, "): ") : NULL;
  *ret_pid = 0;
  if (!end || mark - text > 64 || end - mark > 40) return text;
  *ret_pid = strtol(mark + 8, NULL, 10);
  return end + 3;
}

static void count(struct klog_counts *c, const char *text)
{
  c->lines++;
  bool as = strncmp(text, "AS_REQ", 6) == 0, tgs = strncmp(text, "TGS_REQ", 7) == 0;
  if (strstr(text, "PROTOCOL-TRANSITION s4u-client")) c->s4u2self++;
  if (strstr(text, "CONSTRAINED-DELEGATION s4u-client")) c->s4u2proxy++;
  if (!as && !tgs) return;
  if (strstr(text, ": ISSUE: "))
    ++*(as ? &c->as_issued : &c->tgs_issued);
  else if (!strstr(text, ": NEEDED_PREAUTH: "))
    c->refused++;
}

static void add_line(struct klog *k, const char *whole, int64_t now)
{
  long pid;
  const char *text = strip(whole, &pid);
  if (!*text) return;
  char *copy = strdup(text);
  if (!copy) return; /* a line is lost, and only here */
  struct line *l = &k->line[k->total++ % KLOG_LINES];
  free(l->text);
  *l = (struct line){.time_ns = now, .pid = pid, .text = copy};
  count(&k->counts, text);
  k->each(k->arg, text);
}

/* A line longer than the limit is cut; its rest is dropped. */
static void take_bytes(struct klog *k, const char *data, size_t n, int64_t now)
{
  for (size_t i = 0; i < n; i++) {
    if (data[i] != '\n') {
      if (k->partial_len < KLOG_LINE_MAX - 1) k->partial[k->partial_len++] = data[i];
      continue;
    }
    k->partial[k->partial_len] = '\0';
    k->partial_len = 0;
    add_line(k, k->partial, now);
  }
}

static bool drain_locked(struct klog *k)
{
  char piece[8192];
  while (!k->ended) {
    ssize_t n = read(k->fd, piece, sizeof piece);
    if (n > 0) {
      take_bytes(k, piece, (size_t)n, clock_wall_ns());
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return true;
    } else {
      if (k->partial_len) take_bytes(k, "\n", 1, clock_wall_ns());
      k->ended = true;
    }
  }
  return false;
}

bool klog_drain(struct klog *k)
{
  pthread_mutex_lock(&k->lock);
  bool open = drain_locked(k);
  pthread_mutex_unlock(&k->lock);
  return open;
}

/* -- answering ------------------------------------------------------------------------------------------- */

bool klog_names(const char *text, const char *principal)
{
  size_t n = strlen(principal);
  if (n == 0) return false;
  for (const char *p = text; (p = strstr(p, principal)); p++) {
    bool starts = p == text || p[-1] == ' ' || p[-1] == '=';
    bool ends = p[n] == '\0' || p[n] == ' ' || p[n] == ',';
    if (starts && ends) return true;
  }
  return false;
}

/* The client stands before " for SERVER"; behind it, the name is the server's. */
static bool names_client(const char *text, const char *principal)
{
  if (!klog_names(text, principal)) return false;
  const char *target = strstr(text, " for ");
  const char *at = strstr(text, principal);
  return !target || at < target;
}

static bool is_s4u(const char *text)
{
  return strncmp(text, "... ", 4) == 0 && strstr(text, " s4u-client=");
}

static enum err append_json_text(struct buf *out, const char *text)
{
  enum err e = buf_putc(out, '"');
  for (const char *p = text; *p && !e; p++) {
    unsigned char c = (unsigned char)*p;
    if (c == '"' || c == '\\')
      e = buf_printf(out, "\\%c", c);
    else if (c < 0x20 || c >= 0x7f)
      e = buf_printf(out, "\\u%04x", c); /* the log's bytes are taken as Latin-1: nothing is lost */
    else
      e = buf_putc(out, (char)c);
  }
  return e ? e : buf_putc(out, '"');
}

static enum err append_line(struct buf *out, const struct line *l, bool *first)
{
  enum err e = buf_printf(out, "%s{\"time_ns\":%" PRId64 ",\"text\":", *first ? "" : ",", l->time_ns);
  *first = false;
  if (!e) e = append_json_text(out, l->text);
  return e ? e : buf_putc(out, '}');
}

/* The line before line number at which the same krb5kdc process wrote; NULL when it is gone. */
static const struct line *line_before(const struct klog *k, uint64_t at, uint64_t oldest)
{
  const struct line *second = &k->line[at % KLOG_LINES];
  while (at-- > oldest)
    if (k->line[at % KLOG_LINES].pid == second->pid) return &k->line[at % KLOG_LINES];
  return NULL;
}

enum err klog_query(struct klog *k, const char *client, int64_t since_ns, struct buf *out)
{
  bool first = true;
  enum err e = buf_puts(out, "{\"lines\":[");
  pthread_mutex_lock(&k->lock);
  drain_locked(k);
  uint64_t oldest = k->total > KLOG_LINES ? k->total - KLOG_LINES : 0;
  /* The ring is in order of time: find the first line that counts from the new end, since questions are about
   * the last moments. */
  uint64_t from = k->total;
  while (from > oldest && k->line[(from - 1) % KLOG_LINES].time_ns >= since_ns)
    from--;
  for (uint64_t i = from; i < k->total && !e; i++) {
    const struct line *l = &k->line[i % KLOG_LINES];
    if (client && !names_client(l->text, client)) continue;
    const struct line *before = client && is_s4u(l->text) ? line_before(k, i, oldest) : NULL;
    if (before && !names_client(before->text, client)) e = append_line(out, before, &first);
    if (!e) e = append_line(out, l, &first);
  }
  pthread_mutex_unlock(&k->lock);
  return e ? e : buf_puts(out, "]}\n");
}

void klog_last(struct klog *k, char *out, size_t size)
{
  pthread_mutex_lock(&k->lock);
  const char *text = k->total ? k->line[(k->total - 1) % KLOG_LINES].text : "";
  size_t n = strlen(text) < size - 1 ? strlen(text) : size - 1;
  memcpy(out, text, n);
  out[n] = '\0';
  pthread_mutex_unlock(&k->lock);
}

void klog_count(struct klog *k, struct klog_counts *ret)
{
  pthread_mutex_lock(&k->lock);
  *ret = k->counts;
  pthread_mutex_unlock(&k->lock);
}

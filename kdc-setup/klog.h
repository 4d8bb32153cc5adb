/* The KDC's log as it was read: a bounded ring of lines with the wall-clock nanosecond of reading, and
 * questions to it. krb5kdc's own stamps have whole seconds only; the reader is told of each line at once, so
 * ours are good to well below a millisecond. Thread safe. */
#ifndef SEVENSTEP_KLOG_H
#define SEVENSTEP_KLOG_H

#include "buf.h"

enum { KLOG_LINES = 4096, KLOG_LINE_MAX = 1024 };

struct klog;
/* Reads fd (a pipe's end; made non-blocking, not closed). each is called for every new line, while the lock
 * is held: it must not call back. */
enum err klog_new(int fd, void (*each)(void *arg, const char *text), void *arg, struct klog **ret,
                  struct failure *f) MUST_CHECK;
void klog_free(struct klog *k);

/* Takes in what can be read now, without waiting. False at the end of the input. */
bool klog_drain(struct klog *k);

/* Appends {"lines":[{"time_ns":..,"text":".."},...]}, oldest first: the lines not older than since_ns that
 * name client as a client or as the user of an S4U exchange. Such an exchange is two lines; both are given.
 * Drains first, so that what the KDC wrote before it replied is there. client NULL: all lines. */
enum err klog_query(struct klog *k, const char *client, int64_t since_ns, struct buf *out) MUST_CHECK;

/* The last line that was read, "" if none: for a failure's text. */
void klog_last(struct klog *k, char *out, size_t size);

struct klog_counts {
  uint64_t lines, as_issued, tgs_issued, s4u2self, s4u2proxy, refused;
};
void klog_count(struct klog *k, struct klog_counts *ret);

/* Does text name this principal: as a whole word behind " ", "=" or at the start? */
bool klog_names(const char *text, const char *principal);

#endif

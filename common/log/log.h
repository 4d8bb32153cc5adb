/* The process's log: one line an event on standard error, as text for people or JSON for machines. Only the
 * actors log; libraries return errors. An error is logged once, where it is handled, with the request's trace
 * id. Tokens, tickets, cookies and passwords are never logged; log_fingerprint gives a short hash to
 * recognise one by. Thread safe: each line is one write(2). */
#ifndef SEVENSTEP_LOG_H
#define SEVENSTEP_LOG_H

#include "err.h"

#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* actor is kept, not copied. SEVENSTEP_LOG=error|warn|info|debug sets the level (default info),
 * SEVENSTEP_LOG_FORMAT=json the format. Call once, before threads start. */
void log_init(const char *actor);

/* trace_id: 32 hex digits or NULL. The message becomes one line; control characters are replaced. */
void log_write(enum log_level level, const char *trace_id, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(...) log_write(LOG_ERROR, NULL, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, NULL, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, NULL, __VA_ARGS__)

/* A failure with its step, what, why and fix, in one line. */
void log_failure(enum log_level level, const char *trace_id, const struct failure *f);

/* The first 8 hex digits of SHA-256(data), to name a secret without telling it. */
void log_fingerprint(char out[9], const void *data, size_t n);

#endif

#include "log.h"

#include "clock.h"
#include "encode.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Every character of a message may need a backslash in JSON. */
enum { MESSAGE_MAX_BYTES = 2048, LINE_MAX_BYTES = 2 * MESSAGE_MAX_BYTES + 512 };

/* Set once by log_init, before threads start; only read after that. */
static const char *log_actor = "sevenstep";
static enum log_level log_level = LOG_INFO;
static bool log_json;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_init(const char *actor)
{
  log_actor = actor;
  log_level = LOG_INFO;
  const char *level = getenv("SEVENSTEP_LOG");
  for (int i = LOG_ERROR; level && i <= LOG_DEBUG; i++)
    if (strcmp(level, level_names[i]) == 0) log_level = (enum log_level)i;
  const char *format = getenv("SEVENSTEP_LOG_FORMAT");
  log_json = format && strcmp(format, "json") == 0;
}

/* "2015-10-21T07:28:00.123Z" */
static void timestamp(char out[32])
{
  int64_t ns = clock_wall_ns();
  time_t s = (time_t)(ns / 1000000000);
  struct tm tm;
  gmtime_r(&s, &tm);
  size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(out + n, 32 - n, ".%03dZ", (int)(ns / 1000000 % 1000));
}

static void one_line(char *text)
{
  for (unsigned char *c = (unsigned char *)text; *c; c++)
    if (*c < 0x20 || *c == 0x7f) *c = '?';
}

/* Controls are gone already, so that only these two need escaping. */
static void json_escape(char *out, size_t size, const char *text)
{
  size_t n = 0;
  for (; *text && n + 3 < size; text++) {
    if (*text == '"' || *text == '\\') out[n++] = '\\';
    out[n++] = *text;
  }
  out[n] = 0;
}

static size_t format_json(char *line, size_t size, enum log_level level, const char *trace_id,
                          const char *when, const char *message)
{
  char escaped[2 * MESSAGE_MAX_BYTES];
  json_escape(escaped, sizeof escaped, message);
  int n =
      snprintf(line, size, "{\"time\":\"%s\",\"level\":\"%s\",\"actor\":\"%s\"%s%s%s,\"message\":\"%s\"}\n",
               when, level_names[level], log_actor, trace_id ? ",\"trace_id\":\"" : "",
               trace_id ? trace_id : "", trace_id ? "\"" : "", escaped);
  return n > 0 ? (size_t)n : 0;
}

static size_t format_text(char *line, size_t size, enum log_level level, const char *trace_id,
                          const char *when, const char *message)
{
  int n = snprintf(line, size, "%s %-5s %s%s%s%s: %s\n", when, level_names[level], log_actor,
                   trace_id ? " [" : "", trace_id ? trace_id : "", trace_id ? "]" : "", message);
  return n > 0 ? (size_t)n : 0;
}

void log_write(enum log_level level, const char *trace_id, const char *fmt, ...)
{
  if (level > log_level) return;
  int saved = errno;
  char message[MESSAGE_MAX_BYTES], line[LINE_MAX_BYTES], when[32];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(message, sizeof message, fmt, ap);
  va_end(ap);
  one_line(message);
  timestamp(when);
  size_t n = log_json ? format_json(line, sizeof line, level, trace_id, when, message)
                      : format_text(line, sizeof line, level, trace_id, when, message);
  if (n >= sizeof line) n = sizeof line - 1, line[n - 1] = '\n';
  /* A log that cannot be written must not stop the actor. */
  ssize_t written = write(STDERR_FILENO, line, n);
  (void)written;
  errno = saved;
}

void log_failure(enum log_level level, const char *trace_id, const struct failure *f)
{
  const struct err_info *info = err_info(f->err);
  char step[16] = "";
  if (info->step) snprintf(step, sizeof step, "step %d ", info->step);
  log_write(level, trace_id, "%s%s: %s%s%s%s%s", step, info->name, info->what, *f->why ? " Reason: " : "",
            f->why, *info->fix ? " Fix: " : "", info->fix);
}

void log_fingerprint(char out[9], const void *data, size_t n)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  if (EVP_Digest(data, n, digest, NULL, EVP_sha256(), NULL) != 1) memset(digest, 0, sizeof digest);
  hex_encode(out, digest, 4);
}

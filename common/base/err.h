/* Errors are values: one enum, from err.def. A function that can fail returns enum err, 0 (ERR_OK) on
 * success, and, where words help, fills a struct failure with the particular reason.
 *
 * Rules: results go to parameters named ret_*, which are not touched on failure. Foreign codes (errno,
 * OpenSSL, krb5, nghttp2, curl) are translated once, where the foreign call is made. Library code does not
 * log. */
#ifndef SEVENSTEP_ERR_H
#define SEVENSTEP_ERR_H

enum err {
  ERR_OK = 0,
#define ERR(id, name, step, actor, status, event, what, fix) ERR_##id,
#include "err.def"
#undef ERR
  ERR_COUNT
};

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* What is known of an error before it happens. All strings are static. */
struct err_info {
  const char *name;  /* stable identifier, e.g. "token_signature" */
  int step;          /* 1..7, or 0 */
  const char *actor; /* "cloud", "idp", ..., "any" */
  int http_status;
  int event; /* Microsoft's event number, or 0 */
  const char *what;
  const char *fix;
};

/* Never NULL: an unknown value gives internal_error. ERR_OK gives {"ok"}. */
const struct err_info *err_info(enum err e);

/* The error of this name, or ERR_OK if there is none. */
enum err err_by_name(const char *name);

/* One failure as it happened: which one, and why, in particular. Plain data, copyable. */
struct failure {
  enum err err;
  char why[400]; /* one line of UTF-8 without control characters; may be empty */
};

/* Fills *f (may be NULL) and returns e, so that one can write: return failure_set(f, ERR_IO, "%s", path). The
 * text is cut at the field's size; control characters become '?'. */
enum err failure_set(struct failure *f, enum err e, const char *why, ...) PRINTF_LIKE(3, 4);

#endif

/* What the files of the parser share. Private to this folder. */
#ifndef SEVENSTEP_HTTP1_PRIVATE_H
#define SEVENSTEP_HTTP1_PRIVATE_H

#include "http1.h"

#include <string.h>

enum http1_state {
  ST_START,
  ST_START_LF, /* CR of an empty line before the request was seen */
  ST_HEAD,
  ST_LENGTH,
  ST_CHUNK_SIZE,
  ST_CHUNK_BWS, /* white space behind the size, which only an extension may follow */
  ST_CHUNK_EXT,
  ST_CHUNK_LF,
  ST_CHUNK_DATA,
  ST_CHUNK_DATA_CR,
  ST_CHUNK_DATA_LF,
  ST_TRAILER,
  ST_UNTIL_CLOSE,
  ST_END,
  ST_DONE,
  ST_ERROR,
};

/* A view of bytes inside the input or p->line. */
struct span {
  const char *at;
  size_t n;
};

/* What the field lines told that matters for framing and routing. */
struct notes {
  struct span host, length, coding, expect;
  unsigned hosts, lengths, codings, expects, authorizations;
  bool close, persist, wants_upgrade, has_upgrade;
};

/* Notes the failure and the state; for responses every error is ERR_BACKEND_PROTOCOL. Returns HTTP1_ERROR. */
enum http1_event http1_fail(struct http1_parser *p, enum err e, const char *why);

/* head[0..n) is a whole head: start line, fields, empty line, every LF behind a CR. Fills p->head and says by
 * p->state what follows. HTTP1_HEAD or HTTP1_ERROR. */
enum http1_event http1_head_parse(struct http1_parser *p, const char *head, size_t n);
/* One field line with its CRLF, at *at; moves *at behind it. notes may be NULL. False: p has failed. */
bool http1_field_parse(struct http1_parser *p, struct fields *into, const char **at, const char *end,
                       struct notes *notes);
/* Notes what a field tells. */
void http1_note(struct notes *t, const char *name, size_t n, struct span value);
/* Start lines, routing and framing. False: p has failed. */
bool http1_request_line(struct http1_parser *p, const char **at);
bool http1_status_line(struct http1_parser *p, const char **at);
bool http1_authority_valid(struct span a);
bool http1_authority_store(struct http1_parser *p, struct span a); /* in lower case */
bool http1_target_store(struct http1_parser *p, struct span t);
bool http1_authority_rules(struct http1_parser *p, const struct notes *notes);
bool http1_request_rules(struct http1_parser *p, const struct notes *notes);
bool http1_response_rules(struct http1_parser *p, const struct notes *notes);

/* May a trailer of this name be sent and accepted? (RFC 9110 6.5.1) */
bool http1_trailer_allowed(const char *name, size_t n);

static inline bool http1_refuse(struct http1_parser *p, enum err e, const char *why)
{
  http1_fail(p, e, why);
  return false;
}

#endif

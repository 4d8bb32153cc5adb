/* Header fields: an ordered list of name and value, used by the codec, the tunnel and the rules alike. Names
 * are compared without case and kept as they came. The list owns its bytes, in one bounded store. Not thread
 * safe. */
#ifndef SEVENSTEP_FIELDS_H
#define SEVENSTEP_FIELDS_H

#include "buf.h"

struct field {
  const char *name, *value; /* NUL-terminated, inside the list's store; valid until the list changes */
  size_t name_len, value_len;
};

struct fields; /* see below: caller storage */
struct fields {
  struct field_ref {
    uint32_t name, name_len, value, value_len;
  } * v; /* offsets into store; private */
  size_t n, cap, max;
  struct buf store;
};

/* max_fields and max_bytes bound the list: beyond them ERR_TOO_LARGE. Of a field both name and value count,
 * and a NUL behind each. name and value given to the functions below may lie inside the list itself. */
void fields_init(struct fields *f, size_t max_fields, size_t max_bytes);
void fields_clear(struct fields *f); /* wipes (cookies and credentials were here) and frees; usable again */
void fields_reset(struct fields *f); /* forgets the fields, keeps the memory */

size_t fields_count(const struct fields *f);
struct field fields_at(const struct fields *f, size_t i);
enum err fields_add(struct fields *f, const char *name, const char *value) MUST_CHECK;
enum err fields_addn(struct fields *f, const char *name, size_t nn, const char *value, size_t nv) MUST_CHECK;
/* Removes all of this name, then adds one (on failure none is left). */
enum err fields_set(struct fields *f, const char *name, const char *value) MUST_CHECK;
/* The first value of this name, or NULL. */
const char *fields_get(const struct fields *f, const char *name);
size_t fields_count_of(const struct fields *f, const char *name);
/* Removes every field of this name; returns how many. */
size_t fields_remove(struct fields *f, const char *name);
/* Removes every field for which drop() says true. */
size_t fields_remove_if(struct fields *f, bool (*drop)(const struct field *, void *arg), void *arg);
/* Lets edit() rewrite the value of field i in place; it returns the new length, at most n. */
void fields_edit(struct fields *f, size_t i, size_t (*edit)(char *value, size_t n, void *arg), void *arg);
/* Is token one of the comma-separated members of any field of this name (RFC 9110 5.6.1)? Without case. */
bool fields_has_token(const struct fields *f, const char *name, const char *token);

/* The same for one list: the n bytes at list. */
bool http_list_has(const char *list, size_t n, const char *token);
/* Equal without regard to the case of ASCII letters? name ends with NUL. */
bool http_name_is(const char *s, size_t n, const char *name);

/* RFC 9110 5.6.2 and 5.5. */
bool http_is_token(const char *s, size_t n);
bool http_is_field_value(const char *s, size_t n); /* no CR, LF, NUL or other controls but HTAB */

#endif

/* A YAML document as a small tree in which every key and value knows its line and column, so that whatever is
 * wrong with it can be said with its place. Only this module knows libfyaml.
 *
 * Bounded: document size, number of nodes, depth. Refused, as no lab file needs them: anchors and aliases,
 * tags, several documents, keys that are not plain scalars, and a key given twice in one mapping. */
#ifndef SEVENSTEP_YAML_TREE_H
#define SEVENSTEP_YAML_TREE_H

#include "arena.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

#define YAML_MAX_BYTES (1 << 20)
#define YAML_MAX_NODES 20000
#define YAML_MAX_DEPTH 8

enum yaml_kind { YAML_SCALAR, YAML_MAP, YAML_LIST };

/* Lines and columns count from 1. A tree may be merged from several files. */
struct yaml_place {
  const char *file;
  unsigned line, column;
};

struct yaml_node {
  enum yaml_kind kind;
  struct yaml_place at;
  const char *text; /* scalars: NUL-terminated; "" if written empty */
  bool quoted;      /* a quoted or block scalar, which is text whatever it looks like */
  const char *key;  /* of a mapping's members: the key */
  struct yaml_place key_at;
  struct yaml_node *first, *next; /* members or items; the next one of the same parent */
  size_t n;                       /* how many members or items */
};

/* Parses text[0..n); everything lives in the arena. On failure: ERR_CONFIG (or ERR_NOMEM), and f->why is
 * "NAME:LINE:COLUMN: reason". */
enum err yaml_parse(struct arena *arena, const char *name, const char *text, size_t n, struct yaml_node **ret,
                    struct failure *f) MUST_CHECK;

/* The member of this key; NULL if there is none, or node is NULL or no mapping. */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);
/* "a mapping", "a list", "text" or "nothing", for messages. */
const char *yaml_kind_name(const struct yaml_node *node);

#endif

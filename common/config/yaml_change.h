/* Changes of a tree as a tree (RFC 7396, JSON Merge Patch): a mapping's members are merged, null removes one,
 * anything else replaces. No tree is altered; results share nodes with what they were made of, and live in
 * the arena given. Each node keeps the place that it was written at. NULL: the arena is full. */
#ifndef SEVENSTEP_YAML_CHANGE_H
#define SEVENSTEP_YAML_CHANGE_H

#include "buf.h"
#include "yaml_tree.h"

/* base with patch applied. base may be NULL: nothing. */
struct yaml_node *yaml_merge(struct arena *a, const struct yaml_node *base,
                             const struct yaml_node *patch) MUST_CHECK;
/* The smallest patch that makes target of base, both mappings: an empty mapping when they say the same. */
struct yaml_node *yaml_diff(struct arena *a, const struct yaml_node *base,
                            const struct yaml_node *target) MUST_CHECK;
/* The same values, wherever written; the members of mappings in any order. */
bool yaml_equal(const struct yaml_node *a, const struct yaml_node *b);
/* null, not quoted. */
bool yaml_is_null(const struct yaml_node *node);

/* To build trees by hand. at: what messages will name. */
struct yaml_node *yaml_new(struct arena *a, enum yaml_kind kind, struct yaml_place at) MUST_CHECK;
/* Appends a copy of node as a member (or, key NULL, as an item) of the parent. False: the arena is full. */
bool yaml_append(struct arena *a, struct yaml_node *parent, const char *key,
                 const struct yaml_node *node) MUST_CHECK;

/* Appends the tree as YAML: mappings in blocks, lists in one line. */
enum err yaml_write(const struct yaml_node *node, struct buf *out) MUST_CHECK;

#endif

/* Inside of the config library: what the loader, the derived defaults and the cross-checks share. */
#ifndef SEVENSTEP_LAB_LOAD_H
#define SEVENSTEP_LAB_LOAD_H

#include "lab_keys.h"
#include "yaml_tree.h"

/* The same as lab_load, from memory: path is only a name for messages; port_base 0 keeps the file's. */
enum err lab_load_text(const char *path, const char *text, size_t n, unsigned port_base, unsigned flags,
                       struct lab **ret, struct failure *f) MUST_CHECK;

/* The lab file, and the changes kept beside it, as trees; *ret_changes is an empty mapping when there is no
 * file of this name, or changes is NULL. The texts are wiped; the trees live in the arena, and hold secrets.
 * Changes are a patch (yaml_change.h), and beside it `changed: {TABLE: [NAME...]}`: rows that the lab file
 * had when they were changed. What is changed of a row that it has no more has no effect, nor has
 * what only a change has in a list of names, and nobody bears any more. */
enum err lab_parse_files(struct arena *a, const char *path, const char *changes,
                         const struct yaml_node **ret_base, const struct yaml_node **ret_changes,
                         struct failure *f) MUST_CHECK;
/* Refuses what cannot be changes. */
enum err lab_check_changes(const char *path, const struct yaml_node *changes, struct failure *f) MUST_CHECK;
/* base with the changes. Unless ret_idle is NULL, *ret_idle is a list of texts, each with its place: what has
 * no effect, because a row is gone. NULL: the arena is full. */
const struct yaml_node *lab_merge(struct arena *a, const struct yaml_node *base,
                                  const struct yaml_node *changes,
                                  const struct yaml_node **ret_idle) MUST_CHECK;
/* The changes that make lab of base. NULL: the arena is full. */
const struct yaml_node *lab_diff(struct arena *a, const struct yaml_node *base,
                                 const struct yaml_node *lab) MUST_CHECK;
enum { LAB_CHANGES_MAX = 4096 + 64 };
/* Where a run folder keeps the changes. */
enum err lab_changes_path(const char *run, char out[static LAB_CHANGES_MAX], struct failure *f) MUST_CHECK;
/* A tree as a lab. path and changes go into struct lab. */
enum err lab_load_tree(const char *path, const char *changes, const struct yaml_node *root,
                       unsigned port_base, unsigned flags, struct lab **ret, struct failure *f) MUST_CHECK;
/* SEVENSTEP_PORT_BASE; 0: none. */
enum err lab_environment_port_base(unsigned *ret, struct failure *f) MUST_CHECK;

#define LAB_ARENA_MAX (8u << 20)

/* Fills what follows from other values. ERR_NOMEM; ERR_CONFIG: an application has no external_url, and none
 * can be derived. */
enum err lab_derive(struct lab *lab, struct arena *arena) MUST_CHECK;

/* What no single value shows: names that must be unique, and names that must exist. */
enum err lab_check(const struct lab *lab, const struct yaml_node *root, struct failure *f) MUST_CHECK;

#endif

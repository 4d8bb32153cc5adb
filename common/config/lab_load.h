/* Inside of the config library: what the loader, the derived defaults and the cross-checks share. */
#ifndef SEVENSTEP_LAB_LOAD_H
#define SEVENSTEP_LAB_LOAD_H

#include "lab_keys.h"
#include "yaml_tree.h"

/* The same as lab_load, from memory: path is only a name for messages; port_base 0 keeps the file's. */
enum err lab_load_text(const char *path, const char *text, size_t n, unsigned port_base, unsigned flags,
                       struct lab **ret, struct failure *f) MUST_CHECK;

/* Fills what follows from other values. ERR_NOMEM only. */
enum err lab_derive(struct lab *lab, struct arena *arena) MUST_CHECK;

/* What no single value shows: names that must be unique, and names that must exist. */
enum err lab_check(const struct lab *lab, const struct yaml_node *root, struct failure *f) MUST_CHECK;

#endif

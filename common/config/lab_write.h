/* A loaded lab as text again, along the table of keys: every key with its value in force, ports and defaults
 * written out. */
#ifndef SEVENSTEP_LAB_WRITE_H
#define SEVENSTEP_LAB_WRITE_H

#include "buf.h"
#include "lab.h"

/* The whole, as a lab file. */
enum err lab_write(const struct lab *lab, struct buf *out) MUST_CHECK;

/* What a connector of this group is told: the group's applications, without secrets and without what concerns
 * people (lab_keys.h, private). */
enum err lab_write_applications(const struct lab *lab, const char *group, struct buf *out) MUST_CHECK;
/* Reads it: a lab that has applications and nothing else. name stands for the file in f->why. */
enum err lab_read_applications(const char *name, const char *text, size_t n, struct lab **ret,
                               struct failure *f) MUST_CHECK;

/* Whether a lab that runs as `from` can become `to` as it runs: only rows of tables (users, groups,
 * applications, connectors) may differ. ERR_CONFIG names the first other key that does. */
enum err lab_can_become(const struct lab *from, const struct lab *to, struct failure *f) MUST_CHECK;

#endif

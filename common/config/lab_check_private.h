/* What the checks across the lab share: where in the file something is written, and how that is told. */
#ifndef SEVENSTEP_LAB_CHECK_PRIVATE_H
#define SEVENSTEP_LAB_CHECK_PRIVATE_H

#include "lab_load.h"

struct checking {
  const struct lab *lab;
  const struct yaml_node *root;
  struct failure *f;
};

/* table.row in the file. */
const struct yaml_node *lab_find_row(const struct checking *c, const char *table, const char *row);
/* table.row.key in the file; NULL where it is not written (defaults are not). A row in the short form, a
 * list, is its only key's value. */
const struct yaml_node *lab_find(const struct checking *c, const char *table, const char *row,
                                 const char *key);
/* The value's place; where it is not written, that of the row's name. */
struct yaml_place lab_place_of(const struct checking *c, const char *table, const char *row, const char *key);
/* The place of the nth item; list may be NULL. */
struct yaml_place lab_place_of_item(const struct checking *c, const struct yaml_node *list, size_t n);
enum err lab_fail(const struct checking *c, struct yaml_place at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The names in list, which what and owner tell of, are of users. */
enum err lab_check_known_users(const struct checking *c, const struct lab_strings *names,
                               const struct yaml_node *list, const char *what, const char *owner);
/* External and internal URLs, of applications and of their segments. */
enum err lab_check_published(const struct checking *c);
enum err lab_check_apps(const struct checking *c);

#endif

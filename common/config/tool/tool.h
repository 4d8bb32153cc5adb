/* sevenstep-lab: answers the questions that scripts have about a lab file, so that no script parses YAML.
 *
 *   sevenstep-lab [-c lab.yaml] [-r RUN] check | env | list WHAT | ports [--free] | certificates |
 *     containers ACTOR | change OUT TABLE VERB [--delegate] NAME [KEY=VALUE...] | export | doc
 *
 * One file of this folder an answer. Each prints to standard output and returns the exit code. */
#ifndef SEVENSTEP_LAB_TOOL_H
#define SEVENSTEP_LAB_TOOL_H

#include "lab.h"

/* `export NAME='value'` lines for eval. */
int tool_env(const struct lab *lab, const char *run);
/* The lab's listening addresses, one a line: KEY HOST PORT. With free_only each is tried: exit code 4, and on
 * standard error which is taken. */
int tool_ports(const struct lab *lab, bool free_only);
/* The external hosts, applications' and home page's, in the order of the file, each once; n of them. The list
 * is the caller's to free; NULL: no memory. */
const char **tool_external_hosts(const struct lab *lab, size_t *ret_n);
/* Arguments for pki/provision, one a line. */
int tool_certificates(const struct lab *lab);
/* The lab file for this actor ("idp", "kdc", "cloud", "backend", a connector's name) in containers: with the
 * containers' addresses and only the secrets that it needs. Changes lab. */
int tool_containers(struct lab *lab, const char *actor);
/* The next file of changes into out, for adding, setting or removing one row of a table. */
struct tool_change {
  const char *path, *changes; /* the lab file, and the changes so far (the file may be absent) */
  const char *out;
  const char *table, *verb, *name; /* a KEY_TABLE of the lab file; "add", "set" or "remove" */
  bool delegate;                   /* applications: the connectors of its group may delegate to it */
  char **settings;
  int n_settings;
};
int tool_change(const struct tool_change *what);
/* Says that the lab, which has been loaded, is right; and on standard error, which changes have no effect. */
int tool_check(const struct lab *lab);
/* What is published, one a line: NAME URL, and who says so: file, changed (the file, and changes) or added.
 */
int tool_published(const struct lab *lab);
/* The lab file with its changes, as one file. */
int tool_export(const char *path, const char *changes);
/* docs/lab.md, from the table of keys. */
int tool_reference(void);

#endif

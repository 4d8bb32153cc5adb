/* The lab file's keys as one table: name, type, default, rule, help. The loader, the checks' messages and the
 * reference in docs/lab.md all read it; a new key is one new row (and its field in lab.h). */
#ifndef SEVENSTEP_LAB_KEYS_H
#define SEVENSTEP_LAB_KEYS_H

#include "lab_value.h"

enum lab_key_type {
  KEY_TEXT,    /* const char *, by .rule */
  KEY_TEXTS,   /* struct lab_strings: a list of texts by .rule */
  KEY_BOOL,    /* bool */
  KEY_COUNT,   /* unsigned, .min to .max */
  KEY_PORT,    /* uint16_t, .min to .max */
  KEY_TIME,    /* int64_t, seconds since 1970 */
  KEY_CHOICE,  /* an enum or unsigned, one of .choices */
  KEY_ADDR,    /* struct lab_addr */
  KEY_URL,     /* struct lab_url, further restricted by .url_rule */
  KEY_SECTION, /* a mapping of .members, whose fields are in the same struct */
  KEY_TABLE,   /* a mapping from names to rows: a pointer to structs of .members, and how many at .count */
  KEY_ROWS,    /* a list of rows: the same */
};

/* value is stored in the field. */
struct lab_choice {
  const char *word;
  unsigned value;
  const char *help;
};

struct lab_url_rule {
  const char *expected;
  bool (*ok)(const struct lab_url *url);
};

struct lab_keys;

struct lab_key {
  const char *name;
  enum lab_key_type type;
  size_t offset;
  const char *help;
  const char *fallback;  /* the default, written as in the file; NULL: none */
  const char *otherwise; /* the default in words, where it depends on other values */
  bool required;
  unsigned kept_by; /* secrets: the flags of lab_load that keep it; 0: no secret */
  bool private;     /* of people, or for the publisher only: connectors are not told (lab_write.h) */
  bool ports;       /* KEY_TEXTS: {port} is replaced, as it always is in addresses and URLs */
  const struct lab_rule *rule;
  const struct lab_url_rule *url_rule;
  const struct lab_choice *choices; /* ends with a NULL word */
  unsigned min, max;
  const struct lab_keys *members;
  size_t count; /* offset of the number of rows, a size_t */
};

/* The keys of one mapping. */
struct lab_keys {
  const struct lab_key *keys; /* ends with a NULL name */
  size_t size;                /* of the struct of one row */
  /* KEY_TABLE: where the row's name goes and what it must look like. */
  size_t name_offset;
  const struct lab_rule *name_rule;
  /* A row that is no mapping is the value of this key: staff: [alice, bob]. */
  const char *short_key;
};

extern const struct lab_keys lab_top_keys;
/* What the cloud tells connectors: the applications, all their keys but secrets and private ones. */
extern const struct lab_keys lab_pushed_keys;

#endif

/* From a word in the lab file to a value: addresses, URLs, port placeholders, and the rules that names
 * follow. Pure functions; results live in the arena given. They return NULL on success, else what was
 * expected, in words that fit behind "expected". */
#ifndef SEVENSTEP_LAB_VALUE_H
#define SEVENSTEP_LAB_VALUE_H

#include "arena.h"
#include "lab.h"

/* A port of the lab: {name} in URLs and addresses is port_base + offset. */
struct lab_port {
  const char *name;
  unsigned offset;
  const char *help;
};
/* Ends with a NULL name. */
extern const struct lab_port lab_ports[];
enum { LAB_PORT_REPLICAS = 14 }; /* the realm's second KDC and its admin endpoint, then the third's */
#define LAB_PORT_BASE_MAX (65535 - 20)

/* What a text must look like. */
struct lab_rule {
  const char *expected;
  bool (*ok)(const char *text);
};

extern const struct lab_rule rule_name;      /* of applications, connectors and groups */
extern const struct lab_rule rule_user_name; /* one component of a Kerberos principal */
extern const struct lab_rule rule_upn;
extern const struct lab_rule rule_spn;
extern const struct lab_rule rule_spn_pattern; /* a leading "*." is allowed */
extern const struct lab_rule rule_realm;
extern const struct lab_rule rule_host_name;
extern const struct lab_rule rule_line;   /* any text of one line */
extern const struct lab_rule rule_secret; /* the same, of 8 characters or more */
extern const struct lab_rule rule_redirect_uri, rule_header_name;
extern const struct lab_rule rule_origin; /* RFC 6454 6.2 */
extern const struct lab_rule rule_http_method;
extern const struct lab_rule rule_http_header;

/* Replaces each {port}. */
const char *lab_expand_ports(struct arena *a, unsigned port_base, const char *text,
                             const char **ret) MUST_CHECK;
/* "HOST:PORT" or "[IPV6]:PORT". */
const char *lab_parse_addr(struct arena *a, const char *text, struct lab_addr *ret) MUST_CHECK;
/* scheme://host[:port][/path], http or https; no user, query or fragment. The host may begin with "*.". */
const char *lab_parse_url(struct arena *a, const char *text, struct lab_url *ret) MUST_CHECK;
/* Decimal digits only, min..max. */
bool lab_parse_count(const char *text, unsigned min, unsigned max, unsigned *ret) MUST_CHECK;

/* "2026-01-31", the beginning of that day, or "2026-01-31T17:30:00Z": UTC, to seconds since 1970. From 1971
 * to 2105, as Kerberos counts (RFC 4120 5.2.3 has more room than MIT's 32 bits). */
const char *lab_parse_time(const char *text, int64_t *ret) MUST_CHECK;
/* The longer form of it; out holds 21 bytes. */
void lab_format_time(int64_t time_s, char out[21]);

/* How many letters must be changed, added or taken away to make b of a; at most 99. */
unsigned lab_word_distance(const char *a, const char *b);
/* Up to which distance another word may be what was meant: half of the letters, at most 3. */
unsigned lab_word_slack(const char *word);

#endif

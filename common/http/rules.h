/* Rules of an intermediary for header fields (RFC 9110 7.6.1, 7.6.3; RFC 7239; HT clauses): pure functions on
 * lists. */
#ifndef SEVENSTEP_RULES_H
#define SEVENSTEP_RULES_H

#include "fields.h"

/* Removes Connection and every field it names, and Keep-Alive, Proxy-Connection, TE, Upgrade,
 * Transfer-Encoding, Trailer, Proxy-Authenticate, Proxy-Authorization, Proxy-Authentication-Info. Call it
 * before adding fields of one's own, so that a client's Connection cannot strip those. */
void rules_strip_hop_by_hop(struct fields *f);

/* Removes what a client must not be able to claim: X-MS-*, X-Forwarded-*, Forwarded, X-Real-IP, Remote-User,
 * X-Remote-User, REMOTE_USER, X-Auth-*, Sevenstep-*; and what applications take for more than a field: Proxy
 * (HTTP_PROXY to CGI), X-Original-URL and X-Rewrite-URL (to some the path in the request's place). Any case,
 * and all characters alike that are neither letters nor digits (HT-29, HT-30). */
void rules_strip_identity(struct fields *f);
/* Removes Sevenstep-*, which in answers the proxy alone says. */
void rules_strip_ours(struct fields *f);

/* Removes the fields of this name, in the same spellings (HT-30). */
void rules_strip_spellings(struct fields *f, const char *name);

/* Of an answer's trailers: leaves what is safe there. Goes what belongs to this hop, what would frame, route,
 * authenticate or set cookies (RFC 9110 6.5.1), what says how a browser must treat the host or who may read
 * the answer (Strict-Transport-Security, Access-Control-* and their like), and Sevenstep-*. */
void rules_strip_trailers(struct fields *f);

/* What answers over TLS say, so that browsers never ask this host without (RFC 6797 6.1): for a year. */
#define HTTP_STRICT_TRANSPORT "Strict-Transport-Security"
#define HTTP_STRICT_TRANSPORT_VALUE "max-age=31536000"

/* Adds Via (keeping an existing one), Forwarded, X-Forwarded-For, -Proto, -Host, and X-MS-Proxy (the
 * pseudonym). http_minor: 0 or 1, and 2 for HTTP/2. client_ip is numeric. */
enum err rules_add_forwarding(struct fields *f, const char *pseudonym, int http_minor, const char *client_ip,
                              const char *proto, const char *host) MUST_CHECK;

/* Max-Forwards (RFC 9110 7.6.2): -1 when it is absent, repeated, or no number of up to nine digits. */
int rules_max_forwards(const struct fields *f);
/* One less, where it is a number above 0. For OPTIONS and TRACE. */
enum err rules_count_forward(struct fields *f) MUST_CHECK;

/* Cookies (RFC 6265bis 5.7): the value of the only cookie of this name over all Cookie fields; *ret_value is
 * inside f. Absent: ERR_NOT_FOUND. More than one of this name: ERR_SYNTAX (CK-06). */
enum err rules_cookie_get(const struct fields *f, const char *name, const char **ret_value,
                          size_t *ret_n) MUST_CHECK;
/* Removes every cookie whose name begins with prefix from all Cookie fields, dropping fields that become
 * empty; the others' bytes stay as they were. */
enum err rules_cookie_strip(struct fields *f, const char *prefix) MUST_CHECK;
/* Removes Set-Cookie fields whose cookie name begins with prefix (any case): an application cannot set ours
 * (CK-04). */
void rules_set_cookie_strip(struct fields *f, const char *prefix);

/* Removes WWW-Authenticate fields that hold a Negotiate challenge or token, alone or in a list (SP-07). */
void rules_strip_negotiate(struct fields *f);

#endif

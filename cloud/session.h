/* What the cloud remembers in the browser: the session after logon, and the logon under way between steps 1
 * and 3. Both are sealed into cookies of the application's host (RFC 6265bis 4.1.3, "__Host-"). */
#ifndef SEVENSTEP_SESSION_H
#define SEVENSTEP_SESSION_H

#include "fields.h"
#include "lab.h"
#include "seal.h"
#include "token.h"
#include "trace.h"

#define COOKIE_PREFIX                                                                                        \
  "__Host-sevenstep" /* every cookie of ours begins so, and none reaches an application                      \
                      */
#define COOKIE_SESSION "__Host-sevenstep"
#define COOKIE_SESSION_APP                                                                                   \
  "__Host-sevenstep-app-" /* + the application's name, where applications share a host by path */
#define COOKIE_NAME_MAX 96
#define COOKIE_LOGON                                                                                         \
  "__Host-sevenstep-logon-" /* + 8 characters of the state, so that several tabs can sign in */
#define COOKIE_TRACE     "__Host-sevenstep-trace"
#define LOGON_LIFETIME_S 600
#define RETURN_MAX       2048

struct session {
  char upn[256], spn[256], name[256];
  char login[256]; /* the name for the KDC, where it is not the upn; else "" */
  char sub[256],
      groups[TOKEN_GROUPS_MAX + 1]; /* "" but for applications that are told them by header fields */
  uint8_t id[16];
  int64_t issued_s, expires_s;
};

/* "__Host-" cookies know hosts only, no paths: so below a path the name tells sessions apart. So it does
 * where an application has several places, at home and on hosts that it may share. */
void session_cookie_name(const struct lab_app *app, char out[static COOKIE_NAME_MAX]);
/* What is kept of a verified token; id stays zero. */
void session_of_claims(struct session *ret, const struct lab_app *app, const struct token_claims *c);
/* May its user use the application still? Who is in the lab file must have an active account and be assigned;
 * of others, those with the lab's own upn_suffix were removed from it, and the rest are the identity
 * provider's alone.
 */
bool session_may_use(const struct lab *lab, const struct lab_app *app, const struct session *s,
                     int64_t now_s);
/* The value of a claim for a header field, appended to out: printable ASCII, all other bytes and '%' as %XX
 * (RFC 3986 2.1), so that no value can end the field, and names keep their letters. */
enum err session_claim(const struct session *s, enum lab_claim claim, struct buf *out) MUST_CHECK;
/* Seals for this application at this host; appends the cookie's value. */
enum err session_seal(struct seal *s, const struct lab_app *app, const char *host,
                      const struct session *session, struct buf *out) MUST_CHECK;
/* ERR_SESSION_MALFORMED, ERR_SESSION_INVALID, ERR_SESSION_EXPIRED. */
enum err session_open(struct seal *s, const struct lab_app *app, const char *host, const char *text, size_t n,
                      int64_t now_s, struct session *ret) MUST_CHECK;

struct logon {
  char state[TRACEPARENT_LEN + 1 + 43 + 1]; /* traceparent "." random (base64url of 32 bytes) */
  char nonce[43 + 1];
  char verifier[43 + 1];          /* PKCE (RFC 7636 4.1), "" in the id_token flow */
  char return_to[RETURN_MAX + 1]; /* path and query on the application's own host */
  int64_t issued_s;
};

/* Fresh state, nonce and verifier. ERR_TOO_LARGE when return_to is too long. */
enum err logon_begin(struct logon *ret, const struct trace_ctx *ctx, bool with_verifier,
                     const char *return_to, size_t n, int64_t now_s) MUST_CHECK;
/* The cookie's name for a state: COOKIE_LOGON + the first 8 random characters. ERR_STATE_MISMATCH if
 * malformed. */
enum err logon_cookie_name(const char *state, char out[64]) MUST_CHECK;
enum err logon_seal(struct seal *s, const struct lab_app *app, const char *host, const struct logon *l,
                    struct buf *out) MUST_CHECK;
/* ERR_STATE_MISMATCH when it is not ours, too old, or of another state. */
enum err logon_open(struct seal *s, const struct lab_app *app, const char *host, const char *text, size_t n,
                    const char *state, int64_t now_s, struct logon *ret) MUST_CHECK;

/* Where a session is to be handed to (handover.c): one of the application's hosts. */
struct handover {
  char segment[64], label[LAB_LABEL_MAX + 1];
  int64_t issued_s;
};

/* For this application and the state of the host's logon. */
enum err handover_seal(struct seal *s, const struct lab_app *app, const char *state, const struct handover *h,
                       struct buf *out) MUST_CHECK;
/* ERR_STATE_MISMATCH when it is not ours, of another state, or older than LOGON_LIFETIME_S. */
enum err handover_open(struct seal *s, const struct lab_app *app, const char *state, const char *text,
                       int64_t now_s, struct handover *ret) MUST_CHECK;
/* The session on its way to app's host. */
enum err ticket_seal(struct seal *s, const struct lab_app *app, const char *state, int64_t now_s,
                     const struct session *session, struct buf *out) MUST_CHECK;
/* ERR_STATE_MISMATCH, also when it is older than lifetime_s; ERR_SESSION_EXPIRED. */
enum err ticket_open(struct seal *s, const struct lab_app *app, const char *state, const char *text,
                     int64_t now_s, int64_t lifetime_s, struct session *ret) MUST_CHECK;

/* Adds the application's session cookie, with the options it is published with: HttpOnly or not, kept for
 * lifetime_s when it is persistent. lifetime_s 0: removes it. */
enum err session_cookie_set(struct fields *f, const struct lab_app *app, const char *value,
                            unsigned lifetime_s) MUST_CHECK;

/* Adds Set-Cookie: NAME=VALUE with Path=/; Secure; HttpOnly and same_site ("Lax", "None"). max_age < 0: a
 * session cookie; 0: removes it. */
enum err cookie_set(struct fields *f, const char *name, const char *value, long max_age,
                    const char *same_site) MUST_CHECK;

#endif

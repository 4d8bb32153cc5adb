/* The authorization request (OpenID Connect Core 3.1.2.1, RFC 6749 4.1.1, RFC 7636 4.3): parsed and judged,
 * without I/O. */
#ifndef SEVENSTEP_AUTHORIZE_H
#define SEVENSTEP_AUTHORIZE_H

#include "clients.h"
#include "fields.h"
#include "trace.h"

#define AUTHORIZE_TEXT_MAX  512 /* characters of a nonce */
#define AUTHORIZE_STATE_MAX 4096

enum authorize_type { TYPE_ID_TOKEN, TYPE_CODE };
enum authorize_mode { MODE_QUERY, MODE_FRAGMENT, MODE_FORM_POST };

struct authorize {
  struct fields params; /* owns the strings below */
  struct client client;
  const char *redirect_uri;
  bool redirectable; /* client and redirect URI are good: an error may go there */
  const char *state; /* NULL: none */
  enum authorize_type type;
  enum authorize_mode mode; /* how to answer, errors too */
  const char *nonce;        /* NULL: none */
  const char *code_challenge;
  const char *login_hint;         /* NULL: none */
  bool prompt_none;               /* show no page */
  bool prompt_login;              /* ask again, session or not */
  int64_t max_age_s;              /* -1: none */
  bool profile;                   /* scope profile was asked for and is granted */
  const struct lab_app *resource; /* scope NAME/user_impersonation: for whom the access token is; or NULL */
  struct trace_ctx trace;         /* from state, when it begins with a traceparent; else invalid */
};

/* Judges text (a query string or form body). Fills *a as far as it got, also on failure, so that the error
 * can be told to whom it concerns: a->redirectable says whether that is the client. Free with authorize_clear
 * in any case. */
enum err authorize_parse(const struct lab *lab, const char *text, size_t n, struct authorize *a,
                         struct failure *f) MUST_CHECK;
void authorize_clear(struct authorize *a);
/* Appends the scope granted: "openid", "profile", and "NAME/user_impersonation" for an application. */
enum err authorize_scope(bool profile, const struct lab_app *resource, struct buf *out) MUST_CHECK;

/* RFC 7636 4.1, 4.2: 43 to 128 unreserved characters. */
bool pkce_text_valid(const char *text);
/* RFC 7636 4.6, method S256. */
bool pkce_matches(const char *verifier, const char *challenge);

#endif

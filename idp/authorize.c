#include "authorize.h"

#include "encode.h"
#include "form.h"
#include "params.h"
#include "token.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_AGE_DIGITS = 9 };

/* VSCHAR (RFC 6749 A.5 for state): printable ASCII. Anything else would change in a URL, a form or a JSON
 * string. */
static bool printable(const char *text, size_t max)
{
  size_t n = strlen(text);
  if (n > max) return false;
  for (size_t i = 0; i < n; i++)
    if (text[i] < 0x20 || text[i] > 0x7e) return false;
  return true;
}

/* One of the words of a list separated by spaces. */
static bool has_word(const char *list, const char *word)
{
  size_t n = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += n)
    if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
  return false;
}

static enum err get(const struct authorize *a, const char *name, const char **ret, struct failure *f)
{
  return params_get(&a->params, name, ret, f);
}

static enum err read_client(const struct lab *lab, struct authorize *a, struct failure *f)
{
  const char *id, *uri;
  enum err e = get(a, "client_id", &id, f);
  if (!e) e = get(a, "redirect_uri", &uri, f);
  if (e) return e;
  if (!id) return failure_set(f, ERR_OIDC_INVALID_REQUEST, "client_id is missing");
  if (!client_find(lab, id, &a->client))
    return failure_set(f, ERR_OIDC_CLIENT_UNKNOWN, "client_id \"%.80s\"", id);
  if (!uri) return failure_set(f, ERR_OIDC_INVALID_REQUEST, "redirect_uri is missing");
  if (!client_redirect_uri(&a->client, uri))
    return failure_set(f, ERR_OIDC_REDIRECT_URI, "\"%.250s\" is not registered for %.80s", uri, a->client.id);
  a->redirect_uri = uri;
  a->redirectable = true;
  return ERR_OK;
}

/* The trace crosses the redirect in state: the proxy's begins with a traceparent and a dot. It is read first,
 * so that a refusal is told in the trace of the logon it refuses. */
static void read_trace(struct authorize *a)
{
  const char *s;
  if (form_get(&a->params, "state", &s) || strlen(s) <= TRACEPARENT_LEN || s[TRACEPARENT_LEN] != '.') return;
  if (trace_ctx_parse(&a->trace, s, TRACEPARENT_LEN)) a->trace = (struct trace_ctx){0};
}

static enum err read_state(struct authorize *a, struct failure *f)
{
  const char *state;
  enum err e = get(a, "state", &state, f);
  if (e || !state) return e;
  if (!printable(state, AUTHORIZE_STATE_MAX))
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "state is longer than %d or not printable ASCII",
                       AUTHORIZE_STATE_MAX);
  a->state = state;
  return ERR_OK;
}

/* Where an error goes before the type is known to be good (OAuth 2.0 Multiple Response Types 5): a client
 * that expects anything but a code looks at the fragment. */
static void guess_mode(struct authorize *a, const char *type, const char *mode)
{
  a->mode = type && (has_word(type, "id_token") || has_word(type, "token")) ? MODE_FRAGMENT : MODE_QUERY;
  if (mode && !strcmp(mode, "form_post")) a->mode = MODE_FORM_POST;
}

static enum err read_type_and_mode(struct authorize *a, struct failure *f)
{
  const char *type, *mode;
  enum err e = get(a, "response_type", &type, f);
  if (!e) e = get(a, "response_mode", &mode, f);
  if (e) return e;
  guess_mode(a, type, mode);
  if (!type) return failure_set(f, ERR_OIDC_INVALID_REQUEST, "response_type is missing");
  if (!strcmp(type, "code"))
    a->type = TYPE_CODE;
  else if (!strcmp(type, "id_token"))
    a->type = TYPE_ID_TOKEN;
  else
    return failure_set(f, ERR_OIDC_UNSUPPORTED_RESPONSE_TYPE, "response_type \"%.60s\"", type);
  /* A token in a URL stays in histories and logs: only in a form (and a code also in the query). */
  if (a->mode == MODE_FORM_POST || (a->type == TYPE_CODE && (!mode || !strcmp(mode, "query")))) return ERR_OK;
  return failure_set(f, ERR_OIDC_INVALID_REQUEST, "response_mode \"%.40s\" is not offered for %s%s",
                     mode ? mode : "", type, a->type == TYPE_ID_TOKEN ? ": use form_post" : "");
}

static enum err refuse_request_objects(const struct authorize *a, struct failure *f)
{
  const char *value;
  enum err e = get(a, "request", &value, f);
  if (e) return e;
  if (value) return failure_set(f, ERR_OIDC_REQUEST_NOT_SUPPORTED, "request is given");
  e = get(a, "request_uri", &value, f);
  if (e) return e;
  return value ? failure_set(f, ERR_OIDC_REQUEST_URI_NOT_SUPPORTED, "request_uri is given") : ERR_OK;
}

/* NAME/user_impersonation, at most one: an access token has one audience (RFC 8707 2.2 says why). Only who
 * fetches it by a code gets one, and an application needs none: it has its session. */
static enum err read_resource(const struct lab *lab, const char *scope, struct authorize *a,
                              struct failure *f)
{
  static const char behind[] = "/" TOKEN_SCOPE_USER;
  const size_t tail = sizeof behind - 1;
  char name[64];
  for (const char *at = scope; *at; at += strspn(at, " ")) {
    const char *word = at;
    size_t n = strcspn(word, " ");
    at += n;
    if (n < tail || memcmp(word + n - tail, behind, tail) != 0) continue;
    n -= tail;
    if (n < sizeof name) memcpy(name, word, n);
    name[n < sizeof name ? n : 0] = 0;
    const struct lab_app *app = lab_app_by_name(lab, name);
    if (!app || !app->bearer_access)
      return failure_set(f, ERR_OIDC_INVALID_SCOPE, "no application with bearer_access is called \"%.*s\"",
                         (int)(n < 64 ? n : 64), word);
    if (a->client.app || a->type != TYPE_CODE)
      return failure_set(f, ERR_OIDC_INVALID_SCOPE,
                         "%s is for clients of idp.clients, with response_type=code", behind + 1);
    if (a->resource) return failure_set(f, ERR_OIDC_INVALID_SCOPE, "two applications at once");
    a->resource = app;
  }
  return ERR_OK;
}

static enum err read_scope(const struct lab *lab, struct authorize *a, struct failure *f)
{
  const char *scope;
  enum err e = get(a, "scope", &scope, f);
  if (e) return e;
  if (!scope || !has_word(scope, "openid"))
    return failure_set(f, ERR_OIDC_INVALID_SCOPE, "openid is not in the scope");
  a->profile = has_word(scope, "profile");
  return read_resource(lab, scope, a, f);
}

static enum err read_nonce(struct authorize *a, struct failure *f)
{
  enum err e = get(a, "nonce", &a->nonce, f);
  if (e) return e;
  /* OpenID Connect Core 3.2.2.1: required where the token itself goes through the user. */
  if (!a->nonce && a->type == TYPE_ID_TOKEN)
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "nonce is missing");
  if (a->nonce && !printable(a->nonce, AUTHORIZE_TEXT_MAX))
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "nonce is longer than %d or not printable ASCII",
                       AUTHORIZE_TEXT_MAX);
  return ERR_OK;
}

static enum err read_pkce(struct authorize *a, struct failure *f)
{
  const char *method;
  enum err e = get(a, "code_challenge", &a->code_challenge, f);
  if (!e) e = get(a, "code_challenge_method", &method, f);
  if (e || a->type != TYPE_CODE) return e;
  if (!a->code_challenge)
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "code_challenge is missing (PKCE, RFC 7636)");
  if (!method || strcmp(method, "S256") != 0)
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "code_challenge_method is not S256");
  if (!pkce_text_valid(a->code_challenge))
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "code_challenge is not 43 to 128 unreserved characters");
  return ERR_OK;
}

static enum err read_prompt(struct authorize *a, struct failure *f)
{
  const char *prompt;
  enum err e = get(a, "prompt", &prompt, f);
  if (e || !prompt) return e;
  a->prompt_none = has_word(prompt, "none");
  a->prompt_login = has_word(prompt, "login") || has_word(prompt, "select_account");
  if (a->prompt_none && strcmp(prompt, "none") != 0)
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "prompt=none goes with no other value");
  return ERR_OK;
}

static enum err read_max_age(struct authorize *a, struct failure *f)
{
  const char *text;
  enum err e = get(a, "max_age", &text, f);
  if (e || !text) return e;
  size_t n = strspn(text, "0123456789");
  if (text[n] || n > MAX_AGE_DIGITS)
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "max_age is not a number of seconds");
  a->max_age_s = strtol(text, NULL, 10);
  return ERR_OK;
}

enum err authorize_parse(const struct lab *lab, const char *text, size_t n, struct authorize *a,
                         struct failure *f)
{
  *a = (struct authorize){.max_age_s = -1};
  enum err e = params_parse(&a->params, text, n, f);
  if (e) return e;
  read_trace(a);
  if ((e = read_client(lab, a, f))) return e;
  if ((e = read_state(a, f))) return e;
  if ((e = read_type_and_mode(a, f))) return e;
  if ((e = params_refuse_repeated(&a->params, f))) return e;
  if ((e = refuse_request_objects(a, f))) return e;
  if ((e = read_scope(lab, a, f))) return e;
  if ((e = read_nonce(a, f))) return e;
  if ((e = read_pkce(a, f))) return e;
  if ((e = read_prompt(a, f))) return e;
  if ((e = read_max_age(a, f))) return e;
  return get(a, "login_hint", &a->login_hint, f);
}

void authorize_clear(struct authorize *a)
{
  fields_clear(&a->params);
}

enum err authorize_scope(bool profile, const struct lab_app *resource, struct buf *out)
{
  enum err e = buf_puts(out, profile ? "openid profile" : "openid");
  return e || !resource ? e : buf_printf(out, " %s/" TOKEN_SCOPE_USER, resource->name);
}

bool pkce_text_valid(const char *text)
{
  size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
  return !text[n] && n >= 43 && n <= 128;
}

bool pkce_matches(const char *verifier, const char *challenge)
{
  uint8_t hash[32];
  struct buf text;
  if (!pkce_text_valid(verifier) ||
      !EVP_Q_digest(NULL, "SHA256", NULL, verifier, strlen(verifier), hash, NULL))
    return false;
  buf_init(&text, 64);
  bool same = !base64url_encode(&text, hash, sizeof hash) &&
              constant_time_equal(text.data, text.len, challenge, strlen(challenge));
  buf_clear(&text);
  return same;
}

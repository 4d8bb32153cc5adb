#include "client_auth.h"

#include "encode.h"
#include "form.h"
#include "params.h"

#include <string.h>
#include <strings.h>

enum { CREDENTIALS_MAX = 2048 };

/* RFC 6749 2.3.1: id and secret are form-encoded before they are joined by a colon. */
static enum err form_decode(const char *text, size_t n, struct buf *out)
{
  struct fields one;
  fields_init(&one, 1, CREDENTIALS_MAX);
  enum err e = form_parse(&one, text, n);
  /* "text" without '=' is a name without value; with '=' or '&' it is not what an encoder writes. */
  if (!e && n && (fields_count(&one) != 1 || memchr(text, '=', n) || memchr(text, '&', n))) e = ERR_SYNTAX;
  if (!e && n) e = buf_append(out, fields_at(&one, 0).name, fields_at(&one, 0).name_len);
  fields_clear(&one);
  return e;
}

/* ERR_NOT_FOUND: no Basic credentials. */
static enum err read_basic(const struct fields *headers, struct buf *id, struct buf *secret)
{
  const char *value = fields_get(headers, "authorization"), *colon;
  struct buf plain;
  if (!value || strncasecmp(value, "Basic ", 6) != 0) return value ? ERR_SYNTAX : ERR_NOT_FOUND;
  value += 6 + strspn(value + 6, " ");
  buf_init(&plain, CREDENTIALS_MAX);
  enum err e = base64_decode(&plain, value, strlen(value));
  if (!e && !(colon = memchr(buf_str(&plain), ':', plain.len))) e = ERR_SYNTAX;
  if (!e) {
    const char *text = buf_str(&plain);
    size_t n = (size_t)(colon - text);
    e = form_decode(text, n, id);
    if (!e) e = form_decode(colon + 1, plain.len - n - 1, secret);
  }
  buf_wipe(&plain);
  return e;
}

/* No secret given and none registered; or the one registered. */
static bool secret_fits(const struct client *c, const char *given)
{
  const char *registered = c->secret ? c->secret : "";
  return constant_time_equal(registered, strlen(registered), given, strlen(given));
}

static enum err judge(const struct lab *lab, const char *id, const char *secret, struct client *ret,
                      struct failure *f)
{
  static const struct client nobody = {.secret = "a secret that no client has: \x01"};
  struct client c;
  bool known = client_find(lab, id, &c);
  if (!known) c = nobody;
  /* Which of both it was is nobody's business. */
  if (!secret_fits(&c, secret) || !known)
    return failure_set(f, ERR_OIDC_INVALID_CLIENT,
                       "the client is unknown, or its secret is missing or wrong");
  *ret = c;
  return ERR_OK;
}

enum err client_authenticate(const struct lab *lab, const struct fields *headers, const struct fields *params,
                             struct client *ret, struct failure *f)
{
  const char *form_id, *form_secret;
  struct buf id, secret;
  enum err e = params_get(params, "client_id", &form_id, f);
  if (!e) e = params_get(params, "client_secret", &form_secret, f);
  if (e) return e;
  buf_init(&id, CREDENTIALS_MAX);
  buf_init(&secret, CREDENTIALS_MAX);
  e = read_basic(headers, &id, &secret);
  if (e == ERR_NOT_FOUND)
    e = form_id ? judge(lab, form_id, form_secret ? form_secret : "", ret, f)
                : failure_set(f, ERR_OIDC_INVALID_CLIENT, "client_id is missing");
  else if (e || fields_count_of(headers, "authorization") > 1)
    e = failure_set(f, ERR_OIDC_INVALID_CLIENT, "the Authorization field is not well-formed HTTP Basic");
  else if (form_secret)
    e = failure_set(f, ERR_OIDC_INVALID_REQUEST, "the client authenticates in two ways at once");
  else if (form_id && strcmp(form_id, buf_str(&id)) != 0)
    e = failure_set(f, ERR_OIDC_INVALID_REQUEST,
                    "client_id differs between the Authorization field and the form");
  else
    e = judge(lab, buf_str(&id), buf_str(&secret), ret, f);
  buf_wipe(&id);
  buf_wipe(&secret);
  return e;
}

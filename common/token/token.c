#include "token.h"

#include "encode.h"
#include "jws.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Beyond this a NumericDate is no date, and sums with it could overflow (the year 10000). */
static const int64_t DATE_MAX = 253402300800;

static enum err check_typ(const char *typ, enum token_kind kind, struct failure *f)
{
  if (!strncasecmp(typ, "application/", 12)) typ += 12; /* RFC 7515 4.1.9: the prefix may be left out */
  bool access = !strcasecmp(typ, "at+jwt");
  bool id = !*typ || !strcasecmp(typ, "JWT");
  if (kind == TOKEN_ACCESS ? access : id) return ERR_OK;
  return failure_set(f, ERR_TOKEN_TYPE, "typ is \"%.40s\", expected %s", typ,
                     kind == TOKEN_ACCESS ? "at+jwt" : "JWT");
}

/* A required or optional string of 1..max bytes, copied to out. Absent and optional: "". */
static enum err claim_text(const json_t *claims, const char *name, bool required, char *out, size_t max,
                           struct failure *f)
{
  const json_t *v = json_object_get(claims, name);
  out[0] = 0;
  if (!v && !required) return ERR_OK;
  if (!json_is_string(v))
    return failure_set(f, ERR_TOKEN_CLAIMS, v ? "%s is not a string" : "%s is missing", name);
  size_t n = json_string_length(v);
  if ((!n && required) || n > max)
    return failure_set(f, ERR_TOKEN_CLAIMS, "%s is not 1 to %zu bytes long", name, max);
  memcpy(out, json_string_value(v), n + 1);
  return ERR_OK;
}

/* RFC 7519 2: a JSON number, with or without a fraction. */
static enum err claim_date(const json_t *claims, const char *name, bool required, int64_t *out,
                           struct failure *f)
{
  const json_t *v = json_object_get(claims, name);
  *out = 0;
  if (!v && !required) return ERR_OK;
  if (!json_is_number(v))
    return failure_set(f, ERR_TOKEN_CLAIMS, v ? "%s is not a number" : "%s is missing", name);
  double d = json_number_value(v);
  if (!(d >= 0 && d < (double)DATE_MAX)) return failure_set(f, ERR_TOKEN_CLAIMS, "%s is not a date", name);
  *out = json_is_integer(v) ? (int64_t)json_integer_value(v) : (int64_t)floor(d);
  return ERR_OK;
}

static enum err read_subject(const json_t *claims, struct token_claims *t, struct failure *f)
{
  enum err e = claim_text(claims, "sub", true, t->subject, sizeof t->subject - 1, f);
  if (e) return e;
  for (const char *c = t->subject; *c; c++)
    if ((unsigned char)*c >= 0x80) return failure_set(f, ERR_TOKEN_CLAIMS, "sub is not ASCII");
  return ERR_OK;
}

static bool plain_name(const char *text, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f || text[i] == ',') return false;
  return n > 0;
}

/* All of them or none: who gets half of a user's groups decides wrongly. */
static enum err read_groups(const json_t *claims, struct token_claims *t, struct failure *f)
{
  const json_t *v = json_object_get(claims, "groups"), *one;
  size_t i, at = 0;
  bool fit = true;
  t->groups[0] = 0;
  if (!v) return ERR_OK;
  if (!json_is_array(v)) return failure_set(f, ERR_TOKEN_CLAIMS, "groups is not an array");
  json_array_foreach(v, i, one)
  {
    size_t n = json_string_length(one);
    if (!json_is_string(one) || !plain_name(json_string_value(one), n))
      return failure_set(f, ERR_TOKEN_CLAIMS, "groups holds something that is no name, or one with a comma");
    fit = fit && at + (at > 0) + n <= TOKEN_GROUPS_MAX;
    if (fit)
      at += (size_t)snprintf(t->groups + at, sizeof t->groups - at, "%s%s", at ? "," : "",
                             json_string_value(one));
  }
  if (!fit) t->groups[0] = 0;
  return ERR_OK;
}

static enum err read_claims(const json_t *claims, enum token_kind kind, struct token_claims *t,
                            struct failure *f)
{
  enum err e;
  bool access = kind == TOKEN_ACCESS;
  if ((e = read_subject(claims, t, f))) return e;
  if ((e = claim_date(claims, "exp", true, &t->expires_s, f))) return e;
  if ((e = claim_date(claims, "iat", true, &t->issued_s, f))) return e;
  if ((e = claim_date(claims, "auth_time", false, &t->auth_time_s, f))) return e;
  if ((e = claim_text(claims, "jti", access, t->jti, sizeof t->jti - 1, f))) return e;
  if ((e = claim_text(claims, "name", false, t->name, sizeof t->name - 1, f))) return e;
  if ((e = read_groups(claims, t, f))) return e;
  if (!access) return ERR_OK;
  if ((e = claim_text(claims, "client_id", true, t->client_id, sizeof t->client_id - 1, f))) return e;
  return claim_text(claims, "scope", false, t->scope, sizeof t->scope - 1, f);
}

static enum err check_issuer(const json_t *claims, const char *issuer, struct failure *f)
{
  const json_t *iss = json_object_get(claims, "iss");
  if (!json_is_string(iss)) return failure_set(f, ERR_TOKEN_CLAIMS, "iss is missing or not a string");
  if (!strcmp(json_string_value(iss), issuer)) return ERR_OK;
  return failure_set(f, ERR_TOKEN_ISSUER, "iss is \"%.120s\", expected \"%s\"", json_string_value(iss),
                     issuer);
}

static bool is_text(const json_t *v, const char *text)
{
  return json_is_string(v) && !strcmp(json_string_value(v), text);
}

/* How many members aud has, and whether all of them, or one, is ours. */
static enum err check_audience(const json_t *claims, const struct token_expect *x, struct failure *f)
{
  const json_t *aud = json_object_get(claims, "aud"), *one;
  size_t ours = is_text(aud, x->audience), all = 1, i;
  if (json_is_array(aud)) {
    all = json_array_size(aud);
    json_array_foreach(aud, i, one)
    {
      if (!json_is_string(one))
        return failure_set(f, ERR_TOKEN_CLAIMS, "aud holds something that is not a string");
      ours += is_text(one, x->audience);
    }
  } else if (!json_is_string(aud)) {
    return failure_set(f, ERR_TOKEN_CLAIMS, "aud is missing or neither a string nor an array");
  }
  /* OpenID Connect Core 3.1.3.7-3: an ID token also meant for audiences that we do not know is refused. */
  if (!ours || (x->kind == TOKEN_ID && ours != all))
    return failure_set(f, ERR_TOKEN_AUDIENCE, "aud is \"%.100s\"%s, expected \"%s\"",
                       json_is_string(aud) ? json_string_value(aud) : "[...]", ours ? " with others" : "",
                       x->audience);
  const json_t *azp = json_object_get(claims, "azp");
  if (x->kind == TOKEN_ID && azp && !is_text(azp, x->audience))
    return failure_set(f, ERR_TOKEN_AUDIENCE, "azp is not \"%s\"", x->audience);
  return ERR_OK;
}

static enum err check_times(const json_t *claims, const struct token_claims *t, int64_t now,
                            struct failure *f)
{
  int64_t not_before;
  enum err e = claim_date(claims, "nbf", false, &not_before, f);
  if (e) return e;
  if (now >= t->expires_s + TOKEN_SKEW_S)
    return failure_set(f, ERR_TOKEN_EXPIRED, "it ended %lld s ago", (long long)(now - t->expires_s));
  if (not_before > now + TOKEN_SKEW_S)
    return failure_set(f, ERR_TOKEN_NOT_YET_VALID, "nbf is %lld s ahead", (long long)(not_before - now));
  if (t->issued_s > now + TOKEN_SKEW_S)
    return failure_set(f, ERR_TOKEN_NOT_YET_VALID, "iat is %lld s ahead", (long long)(t->issued_s - now));
  if (t->expires_s < t->issued_s) return failure_set(f, ERR_TOKEN_CLAIMS, "exp is before iat");
  return ERR_OK;
}

static enum err check_nonce(const json_t *claims, const char *nonce, struct failure *f)
{
  const json_t *v = json_object_get(claims, "nonce");
  if (v && !json_is_string(v)) return failure_set(f, ERR_TOKEN_CLAIMS, "nonce is not a string");
  if (!nonce) return ERR_OK;
  if (!v) return failure_set(f, ERR_TOKEN_NONCE, "nonce is missing");
  if (constant_time_equal(json_string_value(v), json_string_length(v), nonce, strlen(nonce))) return ERR_OK;
  return failure_set(f, ERR_TOKEN_NONCE, "nonce is another logon's");
}

static enum err check_upn(const json_t *claims, const struct token_expect *x, struct token_claims *t,
                          struct failure *f)
{
  const json_t *v = json_object_get(claims, "upn");
  const char *suffix = x->any_upn_suffix ? NULL : x->upn_suffix;
  if (!x->upn_suffix) return ERR_OK;
  if (!v) return failure_set(f, ERR_TOKEN_NO_UPN, "upn is missing, for subject \"%.100s\"", t->subject);
  if (!json_is_string(v)) return failure_set(f, ERR_TOKEN_CLAIMS, "upn is not a string");
  bool other = x->other_upn_suffix && token_upn_valid(json_string_value(v), x->other_upn_suffix);
  if (!other && !token_upn_valid(json_string_value(v), suffix))
    return failure_set(f, ERR_TOKEN_BAD_UPN, "\"%.100s\" is not local-part@%s", json_string_value(v),
                       suffix ? suffix : "domain");
  memcpy(t->upn, json_string_value(v), json_string_length(v) + 1);
  return ERR_OK;
}

static enum err check_login(const json_t *claims, const struct token_expect *x, struct token_claims *t,
                            struct failure *f)
{
  bool account = x->login == TOKEN_LOGIN_SAM_ACCOUNT_NAME;
  const char *name = account ? "onpremisessamaccountname" : "onpremisesuserprincipalname";
  const json_t *v = json_object_get(claims, name);
  if (!x->upn_suffix || x->login == TOKEN_LOGIN_UPN) return ERR_OK;
  if (!v) return failure_set(f, ERR_TOKEN_NO_UPN, "%s is missing, for subject \"%.100s\"", name, t->subject);
  if (!json_is_string(v)) return failure_set(f, ERR_TOKEN_CLAIMS, "%s is not a string", name);
  const char *text = json_string_value(v);
  if (account ? !token_account_valid(text) : !token_upn_valid(text, NULL))
    return failure_set(f, ERR_TOKEN_BAD_UPN, "%s is \"%.100s\"", name, text);
  memcpy(t->login, text, json_string_length(v) + 1);
  return ERR_OK;
}

static enum err check_spn(const json_t *claims, const char *spn, struct token_claims *t, struct failure *f)
{
  enum err e = claim_text(claims, "spn", false, t->spn, sizeof t->spn - 1, f);
  if (e || !spn) return e;
  if (!strcmp(t->spn, spn)) return ERR_OK;
  return failure_set(f, ERR_TOKEN_SPN, "spn is \"%.150s\", published is \"%s\"", t->spn, spn);
}

/* RFC 6749 3.3: words between spaces, compared byte for byte. */
static enum err check_scope(const char *scope, const char *wanted, struct failure *f)
{
  size_t n = wanted ? strlen(wanted) : 0;
  for (const char *at = scope; n && *at; at += strspn(at, " ")) {
    size_t word = strcspn(at, " ");
    if (word == n && memcmp(at, wanted, n) == 0) return ERR_OK;
    at += word;
  }
  return n ? failure_set(f, ERR_TOKEN_SCOPE, "scope is \"%.150s\", it has to have %s", scope, wanted)
           : ERR_OK;
}

static enum err check_claims(const json_t *claims, const struct token_expect *x, struct token_claims *t,
                             struct failure *f)
{
  enum err e;
  if (!json_is_object(claims))
    return failure_set(f, ERR_TOKEN_MALFORMED, "the payload is not one JSON object");
  if ((e = read_claims(claims, x->kind, t, f))) return e;
  if ((e = check_issuer(claims, x->issuer, f))) return e;
  if ((e = check_audience(claims, x, f))) return e;
  if ((e = check_times(claims, t, x->now_s, f))) return e;
  if ((e = check_nonce(claims, x->nonce, f))) return e;
  if ((e = check_upn(claims, x, t, f))) return e;
  if ((e = check_login(claims, x, t, f))) return e;
  if ((e = check_spn(claims, x->spn, t, f))) return e;
  return check_scope(t->scope, x->scope, f);
}

enum err token_verify(const struct jwks *keys, const char *jwt, size_t n, const struct token_expect *expect,
                      struct token_claims *ret, struct failure *f)
{
  struct jws j;
  enum err e = jws_verify(keys, jwt, n, &j, f);
  if (e) return e;
  struct token_claims t = {0};
  memcpy(t.kid, j.kid, sizeof t.kid);
  json_t *claims = json_loadb(buf_str(&j.payload), j.payload.len, JSON_REJECT_DUPLICATES, NULL);
  e = check_typ(j.typ, expect->kind, f);
  if (!e) e = check_claims(claims, expect, &t, f);
  json_decref(claims);
  jws_clear(&j);
  if (!e) *ret = t;
  return e;
}

enum err token_peek_payload(const char *jwt, size_t n, struct buf *out)
{
  return jws_peek_payload(jwt, n, out);
}

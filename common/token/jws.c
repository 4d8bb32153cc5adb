#include "jws.h"

#include "encode.h"

#include <jansson.h>
#include <string.h>

struct parts {
  const char *header, *payload, *signature;
  size_t header_len, payload_len, signature_len;
};

static enum err split(const char *text, size_t n, struct parts *ret, struct failure *f)
{
  if (n > TOKEN_MAX) return failure_set(f, ERR_TOKEN_MALFORMED, "longer than %d bytes", TOKEN_MAX);
  const char *end = text + n;
  const char *first = memchr(text, '.', n);
  const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
  if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
    return failure_set(f, ERR_TOKEN_MALFORMED, "not three parts between dots");
  *ret = (struct parts){
      .header = text,
      .header_len = (size_t)(first - text),
      .payload = first + 1,
      .payload_len = (size_t)(second - first - 1),
      .signature = second + 1,
      .signature_len = (size_t)(end - second - 1),
  };
  return ERR_OK;
}

/* Members by which a token could bring, or point to, the key that verifies it (RFC 8725 3.10), and crit, of
 * which we understand no member (RFC 7515 4.1.11). */
static const char *const REFUSED[] = {"crit", "jku", "jwk", "x5u", "x5c"};

static enum err copy_text(const json_t *v, const char *what, size_t max, char *out, struct failure *f)
{
  if (!json_is_string(v) || !json_string_length(v) || json_string_length(v) > max)
    return failure_set(f, ERR_TOKEN_MALFORMED, "the header's %s is not a string of 1 to %zu bytes", what,
                       max);
  memcpy(out, json_string_value(v), json_string_length(v) + 1);
  return ERR_OK;
}

static enum err read_members(const json_t *header, struct jws *j, struct failure *f)
{
  if (!json_is_object(header))
    return failure_set(f, ERR_TOKEN_MALFORMED, "the header is not one JSON object");
  for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
    if (json_object_get(header, REFUSED[i]))
      return failure_set(f, ERR_TOKEN_MALFORMED, "the header has %s", REFUSED[i]);
  const json_t *alg = json_object_get(header, "alg"), *typ = json_object_get(header, "typ");
  if (!json_is_string(alg)) return failure_set(f, ERR_TOKEN_MALFORMED, "the header has no alg");
  /* Case matters: "none", "None" and "rs256" are all foreign (RFC 7515 4.1.1). */
  if (strcmp(json_string_value(alg), "RS256") != 0)
    return failure_set(f, ERR_TOKEN_ALGORITHM, "alg is \"%.20s\", expected RS256", json_string_value(alg));
  j->typ[0] = 0;
  enum err e = typ ? copy_text(typ, "typ", JWS_TYP_MAX, j->typ, f) : ERR_OK;
  return e ? e : copy_text(json_object_get(header, "kid"), "kid", JWS_KID_MAX, j->kid, f);
}

static enum err read_header(const struct parts *p, struct jws *j, struct failure *f)
{
  struct buf raw;
  buf_init(&raw, TOKEN_MAX);
  json_t *header = NULL;
  enum err e = ERR_OK;
  if (base64url_decode(&raw, p->header, p->header_len)) {
    e = failure_set(f, ERR_TOKEN_MALFORMED, "the header is not base64url");
    goto out;
  }
  /* Duplicate members: two readers could see two algorithms (RFC 7515 4). */
  header = json_loadb(buf_str(&raw), raw.len, JSON_REJECT_DUPLICATES, NULL);
  e = read_members(header, j, f);
out:
  json_decref(header);
  buf_clear(&raw);
  return e;
}

static enum err check_signature(const struct jwks *keys, const struct parts *p, const char *kid,
                                struct failure *f)
{
  struct buf sig;
  buf_init(&sig, TOKEN_MAX);
  enum err e = ERR_OK;
  if (base64url_decode(&sig, p->signature, p->signature_len)) {
    e = failure_set(f, ERR_TOKEN_MALFORMED, "the signature is not base64url");
    goto out;
  }
  const struct jwks_key *key = jwks_find(keys, kid);
  if (!key) {
    e = failure_set(f, ERR_TOKEN_UNKNOWN_KEY, "kid \"%.60s\"", kid);
    goto out;
  }
  /* The signing input is the first two parts as they came, with their dot (RFC 7515 5.2). */
  size_t input_len = p->header_len + 1 + p->payload_len;
  if (!jwks_key_verify(keys, key, p->header, input_len, buf_str(&sig), sig.len))
    e = failure_set(f, ERR_TOKEN_SIGNATURE, "not the signature of key \"%.60s\"", kid);
out:
  buf_clear(&sig);
  return e;
}

enum err jws_verify(const struct jwks *keys, const char *text, size_t n, struct jws *ret, struct failure *f)
{
  struct parts p;
  struct jws j;
  enum err e = split(text, n, &p, f);
  if (e) return e;
  buf_init(&j.payload, TOKEN_MAX);
  e = read_header(&p, &j, f);
  if (e) goto out;
  if (base64url_decode(&j.payload, p.payload, p.payload_len)) {
    e = failure_set(f, ERR_TOKEN_MALFORMED, "the payload is not base64url");
    goto out;
  }
  e = check_signature(keys, &p, j.kid, f);
out:
  if (e)
    jws_clear(&j);
  else
    *ret = j;
  return e;
}

void jws_clear(struct jws *j)
{
  buf_clear(&j->payload);
}

enum err jws_peek_payload(const char *text, size_t n, struct buf *out)
{
  struct parts p;
  enum err e = split(text, n, &p, NULL);
  if (e) return e;
  e = base64url_decode(out, p.payload, p.payload_len);
  return e == ERR_SYNTAX ? ERR_TOKEN_MALFORMED : e;
}

/* What a relying party reads before anything else: the provider's metadata (OpenID Connect Discovery 3, RFC
 * 8414 2) and its keys. */
#include "idp.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *endpoint(const struct idp *i, const char *path)
{
  return json_sprintf("%s%s", i->lab->idp.issuer.text, path);
}

static json_t *metadata(const struct idp *i)
{
  return json_pack(
      "{s:s, s:o, s:o, s:o, s:o, s:o, s:[s,s], s:[s,s], s:[s], s:[s], s:[s], s:[s,s], s:[s,s,s], s:[s], "
      "s:[s,s,s,s,s,s,s,s,s,s,s,s,s,s,s], s:b, s:b, s:b, s:b}",
      "issuer", i->lab->idp.issuer.text, /* */
      "authorization_endpoint", endpoint(i, "/authorize"), "token_endpoint", endpoint(i, "/token"),
      "userinfo_endpoint", endpoint(i, "/userinfo"), "end_session_endpoint", endpoint(i, "/logout"),
      "jwks_uri", endpoint(i, "/keys"), /* */
      "response_types_supported", "id_token", "code", "response_modes_supported", "form_post", "query",
      "grant_types_supported", "authorization_code", "subject_types_supported", "public",
      "id_token_signing_alg_values_supported", "RS256", "scopes_supported", "openid", "profile",
      "token_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post", "none",
      "code_challenge_methods_supported", "S256", "claims_supported", "iss", "sub", "aud", "exp", "iat",
      "auth_time", "nonce", "jti", "upn", "spn", "onpremisesuserprincipalname", "onpremisessamaccountname",
      "name", "preferred_username", "groups", "authorization_response_iss_parameter_supported",
      1,                                                                      /* RFC 9207 3 */
      "request_parameter_supported", 0, "request_uri_parameter_supported", 0, /* it defaults to true */
      "claims_parameter_supported", 0);
}

/* Public and the same for all; kept for as short as a rotation allows. */
static void answer(struct httpd_response *r, const char *content_type, const char *text)
{
  enum err e = text ? httpd_text(r, 200, content_type, text) : ERR_NOMEM;
  if (!e) e = fields_set(&r->fields, "Cache-Control", "public, max-age=60");
  if (!e) e = fields_set(&r->fields, "Access-Control-Allow-Origin", "*");
  if (!e) e = fields_set(&r->fields, "Sevenstep-Actor", "idp");
  if (e) r->status = 500;
}

void metadata_get(const struct httpd_request *q, struct httpd_response *r)
{
  json_t *m = metadata(q->arg);
  char *text = m ? json_dumps(m, JSON_INDENT(2)) : NULL;
  answer(r, "application/json", text);
  free(text);
  json_decref(m);
}

void metadata_keys(const struct httpd_request *q, struct httpd_response *r)
{
  struct idp *i = q->arg;
  struct buf set;
  buf_init(&set, 65536);
  answer(r, "application/json", token_keys_jwks(i->keys, &set) ? NULL : buf_str(&set));
  buf_clear(&set);
}

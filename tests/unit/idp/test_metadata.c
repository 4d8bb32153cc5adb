#include "browser.h"
#include "suites.h"
#include "token.h"

#include <jansson.h>
#include <string.h>

static json_t *fetched(const char *target)
{
  browser_get(target);
  ck_assert_int_eq(answer.status, 200);
  ck_assert_str_eq(answer_field("Content-Type"), "application/json");
  json_t *doc = json_loads(answer_body(), JSON_REJECT_DUPLICATES, NULL);
  ck_assert_ptr_nonnull(doc);
  return doc;
}

static bool lists(const json_t *doc, const char *member, const char *value)
{
  const json_t *one;
  size_t i;
  json_array_foreach(json_object_get(doc, member), i,
                     one) if (!strcmp(json_string_value(one), value)) return true;
  return false;
}

/* OP-01, OP-02, OP-03 */
START_TEST(metadata_get_issuer_and_endpoints)
{
  static const char *const endpoints[] = {"authorization_endpoint", "token_endpoint", "userinfo_endpoint",
                                          "end_session_endpoint", "jwks_uri"};
  json_t *doc = fetched("/.well-known/openid-configuration");
  const char *issuer = provider_lab()->idp.issuer.text;
  ck_assert_str_eq(json_string_value(json_object_get(doc, "issuer")), issuer);
  for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
    const char *url = json_string_value(json_object_get(doc, endpoints[i]));
    ck_assert_int_eq(strncmp(url, issuer, strlen(issuer)), 0);
    ck_assert_int_eq(url[strlen(issuer)], '/');
  }
  json_decref(doc);
}
END_TEST

/* OP-04, OP-05, OP-23 */
START_TEST(metadata_get_offers_no_more_than_it_does)
{
  json_t *doc = fetched("/.well-known/openid-configuration");
  ck_assert(lists(doc, "id_token_signing_alg_values_supported", "RS256"));
  ck_assert(!lists(doc, "id_token_signing_alg_values_supported", "none"));
  ck_assert(lists(doc, "code_challenge_methods_supported", "S256"));
  ck_assert(!lists(doc, "code_challenge_methods_supported", "plain"));
  ck_assert(lists(doc, "response_types_supported", "id_token") &&
            lists(doc, "response_types_supported", "code"));
  ck_assert(!lists(doc, "response_types_supported", "token"));
  ck_assert(!lists(doc, "grant_types_supported", "password"));
  ck_assert(json_is_true(json_object_get(doc, "authorization_response_iss_parameter_supported")));
  ck_assert(json_is_false(json_object_get(doc, "request_uri_parameter_supported")));
  json_decref(doc);
}
END_TEST

START_TEST(metadata_get_alias_of_rfc8414_the_same)
{
  json_t *a = fetched("/.well-known/openid-configuration"),
         *b = fetched("/.well-known/oauth-authorization-server");
  ck_assert(json_equal(a, b));
  json_decref(a);
  json_decref(b);
}
END_TEST

/* OP-06, OP-07 */
START_TEST(metadata_keys_after_rotation_both_published)
{
  struct jwks *set;
  char kid[TOKEN_KID_LEN + 1];
  struct failure f;
  ck_assert_int_eq(token_keys_rotate(provider.keys, IDP_ROTATE_S, kid, &f), ERR_OK);
  json_t *doc = fetched("/keys");
  ck_assert_uint_ge(json_array_size(json_object_get(doc, "keys")), 2);
  json_decref(doc);
  ck_assert_int_eq(jwks_parse(answer_body(), strlen(answer_body()), &set, &f), ERR_OK);
  ck_assert(jwks_has_kid(set, kid));
  jwks_free(set);
}
END_TEST

Suite *metadata_suite(void)
{
  Suite *s = suite_create("metadata");
  TCase *t = tcase_create("metadata");
  tcase_add_checked_fixture(t, provider_setup, provider_teardown);
  tcase_add_test(t, metadata_get_issuer_and_endpoints);
  tcase_add_test(t, metadata_get_offers_no_more_than_it_does);
  tcase_add_test(t, metadata_get_alias_of_rfc8414_the_same);
  tcase_add_test(t, metadata_keys_after_rotation_both_published);
  suite_add_tcase(s, t);
  return s;
}

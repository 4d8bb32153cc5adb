#include "client_auth.h"

#include "browser.h"
#include "encode.h"
#include "params.h"
#include "suites.h"

#include <string.h>

/* credentials: what Basic encodes, or NULL; form: the body. */
static enum err authenticate(const char *credentials, const char *form, struct client *ret)
{
  struct fields headers, params;
  struct failure f = {0};
  struct buf value;
  fields_init(&headers, 4, 8192);
  buf_init(&value, 8192);
  if (credentials) {
    ck_assert_int_eq(buf_puts(&value, "Basic "), ERR_OK);
    ck_assert_int_eq(base64_encode(&value, credentials, strlen(credentials)), ERR_OK);
    ck_assert_int_eq(fields_add(&headers, "Authorization", buf_str(&value)), ERR_OK);
  }
  ck_assert_int_eq(params_parse(&params, form, strlen(form), &f), ERR_OK);
  enum err e = client_authenticate(provider_lab(), &headers, &params, ret, &f);
  ck_assert_int_eq(f.err, e);
  fields_clear(&headers);
  fields_clear(&params);
  buf_clear(&value);
  return e;
}

static enum err with_header(const char *value)
{
  struct fields headers, params = {0};
  struct client c;
  struct failure f;
  fields_init(&headers, 4, 8192);
  ck_assert_int_eq(fields_add(&headers, "authorization", value), ERR_OK);
  enum err e = client_authenticate(provider_lab(), &headers, &params, &c, &f);
  fields_clear(&headers);
  return e;
}

START_TEST(client_authenticate_by_basic_accepted)
{
  struct client c;
  ck_assert_int_eq(authenticate("ledger:ledger-secret-of-the-lab", "", &c), ERR_OK);
  ck_assert_str_eq(c.id, "ledger");
  ck_assert_int_eq(authenticate("ledger:ledger-secret-of-the-lab", "client_id=ledger", &c), ERR_OK);
}
END_TEST

/* TK-02: RFC 6749 2.3.1 */
START_TEST(client_authenticate_basic_form_decoded)
{
  struct client c;
  ck_assert_int_eq(authenticate("l%65dger:ledger%2Dsecret-of-the-lab", "", &c), ERR_OK);
  ck_assert_int_eq(authenticate("ledger:ledger-secret%", "", &c), ERR_OIDC_INVALID_CLIENT);
}
END_TEST

START_TEST(client_authenticate_by_form_accepted)
{
  struct client c;
  ck_assert_int_eq(authenticate(NULL, "client_id=ledger&client_secret=ledger-secret-of-the-lab", &c), ERR_OK);
}
END_TEST

START_TEST(client_authenticate_public_client_by_id_accepted)
{
  struct client c;
  ck_assert_int_eq(authenticate(NULL, "client_id=hello", &c), ERR_OK);
  ck_assert_int_eq(authenticate("hello:", "", &c), ERR_OK);
}
END_TEST

START_TEST(client_authenticate_wrong_or_missing_secret_refused)
{
  struct client c;
  ck_assert_int_eq(authenticate("ledger:wrong", "", &c), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(authenticate("ledger:", "", &c), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(authenticate(NULL, "client_id=ledger", &c), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(authenticate(NULL, "client_id=ledger&client_secret=wrong", &c), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(authenticate("hello:something", "", &c), ERR_OIDC_INVALID_CLIENT);
}
END_TEST

START_TEST(client_authenticate_unknown_or_absent_client_refused)
{
  struct client c;
  ck_assert_int_eq(authenticate("nobody:x", "", &c), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(authenticate("nobody:", "", &c), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(authenticate(NULL, "client_id=nobody", &c), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(authenticate(NULL, "", &c), ERR_OIDC_INVALID_CLIENT);
}
END_TEST

START_TEST(client_authenticate_two_ways_at_once_refused)
{
  struct client c;
  ck_assert_int_eq(authenticate("ledger:ledger-secret-of-the-lab",
                                "client_id=ledger&client_secret=ledger-secret-of-the-lab", &c),
                   ERR_OIDC_INVALID_REQUEST);
  ck_assert_int_eq(authenticate("ledger:ledger-secret-of-the-lab", "client_id=hello", &c),
                   ERR_OIDC_INVALID_REQUEST);
}
END_TEST

START_TEST(client_authenticate_malformed_field_refused)
{
  ck_assert_int_eq(with_header("Basic"), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(with_header("Basic !!!"), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(with_header("Basic bGVkZ2Vy"), ERR_OIDC_INVALID_CLIENT); /* no colon */
  ck_assert_int_eq(with_header("Bearer x"), ERR_OIDC_INVALID_CLIENT);
  ck_assert_int_eq(with_header(""), ERR_OIDC_INVALID_CLIENT);
}
END_TEST

Suite *client_auth_suite(void)
{
  Suite *s = suite_create("client_auth");
  TCase *t = tcase_create("client_auth");
  tcase_add_test(t, client_authenticate_by_basic_accepted);
  tcase_add_test(t, client_authenticate_basic_form_decoded);
  tcase_add_test(t, client_authenticate_by_form_accepted);
  tcase_add_test(t, client_authenticate_public_client_by_id_accepted);
  tcase_add_test(t, client_authenticate_wrong_or_missing_secret_refused);
  tcase_add_test(t, client_authenticate_unknown_or_absent_client_refused);
  tcase_add_test(t, client_authenticate_two_ways_at_once_refused);
  tcase_add_test(t, client_authenticate_malformed_field_refused);
  suite_add_tcase(s, t);
  return s;
}
